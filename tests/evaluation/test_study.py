"""A search that outlives its process."""

import json
import math
from pathlib import Path

import optuna
import pytest

from shelfspace.errors import ConfigError
from shelfspace.evaluation.places import places
from shelfspace.evaluation.study import Study, Tried, Watched
from shelfspace.evaluation.tuned import Tuned

SPACE = {"x": "-3.0..3.0", "size": "1..9", "kind": "a|b"}
START = {"x": 0.5, "kind": "b"}


def value(settings) -> float:
    return -((settings["x"] - 1) ** 2) - (settings["size"] - 4) ** 2 / 9 + (settings["kind"] == "b")


def run(file: Path, trials: int, **settings) -> Study:
    study = Study(file, places(SPACE), **settings)
    while len(study.tried) < trials:
        trial, chosen = study.ask(START)
        failed = len(study.tried) == 3
        study.tell(trial, 0.0, **({"failure": "why"} if failed else {"value": value(chosen)}))
    return study


def test_the_first_trial_has_the_start_and_later_ones_are_better(tmp_path: Path):
    study = run(tmp_path / "j", 30)
    first = study.tried[0].settings
    assert {name: first[name] for name in START} == START
    assert study.best.value > max(value(first), 0.7)
    assert study.best.value == max(t.value for t in study.tried if t.value is not None)
    assert (study.tried[3].state, study.tried[3].failure) == ("failed", "why")
    shares = study.importance()
    assert set(shares) == set(SPACE)
    assert sum(shares.values()) == pytest.approx(1, abs=0.01)


def test_stopped_and_gone_on_with_it_asks_the_same(tmp_path: Path):
    whole = run(tmp_path / "whole", 14)
    for trials in (1, 5, 6):
        study = run(tmp_path / "parts", trials)
        study.ask(START)  # killed while this one ran
    with (tmp_path / "parts").open("ab") as file:
        file.write(b'{"op_code": 4, "wor')  # and while a line was written
    assert run(tmp_path / "parts", 14).tried == whole.tried
    assert run(tmp_path / "other", 14, seed=1).tried != whole.tried


def test_the_file_is_lines_of_json(tmp_path: Path):
    run(tmp_path / "j", 3)
    assert all(json.loads(line) for line in (tmp_path / "j").read_text("utf-8").splitlines())


def test_nothing_is_tried_twice_and_a_small_space_comes_to_its_end(tmp_path: Path):
    study = Study(tmp_path / "j", places({"size": "1..3", "kind": "a|b"}))
    asked = []
    while (next_ := study.ask({})) is not None:
        study.tell(next_[0], 0.0, value=1.0)
        asked.append(tuple(next_[1].values()))
    assert sorted(asked) == [(size, kind) for size in (1, 2, 3) for kind in "ab"]
    assert study.is_exhausted
    assert study.importance() == {}, "nothing differs"


def test_what_the_file_holds_stays(tmp_path: Path):
    assert Study(tmp_path / "j", places(SPACE)).remembered("about", {"a": 1}) == {"a": 1}
    assert Study(tmp_path / "j", places(SPACE)).remembered("about", {"a": 2}) == {"a": 1}


@pytest.mark.parametrize("pruning", ["median", "halving"])
def test_a_training_that_falls_behind_is_stopped(tmp_path: Path, pruning):
    study = Study(tmp_path / "j", places({"level": "0.0..1.0"}), pruning=pruning)

    def train(level: float, trial: optuna.Trial) -> int:
        log = Watched(trial)
        for epoch in range(12):
            log.write(10 * epoch, {"value": level + epoch / 100})
        return log.epoch

    for level in (0.5, 0.6, 0.7, 0.8):
        trial, _ = study.ask({})
        assert train(level, trial) == 12
        study.tell(trial, 0.0, value=level)
    trial, _ = study.ask({})
    with pytest.raises(optuna.TrialPruned):
        train(0.1, trial)
    done = study.tell(trial, 0.0, pruned=True)
    assert done.value is None
    assert done.state == "pruned"
    assert done.curve == pytest.approx([0.1, 0.11, 0.12, 0.13])
    again = Study(tmp_path / "j", places({"level": "0.0..1.0"}), pruning=pruning)
    assert again.tried[-1] == done
    trial, _ = again.ask({})
    with pytest.raises(optuna.TrialPruned):
        train(0.1, trial)


def test_what_is_not_measured_is_not_reported(tmp_path: Path):
    study = Study(tmp_path / "j", places(SPACE), pruning="none")
    trial, _ = study.ask({})
    Watched(trial).write(1, {"loss": 1.0, "value": math.nan})
    assert study.tell(trial, 0.0, value=0.0).curve == []
    with pytest.raises(ConfigError, match="known: median, halving, none"):
        Study(tmp_path / "other", places(SPACE), pruning="best")


def test_what_was_found_is_a_table_with_short_names_and_a_frame_of_any_values():
    space = {"linear.a.half_life": "1..3", "linear.b.half_life": "inf|off"}
    trials = [
        Tried(1, {"linear.a.half_life": 1, "linear.b.half_life": math.inf}, "complete", 0.1, 1.0),
        Tried(2, {"linear.a.half_life": 2, "linear.b.half_life": "off"}, "complete", 0.2, 1.0),
        Tried(3, {"linear.a.half_life": 3, "linear.b.half_life": "off"}, "pruned", None, 1.0, [0.1]),
    ]
    found = Tuned("ndcg@10", "default", "time", space, trials, Path())
    assert [column.header for column in found.to_table().columns] == [
        "trial", "ndcg@10", "a.half_life", "b.half_life", "seconds",
    ]  # fmt: skip
    assert found.best == trials[1]
    assert found.to_frame()["linear.b.half_life"].tolist() == ["inf", "off", "off"]
    assert "0.2000" in repr(found)
