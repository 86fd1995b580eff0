import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import shelfspace
from shelfspace.errors import ConfigError, SpaceError
from tests.learning.tastes import Loop, same, weights_of

STEPS = {"epochs": 3, "epoch_steps": 5, "batch_size": 64, "checkpoint_seconds": 0.0, "learning_rate": 0.01}
OBJECTIVE = {"use": "infonce", "pairs": "next_item"}
KINDS = {
    "plain": {},
    "an average": {"loop": {"ema": 0.8}},
    "accumulated": {"loop": {"accumulate": 2}},
    "a schedule": {"loop": {"schedule": "cosine", "warm_up": 7}},
    "chunks": {"loop": {"chunk_size": 30}},
    "bfloat16": {"loop": {"precision": "bfloat16"}},
    "hard negatives": {"negatives": {"use": "hard", "num_negatives": 20, "refresh_steps": 4, "skip": 1}},
    "a learnt temperature": {"objectives": [{**OBJECTIVE, "learn_temperature": True}]},
    "a queue and a slower copy": {
        "objectives": [{"use": "moco", "pairs": "two_views", "queue_size": 90}],
        "loop": {"batch_size": 12},  # of 60 items
    },
    "a predictor": {
        "objectives": [{"use": "byol", "pairs": "two_views", "hidden_dim": 8}],
        "loop": {"batch_size": 12},
    },
    "several objectives": {
        "objectives": [
            OBJECTIVE,
            {"use": "vicreg", "pairs": {"two_views": 1.0, "category": 2.0}, "weight": 0.1},
        ]
    },
    "stretches, dealt": {
        "user": {"use": "transformer", "length": 8},
        "pairs": {"next_item": {"stretch": 4}},
        "loop": {"batch_size": 48},
    },
    "a learnt scale": {"objectives": [{"use": "cosine_regression", "pairs": "cooccurrence"}]},
}


def loop(kind="plain", **changes):
    settings = KINDS[kind]
    return Loop(**{**settings, "loop": {**STEPS, **settings.get("loop", {}), **changes}})


def killed_at(step):
    def told(_, done, __):
        if done == step:
            raise KeyboardInterrupt

    return told


def killed(some, step, file, **given):
    with pytest.raises(KeyboardInterrupt):
        some.fit(file=file, told=killed_at(step), **given)


def state(some):
    """Weights of the towers and of the objectives."""
    found = some.weights()
    for term in some.terms:
        found |= {f"{term.name}/{n}": v for n, v in weights_of(term.objective).items()}
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_what_goes_on_in_mid_epoch_ends_in_the_same_weights_bit_for_bit(kind, tmp_path):
    whole = loop(kind)
    expected = whole.fit()
    killed(loop(kind), 8, tmp_path / "file")
    torch.rand(7)
    again = loop(kind)
    found = again.fit(file=tmp_path / "file", resume=True)
    assert same(state(again), state(whole))
    np.testing.assert_array_equal([e["loss"] for e in found.curve], [e["loss"] for e in expected.curve])
    assert found.step == expected.step == 15


@pytest.mark.parametrize("steps", [[1], [2], [5], [6], [14], [3, 4, 9, 10]])
def test_it_goes_on_from_any_step_and_as_often_as_it_is_killed(steps, tmp_path):
    """Killed before the first checkpoint it begins anew."""
    whole, given = loop("an average"), {"file": tmp_path / "file", "resume": True}
    expected = whole.fit(value=mood)
    for step in steps:
        with pytest.raises(KeyboardInterrupt):
            loop("an average").fit(**given, told=killed_at(step), value=mood)
    again = loop("an average")
    assert again.fit(**given, value=mood).curve == expected.curve
    assert same(state(again), state(whole))
    assert len({entry["value"] for entry in expected.curve}) == 3


def mood(model):
    """A value that rises and falls as the weights move."""
    return float((40 * model.all_items().sum()).sin())


def value_of(values):
    rest = iter(values)
    return lambda _: next(rest)


def test_a_run_that_was_finished_is_not_trained_further(tmp_path):
    whole = loop()
    whole.fit(file=tmp_path / "file")
    again = loop()
    progress = again.fit(file=tmp_path / "file", resume=True, told=killed_at(16))
    assert same(again.weights(), whole.weights())
    assert progress.step == 15


def test_a_run_that_stopped_early_stays_stopped(tmp_path):
    stopped = loop(patience=1)
    stopped.fit(file=tmp_path / "file", value=value_of([0.5, 0.4]))
    again = loop(patience=1)
    progress = again.fit(file=tmp_path / "file", resume=True, value=value_of([0.9]))
    assert [entry["value"] for entry in progress.curve] == [0.5, 0.4]
    assert same(again.weights(), stopped.weights())


def test_a_run_that_was_out_of_time_goes_on_with_more_of_it(tmp_path):
    whole = loop()
    whole.fit()
    short = loop()
    assert short.fit(file=tmp_path / "file", budget_seconds=0.0).step == 5
    assert loop().fit(file=tmp_path / "file", resume=True, budget_seconds=0.0).step == 5
    again = loop()
    progress = again.fit(file=tmp_path / "file", resume=True)
    assert progress.step == 15
    assert progress.seconds > 0
    assert same(again.weights(), whole.weights())


