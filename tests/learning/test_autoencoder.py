import io
import itertools
import math

import numpy as np
import pytest
import torch

from shelfspace import config
from shelfspace.encode.autoencoder import Autoencoded
from shelfspace.encoders.autoencoder import Autoencoder
from shelfspace.errors import ConfigError, JobError
from shelfspace.evaluation.models import Asked
from shelfspace.learning.autoencoder import AutoencoderModel, layers_of
from shelfspace.learning.autoencoder_settings import AutoencoderPlan
from shelfspace.learning.heads import Targets
from shelfspace.learning.rows import read
from shelfspace.shop.history import History
from shelfspace.training.optimisation import Optimisation
from tests.learning.tastes import NUM_ITEMS, NUM_USERS, about, catalogue, history, taste_of
from tests.learning.test_learner import random_shop
from tests.learning.test_neighbours import cases

SMALL = {"hidden": [], "latent_dim": 16, "learning_rate": 0.02, "batch_size": 64, "epochs": 12}
KINDS = {
    "denoising": {},
    "deep": {"hidden": [24], "decoder": [20]},
    "variational": {"kind": "variational", "hidden": [24], "anneal_steps": 10, "beta": 0.1},
    "squared": {"task": "reconstruct"},
    "both heads": {"label": "town", "regress": "next_value"},
}


def valued():
    """The shop of tastes, in which an item of a higher taste costs more."""
    past = history()
    spent = (1.0 + taste_of(past.item)).astype(np.float32)
    return History(**{**vars(past), "numbers": {"value": spent, "rating": spent}})


def model(*, loop=None, seed=0, **settings):
    plan = AutoencoderPlan.of({**SMALL, **settings}, Optimisation(**{"warm_up": 0, **(loop or {})}))
    targets = Targets.of(plan, about().users, valued(), NUM_USERS, seed)
    return AutoencoderModel(plan, targets, seed, section=settings)


@pytest.mark.parametrize("kind", KINDS)
def test_users_get_what_is_of_their_taste(kind):
    part, curve = model(**KINDS[kind]).learn(valued())
    best = taste_of(part.score(history()).argmax(axis=1))
    assert (best == np.arange(NUM_USERS) % 6).mean() > 0.9
    assert curve[-1]["loss"] < curve[0]["loss"]
    assert np.isfinite(part.vectors).all()


@pytest.mark.parametrize("kind", KINDS)
def test_from_factors_it_knows_the_tastes_at_once(kind):
    def right(start):
        part, _ = model(**{**KINDS[kind], "start": start, "learning_rate": 1e-6}).learn(valued(), epochs=1)
        return (taste_of(part.score(history()).argmax(axis=1)) == np.arange(NUM_USERS) % 6).mean()

    assert right("factors") > 0.9 > 0.5 > right("random")


@pytest.mark.parametrize("kind", ["denoising", "variational"])
def test_a_tiny_shop_is_learnt_by_heart(kind):
    """Users whose items say nothing of each other; the recipe's autoencoder with fewer dimensions."""
    section = config.load({"recipe": {"use": "autoencoder"}})["autoencoder"]
    given = {
        "hidden": [64],
        "latent_dim": 64,
        "epochs": 80,
        "learning_rate": 0.01,
        "kind": kind,
        "beta": 0.01,
    }
    part, curve = model(**{**section, **given}).learn(random_shop())
    past = random_shop()
    best = part.score(past).argmax(axis=1)
    taken = past.matrix().toarray()[np.arange(len(past)), best] > 0
    assert taken.mean() >= 0.95, curve[-1]


