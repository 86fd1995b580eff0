"""RecTools' SASRec, trained by its own `fit`; run by `peers.py` in an environment of its own."""

import warnings

import numpy as np
import pandas as pd
import torch
from peer.curve import Curve, Split, in_rows, measure, parser_of
from pytorch_lightning import Trainer, seed_everything
from pytorch_lightning.callbacks import LambdaCallback
from rectools import Columns
from rectools.dataset import Dataset
from rectools.metrics import NDCG
from rectools.models import SASRecModel


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--loss", default="softmax")
    parser.add_argument("--negatives", type=int, default=1, help="of sampled_softmax")
    parser.add_argument("--factors", type=int, default=64)
    parser.add_argument("--blocks", type=int, default=2)
    parser.add_argument("--heads", type=int, default=1)
    options = parser.parse_args()
    warnings.filterwarnings("ignore", module="pytorch_lightning")
    seed_everything(options.seed, verbose=False)
    settings = {
        "loss": options.loss,
        "n_negatives": options.negatives,
        "n_factors": options.factors,
        "n_blocks": options.blocks,
        "n_heads": options.heads,
        "session_max_len": 50,
        "dropout_rate": 0.2,
        "batch_size": 128,
        "lr": 0.001,
    }
    curve = Curve(options, settings, ("rectools", "torch", "pytorch-lightning", "numpy"))
    dataset = Dataset.construct(interactions(curve.split))

    def epoch_ended(trainer, module) -> None:
        trainer.should_stop = curve.epoch_ended(scores_of(module, dataset, curve.split))
        module.train()

    def trainer() -> Trainer:
        return Trainer(
            accelerator="cpu",
            devices=1,
            max_epochs=options.epochs,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            callbacks=[
                LambdaCallback(on_train_start=lambda *_: curve.begin(), on_train_epoch_end=epoch_ended)
            ],
        )

    model = SASRecModel(**settings, get_trainer_func=trainer)
    model.fit(dataset)
    if options.check:
        curve.write(check=check(model, dataset, curve))


def interactions(split: Split) -> pd.DataFrame:
    day = pd.Timestamp("2020-01-01") + pd.to_timedelta(split.position(), "D")
    return pd.DataFrame(
        {Columns.User: split.user(), Columns.Item: split.item, Columns.Weight: 1.0, Columns.Datetime: day}
    )


def scores_of(module, dataset: Dataset, split: Split):
    """Return the scorer of the network as it is: its own batches of histories, its own two towers."""
    network, preparator = module.torch_model, module.data_preparator
    known = preparator.item_id_map.to_internal
    columns = known.reindex(range(split.num_items)).fillna(-1).to_numpy(np.int64)
    asked = preparator.transform_dataset_u2i(dataset, np.arange(split.num_users))
    histories = torch.cat([batch["x"] for batch in preparator.get_dataloader_recommend(asked, 4096)])
    histories = histories[asked.user_id_map.convert_to_internal(np.arange(split.num_users))]
    network.eval()
    with torch.no_grad():
        embeddings = network.item_model.get_all_embeddings()

    def scores(users):
        with torch.no_grad():
            last = network.encode_sessions({"x": histories[users]}, embeddings)[:, -1, :]
            towers = network.similarity_module
            product = towers.session_tower_forward(last) @ towers.item_tower_forward(embeddings).T
        return in_rows(product.numpy(), columns)

    return scores


def check(model: SASRecModel, dataset: Dataset, curve: Curve) -> dict[str, float]:
    """Return NDCG@10 as `recommend` and the package's own metric have it, beside ours."""
    split = curve.split
    found = model.recommend(curve.users, dataset, k=10, filter_viewed=True)
    truth = pd.DataFrame({Columns.User: curve.users, Columns.Item: split.target[curve.users]})
    theirs = NDCG(k=10, divide_by_achievable=True).calc(found, truth)
    scorer = scores_of(model.lightning_model, dataset, split)
    return {"their_own": float(theirs), "measured": measure(split, scorer, curve.users)}


if __name__ == "__main__":
    main()
