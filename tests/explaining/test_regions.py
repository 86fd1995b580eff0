"""Regions of a photo."""

import numpy as np
import pytest
from PIL import Image

from shelfspace.explaining.regions import occluded, overlaid, randomly_masked


def planted(row: int, column: int):
    """A score that only one region makes."""
    return lambda masks: 0.2 + 0.5 * masks[:, row, column]


@pytest.mark.parametrize("way", [occluded, randomly_masked])
@pytest.mark.parametrize("place", [(0, 0), (3, 5), (7, 7)])
def test_the_region_that_makes_the_score_is_the_hottest(way, place):
    heat = way(planted(*place))
    assert heat.shape == (8, 8)
    assert np.unravel_index(heat.argmax(), heat.shape) == place


def test_a_window_loses_what_lies_under_it():
    heat = occluded(planted(3, 3), grid=6, window=1)
    expected = np.zeros((6, 6))
    expected[3, 3] = 0.5
    assert heat == pytest.approx(expected)
    assert occluded(lambda masks: np.full(len(masks), 0.3)) == pytest.approx(np.zeros((8, 8)))


def test_half_of_the_masks_are_the_other_half_exchanged():
    seen: list[np.ndarray] = []
    randomly_masked(lambda masks: seen.append(masks) or masks.mean(axis=(1, 2)), masks=10)
    assert np.array_equal(seen[0][:5], 1.0 - seen[0][5:])


def test_the_picture_is_red_where_it_counts_and_blue_where_nothing_does(tmp_path):
    Image.new("RGB", (40, 40), "white").save(tmp_path / "a.png")
    heat = np.full((8, 8), -0.1)
    heat[0, 0] = 0.4
    picture = np.asarray(overlaid(tmp_path / "a.png", heat, 64)).astype(int)
    assert picture.shape == (64, 64, 3)
    assert picture[2, 2, 0] > picture[2, 2, 2] + 50
    assert picture[60, 60, 2] > picture[60, 60, 0] + 50
    nothing = np.asarray(overlaid(tmp_path / "a.png", np.zeros((8, 8)), 16))
    assert (nothing == nothing[0, 0]).all()