def test_best_weights_outlive_the_run_that_measured_them(tmp_path):
    """Killed in the third epoch, after the first was best."""
    seen = []

    def value(model):
        seen.append(weights_of(model))
        return [0.9, 0.1, 0.2][len(seen) - 1]

    killed(loop(), 13, tmp_path / "file", value=value)
    again = loop()
    again.fit(file=tmp_path / "file", resume=True, value=value)
    assert len(seen) == 3
    assert same(again.weights(), seen[0])


def test_without_resume_it_begins_anew_though_a_checkpoint_is_there(tmp_path):
    killed(loop(), 8, tmp_path / "file")
    told = []
    loop().fit(file=tmp_path / "file", told=lambda _, step, __: told.append(step))
    assert told[0] == 1


def test_a_run_without_a_file_writes_none(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    loop().fit()
    assert list(tmp_path.iterdir()) == []


def test_checkpoints_are_as_far_apart_as_the_settings_say(tmp_path):
    file = tmp_path / "deep" / "file"
    killed(loop(checkpoint_seconds=3600.0), 4, file)
    assert not file.exists()
    killed(loop(checkpoint_seconds=3600.0), 6, file)
    assert [p.name for p in file.parent.iterdir()] == ["file"]
    assert loop(checkpoint_seconds=3600.0).fit(file=file, resume=True, told=first_of(told := [])).step == 15
    assert told[0] == 6


def first_of(told):
    return lambda _, step, __: told.append(step)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"learning_rate": 0.02}, r"training\.learning_rate \(0\.01 then, 0\.02 now\)"),
        ({"batch_size": 65}, r"training\.batch_size"),
    ],
)
def test_other_settings_are_refused_by_name(changes, named, tmp_path):
    killed(loop(), 8, tmp_path / "file")
    with pytest.raises(ConfigError, match=named):
        loop(**changes).fit(file=tmp_path / "file", resume=True)


def test_settings_of_parts_are_refused_by_name(tmp_path):
    killed(loop(), 8, tmp_path / "file")
    other = Loop(objectives=[{**OBJECTIVE, "temperature": 0.2}], negatives={"use": "in_batch"}, loop=STEPS)
    before = other.weights()
    with pytest.raises(ConfigError, match=r"negatives\.num_negatives .* negatives\.use .* objectives"):
        other.fit(file=tmp_path / "file", resume=True)
    assert same(other.weights(), before)


def test_a_checkpoint_of_another_shop_is_refused(tmp_path):
    """With the same settings; its towers have other shapes."""
    killed(loop(), 8, tmp_path / "file")
    other = Loop(encoders={"ids": {}}, loop=STEPS)
    other.settings = loop().settings
    with pytest.raises(ConfigError, match="file is of another past"):
        other.fit(file=tmp_path / "file", resume=True)


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda data: b"", id="empty"),
        pytest.param(lambda data: data[:5], id="five bytes"),
        pytest.param(lambda data: data[:1000], id="a part of the header"),
        pytest.param(lambda data: data[:-1], id="all but a byte"),
        pytest.param(lambda data: data[: len(data) // 2], id="half"),
        pytest.param(lambda data: b"\xff" * 500, id="no header"),
        pytest.param(lambda data: (2).to_bytes(8, "little") + b"[]", id="a list"),
        pytest.param(lambda data: (2).to_bytes(8, "little") + b"{}", id="an empty table"),
        pytest.param(lambda data: b"{" + data[1:], id="another length"),
        pytest.param(lambda data: data.replace(b"progress", b"progrss_"), id="another word"),
    ],
)
def test_a_damaged_checkpoint_names_the_file(damage, tmp_path):
    file = tmp_path / "towers.safetensors"
    killed(loop(), 3, file)
    file.write_bytes(damage(file.read_bytes()))
    with pytest.raises(SpaceError, match=r"towers\.safetensors is damaged"):
        loop().fit(file=file, resume=True)


def test_a_write_that_breaks_off_leaves_the_old_checkpoint(tmp_path, monkeypatch):
    file = tmp_path / "file"
    killed(loop(), 6, file)
    whole = file.read_bytes()
    real = Path.write_bytes

    def full(path, data):
        real(path, data[:100])
        raise OSError("no space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="no space"):
        loop().fit(file=file, resume=True)
    monkeypatch.undo()
    assert file.read_bytes() == whole
    assert loop().fit(file=file, resume=True).step == 15


def test_a_process_that_is_killed_goes_on_in_another(tmp_path):
    """os._exit runs no handler and flushes nothing, as a kill does not."""
    program = f"""
import os, sys
from pathlib import Path
from tests.training.test_checkpoint import loop
def told(_, step, __):
    if step == 7:
        os._exit(9)
loop("an average").fit(file=Path({str(tmp_path / "file")!r}), told=told)
"""
    root = Path(shelfspace.__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=root,
        env={**os.environ, "OMP_NUM_THREADS": str(torch.get_num_threads())},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 9, done.stderr
    whole, again = loop("an average"), loop("an average")
    whole.fit()
    told = []
    again.fit(file=tmp_path / "file", resume=True, told=first_of(told))
    assert told[0] == 7
    assert same(state(again), state(whole))
