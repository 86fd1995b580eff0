"""The search for any settings of a run, on validation alone."""

import json
import tomllib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import shelfspace as ss
from shelfspace.errors import ConfigError, JobError
from shelfspace.evaluation.weighing import mean_value
from shelfspace.linear.knn import ItemKNN
from shelfspace.pipeline import loaded
from shelfspace.plan import Plan
from shelfspace.shop.reading import read_shop
from shelfspace.shop.splits import split

QUICK = ["recipe.use=quick", "linear.content=false", "linear.vectors=false", "training.tune_weights=false"]
TOWERS = ["recipe.use=two_tower", "training.epochs=8", "model.embedding_dim=8", "training.max_trials=1"]
SPACE = {"linear.item_knn.back": "0.0..1.0", "linear.popularity_recent.half_life": "3.0..90.0 log"}


def trials(found) -> list[tuple]:
    return [(t.number, t.settings, t.state, t.value, t.curve, t.failure) for t in found.trials]


def test_a_study_leaves_its_trials_a_page_and_settings_to_train_with(small_shop: Path, tmp_path: Path):
    told = []
    found = ss.tune(small_shop, space=SPACE, sets=QUICK, trials=3, out=tmp_path / "t", tried=told.append)
    assert {p.name for p in (tmp_path / "t").iterdir()} == {
        "study.journal", "study.json", "best.toml", "tune.html", "searches",
    }  # fmt: skip
    assert [t.number for t in found.trials] == [1, 2, 3] == [t.number for t in told]
    assert found.trials[0].settings == {
        "linear.item_knn.back": ItemKNN().back,
        "linear.popularity_recent.half_life": 7.0,
    }
    assert found.best.value == max(t.value for t in found.trials)
    said = json.loads((tmp_path / "t" / "study.json").read_text("utf-8"))
    assert said == json.loads(json.dumps(found.to_json()))
    frame = found.to_frame()
    assert frame["linear.item_knn.back"].tolist() == [
        t.settings["linear.item_knn.back"] for t in found.trials
    ]
    page = (tmp_path / "t" / "tune.html").read_text("utf-8")
    assert "linear.item_knn.back" in page
    assert "http" not in page.replace("http://www.w3.org", "")
    best = tomllib.loads((tmp_path / "t" / "best.toml").read_text("utf-8"))
    assert best["linear"]["item_knn"]["back"] == found.best.settings["linear.item_knn.back"]
    assert best["recipe"]["use"] == "quick"
    plan = Plan.of(loaded(tmp_path / "t" / "best.toml", (), {}))
    assert {m.name: m.section.get("back") for m in plan.models}["item_knn"] == best["linear"]["item_knn"][
        "back"
    ]


def shifted(settings: Path, start: float, stop: float) -> pd.DataFrame:
    """The shop's events, those of a part of the time with other items in place of their own."""
    events = pd.read_csv(settings.parent / "umsatz.csv", sep=";", dtype=str)
    when = pd.to_datetime(events["Zeit"], errors="coerce").rank(pct=True)
    part = (when > start) & (when <= stop) & events["Artikel"].str.startswith("sku-", na=False)
    number = (events.loc[part, "Artikel"].str[4:].astype(int) + 1) % 120
    events.loc[part, "Artikel"] = "sku-" + number.astype(str).str.zfill(3)
    return events


def test_the_test_block_is_never_seen(small_shop: Path, tmp_path: Path):
    """Other events in the last tenth: the same study. Others in the tenth before it: another one."""

    def study(name: str, start: float, stop: float):
        events = shifted(small_shop, start, stop)
        events.to_csv(small_shop.parent / "umsatz.csv", sep=";", index=False)
        return trials(ss.tune(small_shop, space=SPACE, sets=QUICK, trials=1, out=tmp_path / name))

    as_it_is = study("as it is", 2, 2)
    assert study("other test", 0.905, 1.0) == as_it_is
    other = study("other validation", 0.83, 0.87)
    assert other[0][1] == as_it_is[0][1]
    assert other[0][3] != as_it_is[0][3]


