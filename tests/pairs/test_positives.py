import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from shelfspace.pairs.positives import Positives, SharedValues
from shelfspace.shop.history import History
from tests.contracts.pair_source_contract import DUPLICATES, NUM_ITEMS, catalogue

ITEM = st.integers(0, NUM_ITEMS - 1)
LISTS = st.lists(st.lists(ITEM, max_size=6), min_size=1, max_size=6)


@given(LISTS, st.data())
def test_marks_are_those_of_a_naive_look_up(lists, data):
    listed = [sorted(set(some)) for some in lists]
    indptr = np.cumsum([0, *map(len, listed)])
    positives = Positives(indptr, np.array([i for some in listed for i in some], np.int32))
    rows = data.draw(st.lists(st.integers(0, len(lists) - 1), max_size=7))
    candidates = data.draw(st.lists(ITEM, max_size=9))
    marked = positives.mark(np.array(rows, np.int32), np.array(candidates, np.int32))
    assert marked.shape == (len(rows), len(candidates))
    assert marked.tolist() == [[item in listed[row] for item in candidates] for row in rows]


@given(LISTS)
def test_of_users_are_what_they_took_and_its_duplicates(lists):
    user = np.repeat(np.arange(len(lists)), [len(some) for some in lists])
    item = [i for some in lists for i in some]
    history = History.of(user, item, num_users=len(lists), num_items=NUM_ITEMS)
    everything = np.arange(NUM_ITEMS, dtype=np.int32)
    rows = np.arange(len(lists), dtype=np.int32)
    plain = Positives.of_users(history).mark(rows, everything)
    wide = Positives.of_users(history, catalogue()).mark(rows, everything)
    for row, some in enumerate(lists):
        assert np.flatnonzero(plain[row]).tolist() == sorted(set(some))
        assert set(np.flatnonzero(wide[row])) == {
            i for i in range(NUM_ITEMS) if DUPLICATES[i] in DUPLICATES[some]
        }


@given(st.lists(st.tuples(st.integers(0, 4), ITEM), max_size=20), st.lists(ITEM, max_size=8))
def test_shared_values_mark_as_the_listed_pairs_do(members, candidates):
    holds = np.zeros((5, NUM_ITEMS), np.float32)
    for value, item in members:
        holds[value, item] = 1.0
    rows, asked = np.arange(NUM_ITEMS, dtype=np.int32), np.array(candidates, np.int32)
    shared = SharedValues.of(sparse.csr_array(holds), catalogue()).mark(rows, asked)
    same = (DUPLICATES[:, None] == DUPLICATES).astype(np.float32)
    wide = same @ holds.T
    np.testing.assert_array_equal(shared, (wide @ wide.T + same > 0)[:, asked])


def test_lists_are_ascending():
    pairs = sparse.csr_array(np.random.default_rng(0).random((NUM_ITEMS, NUM_ITEMS)) < 0.3)
    positives = Positives.of_items(pairs, catalogue())
    assert positives.indptr.dtype == np.int64
    assert positives.item.dtype == np.int32
    for row in range(NUM_ITEMS):
        listed = positives.item[positives.indptr[row] : positives.indptr[row + 1]]
        assert (np.diff(listed) > 0).all()
        assert row in listed
