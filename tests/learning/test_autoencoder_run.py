"""The section `[autoencoder]` in a run."""

import json
from pathlib import Path

import numpy as np
import pytest

import shelfspace as ss
from shelfspace import config
from shelfspace.errors import ConfigError
from shelfspace.plan import Plan

SETS = [
    "recipe.use=autoencoder", "training.budget=20s", "training.max_trials=1", "autoencoder.hidden=[]",
    "autoencoder.latent_dim=16", "autoencoder.learning_rate=0.02", "autoencoder.batch_size=64",
    "autoencoder.epochs=4", "autoencoder.label=town", "autoencoder.regress=next_value",
    "training.tune_weights=false",
]  # fmt: skip


def with_users(shop: Path) -> str:
    file = shop.parent / "users.csv"
    lines = [f"user-{n},{'ABCDEF'[n % 6] if n % 11 else ''}" for n in range(400)]
    file.write_text("user_id,town\n" + "\n".join(lines) + "\n", "utf-8")
    return f"users.path={file}"


def test_a_run_answers_and_foretells_and_says_how_well(small_shop: Path, tmp_path: Path):
    run = tmp_path / "run"
    ss.train(small_shop, sets=[*SETS, with_users(small_shop)], out=run)
    space = ss.open(run)
    assert space.blocks == {"autoencoder": 16}
    part = space.blend.retrievers["autoencoder"]
    found = part.predict(space.history)
    assert set(found) == {"label", "probability", "value"}
    assert (found["value"][part.knows(space.history)] > 0).all()
    metrics = json.loads((run / "metrics.json").read_text("utf-8"))
    assert "autoencoder" in metrics["time"]
    of = metrics["foretold"]["autoencoder"]
    assert of["label"]["of"] == "town"
    assert of["label"]["test"]["accuracy"] > of["label"]["test"]["accuracy_of_majority"]
    card = (run / "card.md").read_text("utf-8")
    assert "autoencoder, label of `town`, test: users" in card
    section = config.load(run / "config.toml")["autoencoder"]
    assert section["patience"] == 0
    assert 1 <= section["epochs"] <= 4
    assert Plan.of(config.load(run / "config.toml")).autoencoder is not None


@pytest.mark.parametrize(
    ("sets", "said"),
    [
        (["autoencoder.hiden=[3]"], "did you mean 'hidden'"),
        (["autoencoder.latent_dim='wide'"], "latent_dim"),
        (["autoencoder=3"], "write a section"),
        (["autoencoder=false", "blend.models=['autoencoder']"], "autoencoder"),
    ],
)
def test_a_mistake_is_told_before_anything_is_read(sets, said):
    with pytest.raises(ConfigError, match=said):
        Plan.of(config.load({"recipe": {"use": "autoencoder"}}, sets=sets))


def test_a_column_that_is_missing_is_told_before_anything_is_fitted(small_shop: Path, tmp_path: Path):
    sets = [*SETS, with_users(small_shop), "autoencoder.label=city"]
    with pytest.raises(ConfigError, match="'city' is no column of users"):
        ss.train(small_shop, sets=sets, out=tmp_path / "run")


def test_without_the_section_there_is_no_such_model():
    assert Plan.of(config.load({"recipe": {"use": "quick"}})).autoencoder is None


def test_it_may_stand_beside_the_towers():
    plan = Plan.of(config.load({"recipe": {"use": "shop"}, "autoencoder": {}}))
    assert plan.learning is not None
    assert plan.autoencoder is not None
    assert np.isinf(plan.autoencoder.fit_half_life)
