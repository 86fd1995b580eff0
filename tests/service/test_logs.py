import json
import logging
import os

import pytest

from shelfspace.service.logs import Drain, Lines, stamp


def test_lines_come_out_whole_and_in_order():
    read, write = os.pipe()
    drain = Drain(write)
    for n in range(1000):
        drain.put(b'{"n":%d}\n' % n)
    drain.close()
    os.close(write)
    with os.fdopen(read) as lines:
        assert [json.loads(line)["n"] for line in lines] == list(range(1000))


def test_a_reader_that_stalls_holds_nobody_up(monkeypatch):
    monkeypatch.setattr("shelfspace.service.logs.MAX_WAITING", 10)
    read, write = os.pipe()
    drain = Drain(write)
    for _ in range(30):
        drain.put(b"{}\n")
    drain.close()
    os.close(write)
    with os.fdopen(read) as lines:
        text = lines.read()
    assert text.count("{}") == 10
    assert "20 log lines dropped" in text


def test_a_reader_that_is_gone_ends_nothing():
    read, write = os.pipe()
    os.close(read)
    drain = Drain(write)
    drain.put(b"{}\n")
    drain.close()
    os.close(write)


def test_a_record_is_a_line_and_a_fault_is_named_without_its_words():
    try:
        raise ValueError("the password of user-7")
    except ValueError as problem:
        info = (type(problem), problem, problem.__traceback__)
    record = logging.LogRecord("shelfspace", logging.ERROR, "a.py", 1, "it %s", ("failed",), info)
    record.request_id = "r1"
    line = json.loads(Lines().format(record))
    assert (line["message"], line["level"], line["request_id"]) == ("it failed", "error", "r1")
    assert line["problem"].startswith("ValueError at test_logs.py:")
    assert "password" not in json.dumps(line)


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.0, "1970-01-01T00:00:00.000Z"), (1700000000.9996, "2023-11-14T22:13:20.999Z")]
)
def test_times_are_utc_with_milliseconds(seconds, text):
    assert stamp(seconds) == text
