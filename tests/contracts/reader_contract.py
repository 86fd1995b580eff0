"""What every reader must do. A new reader's test is a subclass with `make` and `records`."""

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from shelfspace.config import build, settings_of
from shelfspace.inputs.fields import Bag, Field, Ordered, Records, Squares
from shelfspace.inputs.readers import READERS, Reader

NUM_ROWS = 7
KNOWN = np.array([True, True, True, True, True, False, True])
TITLES = ["Red mug", "red mugs, red plate", None, "红茶杯 red", "", "unheard words of tomorrow", "Blue Mug"]
PATHS = [["Home", "Kitchen"], ["home", "Garden"], None, [], ["home ", None], ["Moon"], ["Other", "kitchen"]]


def records(**changes: Any) -> Records:
    """Row 2 lacks everything, row 5 is not yet known, row 3 has no events."""
    vectors = np.random.default_rng(0).normal(size=(NUM_ROWS, 3)).astype(np.float32)
    vectors[2], vectors[4] = np.nan, 0.0
    columns = {
        "title": pa.array(TITLES, pa.string()),
        "category": pa.array(PATHS, pa.list_(pa.string())),
        "brand": pa.array(["Acme", "acme", None, "Other", "acme ", "Late", "acme"]),
        "price": [1.0, 20.0, None, 3.0, float("inf"), 1e6, 5.0],
        "size": pa.array([-4, 4, None, 4, 4, 900, None], pa.int64()),
    }
    return Records(
        table=pa.table(columns | changes),
        num_events=np.array([3, 1, 0, 0, 2, 4, 1]),
        vectors={"audio": vectors},
    )


def assert_same(one: Field, other: Field) -> None:
    assert type(one) is type(other)
    assert one.num_features == other.num_features
    np.testing.assert_array_equal(one.present, other.present)
    given = one.inputs(), other.inputs()
    assert given[0].keys() == given[1].keys()
    for name, array in given[0].items():
        np.testing.assert_array_equal(array, given[1][name])


class ReaderContract:
    """Subclass it, and say how the reader is made."""

    def make(self, **settings: Any) -> Reader:
        raise NotImplementedError

    def learnt(self, **settings: Any) -> Reader:
        return self.make(**settings).learn(records(), KNOWN)

    def check(self, field: Field, reader: Reader, size: int = NUM_ROWS) -> None:
        """What holds of every field."""
        assert len(field) == size
        assert field.present.shape == (size,)
        assert field.present.dtype == np.bool_
        assert field.num_features == reader.num_features >= 1
        if isinstance(field, Bag):
            assert reader.kind == "bag"
            assert (field.indptr.dtype, field.index.dtype, field.weight.dtype) == (
                np.int64,
                np.int32,
                np.float32,
            )
            assert field.indptr[0] == 0
            assert field.indptr[-1] == len(field.index) == len(field.weight)
            assert ((field.index >= 0) & (field.index < field.num_features)).all()
            assert (field.weight > 0).all()
            squares = np.add.reduceat(np.append(field.weight**2, 0), field.indptr[:-1])[field.present]
            np.testing.assert_allclose(squares, 1.0, rtol=1e-5)
        elif isinstance(field, Ordered):
            assert reader.kind == "ordered"
            assert field.ids.dtype == np.int32
            assert ((field.ids >= -1) & (field.ids < field.num_features)).all()
            there = field.ids >= 0
            assert (there[:, :-1] >= there[:, 1:]).all()
        elif isinstance(field, Squares):
            assert reader.kind == "squares"
            assert field.pixels.dtype == np.uint8
            assert field.pixels.shape[1:] == (field.num_features, field.num_features, 3)
            assert ((field.place >= -1) & (field.place < len(field.pixels))).all()
        else:
            assert reader.kind == "dense"
            assert field.values.shape == (size, field.num_features)
            assert field.values.dtype == np.float32
            assert np.isfinite(field.values).all()
            assert not field.values[~field.present].any()

    def test_reads_every_row(self) -> None:
        reader = self.learnt()
        field = reader.read(records())
        self.check(field, reader)
        assert field.present[[0, 1, 6]].all()
        assert not field.present[2]

    def test_learns_from_known_rows_only(self) -> None:
        late = {
            "title": pa.array([*TITLES[:5], "other words instead", TITLES[6]]),
            "category": pa.array([*PATHS[:5], ["Sun", "sky"], PATHS[6]]),
            "brand": ["Acme", "acme", None, "Other", "acme ", "Elsewhere", "acme"],
            "price": [1.0, 20.0, None, 3.0, float("inf"), -77.0, 5.0],
            "size": pa.array([-4, 4, None, 4, 4, -1, None], pa.int64()),
        }
        other, rows = self.make().learn(records(**late), KNOWN), np.flatnonzero(KNOWN)
        assert json.dumps(other.state()) == json.dumps(self.learnt().state())
        assert_same(other.read(records()).take(rows), self.learnt().read(records(**late)).take(rows))

    def test_state_brings_it_back(self) -> None:
        state = json.loads(json.dumps(self.learnt().state()))
        names = {part: name for name, part in READERS.items()}
        bare = READERS[names[type(self.make())]]()
        assert_same(bare.restore(state).read(records()), self.learnt().read(records()))
        assert settings_of(bare) == settings_of(self.make())

    def test_settings_build_it(self) -> None:
        reader = self.make()
        again = build({"it": type(reader)}, {"use": "it", **settings_of(reader)}, path="it")
        assert settings_of(again) == settings_of(reader)

    def test_learning_again_forgets_what_was_learnt(self) -> None:
        reader = self.learnt().learn(records(), np.zeros(NUM_ROWS, bool))
        nothing = self.make().learn(records(), np.zeros(NUM_ROWS, bool))
        assert_same(reader.read(records()), nothing.read(records()))

    @pytest.mark.parametrize("known", [np.zeros(NUM_ROWS, bool), np.arange(NUM_ROWS) == 2])
    def test_nothing_known(self, known: np.ndarray) -> None:
        reader = self.make().learn(records(), known)
        self.check(reader.read(records()), reader)

    def test_no_columns_and_no_rows(self) -> None:
        bare = Records.of_users(pa.table({}), np.zeros(4))
        reader = self.make().learn(bare, np.ones(4, bool))
        self.check(reader.read(bare), reader, 4)
        assert not reader.read(bare).present.any()
        nobody = Records.of_users(pa.table({}), np.zeros(0))
        reader = self.make().learn(nobody, np.zeros(0, bool))
        self.check(reader.read(nobody), reader, 0)

    def test_later_rows_are_read_with_what_was_learnt(self) -> None:
        now = records()
        twice = replace(
            now,
            table=pa.concat_tables([now.table, now.table]),
            num_events=np.tile(now.num_events, 2),
            vectors={name: np.tile(rows, (2, 1)) for name, rows in now.vectors.items()},
        )
        reader = self.learnt()
        field = reader.read(twice)
        self.check(field, reader, 2 * NUM_ROWS)
        assert_same(field.take(np.arange(NUM_ROWS)), reader.read(now))

    def test_leaves_its_input_alone(self) -> None:
        given = records()
        self.make().learn(given, KNOWN).read(given)
        assert given.table.equals(records().table) or given.table.to_pydict() == records().table.to_pydict()
        np.testing.assert_array_equal(given.vectors["audio"], records().vectors["audio"])
        np.testing.assert_array_equal(given.num_events, records().num_events)
