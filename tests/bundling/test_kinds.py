"""How often categories go together, against a loop over pairs."""

from itertools import combinations

import numpy as np
import pyarrow as pa

from shelfspace.bundling import kinds
from shelfspace.bundling.baskets import Baskets
from shelfspace.bundling.kinds import DRAWN, Kinds
from tests.bundling.shops import KINDS, planned


def by_hand(baskets, code, one, other):
    """Return the lift of two groups, pair of items by pair of items."""
    dense = baskets.members.toarray().astype(np.float64)
    sold = dense.sum(axis=0)
    both = expected = 0.0
    for i in range(len(code)):
        for j in range(len(code)):
            if i != j and code[i] == one and code[j] == other:
                both += dense[:, i] @ dense[:, j]
                expected += sold[i] * sold[j] / len(dense)
    return (both + DRAWN) / (expected + DRAWN)


def test_lifts_are_those_of_pairs():
    catalogue, history = planned(200)
    baskets = Baskets.of(history)
    found = Kinds.of(catalogue, baskets)
    for one, other in [*combinations(range(4), 2), *((n, n) for n in range(4))]:
        np.testing.assert_allclose(
            found.lift[one, other], by_hand(baskets, found.group, one, other), rtol=1e-5
        )
    np.testing.assert_allclose(found.own, np.diag(found.lift)[:4], rtol=1e-5)
    row = catalogue.ids.row("pasta-0")
    by_kind = dict(zip(catalogue.ids.array.to_pylist(), found.lifts(row), strict=True))
    assert by_kind["sauce-3"] > 2 * by_kind["towel-3"]
    assert set(KINDS) == {name.split("-")[0] for name in by_kind}


def test_items_without_a_category_say_nothing():
    catalogue, history = planned(50, categories=False)
    found = Kinds.of(catalogue, Baskets.of(history))
    assert (found.narrow == -1).all()
    assert (found.lifts(0) == 1.0).all()


def test_too_many_categories_are_counted_broader(monkeypatch):
    catalogue, history = planned(50)
    monkeypatch.setattr(kinds, "MOST_GROUPS", 2)
    found = Kinds.of(catalogue, Baskets.of(history))
    assert found.lift.shape == (1, 1)  # of one step: nothing broader
    assert (found.narrow >= 0).all()
    paths = [
        ["food" if p.as_py()[0] in ("pasta", "sauce") else "bath", *p.as_py()]
        for p in catalogue.column("category")
    ]
    table = catalogue.table.set_column(1, "category", pa.array(paths))
    found = Kinds.of(
        type(catalogue)(catalogue.ids, table, catalogue.first_seen, catalogue.duplicates), Baskets.of(history)
    )
    assert found.lift.shape == (3, 3)
    assert len(found.own) == 4
