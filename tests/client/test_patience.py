"""When a request is sent again."""

import random
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from shelfspace.client import ClientError
from shelfspace.client.asking import similar
from shelfspace.client.calls import Reply
from shelfspace.client.patience import Patience, conversation
from shelfspace.client.writing import health
from shelfspace.errors import ConfigError

GOOD = Reply(200, {}, b'{"hits": [], "notes": []}', "r")
LOST = "no connection"


def said(status, content=b"", **headers):
    return Reply(
        status, {name.replace("_", "-"): value for name, value in headers.items()}, content, "theirs"
    )


def waits(replies, call=None, **settings):
    """Return the waits before each sending, and what came of it."""
    talk = conversation(call or similar("a"), Patience(dice=random.Random(0), **settings), "mine")
    found = [next(talk)]
    try:
        for reply in replies:
            found += [talk.send(reply)]
    except StopIteration as done:
        return found, done.value
    except ClientError as problem:
        return found, problem
    raise AssertionError("it asked once more")


def test_what_passes_is_tried_again_and_waits_longer_each_time():
    found, answer = waits([LOST, said(503), said(429), said(502), GOOD], pause=0.5)
    assert len(answer) == 0
    assert len(found) == 5
    assert found[0] == 0.0
    assert all(0.0 <= wait <= 0.5 * 2**n for n, wait in enumerate(found[1:]))
    assert waits([LOST, LOST, GOOD], retries=1)[1].code == "unreachable"
    assert max(Patience(pause=1.0, longest=3.0).wait(n) for n in range(40)) <= 3.0


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 422, 500, 504, 302])
def test_what_stays_is_not(status):
    found, problem = waits([said(status, b'{"error": {"code": "c", "message": "m", "request_id": "q"}}')])
    assert found == [0.0]
    assert (problem.status, problem.code, problem.message, problem.request_id) == (status, "c", "m", "q")
    assert "m" in str(problem)
    assert "q" in str(problem)
    assert str(status) in str(problem)


def test_retry_after_is_kept_to_in_seconds_or_as_a_date_and_given_up_where_it_is_long():
    assert waits([said(429, retry_after="3"), GOOD])[0][1] >= 3.0
    when = format_datetime(datetime.now(UTC) + timedelta(seconds=10), usegmt=True)
    assert 8.0 < waits([said(503, retry_after=when), GOOD])[0][1] <= 10.5
    assert waits([said(503, retry_after="soon"), GOOD], pause=0.0)[0] == [0.0, 0.0]
    found, problem = waits([said(429, retry_after="3600")])
    assert found == [0.0]
    assert problem.status == 429


@pytest.mark.parametrize("body", [b"<html>", b'{"error": "down"}', b"[]", b"{}"])
def test_an_error_of_another_shape_is_still_an_error(body):
    problem = waits([said(500, body)])[1]
    assert (problem.status, problem.code, problem.request_id) == (500, "refused", "theirs")


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"{}", b'{"hits": [{}], "notes": []}', b'{"hits": 3}'])
def test_an_answer_that_cannot_be_read_says_so(body):
    problem = waits([said(200, body)])[1]
    assert isinstance(problem, ClientError)
    assert problem.code == "unreadable"


def test_not_being_ready_is_an_answer():
    found, answer = waits(
        [said(503, b'{"ready": false, "reasons": ["r"], "version": 1, "seq": 2, "lag": 3}')], health()
    )
    assert found == [0.0]
    assert not answer.ready
    assert answer.lag == 3


def test_settings_that_cannot_be_are_refused():
    with pytest.raises(ConfigError, match="negative"):
        Patience(retries=-1)
