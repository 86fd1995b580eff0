"""Words in their order."""

import doctest

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given as with_any
from hypothesis import strategies as st

from shelfspace.errors import ConfigError
from shelfspace.inputs import phrases
from shelfspace.inputs.fields import Records
from shelfspace.inputs.phrases import Phrases
from shelfspace.linear.features import words_of
from tests.contracts.reader_contract import ReaderContract


class TestPhrases(ReaderContract):
    def make(self, **settings):
        return Phrases(**{"num_buckets": 500, "max_tokens": 3, **settings})


class TestTwoColumns(ReaderContract):
    def make(self, **settings):
        return Phrases(**{"columns": ["title", "category"], **settings})


def of(titles):
    return Records.of_users(pa.table({"title": titles}), np.ones(len(titles)))


def read(reader, titles):
    return reader.learn(of(titles), np.ones(len(titles), bool)).read(of(titles)).ids


@with_any(st.lists(st.text(alphabet="ab红茶 -é", max_size=12), min_size=1, max_size=6))
def test_ids_are_the_words_in_their_order(titles):
    reader = Phrases(num_buckets=1 << 20, max_tokens=4)
    ids = read(reader, titles)
    for row, title in zip(ids, titles, strict=True):
        words = words_of(title)[:4]
        assert row[: len(words)].tolist() == reader.buckets(words).tolist()
        assert (row[len(words) :] == -1).all()


def test_examples_run():
    assert doctest.testmod(phrases).failed == 0


def test_columns_follow_one_another_row_by_row():
    table = pa.table({"title": ["red mug", None], "tags": pa.array([["blue"], ["red", "mug"]])})
    given = Records.of_users(table, np.ones(2))
    reader = Phrases(columns=["tags", "title"])
    ids = reader.learn(given, np.ones(2, bool)).read(given).ids
    assert ids[0].tolist() == reader.buckets(["blue", "red", "mug"]).tolist()
    assert ids[1].tolist() == [*reader.buckets(["red", "mug"]).tolist(), -1]


def test_a_word_that_no_known_row_has_is_left_out_and_leaves_no_gap():
    reader = Phrases().learn(of(["red mug"]), np.ones(1, bool))
    assert reader.read(of(["red shiny mug"])).ids[0, :2].tolist() == reader.buckets(["red", "mug"]).tolist()


def test_a_synonym_of_a_word_learnt_from_is_known(tmp_path):
    file = tmp_path / "words.csv"
    file.write_text("Mug,cup, Becher\nlamp,light\n\nalone\n", "utf-8")
    reader = Phrases(synonyms=str(file)).learn(of(["red mug"]), np.ones(1, bool))
    found = reader.read(of(["cup", "Becher", "light", "alone", "mug"]))
    assert found.present.tolist() == [True, True, False, False, True]
    again = Phrases().restore(reader.state())
    file.unlink()  # serving does not ask for it
    np.testing.assert_array_equal(again.read(of(["cup red"])).ids, reader.read(of(["cup red"])).ids)


@pytest.mark.parametrize(
    ("text", "message"),
    [("mug,coffee cup", "line 1: 'coffee cup' is not one word"), (None, "cannot be read")],
)
def test_a_file_of_synonyms_that_cannot_be_meant_is_refused(tmp_path, text, message):
    file = tmp_path / "words.csv"
    if text is not None:
        file.write_text(text, "utf-8")
    with pytest.raises(ConfigError, match=message):
        Phrases(synonyms=str(file)).groups()


@pytest.mark.parametrize("setting", [{"columns": []}, {"num_buckets": 0}, {"max_tokens": 0}])
def test_a_bad_setting_is_named(setting):
    with pytest.raises(ConfigError, match=next(iter(setting))):
        Phrases(**setting)
