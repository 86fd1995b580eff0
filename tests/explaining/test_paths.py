"""How two items are joined."""

import re
from itertools import pairwise
from math import log

import numpy as np
import pyarrow as pa
import pytest

from shelfspace.errors import ConfigError
from shelfspace.explaining.graph import Explain, FittedExplain, Graph
from shelfspace.explaining.paths import Joins
from shelfspace.shop.catalogue import Catalogue
from shelfspace.shop.ids import Ids


def catalogue_of(size: int, **columns) -> Catalogue:
    table = pa.table({"title": [f"thing {n}" for n in range(size)], **columns})
    return Catalogue(Ids(map(str, range(size)), "item"), table, np.zeros(size), np.zeros(size, np.int32))


def relations(*edges: tuple[str | None, str | None, str | None]) -> pa.Table:
    head, relation, tail = zip(*edges, strict=True)
    kinds = {"head": pa.string(), "relation": pa.string(), "tail": pa.string()}
    return pa.table(
        {n: pa.array(v, t) for (n, t), v in zip(kinds.items(), (head, relation, tail), strict=True)}
    )


def joins(graph: Graph, size: int = 6) -> Joins:
    catalogue = catalogue_of(size)
    return Joins(catalogue, catalogue.titles(), graph)


def test_direct_before_a_rare_thing_before_a_common_one():
    edges = [("0", "goes_with", "1"), ("0", "by", "Ann"), ("1", "by", "Ann")]
    edges += [(str(n), "in", "shop") for n in range(6)]
    graph = Graph.of(relations(*edges), Ids(map(str, range(6)), "item"))
    found = joins(graph).paths(0, 1)
    assert [str(path) for path in found] == [
        "thing 0 -goes_with-> thing 1",
        "thing 0 -by-> Ann <-by- thing 1",
        "thing 0 -in-> shop <-in- thing 1",
    ]
    assert [path.cost for path in found] == pytest.approx([0.0, log(3), log(7)])
    assert str(joins(graph).paths(1, 0)[0]) == "thing 1 <-goes_with- thing 0"


def test_all_paths_of_three_steps_as_a_search_one_by_one_finds_them():
    rng = np.random.default_rng(0)
    nodes = [str(n) for n in range(8)] + ["a", "b", "c"]
    edges = [tuple(rng.choice(nodes, 2)) for _ in range(18)]
    graph = Graph.of(relations(*[(one, "r", other) for one, other in edges]), Ids(map(str, range(8)), "item"))
    beside: dict[str, set[str]] = {node: set() for node in nodes}
    for one, other in edges:
        if one != other and not (one in "abc" and other in "abc"):
            beside[one].add(other)
            beside[other].add(one)

    def names(node: str) -> str:
        return f"thing {node}" if node.isdigit() else node

    for start in range(8):
        for end in range(start + 1, 8):
            paths = [[str(start)]]
            every = []
            for _ in range(3):
                paths = [
                    [*p, n] for p in paths for n in sorted(beside[p[-1]]) if n not in p and p[-1] != str(end)
                ]
                every += [tuple(map(names, p)) for p in paths if p[-1] == str(end)]
            found = joins(graph, 8).paths(start, end, k=1000)
            assert sorted(path.nodes for path in found) == sorted(set(every))
            assert all(one.cost <= other.cost for one, other in pairwise(found))


def test_loops_unknown_ends_and_doubles_are_left_out_and_counted():
    table = relations(
        ("0", "goes_with", "0"),
        ("0", "goes_with", "1"),
        ("0", "goes_with", "1"),
        (None, "goes_with", "1"),
        ("0", "goes_with", None),
        ("nobody", "knows", "nothing"),
        ("0", None, "gold"),
    )
    graph = Graph.of(table, Ids(["0", "1"], "item"))
    assert len(graph.head) == 2
    assert set(graph.relations) == {"goes_with", "knows", "related"}
    typed = relations(("0", "goes_with", "77"), ("0", "by", "1")).append_column(
        "tail_type", pa.array(["item", "brand"])
    )
    of_typed = Graph.of(typed, Ids(["0", "1"], "item"))
    assert of_typed.num_unknown == 1
    assert of_typed.things == ("1",)  # a brand that is called as an item is
    assert of_typed.tail.tolist() == [2]


def test_a_circle_ends():
    table = relations(*[(str(n), "next", str((n + 1) % 4)) for n in range(4)])
    found = joins(Graph.of(table, Ids(map(str, range(4)), "item")), 4).paths(0, 2)
    assert [path.nodes for path in found] == [
        ("thing 0", "thing 1", "thing 2"),
        ("thing 0", "thing 3", "thing 2"),
    ]
    assert joins(Graph.of(table, Ids(map(str, range(4)), "item")), 4).paths(1, 1) == []


def test_without_relations_values_that_both_have_join_them():
    catalogue = catalogue_of(
        4,
        brand=["Acme", "Acme", "Acme", None],
        category=pa.array([["home", "cup"], ["home", "cup"], ["home"], None], pa.list_(pa.string())),
        attributes=pa.array([["blue"], ["blue"], [], None], pa.list_(pa.string())),
    )
    told = Joins(catalogue, catalogue.titles()).told([0], 1)
    assert told == [
        "thing 0 -attributes-> blue <-attributes- thing 1",
        "thing 0 -category-> cup <-category- thing 1",
        "thing 0 -brand-> Acme <-brand- thing 1",
    ]
    assert Joins(catalogue, catalogue.titles()).told([0, 1, 2], 3) == []
    assert Joins(catalogue, catalogue.titles()).told([], 1) == []


def test_it_is_read_as_it_was_written_and_what_was_damaged_is_refused():
    table = relations(("0", "by", "Ann"), ("1", "by", "Ann"), ("0", "goes_with", "1"))
    fitted = FittedExplain.of(Explain(), table, Ids(["0", "1"], "item"))
    assert fitted.measured == {"edges": {"by": 2, "goes_with": 1}, "left out": 0}
    files = fitted.files()
    again = FittedExplain.read(files.__getitem__)
    assert joins(again.graph, 2).told([0], 1) == joins(fitted.graph, 2).told([0], 1) != []
    files["explain.json"] = files["explain.json"].replace(b'"Ann"', b"")
    with pytest.raises(ValueError, match="ends at what is not there"):
        FittedExplain.read(files.__getitem__)
    empty = FittedExplain.of(Explain(), None, Ids(["0"], "item"))
    assert len(FittedExplain.read(empty.files().__getitem__).graph.head) == 0


def test_only_the_kinds_that_were_chosen_and_a_misspelt_one_is_named():
    table = relations(("0", "by", "Ann"), ("0", "goes_with", "1"))
    chosen = FittedExplain.of(Explain(relations=["by"]), table, Ids(["0", "1"], "item"))
    assert chosen.graph.relations == ("by",)
    with pytest.raises(ConfigError, match=re.escape("has no 'goes_wiht'; did you mean 'goes_with'")):
        FittedExplain.of(Explain(relations=["goes_wiht"]), table, Ids(["0", "1"], "item"))
