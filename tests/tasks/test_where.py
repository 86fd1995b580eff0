"""The grammar of filters."""

import contextlib

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shelfspace.errors import FilterError
from shelfspace.shop.catalogue import Catalogue
from shelfspace.shop.ids import Ids
from shelfspace.tasks.where import where_mask

ITEMS = Catalogue(
    Ids(["a", "b", "c"], "item"),
    pa.table(
        {
            "price": [1.0, 25.0, None],
            "category": [["Shoes", "Red"], ["hats"], None],
            "brand": ["Acme", "Old Mill", None],
            "颜色": ["红色", "蓝色", None],
            "available": [True, False, None],
        }
    ),
    np.zeros(3),
    np.arange(3, dtype=np.int32),
)


@pytest.mark.parametrize(
    ("where", "kept"),
    [
        (None, "abc"),
        ("  ", "abc"),
        ("price<20", "a"),
        ("price<20 and category:shoes and available", "a"),
        ("price >= 25 or category:SHOES", "ab"),
        ("not available", "bc"),
        ("not not available", "a"),
        ("available=true", "a"),
        ("price!=1", "b"),
        ("price:25", "b"),
        ('brand="old mill"', "b"),
        ("brand in (Acme, 'Old Mill')", "ab"),
        ("item_id in (a, c)", "ac"),
        ("not (item_id in (a, c))", "b"),
        ("颜色:红色", "a"),
        ("price<20 or price>20 and brand:acme", "a"),
    ],
)
def test_what_is_kept(where, kept):
    assert "".join(np.array(list("abc"))[where_mask(where, ITEMS)]) == kept


@pytest.mark.parametrize(
    ("where", "word"),
    [
        ("price<20 and", "character 13"),
        ("price<20; drop table items", "character 11"),
        ("pice<3", "did you mean 'price'"),
        ("price<abc", "'abc' is not"),
        ("brand", "brand:value"),
        ("category<3", "no order"),
        ("x" * 20_000, "too long"),
        ("((((", "cannot read"),
    ],
)
def test_what_cannot_be_read(where, word):
    with pytest.raises(FilterError, match=word):
        where_mask(where, ITEMS)


@given(st.text(max_size=60))
def test_any_text_is_a_filter_or_a_clear_error(text):
    with contextlib.suppress(FilterError):
        assert where_mask(text, ITEMS).shape == (3,)
