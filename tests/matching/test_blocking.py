"""Who is compared with whom."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from shelfspace.matching.blocking import candidates, cosines, grams_of, pairs_of
from shelfspace.matching.listings import Listings

WORDS = ("lamp", "x100", "x-200", "red", "blue", "茶杯", "desk", "kettle", "ab12", "大号")
titles = st.lists(st.lists(st.sampled_from(WORDS), max_size=4).map(" ".join), min_size=1, max_size=12)


def listings_of(texts: list[str], source: list[int] | None = None) -> Listings:
    given = None if source is None else np.array(source, np.int32)
    return Listings(texts, texts, np.full(len(texts), np.nan), given)


@given(titles, st.integers(1, 4), st.booleans())
def test_candidates_are_the_nearest_by_the_summed_cosines(texts: list[str], k: int, two: bool):
    listings = listings_of(texts, [n % 2 for n in range(len(texts))] if two else None)
    grams = grams_of(listings)
    near = sum((v.astype(np.float64) @ v.T.astype(np.float64)).toarray() for v in grams.values())
    np.fill_diagonal(near, 0.0)
    if listings.source is not None:
        near[listings.source[:, None] == listings.source[None, :]] = 0.0
    pairs = candidates(listings, grams, k)
    found = set(zip(pairs.left.tolist(), pairs.right.tolist(), strict=True))
    for row in range(len(texts)):
        least = np.sort(near[row])[::-1][min(k, len(texts)) - 1]
        for other in range(len(texts)):
            pair = (min(row, other), max(row, other))
            # ties at the k-th place may fall either way
            if near[row, other] > max(least, 0.0) + 1e-5:
                assert pair in found
    for left, right in found:
        assert left < right
        assert near[left, right] > 0.0


def test_cosines_are_those_of_the_vectors():
    grams = grams_of(listings_of(["red lamp x100", "lamp x-100 red", "kettle"]))
    pairs = pairs_of(np.array([[1, 0], [0, 2], [0, 1]]))
    assert pairs.left.tolist() == [0, 0]
    assert pairs.right.tolist() == [1, 2]
    naive = [
        [float((v[[a]] @ v[[b]].T).toarray()[0, 0]) for v in grams.values()] for a, b in ((0, 1), (0, 2))
    ]
    np.testing.assert_allclose(cosines(grams, pairs), naive, atol=1e-6)


def test_listings_that_say_nothing_are_near_to_nobody():
    for texts in ([], [""], ["", ""], ["a", ""]):
        assert len(candidates(listings_of(texts), grams_of(listings_of(texts)))) == 0