def test_the_value_is_the_metric_on_validation_of_the_model_named(small_shop: Path, tmp_path: Path):
    space = {"linear.item_knn.back": "0.0|1.0"}
    sets = [*QUICK, "evaluation.metric=recall@5"]
    found = ss.tune(small_shop, space=space, sets=sets, model="item_knn", trials=2, out=tmp_path)
    shop = read_shop(loaded(small_shop, sets, {}))
    window = split(shop, "time").validation
    for trial in found.trials:
        part = ItemKNN(back=trial.settings["linear.item_knn.back"]).fit(window.fit, shop.catalogue)
        by_hand = mean_value([window], [part], "recall@5")
        assert trial.value == pytest.approx(by_hand, abs=2e-3), "two trials choose the other settings"
    assert "every combination" not in str(found.notes)
    assert found.metric == "recall@5"


class Killed(BaseException):
    pass


def test_killed_and_gone_on_with_it_has_the_trials_of_one_that_was_not(small_shop: Path, tmp_path: Path):
    space = {"training.learning_rate": "1e-3..1e-1 log", "objectives.0.temperature": "0.05..0.5 log"}

    def study(name: str, **more):
        return ss.tune(
            small_shop, space=space, sets=TOWERS, pruning="halving", trials=3, out=tmp_path / name, **more
        )

    def kill(what: str, done: int, total: int) -> None:
        if what == "trial 2/3: training" and done > 15:
            raise Killed

    whole = study("whole")
    with pytest.raises(Killed):
        study("parts", told=kill)
    assert len(json.loads((tmp_path / "parts" / "study.json").read_text("utf-8"))["trials"]) == 1
    with pytest.raises(ConfigError, match=r"holds a study of 1 trial\(s\): go on with it by --resume"):
        study("parts")
    again = study("parts", resume=True)
    assert trials(again) == trials(whole)
    assert "pruned" in {t.state for t in whole.trials}
    assert len(list((tmp_path / "whole" / "searches").iterdir())) == 1, "linear models are searched once"
    with pytest.raises(ConfigError, match=r"training\.epochs differ from the study"):
        ss.tune(
            small_shop,
            space=space,
            sets=[*TOWERS, "training.epochs=9"],
            pruning="halving",
            out=tmp_path / "parts",
            resume=True,
        )


def test_another_study_is_not_gone_on_with(small_shop: Path, tmp_path: Path):
    def study(**other):
        settings = {"space": SPACE, "sets": QUICK, "trials": 1, "resume": True} | other
        return ss.tune(small_shop, out=tmp_path / "t", **settings)

    study()
    for other, words in [
        (
            {"space": {"linear.item_knn.back": "0.0..0.5"}},
            r"space\.linear\.item_knn\.back, space\.linear\.pop",
        ),
        ({"sets": [*QUICK, "evaluation.metric=recall@10"]}, r"--resume: evaluation\.metric differ"),
        ({"model": "item_knn"}, "model differ"),
        ({"seed": 3}, "seed differ"),
        ({"pruning": "none"}, "pruning differ"),
    ]:
        with pytest.raises(ConfigError, match=words):
            study(**other)
    events = small_shop.parent / "umsatz.csv"
    events.write_text("\n".join(events.read_text("utf-8").splitlines()[:-200]), "utf-8")
    with pytest.raises(ConfigError, match="events differ"):
        study()


