import os
import subprocess
import sys
import threading

import pytest

from shelfspace.errors import ConfigError
from shelfspace.service.edge.keys import RateLimit
from shelfspace.service.edge.rates import NUM_SETS, WAYS, Rates
from tests.service.edge.asking import Clock, ask, fine


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def rates(tmp_path, clock):
    rates = Rates(tmp_path / "rates", clock)
    yield rates
    rates.close()


def test_a_burst_passes_and_then_so_many_a_second(rates, clock):
    assert [rates.wait_of("a", 2.0, 3) for _ in range(3)] == [0.0] * 3
    assert rates.wait_of("a", 2.0, 3) == pytest.approx(0.5)
    assert rates.wait_of("b", 2.0, 3) == 0.0
    clock.seconds += 0.5
    assert rates.wait_of("a", 2.0, 3) == 0.0
    assert rates.wait_of("a", 2.0, 3) > 0
    clock.seconds += 60
    assert [rates.wait_of("a", 2.0, 3) == 0.0 for _ in range(4)] == [True] * 3 + [False]


def test_in_the_long_run_exactly_the_rate_passes(rates, clock):
    passed = 0
    for _ in range(10_000):
        clock.seconds += 0.001
        passed += rates.wait_of("a", 100.0, 10) == 0.0
    assert 1000 <= passed <= 1010


def test_a_full_table_lets_somebody_off_and_refuses_nobody_wrongly(rates):
    for n in range(NUM_SETS * WAYS * 2):
        assert rates.wait_of(f"key {n}", 1.0, 2) == 0.0


def test_processes_share_the_count_and_lose_none(tmp_path):
    path = tmp_path / "rates"
    code = (
        "import sys; from pathlib import Path; from shelfspace.service.edge.rates import Rates\n"
        "r = Rates(Path(sys.argv[1]), lambda: 5.0)\n"
        "print(sum(r.wait_of('a', 1.0, 300) == 0.0 for _ in range(400)))"
    )
    both = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, text=True, env=os.environ
        )
        for _ in range(2)
    ]
    passed = [int(process.communicate(timeout=20)[0]) for process in both]
    assert sum(passed) == 300


def test_threads_share_the_count(rates):
    passed = []
    threads = [
        threading.Thread(target=lambda: passed.extend(rates.wait_of("a", 1.0, 50) == 0.0 for _ in range(40)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(passed) == 50


def test_another_file_is_refused(tmp_path):
    (tmp_path / "rates").write_text("something else", "utf-8")
    with pytest.raises(ConfigError, match="is not a table of rates"):
        Rates(tmp_path / "rates")


def test_too_many_requests_get_429_and_when_to_come_again(rates):
    app = RateLimit(fine, rates, 0.5, 2)
    told = [ask(app) for _ in range(3)]
    assert [answer.status_code for answer in told] == [200, 200, 429]
    assert told[2].headers["retry-after"] == "2"
    assert ask(app, path="/health/live").status_code == 200
    assert ask(app, host="10.0.0.9").status_code == 200
