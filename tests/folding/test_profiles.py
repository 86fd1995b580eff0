"""Profiles of shoppers as towers and segments have them: who stays, who was put, who is gone."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from scipy import sparse

from shelfspace.encode.learnt import Learnt
from shelfspace.folding.gathered import Events, Profile
from shelfspace.folding.known import Known
from shelfspace.folding.pasts import Users
from shelfspace.folding.profiles import Fields
from shelfspace.inputs.fields import Bag, Dense, Ordered, Records
from shelfspace.inputs.quantities import Numbers
from shelfspace.inputs.readers import Ids as OwnNumber
from shelfspace.inputs.tags import Tags
from shelfspace.people.graph import SocialGraph
from shelfspace.people.profiles import Profiles
from shelfspace.shop.ids import Ids

TABLE = pa.table({"taste": ["boot", "cup", "boot", "cup"], "age": [20.0, 30.0, 40.0, 50.0]})


@dataclass
class Reading:
    """The part of towers that is asked for."""

    readers: dict[str, Any] = field(default_factory=dict)


@pytest.fixture
def part() -> Learnt:
    records = Records.of_users(TABLE, np.ones(4))
    readers = {"taste": Tags(column="taste"), "age": Numbers(columns=["age"]), "ids": OwnNumber()}
    read = {name: reader.learn(records, np.ones(4, bool)).read(records) for name, reader in readers.items()}
    learnt = Learnt()
    towers: Any = Reading({"user": readers, "item": {}})
    learnt.towers, learnt.profiles = towers, read
    return learnt


def fields(forgotten: set[str], put: dict[str, Profile], came: tuple[str, ...] = ()) -> Fields:
    events = Events()
    for name in came:
        events.add(name, None, "i", 0.0, 0)
    return Fields(Users.of(Ids(list("abcd"), "user"), events, put, forgotten, lambda text: text), put)


def weights(bag: Any) -> list[list[int]]:
    assert isinstance(bag, Bag)
    return [bag.index[a:b].tolist() for a, b in zip(bag.indptr[:-1], bag.indptr[1:], strict=True)]


def test_who_stays_keeps_what_was_read(part: Learnt):
    found = fields({"b"}, {}, ("e",)).of(part)
    for name, before in part.profiles.items():
        after, kept = found[name], before.take(np.array([0, 2, 3]))
        assert len(after) == 3
        assert all(
            np.array_equal(a, b) for a, b in zip(after.inputs().values(), kept.inputs().values(), strict=True)
        )


def test_a_put_replaces_all_and_a_patch_what_it_names(part: Learnt):
    put = {"a": Profile({"taste": "cup"}, True, 1), "b": Profile({"taste": "boot"}, False, 2)}
    found = fields(set(), put).of(part)
    was = weights(part.profiles["taste"])
    assert weights(found["taste"]) == [was[1], was[0], was[2], was[3]]
    ages = found["age"]
    assert isinstance(ages, Dense)
    assert ages.present.tolist() == [False, True, True, True]
    assert weights(found["ids"]) == weights(part.profiles["ids"])


def test_who_is_new_has_a_profile_and_no_number_of_their_own(part: Learnt):
    found = fields({"d"}, {"f": Profile({"taste": "cup", "age": 30.0}, True, 1)}, ("e",)).of(part)
    was = weights(part.profiles["taste"])
    assert weights(found["taste"]) == [*was[:3], [], was[1]]
    assert found["ids"].present.tolist() == [True, True, True, False, False]
    ages, before = found["age"], part.profiles["age"]
    assert isinstance(ages, Dense)
    assert isinstance(before, Dense)
    assert np.array_equal(ages.values[4], before.values[1])


def test_tokens_are_joined_at_the_longer_width(part: Learnt):
    class Words:
        def read(self, records: Records) -> Ordered:
            return Ordered(np.array([[4, 5, 6]], np.int32), 9)

    towers: Any = Reading({"user": {"words": Words()}, "item": {}})
    part.towers, part.profiles = towers, {"words": Ordered(np.array([[1, 2]] * 4, np.int32), 9)}
    found = fields({"a"}, {"b": Profile({"words": "x"}, True, 1)}).of(part)["words"]
    assert isinstance(found, Ordered)
    assert found.ids.tolist() == [[4, 5, 6], [1, 2, -1], [1, 2, -1]]


def test_without_profiles_there_is_nothing_to_do():
    assert fields(set(), {"a": Profile({"taste": "cup"}, True, 1)}).of(Learnt()) == {}


@pytest.fixture
def known() -> Known:
    people = Ids(list("abcd"), "user")
    graph = SocialGraph.between(people, np.array([0, 1]), np.array([1, 2]))
    member = sparse.csr_array(np.array([[1, 0, 1], [0, 1, 0], [1, 0, 0], [0, 1, 0]], np.float32))
    segments = (("taste", "boot"), ("taste", "cup"), ("age", "30"))
    return Known(graph, Profiles(segments, member))


def test_segments_follow_what_is_said(known: Known):
    said = {
        "a": Profile({"taste": "cup"}, False, 1),
        "c": Profile({"age": 30}, True, 2),
        "e": Profile({"taste": ["boot", "cup"], "age": 31, "town": "x, y=z"}, True, 3),
    }
    found = known.folded(said, lambda text: False)
    assert found.graph.people.array.to_pylist() == list("abcde")
    assert found.profiles.member.toarray().tolist() == [[0, 1, 1], [0, 1, 0], [0, 0, 1], [0, 1, 0], [1, 1, 0]]


def test_who_was_forgotten_has_no_friends_any_more(known: Known):
    found = known.folded({}, lambda text: text == "b")
    assert found.graph.people.array.to_pylist() == list("acd")
    assert found.graph.edges.nnz == 0
    assert found.profiles.member.toarray().tolist() == [[1, 0, 1], [1, 0, 0], [0, 1, 0]]
    values = np.arange(8, dtype=np.float32).reshape(4, 2)
    assert found.rows_of(values).tolist() == [[0, 1], [4, 5], [6, 7]]