@pytest.mark.parametrize("kind", KINDS)
def test_numpy_answers_as_torch_does(kind):
    torch.manual_seed(0)
    plan = model(**KINDS[kind]).plan
    network = Autoencoder(
        NUM_ITEMS, kind=plan.kind, hidden=plan.hidden, decoder=plan.decoder, latent_dim=plan.latent_dim
    ).eval()
    part = Autoencoded(task=plan.task).take(layers_of(network), np.arange(NUM_ITEMS), np.ones(NUM_ITEMS))
    rows = read(part._weighed(history()))
    with torch.no_grad():
        code = network(rows)
        z = network.decode(code.latent) @ network.vectors.T + network.bias
        z = z.softmax(dim=1) if plan.task == "classify" else z
    np.testing.assert_allclose(part.encode(history()), code.mean.numpy(), atol=1e-5)
    np.testing.assert_allclose(part.score(history()), z.numpy(), atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_what_goes_on_from_a_checkpoint_ends_the_same_bit_for_bit(kind, tmp_path):
    def learn(told=None, file=None):
        some = model(**KINDS[kind], loop={"checkpoint_seconds": 0.0}, epochs=3)
        some.told = told
        part, curve = some.learn(valued(), file=file)
        return part.arrays(), [entry["loss"] for entry in curve]

    def killed(_, step, __):
        if step == 5:
            raise KeyboardInterrupt

    whole, losses = learn()
    with pytest.raises(KeyboardInterrupt):
        learn(killed, tmp_path / "file")
    torch.rand(5)
    again, after = learn(file=tmp_path / "file")
    assert after == losses
    for name, array in whole.items():
        np.testing.assert_array_equal(again[name], array)


def test_another_seed_learns_otherwise_and_the_same_the_same():
    one, two, other = (model(seed=s, epochs=2).learn(history())[0].vectors for s in (1, 1, 2))
    np.testing.assert_array_equal(one, two)
    assert np.abs(one - other).max() > 0.01


def test_validation_decides_how_long_and_the_half_life_and_the_trend():
    some = model(epochs=6, patience=2)
    found = some.tuned([cases()], catalogue(), Asked("ndcg@10", 30.0, 10, 500, 10**6, 0))
    assert found.value == max(t.value for t in found.trials if t.settings["epochs"] == found.best["epochs"])
    assert {t.settings["history_half_life"] for t in found.trials} > {math.inf, 10.0}
    assert {t.settings["trend"] for t in found.trials} > {0.0, 0.9}
    fitted = some.make(found.best).fit(cases().fit, catalogue())
    assert len(some.kept) == 1
    assert (fitted.history_half_life, fitted.trend) == (
        found.best["history_half_life"],
        found.best["trend"],
    )
    fixed = model(epochs=2, history_half_life=7.0, trend=0.5)
    only = fixed.tuned([cases()], catalogue(), Asked("ndcg@10", 30.0, 10, 500, 10**6, 0))
    assert {(t.settings["history_half_life"], t.settings["trend"]) for t in only.trials} == {(7.0, 0.5)}


def test_only_the_most_taken_items_are_modelled():
    part, _ = model(epochs=1, max_items=20).learn(history())
    counts = np.bincount(history().item, minlength=NUM_ITEMS)
    assert 0 < len(part.items) <= 20
    assert counts[part.items].min() >= np.delete(counts, part.items).max() - 2
    known = part.score(history())[part.knows(history())]
    assert not np.delete(known, part.items, axis=1).any()
    assert known[:, part.items].all()


def test_labels_and_numbers_are_foretold_of_users_they_were_not_learnt_from():
    part, _ = model(label="town", regress="rating", label_weight=1.0, regress_weight=1.0, epochs=30).learn(
        valued()
    )
    for which in ("validation", "test"):
        label, number = (part.foretold[head][which] for head in ("label", "regress"))
        assert label["users"] > 5
        assert label["accuracy"] > 0.8 > 0.5 > label["accuracy_of_majority"]
        assert label["log_loss"] < label["log_loss_of_shares"]
        assert number["users"] > 5
        assert number["scale"] == "x"
        assert number["r2"] > 0.3
        assert number["mae"] < number["mae_of_mean"]
    file = io.BytesIO()
    np.savez(file, **part.arrays())
    file.seek(0)
    found = Autoencoded().restore(dict(np.load(file))).predict(history())
    assert set(found) == {"label", "probability", "value"}
    assert len(found["label"]) == NUM_USERS


def test_a_head_never_sees_the_label_of_who_is_held_out():
    """With other labels for those it learns the same."""
    some, other = model(label="town", epochs=2), model(label="town", epochs=2)
    held = other.targets.part > 0
    assert 10 < held.sum() < 60
    other.targets.label[held] = np.where(other.targets.label[held] >= 0, 0, -1)
    one, two = some.learn(history())[0], other.learn(history())[0]
    np.testing.assert_array_equal(one.heads.label.weight, two.heads.label.weight)
    assert one.foretold != two.foretold


def test_a_past_without_events_says_so():
    nothing = History.of([], [], num_users=NUM_USERS, num_items=NUM_ITEMS)
    with pytest.raises(JobError, match="no events"):
        model().learn(nothing)


BAD = {
    "latent_dim": 0, "hidden": [4, 0], "decoder": [-1], "dropout": 1.0, "beta": -0.1, "zeros": -1.0, "epochs": 0,
    "fit_half_life": 0.0, "kind": "vae", "task": "rebuild", "learning_rate": 0.0, "anneal_steps": -1,
    "max_items": 0, "hiden": [3], "trend": math.nan, "label_weight": math.inf,
}  # fmt: skip


@pytest.mark.parametrize(("name", "value"), BAD.items())
def test_a_setting_that_cannot_be_is_named(name, value):
    with pytest.raises(ConfigError, match=rf"\[autoencoder\].*{name}"):
        AutoencoderPlan.of({name: value}, Optimisation())


def test_settings_are_told_apart_by_a_checkpoint(tmp_path):
    model(epochs=1).learn(history(), file=tmp_path / "file")
    with pytest.raises(ConfigError, match=r"autoencoder\.dropout"):
        model(epochs=1, dropout=0.1).learn(history(), file=tmp_path / "file")


def test_every_kind_of_task_and_network_is_told_apart():
    scores = [model(epochs=2, **KINDS[kind]).learn(valued())[0].score(history()) for kind in list(KINDS)[:4]]
    for one, other in itertools.combinations(scores, 2):
        assert np.abs(one - other).max() > 1e-3
