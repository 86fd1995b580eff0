"""Listings as matching reads them."""

import numpy as np
import pyarrow as pa
import pytest

from shelfspace.errors import ConfigError
from shelfspace.matching.listings import MAX_LENGTH, Listings, squeezed
from shelfspace.shop.catalogue import Catalogue
from shelfspace.shop.folding import folded
from shelfspace.shop.ids import Ids


def catalogue_of(**columns: list) -> Catalogue:
    table = pa.table(columns)
    size = table.num_rows
    return Catalogue(
        Ids([f"i{n}" for n in range(size)], "item"),
        table,
        np.full(size, -np.inf),
        np.arange(size, dtype=np.int32),
    )


def test_what_stands_between_letters_is_squeezed_out():
    assert squeezed(folded("DVD-R  52x / １６Ｘ")) == "dvdr52x16x"


def test_codes_are_words_with_a_digit_without_their_dashes():
    listings = Listings(["speck toughskin nn4-ts-blk 4g 13 case"], [""], np.array([np.nan]))
    assert listings.codes == [["nn4tsblk"]]


def test_codes_are_found_between_chinese_characters():
    listings = Listings([folded("华为Mate60Pro手机５１２ＧＢ黑色")], [""], np.array([np.nan]))
    assert listings.codes == [["mate60pro", "512gb"]]


def test_a_title_of_100_kb_is_cut():
    catalogue = catalogue_of(title=["x1 " * 40_000, "😀 emoji ножницы 剪刀"])
    listings = Listings.of(catalogue)
    assert len(listings.texts[0]) <= MAX_LENGTH
    assert "剪" in listings.words[1]
    assert "ножницы" in listings.words[1]


def test_all_that_is_said_begins_with_the_title():
    catalogue = catalogue_of(
        title=["Mug", None],
        description=["for tea", "plain"],
        category=[["Kitchen", "Cups"], None],
        price=[2.0, None],
    )
    listings = Listings.of(catalogue)
    assert listings.texts == ["mug for tea kitchen cups", "plain"]
    np.testing.assert_array_equal(listings.prices, [2.0, np.nan])


def test_sources_are_numbered_by_their_column():
    listings = Listings.of(catalogue_of(title=["a", "b", "c"], seller=["x", "y", "x"]), "seller")
    assert listings.source is not None
    assert listings.source.tolist() == [0, 1, 0]
    both = listings.beside(listings)
    assert both.source is not None
    assert both.source.tolist() == [0, 0, 0, 1, 1, 1]


def test_an_unknown_column_of_sources_is_refused_with_the_nearest():
    with pytest.raises(ConfigError, match=r"'seler'.*did you mean 'seller'"):
        Listings.of(catalogue_of(title=["a"], seller=["x"]), "seler")
