import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shelfspace.inputs.fields import Bag, Dense, Ordered, Squares, arrays_of, field_of
from tests.contracts.reader_contract import assert_same

ROWS = st.lists(st.lists(st.tuples(st.integers(0, 4), st.floats(0.125, 9)), max_size=4), max_size=5)


def bag_of(rows):
    row = [n for n, some in enumerate(rows) for _ in some]
    index, weight = [i for some in rows for i, _ in some], [w for some in rows for _, w in some]
    return Bag.unit(row, index, weight, num_rows=len(rows), num_features=5)


def naive(rows):
    return [[(i, w / sum(v * v for _, v in some) ** 0.5) for i, w in some] for some in rows]


@given(ROWS, st.integers(1, 6) | st.none(), st.data())
@settings(max_examples=60)
def test_a_bag_is_what_its_rows_say(rows, length, data):
    bag = bag_of(rows)
    taken = data.draw(st.lists(st.integers(0, len(rows) - 1), max_size=6)) if rows else []
    for of, expected in (
        (bag, naive(rows)),
        (bag.take(np.array(taken, int)), [naive(rows)[t] for t in taken]),
    ):
        assert len(of) == len(expected)
        assert of.present.tolist() == [bool(some) for some in expected]
        index, weight = of.padded(length)
        width = max([1, *map(len, expected)]) if length is None else length
        assert index.shape == weight.shape == (len(expected), width)
        assert (index.dtype, weight.dtype) == (np.int64, np.float32)
        for row, some in enumerate(expected):
            padding = [(0, 0.0)] * (width - len(some))
            wanted = [*some[:width], *padding]
            assert index[row].tolist() == [i for i, _ in wanted]
            np.testing.assert_allclose(weight[row], [w for _, w in wanted], rtol=1e-5)


@pytest.mark.parametrize(
    "field",
    [
        bag_of([[(1, 2.0)], [], [(4, 1.0), (0, 1.0)]]),
        Dense(np.eye(2, dtype=np.float32), np.ones(2, bool)),
        Ordered(np.array([[3, 1, 2], [-1, -1, -1], [0, -1, -1]], np.int32), 5),
        Squares(np.arange(2 * 4 * 4 * 3, dtype=np.uint8).reshape(2, 4, 4, 3), np.array([1, -1, 0, 1])),
    ],
)
def test_arrays_bring_a_field_back(field):
    assert_same(field_of(arrays_of(field)), field)


def test_dense_rows_are_taken_in_order():
    field = Dense(np.arange(6, dtype=np.float32).reshape(3, 2), np.array([True, False, True]))
    taken = field.take(np.array([2, 1]))
    assert taken.values.tolist() == [[4.0, 5.0], [2.0, 3.0]]
    assert taken.present.tolist() == [True, False]
    assert (len(field), field.num_features) == (3, 2)


def test_ordered_rows_are_given_no_wider_than_the_longest():
    field = Ordered(np.array([[3, 1, 2], [4, -1, -1], [-1, -1, -1]], np.int32), 5)
    assert field.inputs()["ids"].tolist() == [[3, 1, 2], [4, -1, -1], [-1, -1, -1]]
    assert field.take(np.array([1, 2])).inputs()["ids"].tolist() == [[4], [-1]]
    assert field.take(np.array([], int)).inputs()["ids"].shape == (0, 1)
    assert field.present.tolist() == [True, True, False]


def test_rows_without_a_photo_are_black_and_absent():
    pixels = np.arange(2 * 2 * 2 * 3, dtype=np.uint8).reshape(2, 2, 2, 3) + np.uint8(1)
    field = Squares(pixels, np.array([1, -1, 0, 1]))
    taken = field.take(np.array([1, 3]))
    assert taken.present.tolist() == [False, True]
    np.testing.assert_array_equal(taken.inputs()["pixels"], [np.zeros_like(pixels[0]), pixels[1]])


@pytest.mark.parametrize(("side", "at_once"), [(224, 16), (64, 196), (8, 2048), (4000, 1)])
def test_larger_photos_are_encoded_fewer_at_once(side, at_once):
    nothing = np.zeros((0, side, side, 3), np.uint8)
    assert Squares(nothing, np.zeros(0, np.int64)).rows_at_once == at_once