@pytest.mark.parametrize(
    ("space", "words"),
    [
        ({"training.learning_rat": "1e-4..1e-2 log"}, "did you mean 'learning_rate'"),
        ({"traning.learning_rate": "1e-4..1e-2 log"}, "did you mean 'training'"),
        ({"objectives.3.temperature": "0.1..0.2"}, "'3' is not one of the 1"),
        ({"objectives.0.temprature": "0.1..0.2"}, "did you mean 'temperature'"),
        ({"user.use": "recency|atention"}, "did you mean 'attention'"),
        ({"model.embedding_dim": "0.5..1.5"}, "embedding_dim"),
        ({"model.embedding_dim": "64..32"}, "64 is not below 32"),
        ({"model.embedding_dim": "0..32"}, "must be at least 1"),
        ({"events.weights.view": "0.1..1.0"}, "cannot be tuned: it says what the shop is"),
        ({"clean.drop_items": "a|b"}, "cannot be tuned: it says what the shop is"),
        ({"evaluation.metric": "ndcg@10|recall@10"}, "cannot be tuned: it says what is measured"),
        ({"training.seed": "0..9"}, "cannot be tuned"),
        ({}, "there is nothing to tune"),
    ],
)
def test_what_cannot_be_tuned_is_said_before_the_shop_is_read(small_shop: Path, tmp_path: Path, space, words):
    (small_shop.parent / "umsatz.csv").unlink()
    with pytest.raises(ConfigError, match=words):
        ss.tune(small_shop, space=space, sets=["recipe.use=two_tower"], out=tmp_path / "t")


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"space": {"model.embedding_dim": "8|16"}}, "the recipe 'quick' has no"),
        ({"model": "item_kn"}, "did you mean 'item_knn'"),
        ({"trials": 0}, "trials = 0"),
        ({"budget": "soon"}, "not a span of time"),
        ({"pruning": "best"}, "known: median, halving, none"),
        ({"sets": ["tune=3"]}, "write a table"),
    ],
)
def test_what_is_asked_wrongly(small_shop: Path, tmp_path: Path, more, words):
    settings = {"space": SPACE, "trials": 1} | more
    sets = [*QUICK, *settings.pop("sets", [])]
    with pytest.raises(ConfigError, match=words):
        ss.tune(small_shop, sets=sets, out=tmp_path / "t", **settings)


def test_a_study_in_which_all_trials_fail(small_shop: Path, tmp_path: Path):
    space = {"objectives.0.temperature": "1e-43..1e-42 log"}
    with pytest.raises(JobError, match=r"all 2 trials failed; the last: .*Lower training\.learning_rate"):
        ss.tune(small_shop, space=space, sets=TOWERS, trials=2, out=tmp_path)
    said = json.loads((tmp_path / "study.json").read_text("utf-8"))
    assert [t["state"] for t in said["trials"]] == ["failed", "failed"]
    assert said["best"] is None
    assert not (tmp_path / "best.toml").exists()
    assert "No trial came to a value" in (tmp_path / "tune.html").read_text("utf-8")


def test_the_table_tune_and_a_budget(small_shop: Path, tmp_path: Path):
    with small_shop.open("a", encoding="utf-8") as file:
        file.write('\n[tune]\nlinear.item_knn.back = "0.0|1.0"\n"linear.item_knn.source" = "0.0..1.0"\n')
    space = {"linear.item_knn.back": "0.5|0.75"}
    found = ss.tune(small_shop, space=space, sets=QUICK, budget="0.001s", trials=5, out=tmp_path / "t")
    assert found.space == {"linear.item_knn.back": "0.5|0.75", "linear.item_knn.source": "0.0..1.0"}
    assert len(found.trials) == 1
    assert found.notes[0] == "1 of 5 trials: the time is over; --resume goes on"
    assert "tune" not in tomllib.loads((tmp_path / "t" / "best.toml").read_text("utf-8"))
    Plan.of(loaded(small_shop, QUICK, {}))  # the table is no mistake elsewhere


def test_a_small_space_ends_early_and_an_end_is_told(small_shop: Path, tmp_path: Path):
    space = {"training.max_trials": "1..2", "blend.num_candidates": "1|100"}
    found = ss.tune(small_shop, space=space, sets=QUICK, trials=50, out=tmp_path)
    assert len(found.trials) == 4
    assert found.notes[0] == "4 of 50 trials: every combination was tried"
    assert np.isfinite([t.value for t in found.trials]).all()
