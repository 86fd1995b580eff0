from dataclasses import replace
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pytest

from shelfspace.errors import ConfigError
from shelfspace.pairs.relations import Relations
from tests.contracts.pair_source_contract import LATE, NOW, PairSourceContract, of_groups, sources


class TestRelations(PairSourceContract):
    needs_events = False
    varied: ClassVar = (
        {},
        {"power": 1.0, "kinds": ["made_of", "goes_with"]},
        {"kinds": ["sold_in"], "max_share": 1.0},
    )
    bad: ClassVar = {"power": -1.0, "max_share": 0.0}

    def make(self, **settings):
        return Relations(**settings)

    def law(self, given, settings):
        ids = {f"sku-{i}": i for i in range(LATE + 1)}
        known = range(LATE if given.history.now == NOW else LATE + 1)
        edges, things = {}, {}
        for row in given.relations.to_pylist():
            head, tail = ids.get(row["head"]), ids.get(row["tail"])
            chosen = not settings["kinds"] or row["relation"] in settings["kinds"]
            if not chosen or head not in known or row["tail"] is None:
                continue
            if tail is None:
                things.setdefault((row["relation"], row["tail"]), {})[head] = 1.0
            elif tail in known:
                edges[frozenset([head, tail])] = {head: 1.0, tail: 1.0}
        few = {g: m for g, m in things.items() if len(m) <= settings["max_share"] * len(known)}
        return of_groups(edges | few, settings["power"])


def given(rows, **types):
    head, relation, tail = zip(*rows, strict=True)
    table = pa.table({"head": head, "relation": relation, "tail": tail, **types})
    return replace(sources(), relations=table)


def pairs_of(source):
    drawn = source.draw(np.random.default_rng(0), 200)
    return set(zip(drawn.anchor.tolist(), drawn.positive.tolist(), strict=True))


def test_types_say_which_ends_are_items():
    rows = [("sku-0", "r", "sku-1"), ("sku-2", "r", "sku-1"), ("sku-3", "r", "sku-4"), ("sku-5", "r", "gone")]
    source = Relations(max_share=1.0).learn(given(rows, tail_type=["brand", "brand", "item", "item"]))
    assert pairs_of(source) == {(0, 2), (2, 0), (3, 4), (4, 3)}
    assert source.num_unknown == 1


def test_a_head_that_is_no_item_is_counted_and_left_out():
    rows = [("sku-0", "r", "sku-1"), ("sku-2", "r", "sku-3")]
    source = Relations().learn(given(rows, head_type=["person", None]))
    assert pairs_of(source) == {(2, 3), (3, 2)}
    assert source.num_unknown == 1


def test_ids_that_the_catalogue_lacks_are_counted():
    assert Relations().learn(sources()).num_unknown == 1


def test_a_kind_that_the_table_does_not_have_is_refused_with_the_nearest():
    with pytest.raises(ConfigError, match=r"kinds.*made_off.*made_of"):
        Relations(kinds=["made_off"]).learn(sources())


def test_a_table_without_kinds_or_of_dictionaries():
    table = pa.table({"head": ["sku-0"], "tail": pa.array(["sku-1"]).dictionary_encode()})
    assert pairs_of(Relations().learn(replace(sources(), relations=table))) == {(0, 1), (1, 0)}


def test_no_table_and_an_empty_one():
    for table in (None, sources().relations.slice(0, 0)):
        assert len(Relations(kinds=["x"]).learn(replace(sources(), relations=table))) == 0
