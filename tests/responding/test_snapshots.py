"""What everybody's purchases said by a moment."""

import numpy as np
import pytest

from shelfspace.responding.snapshots import Snapshot, snapshots
from tests.responding.shops import read


@pytest.mark.parametrize("num", [0, 1, 2, 3])
def test_of_next_to_no_events_there_is_next_to_nothing(num: int):
    shop = read()
    time = np.sort(shop.history.time)[num]
    found = Snapshot.of(shop.history, shop.catalogue, float(time), 0)
    assert found.usual.sum() == num
    assert np.isfinite(found.vectors).all()
    assert num > 0 or not found.vectors.any()


def test_the_first_moment_of_asking_sees_nothing_later():
    shop = read()
    asked = np.quantile(shop.history.time, [0.2, 0.3, 0.9])
    found = snapshots(shop.history, shop.catalogue, asked, float(shop.history.time.max()), seed=0)
    assert found[0].time == asked[0]
    assert [one.time for one in found] == sorted({one.time for one in found})
    for one in found:
        counted = np.bincount(shop.history.item[shop.history.time < one.time], minlength=60)
        assert np.array_equal(one.usual, counted)
