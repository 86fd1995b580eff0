from typing import ClassVar

import numpy as np
import pytest

from shelfspace.pairs.cooccurrence import Cooccurrence
from shelfspace.shop.cooccurrence import cooccurrence, log_count, ppmi
from tests.contracts.pair_source_contract import NOW, PairSourceContract, sources


def counted(given, settings):
    history = given.history
    past = history.weight > 0
    if history.now is not None:
        past &= history.time <= NOW
    return cooccurrence(
        history.keep(past),
        window=settings["over"],
        gap=settings["session_gap"],
        reach=settings["reach"] or None,
        minimum_support=settings["minimum_support"],
    )


class TestCooccurrence(PairSourceContract):
    all_marked: ClassVar = {"mask_lift": 0.0}
    varied: ClassVar = (
        {},
        {"power": 1.0, "minimum_support": 2},
        {"over": "user", "reach": 2, "power": 0.0},
        {"over": "session", "session_gap": 2.0},
    )
    bad: ClassVar = {
        "power": -1.0, "smoothing": -1.0, "session_gap": 0.0, "step_half_life": 0.0, "half_life": 0.0, "reach": -1,
        "minimum_support": 0, "shift": 0.5,
    }  # fmt: skip

    def make(self, **settings):
        return Cooccurrence(**settings)

    def law(self, given, settings):
        counts = counted(given, settings).toarray().astype(float)
        return {(i, j, None): counts[i, j] ** settings["power"] for i, j in np.argwhere(counts > 0).tolist()}


@pytest.mark.parametrize("value", ["count", "log_count", "ppmi"])
def test_the_value_is_that_of_the_pair(value):
    source = Cooccurrence(value=value, shift=1.5, smoothing=0.9).learn(sources())
    pairs = source.draw(np.random.default_rng(0), 300)
    counts = counted(sources(), {"over": "basket", "session_gap": 1.0, "reach": 0, "minimum_support": 1})
    made = {
        "count": counts,
        "log_count": log_count(counts),
        "ppmi": ppmi(counts, shift=1.5, smoothing=0.9),
    }
    np.testing.assert_array_equal(pairs.value, made[value].toarray()[pairs.anchor, pairs.positive])
    assert len(np.unique(pairs.value)) > 3


def test_halves_by_distance_and_age_change_what_is_counted():
    plain = Cooccurrence(over="user", reach=3, value="count").learn(sources()).matrix
    near = Cooccurrence(over="user", reach=3, step_half_life=1.0, value="count").learn(sources()).matrix
    young = Cooccurrence(over="user", reach=3, half_life=5.0, value="count").learn(sources()).matrix
    assert near.nnz == young.nnz == plain.nnz
    assert (near.data < plain.data).all()
    assert (young.data < plain.data).all()
