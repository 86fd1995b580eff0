"""What speaks for and against a pair."""

import numpy as np
import pytest

from shelfspace.matching.blocking import grams_of, pairs_of
from shelfspace.matching.evidence import NAMES, Rarity, evidence_of, likeness, likeness_parts
from shelfspace.matching.listings import Listings

TITLES = [
    "speck case nn4tsblk 29 cm",
    "4g nano case nn4-ts-blk",
    "speck lamp zz9",
    "tough skin case",
    "toughskin",
]


def listings_of(titles: list[str], prices: list[float] | None = None) -> Listings:
    return Listings(titles, titles, np.array(prices or [np.nan] * len(titles)))


def of(listings: Listings, a: int, b: int) -> dict[str, float]:
    row = evidence_of(listings, grams_of(listings), pairs_of(np.array([[a, b]])))[0]
    return dict(zip(NAMES, row.tolist(), strict=True))


def test_a_code_is_found_whatever_stands_between_its_letters():
    found = of(listings_of(TITLES), 0, 1)
    rarity = np.log(6 / 3)  # two of the five listings hold it
    assert found["rarest code found, left"] == pytest.approx(rarity, rel=1e-6)
    assert found["rarest code found, right"] == pytest.approx(rarity, rel=1e-6)
    assert found["rarest code missed, left"] == 0.0


def test_a_code_that_the_other_lacks_speaks_against():
    found = of(listings_of(TITLES), 0, 2)
    assert found["rarest code found, left"] == 0.0
    assert found["rarest code missed, right"] == pytest.approx(np.log(6 / 2), rel=1e-6)


def test_a_long_word_is_found_inside_others():
    found = of(listings_of(TITLES), 3, 4)
    assert found["share of words found, right"] == 1.0
    assert found["words missed, left"] > 0.0  # `case` is said by one alone


def test_numbers_and_prices_are_told_apart():
    listings = listings_of(["shelf 40 60", "shelf 40 80"], [10.0, 20.0])
    found = of(listings, 0, 1)
    assert found["numbers in both titles"] == 1
    assert found["numbers missed, left"] == 1
    assert found["price ratio"] == pytest.approx(-np.log(2), rel=1e-6)
    assert found["price apart"] == pytest.approx(np.log(2), rel=1e-6)
    for price in (0.0, np.nan):
        assert np.isnan(of(listings_of(["a b", "a c"], [price, 2.0]), 0, 1)["price ratio"])


def test_rarity_counts_texts_that_hold_a_code_as_they_stand():
    listings = listings_of(["ab12 case", "xab12y", "ab 12", "cd34", "ab1"])
    naive = sum("ab12" in text for text in listings.squeezed_texts)
    assert naive == 3
    assert Rarity.of(listings).codes["ab12"] == pytest.approx(np.log(6 / 4))


def test_likeness_is_the_sum_of_its_parts():
    listings = listings_of(TITLES)
    pairs = pairs_of(np.array([[0, 1], [0, 2], [3, 4]]))
    found = evidence_of(listings, grams_of(listings), pairs)
    whole = likeness(found, len(listings))
    parts = likeness_parts(found, len(listings))
    np.testing.assert_allclose(whole, [sum(one.values()) for one in parts], rtol=1e-6)
    assert whole[0] > whole[1]


def test_no_pairs_have_no_evidence():
    listings = listings_of(["", ""])
    assert evidence_of(listings, grams_of(listings), pairs_of(np.zeros((0, 2)))).shape == (0, len(NAMES))
