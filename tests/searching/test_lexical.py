"""BM25 over weighed fields, against a plain recomputation."""

import numpy as np
import pytest

from shelfspace.searching.lexical import Lexical
from shelfspace.searching.terms import terms_of_items
from tests.searching.shops import catalogue, ids

FIELDS = {"title": 3, "description": 1, "brand": 2, "category": 0}


@pytest.fixture(scope="module")
def lexical() -> Lexical:
    return Lexical.of(catalogue(), FIELDS, k1=1.2, b=0.75)


def naive(term: str, fields: dict[str, int], k1: float, b: float) -> list[float]:
    """BM25 in float64 of a text in which each field stands so many times (Robertson, Zaragoza, Taylor 2004)."""
    texts = [
        [term for some, times in zip(row, fields.values(), strict=True) for term in some * times]
        for row in zip(*(terms_of_items(catalogue(), [name]) for name in fields), strict=True)
    ]
    having = sum(term in text for text in texts)
    idf = np.log(1 + (len(texts) - having + 0.5) / (having + 0.5))
    mean = np.mean([len(text) for text in texts])
    return [
        idf * text.count(term) / (text.count(term) + k1 * (1 - b + b * len(text) / mean)) for text in texts
    ]


@pytest.mark.parametrize("term", ["red", "wool", "acme", "茶", "红茶", "2060"])
def test_each_term_is_what_plain_arithmetic_says(lexical, term):
    found = lexical.parts([term]).toarray()[0]
    assert found == pytest.approx(naive(term, FIELDS, 1.2, 0.75), rel=1e-5)


def test_a_field_that_counts_nothing_is_not_searched(lexical):
    assert "kitchen" not in lexical.place
    assert list(lexical.fields) == ["title", "description", "brand"]


def test_where_a_term_stands(lexical):
    items = np.arange(8)
    assert ids(np.flatnonzero(lexical.stands(["mug"], "title", items))) == ["c"]
    assert lexical.stands(["warm", "soft", "mill"], "description", items)[0] == pytest.approx(2 / 3)
    assert lexical.stands(["warm", "soft", "mill"], "brand", items)[0] == pytest.approx(1 / 3)
    assert not lexical.stands(["warm"], "colour", items).any()
    assert not lexical.stands([], "title", items).any()


def test_how_many_items_have_a_term(lexical):
    assert lexical.frequency[lexical.place["wool"]] == 2
    assert lexical.frequency[lexical.place["茶"]] == 2
