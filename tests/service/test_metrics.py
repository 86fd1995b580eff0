import os
import subprocess
import sys
from concurrent.futures import Future
from types import SimpleNamespace

import pytest

from shelfspace.errors import StoreError
from shelfspace.service.metrics import FOLDER, Counted, Metrics

TWO = """
import os, sys
from types import SimpleNamespace
from shelfspace.service.metrics import Metrics
metrics = Metrics()
for _ in range(int(sys.argv[1])):
    metrics.request({"method": "GET", "state": {}}, "/similar/{item}", 200, 0.003)
metrics.follow(SimpleNamespace(seq=int(sys.argv[2]), version=3, space=SimpleNamespace(catalogue=range(5))), 40)
if len(sys.argv) > 3:
    sys.stdout.write(metrics.text().decode())
"""


@pytest.fixture
def metrics(monkeypatch):
    monkeypatch.delenv(FOLDER, raising=False)
    return Metrics()


def asked(state=None, method="GET"):
    return {"method": method, "state": state or {}}


def value_of(metrics, start):
    found = [line for line in metrics.text().decode().splitlines() if line.startswith(start)]
    return [float(line.rpartition(" ")[2]) for line in found]


def test_requests_are_counted_by_route_and_status_and_timed_by_route(metrics):
    for status, seconds in ((200, 0.004), (200, 0.2), (404, 0.001)):
        metrics.request(asked(), "/similar/{item}", status, seconds)
    start = 'shelfspace_requests_total{method="GET",route="/similar/{item}",status='
    assert value_of(metrics, start + '"200"') == [2]
    assert value_of(metrics, start + '"404"') == [1]
    assert value_of(metrics, "shelfspace_request_seconds_count") == [3]
    assert value_of(metrics, 'shelfspace_request_seconds_bucket{le="0.005"') == [2]


def test_methods_that_nobody_knows_make_no_new_series(metrics):
    for method in ("BREW", "WHEN"):
        metrics.request(asked(method=method), "other", 405, 0.001)
    assert value_of(metrics, 'shelfspace_requests_total{method="OTHER",route="other",status="405"}') == [2]


def test_what_alarms_see_is_told(metrics):
    metrics.watch({"coverage": 0.25, "coverage_firing": 1.0})
    assert value_of(metrics, 'shelfspace_watched{name="coverage"}') == [0.25]
    assert value_of(metrics, 'shelfspace_watched{name="coverage_firing"}') == [1]


def test_writes_are_counted_once_they_are_on_disk(metrics):
    writer = SimpleNamespace(submit=lambda writes: waiting.pop(0), close=lambda: None)
    waiting = [Future(), Future()]
    kept, refused = waiting
    counted = Counted(writer, metrics)
    counted.submit([1, 2, 3])
    counted.submit([4])
    assert value_of(metrics, "shelfspace_writes_accepted_total") == [0]
    kept.set_result(SimpleNamespace(seq=9, num_added=2, num_duplicates=1))
    refused.set_exception(StoreError("the disk is full"))
    assert value_of(metrics, "shelfspace_writes_accepted_total") == [2]
    assert value_of(metrics, "shelfspace_writes_duplicate_total") == [1]
    assert value_of(metrics, "shelfspace_writes_failed_total") == [1]
    assert value_of(metrics, "shelfspace_write_seconds_count") == [1]


def test_what_is_followed_is_shown(metrics):
    live = SimpleNamespace(seq=30, version=3, space=SimpleNamespace(catalogue=range(5)))
    metrics.follow(live, 42)
    assert value_of(metrics, "shelfspace_followed_seq ") == [30]
    assert value_of(metrics, "shelfspace_lag_writes ") == [12]
    assert value_of(metrics, "shelfspace_space_version ") == [3]
    assert value_of(metrics, "shelfspace_items ") == [5]
    metrics.follow(live, None)
    assert value_of(metrics, "shelfspace_lag_writes ") == [12]


def test_several_processes_are_summed(tmp_path):
    env = os.environ | {FOLDER: str(tmp_path)}
    for given in (["3", "30"], ["4", "20", "show"]):
        told = subprocess.run(
            [sys.executable, "-c", TWO, *given], env=env, capture_output=True, text=True, check=True
        )
    lines = dict(line.rpartition(" ")[::2] for line in told.stdout.splitlines() if not line.startswith("#"))
    assert lines['shelfspace_requests_total{method="GET",route="/similar/{item}",status="200"}'] == "7.0"
    assert lines['shelfspace_request_seconds_count{method="GET",route="/similar/{item}"}'] == "7.0"
    assert lines["shelfspace_followed_seq"] == "20.0"
    assert lines["shelfspace_lag_writes"] == "20.0"
