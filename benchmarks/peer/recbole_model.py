"""RecBole's SASRec or MultiVAE, trained by its own `Trainer`; run by `peers.py` in an environment of its own."""

import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from peer.curve import Curve, Split, in_rows, measure, parser_of
from recbole.config import Config
from recbole.data import create_dataset, data_preparation
from recbole.data.interaction import Interaction
from recbole.trainer import Trainer
from recbole.utils import get_model, init_seed

SETTINGS: dict[str, dict[str, Any]] = {
    "SASRec": {
        "loss_type": "CE",
        "hidden_size": 64,
        "n_layers": 2,
        "n_heads": 2,
        "MAX_ITEM_LIST_LENGTH": 50,
        "train_neg_sample_args": None,
    },
    "MultiVAE": {"train_neg_sample_args": None},
}
"""Beside the package's defaults; neither draws negatives, and its pages say to switch them off then."""
EVAL_BATCH = {"SASRec": 4096, "MultiVAE": 1 << 23}
"""Of `--check` alone. Scores, not users, for a general model: the default would ask for one user at a time."""
SHOWN = ("train_batch_size", "learning_rate", "hidden_dropout_prob", "attn_dropout_prob", "inner_size")
SHOWN += ("mlp_hidden_size", "latent_dimension", "dropout_prob", "anneal_cap", "total_anneal_steps")


class StoppedError(Exception):
    """The curve asks for no more epochs."""


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--model", choices=list(SETTINGS), required=True)
    options = parser.parse_args()
    sys.argv = sys.argv[:1]  # the package reads options of its own from there
    options.split, options.out = options.split.absolute(), options.out.absolute()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)  # the package writes logs and checkpoints where it is run
        run(options, Path(folder))


def run(options, folder: Path) -> None:
    write_events(Split.load(options.split), folder / "beauty" / "beauty.inter")
    config = Config(
        model=options.model,
        dataset="beauty",
        config_dict={
            "data_path": str(folder),
            "load_col": {"inter": ["user_id", "item_id", "timestamp"]},
            "eval_args": {"split": {"LS": "valid_only"}, "order": "TO", "group_by": "user", "mode": "full"},
            "metrics": ["NDCG"],
            "topk": [10],
            "metric_decimal_place": 6,
            "valid_metric": "NDCG@10",
            "gpu_id": "",
            "seed": options.seed,
            "epochs": options.epochs,
            "eval_batch_size": EVAL_BATCH[options.model],
            "state": "WARNING",
            "show_progress": False,
        }
        | SETTINGS[options.model],
    )
    init_seed(config["seed"], config["reproducibility"])
    shown = {name: config[name] for name in SHOWN if config[name] is not None}
    curve = Curve(options, SETTINGS[options.model] | shown, ("recbole", "torch", "numpy"))
    dataset = create_dataset(config)
    train, valid, _ = data_preparation(config, dataset)
    model = get_model(config["model"])(config, train.dataset).to(config["device"])
    scores = scores_of(model, dataset, valid.dataset, curve.split)

    class Measured(Trainer):
        """The package's loop, with our measure in the place of its own."""

        def _valid_epoch(self, valid_data, show_progress=False):
            model.eval()
            if curve.epoch_ended(scores):
                raise StoppedError
            return curve.points[-1][1], {"ndcg@10": curve.points[-1][1]}

    trainer = Measured(config, model)
    curve.begin()
    try:
        trainer.fit(train, valid, saved=False, verbose=False)
    except StoppedError:
        if options.check:
            curve.write(check=check(trainer, valid, scores, curve))


def write_events(split: Split, path: Path) -> None:
    """Write train and validation, the item to be foretold last, as the package's own file."""
    path.parent.mkdir()
    lines = ["user_id:token\titem_id:token\ttimestamp:float"]
    for user in range(split.num_users):
        items = [*split.item[split.indptr[user] : split.indptr[user + 1]], split.target[user]]
        lines += [f"{user}\t{item}\t{place}" for place, item in enumerate(items)]
    path.write_text("\n".join(lines) + "\n")


def scores_of(model, dataset, valid, split: Split):
    """Return the scorer of the model as it is, by its own `full_sort_predict`."""
    place = {int(token): n for n, token in enumerate(dataset.field2id_token["item_id"]) if token != "[PAD]"}
    columns = np.array([place.get(item, -1) for item in range(split.num_items)])
    users = dataset.token2id("user_id", [str(user) for user in range(split.num_users)])
    asked = valid.inter_feat
    row = np.full(len(users) + 1, -1)
    row[asked["user_id"].numpy()] = np.arange(len(asked))

    def scores(rows):
        with torch.no_grad():
            if hasattr(model, "ITEM_SEQ"):
                batch = asked[row[users[rows]]]
            else:
                batch = Interaction({"user_id": torch.as_tensor(users[rows])})
            found = model.full_sort_predict(batch).view(len(rows), -1)
        return in_rows(found.numpy(), columns)

    return scores


def check(trainer: Trainer, valid, scores, curve: Curve) -> dict[str, float]:
    """Return NDCG@10 as the package has it, beside ours; it masks what was seen for a general model only."""
    theirs = trainer.evaluate(valid, load_best_model=False)["ndcg@10"]
    everyone = np.arange(curve.split.num_users)
    seen_masked = not hasattr(trainer.model, "ITEM_SEQ")
    return {
        "their_own": float(theirs),
        "measured": measure(curve.split, scores, everyone, mask_seen=seen_masked),
    }


if __name__ == "__main__":
    main()
