from typing import ClassVar

from shelfspace.pairs.attribute import Attribute
from tests.contracts.pair_source_contract import LATE, NOW, PairSourceContract, of_groups, sources


class AttributeContract(PairSourceContract):
    needs_events = False
    bad: ClassVar = {"power": -1.0, "max_share": float("nan")}

    def law(self, given, settings):
        members, known = {}, range(LATE if given.history.now == NOW else LATE + 1)
        for item, values in enumerate(given.catalogue.table[settings["column"]].to_pylist()):
            for value in [values] if isinstance(values, str) else values or []:
                if value and item in known:
                    members.setdefault(value, {})[item] = 1.0
        few = {g: m for g, m in members.items() if len(m) <= settings["max_share"] * len(known)}
        return of_groups(few, settings["power"])


class TestAttributeOfOneValue(AttributeContract):
    varied: ClassVar = ({}, {"power": 1.0}, {"power": 0.0, "max_share": 0.34})

    def make(self, **settings):
        return Attribute(**settings)


class TestAttributeOfSeveralValues(AttributeContract):
    varied: ClassVar = ({}, {"power": 1.0})

    def make(self, **settings):
        return Attribute(**{"column": "colours", **settings})


def test_a_column_that_is_not_there_has_no_pairs():
    assert len(Attribute(column="no such column").learn(sources())) == 0
