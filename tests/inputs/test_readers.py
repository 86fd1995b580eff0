import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest

from shelfspace.errors import ConfigError, DataError
from shelfspace.inputs.fields import Records
from shelfspace.inputs.quantities import Numbers
from shelfspace.inputs.readers import Ids, Ready
from shelfspace.inputs.tags import Tags
from tests.contracts.reader_contract import KNOWN, ReaderContract, records

EVERY = np.ones(7, bool)


class TestIds(ReaderContract):
    def make(self, **settings):
        return Ids(**settings)


class TestTags(ReaderContract):
    def make(self, **settings):
        return Tags(**{"column": "category", **settings})


class TestPaths(ReaderContract):
    def make(self, **settings):
        return Tags(**{"column": "category", "is_path": True, **settings})


class TestBrands(ReaderContract):
    def make(self, **settings):
        return Tags(**{"column": "brand", **settings})


class TestNumbers(ReaderContract):
    def make(self, **settings):
        return Numbers(**{"columns": ["price", "size"], **settings})


class TestReady(ReaderContract):
    def make(self, **settings):
        return Ready(**{"name": "audio", **settings})


def of(**columns):
    table = pa.table(columns)
    return Records.of_users(table, np.ones(table.num_rows))


def tags(reader, given):
    """The values of each row, as words."""
    bag, names = reader.read(given), reader.vocabulary.to_pylist()
    return [{names[i] for i in bag.index[a:b]} for a, b in zip(bag.indptr[:-1], bag.indptr[1:], strict=True)]


def test_an_id_is_there_only_where_events_trained_it():
    reader = Ids().learn(records(), KNOWN)
    assert reader.num_features == 7
    assert reader.read(records()).present.tolist() == [True, True, False, False, True, False, True]
    later = Records.of_users(pa.table({}), np.full(9, 5))
    bag = reader.read(later)
    assert bag.index.tolist() == [0, 1, 4, 6]
    assert reader.read(Records.of_users(pa.table({}), np.full(2, 5))).index.tolist() == [0, 1]


def test_tags_are_the_values_without_case_and_blanks():
    reader = Tags(column="category").learn(records(), KNOWN)
    assert reader.vocabulary.to_pylist() == ["garden", "home", "kitchen", "other"]
    assert tags(reader, records()) == [
        {"home", "kitchen"},
        {"home", "garden"},
        set(),
        set(),
        {"home"},
        set(),
        {"other", "kitchen"},
    ]


def test_each_step_of_a_path_is_a_tag_with_those_before_it():
    reader = Tags(column="category", is_path=True).learn(records(), KNOWN)
    assert tags(reader, records())[0] == {"home", "home > kitchen"}
    assert tags(reader, records())[6] == {"other", "other > kitchen"}


def test_rare_tags_are_not_learnt():
    reader = Tags(column="category", min_count=2).learn(records(), KNOWN)
    assert reader.vocabulary.to_pylist() == ["home", "kitchen"]


def test_a_tag_said_twice_in_a_row_counts_once_and_for_one_row():
    given = of(category=pa.array([["a", "A"], ["b"]]))
    assert Tags(min_count=2).learn(given, np.ones(2, bool)).vocabulary.to_pylist() == []
    assert Tags().learn(given, np.ones(2, bool)).read(given).indptr.tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("column", "words"),
    [
        (pa.array([1, 2, None, 1]), [{"1"}, {"2"}, set(), {"1"}]),
        (pa.array([True, None, False, False]), [{"true"}, set(), {"false"}, {"false"}]),
        (pa.array([0.5, float("nan"), None, 0.5]), [{"0.5"}, set(), set(), {"0.5"}]),
        (pa.array(["x", "", None, "x"]).dictionary_encode(), [{"x"}, set(), set(), {"x"}]),
        (pa.array(["x", " ", None, "ｘ"], pa.large_string()), [{"x"}, set(), set(), {"x"}]),
        (pa.array([["x", None], [], None, ["y"]], pa.large_list(pa.string())), [{"x"}, set(), set(), {"y"}]),
        (pa.nulls(4), [set(), set(), set(), set()]),
    ],
)
def test_a_profile_column_of_any_type_has_tags(column, words):
    given = of(age=column)
    assert tags(Tags(column="age").learn(given, np.ones(4, bool)), given) == words


