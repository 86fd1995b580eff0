"""The public face, and what importing it costs."""

import inspect
import json
import subprocess
import sys

import pytest

import shelfspace as ss


def test_all_is_sorted_and_every_name_is_there():
    assert ss.__all__ == sorted(ss.__all__)
    for name in ss.__all__:
        assert inspect.getdoc(getattr(ss, name)), f"{name} says nothing of itself"
    assert set(dir(ss)) == set(ss.__all__)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'trian'"):
        ss.trian  # noqa: B018


def test_importing_is_quick_and_loads_nothing_heavy():
    code = (
        "import time, sys, json; t = time.perf_counter(); import shelfspace; t = time.perf_counter() - t;"
        "print(json.dumps([t, sorted(sys.modules)]))"
    )
    runs = [json.loads(subprocess.check_output([sys.executable, "-c", code])) for _ in range(3)]
    assert min(seconds for seconds, _ in runs) < 0.3
    heavy = {"torch", "ibis", "duckdb", "numpy", "scipy", "sklearn", "matplotlib"}
    assert not heavy & set(runs[0][1])


def test_answering_loads_neither_training_nor_reading():
    code = (
        "import sys; import shelfspace; shelfspace.Space; shelfspace.open;"
        "print(*sorted({'torch', 'ibis', 'duckdb', 'optuna', 'matplotlib'} & set(sys.modules)))"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == ""
