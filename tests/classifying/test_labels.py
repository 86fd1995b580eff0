"""Labels as listings give them, and how far along a path an answer is sure."""

import numpy as np
import pyarrow as pa
import pytest

from shelfspace.classifying.labels import NEVER, Classes, given_by, paths_of, written
from shelfspace.errors import ConfigError, DataError
from shelfspace.shop.catalogue import Catalogue
from shelfspace.shop.ids import Ids

CLASSES = Classes((("home",), ("home", "cup"), ("home", "lamp"), ("shoe", "boot")))


def catalogue_of(**columns: object) -> Catalogue:
    table = pa.table(columns)
    num = table.num_rows
    ids = Ids([f"n-{n}" for n in range(num)], "item")
    return Catalogue(ids, table, np.zeros(num), np.arange(num, dtype=np.int32))


def test_chances_of_a_prefix_are_those_of_all_that_begin_with_it():
    sure = CLASSES.sure(np.array([[0.1, 0.5, 0.2, 0.2]]))
    found = dict(zip(CLASSES.prefixes, sure[0].tolist(), strict=True))
    assert found == pytest.approx(
        {
            ("home",): 0.8,
            ("home", "cup"): 0.5,
            ("home", "lamp"): 0.2,
            ("shoe",): 0.2,
            ("shoe", "boot"): 0.2,
        }
    )


@pytest.mark.parametrize(
    ("threshold", "path"),
    [(0.4, ("home", "cup")), (0.6, ("home",)), (0.85, None), (NEVER, None), (0.15, ("home", "cup"))],
)
def test_the_longest_prefix_that_is_sure_enough_is_the_answer(threshold: float, path: tuple[str, ...] | None):
    sure = CLASSES.sure(np.array([[0.1, 0.5, 0.2, 0.2]]))
    (at,) = CLASSES.longest(sure, threshold)
    assert (CLASSES.prefixes[at] if at >= 0 else None) == path


def test_labels_that_one_listing_alone_has_are_left_out_and_told():
    given = given_by(catalogue_of(colour=["red", " red ", "blue", "blue", "mauve", "", None]), "colour")
    assert given.classes.paths == (("blue",), ("red",))
    assert given.code.tolist() == [1, 1, 0, 0, -1, -1, -1]
    assert given.told[4:] == (("mauve",), None, None)
    assert given.notes == ("colour: left out 1 labels that one listing alone has",)


def test_a_category_is_a_path_and_numbers_are_texts():
    catalogue = catalogue_of(category=[["a", " b"], ["a"], [], None], year=[2011, 2012, None, 2011])
    assert paths_of(catalogue, "category") == (("a", "b"), ("a",), None, None)
    assert paths_of(catalogue, "year") == (("2011",), ("2012",), None, ("2011",))
    assert written(("a", "b")) == "a > b"
    assert written(None) is None


def test_a_column_that_is_not_there_or_teaches_nothing_is_refused():
    catalogue = catalogue_of(
        baseColour=["red", "red", "red"],
        each=["a", "b", "c"],
        none=pa.nulls(3, pa.string()),
        tags=[["a"], ["a", "b"], []],
    )
    with pytest.raises(ConfigError, match=r"no column 'basecolor'; did you mean 'baseColour'"):
        given_by(catalogue, "basecolor")
    for column, said in {
        "baseColour": "has 1 label",
        "each": "no two listings share",
        "none": "no listing has",
        "tags": "several values",
    }.items():
        with pytest.raises(DataError, match=said):
            given_by(catalogue, column)
