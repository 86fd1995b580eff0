"""Who knows whom, as relations say it."""

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from shelfspace.people.graph import SocialGraph
from shelfspace.shop.ids import Ids

USERS, ITEMS = Ids(["a", "b", "c", "both"], "user"), Ids(["i", "both"], "item")


def graph(
    rows: list[tuple[str | None, str | None]], kinds: list[tuple[str | None, str | None]] | None = None
) -> SocialGraph:
    columns = {"head": [head for head, _ in rows], "tail": [tail for _, tail in rows]}
    if kinds is not None:
        columns |= {"head_type": [head for head, _ in kinds], "tail_type": [tail for _, tail in kinds]}
    return SocialGraph.of(pa.table({n: pa.array(c, pa.string()) for n, c in columns.items()}), USERS, ITEMS)


def friends(found: SocialGraph) -> set[frozenset[str]]:
    low, high = found.pairs()
    return {frozenset(pair) for pair in zip(found.people.texts(low), found.people.texts(high), strict=True)}


def test_friendships_go_both_ways_and_count_once():
    found = graph([("a", "b"), ("b", "a"), ("a", "b"), ("c", "c"), ("b", "c")])
    assert friends(found) == {frozenset("ab"), frozenset("bc")}
    assert (found.loops, found.repeats, found.num_edges) == (1, 2, 2)
    assert np.array_equal(found.edges.toarray(), found.edges.toarray().T)
    assert "1 rows join a shopper to themselves" in found.notes[0]


def test_without_types_only_those_known_as_users_and_not_as_items_are_people():
    found = graph([("a", "i"), ("a", "both"), ("a", "stranger"), (None, "b"), ("b", None), ("i", "stranger")])
    assert friends(found) == set()
    assert found.unknown == 1
    assert len(found.people) == len(USERS)


def test_types_say_who_is_a_user_even_of_strangers_and_of_ids_that_items_have_too():
    kinds = [("user", "User"), ("user", "item"), ("user", None), ("user", "user")]
    found = graph([("a", "stranger"), ("a", "i"), ("a", "b"), ("a", "both")], kinds)
    assert friends(found) == {frozenset(["a", "stranger"]), frozenset("ab"), frozenset(["a", "both"])}
    assert found.people.texts([len(USERS)]) == ["stranger"]


def test_there_may_be_no_relations_or_none_of_users():
    assert SocialGraph.of(None, USERS, ITEMS).num_edges == 0
    assert graph([]).num_edges == 0
    assert graph([("i", "i")]).notes == ()


@settings(max_examples=25)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=30))
def test_every_row_is_an_edge_a_loop_or_a_repeat(rows: list[tuple[int, int]]):
    head, tail = (np.array([row[n] for row in rows], np.int64) for n in range(2))
    found = SocialGraph.between(Ids(list("abcdef"), "user"), head, tail)
    assert found.num_edges + found.loops + found.repeats == len(rows)
    assert friends(found) == {frozenset("abcdef"[n] for n in row) for row in rows if row[0] != row[1]}
