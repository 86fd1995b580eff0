"""Listings as parts that can be left out."""

import numpy as np
import pytest

from shelfspace.explaining.parts import MOST, Part, parts_of, without


def test_words_of_texts_and_whole_columns_and_nothing_that_is_not_there():
    listing = {
        "title": "Red MUG, red",
        "brand": "Acme",
        "category": ["home", "cup"],
        "image": "",
        "price": None,
    }
    found = parts_of(listing, ["title", "description"], ["title", "brand", "category", "image", "price"])
    assert found == [Part("title", "red"), Part("title", "mug"), Part("brand"), Part("category")]
    names = [part.named(listing.get(part.column)) for part in found]
    assert names == ["title: red", "title: mug", "brand: Acme", "category: home > cup"]
    assert Part("image").named("a.png") == "image"
    assert Part("description").named("d" * 100) == "description"
    assert parts_of({"title": None}, ["title"], ["title"]) == []


def test_of_too_many_words_the_longest_text_stays_whole():
    listing = {"title": "one two", "description": " ".join(f"w{n}" for n in range(5000))}
    found = parts_of(listing, ["title", "description"], [])
    assert found == [Part("title", "one"), Part("title", "two"), Part("description")]
    long = parts_of({"title": " ".join(f"w{n}" for n in range(MOST))}, ["title"], [])
    assert len(long) == MOST


@pytest.mark.parametrize(
    ("there", "left"),
    [
        ([True, True, True], "Rot, ROT Tasse 茶"),
        ([False, True, True], ",  Tasse 茶"),
        ([True, True, False], "Rot, ROT Tasse "),
        ([False, False, False], None),
    ],
)
def test_a_word_is_left_out_wherever_it_stands_in_any_case(there, left):
    value = "Rot, ROT Tasse 茶"
    parts = parts_of({"title": value}, ["title"], [])
    assert [part.word for part in parts] == ["rot", "tasse", "茶"]
    assert without(value, parts, np.array(there)) == left


def test_whole_columns_and_lists():
    assert without(["a", "b"], [Part("category")], np.array([False])) is None
    assert without(3.5, [Part("price")], np.array([True])) == 3.5
    words = [Part("title", "red"), Part("title", "mug")]
    assert without(["red mug", None, "mug"], words, np.array([True, False])) == ["red ", ""]
