"""What is read of a store: events in their order, listings as they are now, nothing of who was forgotten."""

import math
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from shelfspace.folding.gathered import (
    NOBODY,
    REPEATED,
    RETURNED,
    UNKNOWN_KIND,
    UNREADABLE,
    Gathered,
    gathered,
)
from shelfspace.shop.catalogue import Catalogue
from shelfspace.shop.history import Clock
from shelfspace.shop.ids import Ids
from shelfspace.store.records import Write
from tests.folding.journals import Journal, event

DAY = 86_400.0


def catalogue() -> Catalogue:
    table = pa.table({"title": ["a boot", "a cup"], "price": [5.0, 6.0]})
    return Catalogue(Ids(["a", "b"], "item"), table, np.zeros(2), np.arange(2, dtype=np.int32))


def read(journal: Any, *, seq: int = 0, clock: Clock = "calendar") -> Gathered:
    return gathered(journal, seq, catalogue(), ["view", "purchase"], clock)


def test_events_are_read_in_their_order_from_the_last_write_on():
    found = read(
        Journal(
            event("a", "x", timestamp=0.0),
            event("a", "u", timestamp=DAY, event="view", basket_id=7),
            event("b", None, timestamp=2 * DAY, session_id="s"),
        ),
        seq=1,
    )
    assert found.seq == 3
    assert found.events.user == ["u", None]
    assert found.events.group == ["b7", "ss"]
    assert found.events.time == [1.0, 2.0]
    assert found.events.kind == [0, 1]


@pytest.mark.parametrize(
    ("write", "reason"),
    [
        (event("a", "u", event="dance"), UNKNOWN_KIND),
        (event("a", "u", quantity=-2), RETURNED),
        (event("a", "u", timestamp="yesterday"), UNREADABLE),
        (event("a", "u", timestamp=math.nan), UNREADABLE),
        (event("a", "u", timestamp=True), UNREADABLE),
        (event("a"), NOBODY),
    ],
)
def test_what_cannot_count_is_left_out_and_counted(write: Write, reason: str):
    found = read(Journal(write))
    assert not found
    assert found.left_out == {reason: 1}


def test_one_event_said_twice_counts_once():
    same = event("a", "u", timestamp=DAY, event="view")
    found = read(Journal(same, same, event("a", "u", timestamp=2 * DAY, event="view")))
    assert len(found.events) == 2
    assert found.left_out == {REPEATED: 1}


def test_a_time_is_when_it_was_kept_where_nothing_says_it_or_it_has_not_come_yet():
    found = read(Journal(event("a", "u"), event("b", "u", timestamp=9e9), at=10 * DAY))
    assert found.events.time == [10.0, 10.0]


def test_steps_are_taken_as_they_are_and_missing_ones_are_left_open():
    found = read(Journal(event("a", "u", timestamp=4), event("b", "u")), clock="steps")
    assert found.events.time[0] == 4.0
    assert math.isnan(found.events.time[1])


def test_a_patch_changes_what_was_there_and_a_put_replaces_it():
    found = read(
        Journal(
            Write("item", "patch", "a", body={"price": 9.0}),
            Write("item", "put", "b", body={"title": "a mug"}),
            Write("item", "put", "c", body={"title": "new"}),
            Write("item", "patch", "c", body={"price": 1.0}),
        )
    )
    assert found.listings == {
        "a": {"title": "a boot", "price": 9.0},
        "b": {"title": "a mug"},
        "c": {"title": "new", "price": 1.0},
    }


def test_what_is_deleted_is_gone_until_it_is_put_again():
    deleted = Write("item", "delete", "a")
    assert read(Journal(deleted)).deleted == {"a"}
    again = read(Journal(deleted, Write("item", "put", "a", body={"title": "back"})))
    assert not again.deleted
    assert again.listings == {"a": {"title": "back"}}
    assert not read(Journal(Write("item", "put", "a", body={}), deleted)).listings


def test_profiles_are_whole_or_in_part():
    found = read(
        Journal(
            Write("user", "put", user_id="u", body={"age": 3}),
            Write("user", "patch", user_id="u", body={"town": "x"}),
            Write("user", "patch", user_id="v", body={"age": 4}),
        )
    )
    assert found.profiles["u"].columns == {"age": 3, "town": "x"}
    assert found.profiles["u"].whole
    assert not found.profiles["v"].whole


def test_nothing_is_kept_of_who_was_forgotten_even_where_it_was_read_a_moment_before():
    journal = Journal(
        event("a", "u", timestamp=0.0),
        event("a", "v", timestamp=0.0),
        Write("user", "put", user_id="u", body={"age": 3}),
    )
    journal.forget("u", rows=False)
    journal.add(event("b", "u", timestamp=DAY))
    found = read(journal)
    assert found.forgotten == {"mark of u"}
    assert list(zip(found.events.user, found.events.item, strict=True)) == [("v", "a"), ("u", "b")]
    assert not found.profiles


def test_impressions_are_passed_over():
    found = read(Journal(Write("impression", "add", "a", "u", body={"clicked": True})))
    assert not found
    assert found.passed == {"impression": 1}
    assert found.seq == 1


def test_more_than_is_read_at_once_is_read_in_parts():
    said = list[str]()
    journal: Any = Journal(*(event("a", f"u{n}", timestamp=0.0) for n in range(10_003)))
    found = gathered(
        journal,
        0,
        catalogue(),
        ["view"],
        "calendar",
        lambda what, done, total: said.append(f"{done}/{total}"),
    )
    assert len(found.events) == 10_003
    assert said == ["0/10003", "10000/10003"]