def test_a_table_in_many_chunks_is_read_like_one():
    one = of(category=pa.array([["a"], ["b", "c"], ["a", "c"]]))
    parts = pa.concat_tables([one.table.slice(0, 1), one.table.slice(1, 1), one.table.slice(2)])
    reader = Tags().learn(one, np.ones(3, bool))
    assert tags(reader, Records.of_users(parts, np.ones(3))) == [{"a"}, {"b", "c"}, {"a", "c"}]


def test_a_column_of_structs_is_refused_by_name():
    with pytest.raises(DataError, match="'odd'"):
        Tags(column="odd").learn(of(odd=[{"a": 1}]), np.ones(1, bool))


def test_numbers_are_standardised_logarithms_with_a_flag_for_what_is_missing():
    field = Numbers(columns=["price", "size"]).learn(records(), KNOWN).read(records())
    logs = np.log1p(np.array([1.0, 20.0, 3.0, 5.0]))
    np.testing.assert_allclose(
        field.values[[0, 1, 3, 6], 0], (logs - logs.mean()) / logs.std(), rtol=1e-5, atol=1e-6
    )
    sizes = np.log1p(4.0) * np.array([-1.0, 1.0, 1.0, 1.0])
    assert field.values[0, 1] == pytest.approx((sizes[0] - sizes.mean()) / sizes.std(), rel=1e-5)
    assert field.values[[0, 4, 6], 2].tolist() == [0.0, 1.0, 0.0]
    assert field.values[[0, 4, 6], 3].tolist() == [0.0, 0.0, 1.0]
    assert field.present.tolist() == [True, True, False, True, True, True, True]


@pytest.mark.parametrize("price", [[7.0, 7.0, 1e300], [0.0, 0.0, -1e300], [7.0, 7.0 + 1e-9, 8.0]])
def test_a_constant_column_and_a_huge_number_stay_finite(price):
    field = Numbers().learn(of(price=price), np.array([True, True, False])).read(of(price=price))
    assert np.abs(field.values).max() <= 10
    np.testing.assert_allclose(field.values[:2, 0], 0.0, atol=1e-6)


def test_a_column_of_words_is_no_number():
    with pytest.raises(DataError, match="'price'"):
        Numbers().learn(of(price=["cheap"]), np.ones(1, bool))


def test_ready_vectors_are_of_unit_length_and_absent_where_they_say_nothing():
    field = Ready(name="audio").learn(records(), KNOWN).read(records())
    assert field.present.tolist() == [True, True, False, True, False, True, True]
    np.testing.assert_allclose(np.linalg.norm(field.values[field.present], axis=1), 1.0, rtol=1e-6)
    given = records().vectors["audio"][0].astype(np.float64)
    np.testing.assert_allclose(field.values[0], given / np.linalg.norm(given), rtol=1e-6)


@pytest.mark.parametrize("scale", [1e-40, 1e38])
def test_ready_vectors_of_any_scale(scale):
    vectors = {"audio": np.array([[1, -1], [0, 0]], np.float32) * np.float32(scale)}
    given = Records(pa.table({}), np.ones(2, np.int64), vectors)
    field = Ready(name="audio").learn(given, np.ones(2, bool)).read(given)
    np.testing.assert_allclose(field.values, [[0.5**0.5, -(0.5**0.5)], [0, 0]], rtol=1e-6)


def test_ready_vectors_of_another_width_are_refused():
    wide = Records(pa.table({}), np.ones(1, np.int64), {"audio": np.ones((1, 5), np.float32)})
    with pytest.raises(DataError, match="audio"):
        Ready(name="audio").learn(records(), KNOWN).read(wide)


@pytest.mark.parametrize(
    ("make", "setting"),
    [(lambda: Tags(min_count=0), "min_count"), (lambda: Numbers(columns=[]), "columns")],
)
def test_a_bad_setting_is_named(make, setting):
    with pytest.raises(ConfigError, match=setting):
        make()


def test_records_of_unequal_length_are_refused():
    with pytest.raises(DataError, match="'price'"):
        Records.of_users(pa.table({"price": [1.0]}), np.ones(2))
    with pytest.raises(DataError, match="'audio'"):
        Records(pa.table({}), np.ones(2, np.int64), {"audio": np.ones((3, 2), np.float32)})


def test_reading_needs_no_torch():
    code = "import sys, shelfspace.inputs.readers; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
