"""How a phrase is read."""

import time

import pytest

from shelfspace.searching.lexical import Lexical
from shelfspace.searching.spelling import MAX_TERMS, read
from tests.searching.shops import catalogue


@pytest.fixture(scope="module")
def lexical() -> Lexical:
    return Lexical.of(catalogue(), {"title": 2, "description": 1, "brand": 1}, k1=1.2, b=0.75)


@pytest.mark.parametrize(
    ("phrase", "terms", "corrected"),
    [
        ("laptpo", ["laptop"], {"laptpo": "laptop"}),
        ("wirelss heatset", ["wireless", "headset"], {"wirelss": "wireless", "heatset": "headset"}),
        ("woolscarf", ["wool", "scarf"], {"woolscarf": "wool scarf"}),
        ("head set", ["headset"], {}),
        ("mug", ["mug"], {}),
        ("rtx 2061", ["rtx"], {}),
        ("xyzzy", [], {}),
    ],
)
def test_reading(lexical, phrase, terms, corrected):
    found = read(phrase, lexical)
    assert found.terms == terms
    assert found.corrected == corrected


def test_a_known_word_is_never_replaced(lexical):
    for term in lexical.vocabulary:
        found = read(term, lexical)
        assert not found.corrected
        assert term in found.terms


def test_what_is_meant_has_the_words_corrected(lexical):
    assert read("red wool scrf", lexical).text == "red wool scarf"
    assert read("Red, mugs!", lexical).text == "Red, mugs!"
    assert read("🎧", lexical).text == ""


def test_without_tolerance_words_stay_unknown(lexical):
    found = read("laptpo head set", lexical, tolerant=False)
    assert found.terms == []
    assert found.unknown == ["laptpo", "head", "set"]


def test_ten_thousand_characters_take_a_moment(lexical):
    begun = time.process_time()
    found = read(
        " ".join(f"qwerty{'abcdefghij'[n % 10]}{chr(97 + n // 10 % 26)}" for n in range(1000)), lexical
    )
    assert time.process_time() - begun < 2.0
    assert found.left_out > 0
    assert len(found.unknown) == MAX_TERMS
