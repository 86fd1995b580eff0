"""Answers as the space has them, through JSON."""

import json
from dataclasses import asdict

import pytest

import shelfspace as ss
from shelfspace.client import Groups, Hits, Labels
from shelfspace.client.calls import Reply
from shelfspace.tasks.groups import Groups as Found
from shelfspace.tasks.groups import Member, Paired
from shelfspace.tasks.labels import Label
from shelfspace.tasks.labels import Labels as Told
from shelfspace.tasks.results import Hit
from shelfspace.tasks.results import Hits as Answers

HEADERS = {"x-list-id": "l1", "x-variant": "b", "x-space-version": "3"}


def reply(text: str, **headers: str) -> Reply:
    return Reply(200, headers or HEADERS, text.encode(), "r1")


def test_hits_are_those_of_the_space(small_run):
    space = ss.open(small_run)
    own = space.recommend(["user-1", "user-2"], k=4, why=True)
    read = Hits.read(reply(own.to_json()))
    assert [(h.subject, h.rank, h.item_id, h.title, h.score) for h in read] == [
        (h.subject, h.rank, h.item_id, h.title, h.score) for h in own
    ]
    assert [[asdict(part) for part in h.why] for h in read] == [
        [{n: getattr(part, n) for n in ("part", "amount", "item_id", "title")} for part in h.why] for h in own
    ]
    assert read.notes == own.notes
    assert (read.list_id, read.variant, read.version, read.request_id) == ("l1", "b", 3, "r1")
    assert list(read.by_subject()) == ["user-1", "user-2"]
    assert [len(hits) for hits in read.by_subject().values()] == [4, 4]
    assert read[0].rank == 1
    assert len(read) == 8


@pytest.mark.parametrize("named", ["item_id", "user_id", "offer_id"])
def test_the_id_is_of_whatever_the_task_names_and_what_else_is_said_is_kept(named):
    own = Answers.of([Hit("s", 1, "x", "X", 0.5, more={"rule": "pin"})], named=named, more={"rule": "string"})
    read = Hits.read(reply(json.dumps(json.loads(own.to_json()) | {"facets": {"brand": {"a": 2}}})))
    assert read[0].id == "x"
    assert read[0].more == {"rule": "pin"}
    assert read.beside == {"facets": {"brand": {"a": 2}}}


def test_groups_and_labels():
    own = Found.of(
        [Member(1, "a", "A", "own", 0.9), Member(1, "b", "B", "other", 0.9), Member(2, "c", "C", "own", 0.8)],
        [Paired("a", "b", "A", "B", 0.9, True, left_price=2.0, why=(("title", 1.5),))],
        ["a note"],
    )
    read = Groups.read(reply(own.to_json()))
    assert [[m.item_id for m in group] for group in read] == [["a", "b"], ["c"]]
    assert read.pairs[0].left_price == 2.0
    assert read.pairs[0].why[0].part == "title"
    assert read.notes == ("a note",)
    assert len(read) == 2
    told = Told.of([Label("a", "A", "category", 1, None, 0.4, "shoes")])
    labels = Labels.read(reply(told.to_json(), nothing="said"))
    assert [(one.label, one.given, one.why) for one in labels] == [(None, "shoes", ())]
    assert (labels.list_id, labels.variant, labels.version) == (None, None, None)


def test_a_newer_service_may_say_more():
    row = {"subject": "a", "title": "A", "column": "c", "rank": 1, "label": "x", "score": 0.5, "new": 1}
    assert Labels.read(reply(json.dumps({"labels": [row], "notes": []}))).labels[0].label == "x"
