"""The words that are compared."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shelfspace.searching.terms import singular, terms_of, terms_of_items
from tests.searching.shops import catalogue


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("Laptops & BAGS", ["laptop", "bag"]),
        ("红茶包", ["红", "茶", "包", "红茶", "茶包"]),
        ("紅茶 mug", ["红", "茶", "mug", "红茶"]),
        ("Crème brûlée", ["creme", "brulee"]),
        ("🎧 !!", []),
        ("title:x AND (price<2) OR *~^", ["title", "x", "and", "price", "2", "or"]),
        (None, []),
    ],
)
def test_terms(text, terms):
    assert terms_of(text) == terms


@given(st.text(alphabet="abcdeisxhuz", min_size=1, max_size=12))
def test_the_singular_is_no_longer_and_begins_alike(word):
    found = singular(word)
    assert found
    assert len(found) <= len(word)
    assert found[:-1] == word[: len(found) - 1]


def test_terms_of_several_columns_are_one_after_the_other():
    found = terms_of_items(catalogue(), ["brand", "category", "no such column"])
    assert found[0] == ["old", "mill", "clothe", "scarve"]
    assert len(found) == 8
