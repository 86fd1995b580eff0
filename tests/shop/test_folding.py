"""One spelling of a text."""

import unicodedata

import opencc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shelfspace.linear.features import words_of
from shelfspace.matching.listings import Listings
from shelfspace.shop.duplicates import near_duplicates
from shelfspace.shop.folding import folded


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ＣＡＦÉ Ｘ１", "cafe x1"),
        ("無線藍牙耳機", "无线蓝牙耳机"),
        ("Straße", "STRASSE"),
        ("Ёлка", "елка"),
        ("５００㎖", "500ml"),
    ],
)
def test_what_a_reader_would_not_tell_apart_is_the_same(one: str, other: str):
    assert folded(one) == folded(other)
    assert words_of(one) == words_of(other)


@pytest.mark.parametrize(("one", "other"), [("ガラス", "カラス"), ("กิน", "กน"), ("की", "क")])
def test_signs_that_make_another_letter_stay(one: str, other: str):
    assert folded(one) != folded(other)


def test_a_word_with_signs_is_one_word():
    assert words_of("हिन्दी किताब") == [folded("हिन्दी"), folded("किताब")]
    assert len(words_of("كِتَاب جديد")) == 2


@given(st.text(max_size=40))
def test_folding_twice_changes_nothing_more(text: str):
    once = folded(text)
    assert folded(once) == once
    assert not any(unicodedata.combining(c) for c in unicodedata.normalize("NFD", once) if ord(c) < 0x300)


def test_traditional_titles_are_the_simplified_ones_everywhere():
    plain = ["华为无线蓝牙耳机 黑色", "小米电饭煲 4升", "保温杯 500毫升"]
    old = [opencc.OpenCC("s2t").convert(title) for title in plain]
    assert old != plain
    groups = near_duplicates(plain + old)
    assert groups.tolist() == [0, 1, 2, 0, 1, 2]
    listings = Listings(plain, plain, [0.0] * 3)
    assert [folded(title) for title in old] == [folded(title) for title in listings.titles]
