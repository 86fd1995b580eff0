"""Each way against what it says, run by run."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shelfspace.inputs.packing import Runs
from shelfspace.inputs.ragged import indptr_of
from shelfspace.pairs.altering import WAYS, crop, insert, mask, reorder, substitute

NEAR = np.array([3, -1, 5, 0, 2, 2], np.int32)
SHARES = st.floats(0.0, 1.0)
LENGTHS = st.lists(st.integers(0, 7), max_size=6)


def runs_of(lengths, seed=0):
    rng, size = np.random.default_rng(seed), sum(lengths)
    item = rng.integers(0, len(NEAR), size)
    age = -np.arange(size, dtype=np.float32)
    return Runs(indptr_of(lengths), item, age, rng.integers(0, 2, size), np.zeros(size, bool))


def split(runs, name):
    values = getattr(runs, name).tolist()
    return [values[a:b] for a, b in zip(runs.indptr[:-1], runs.indptr[1:], strict=True)]


@given(lengths=LENGTHS, share=SHARES, way=st.sampled_from(sorted(WAYS)), seed=st.integers(0, 9))
def test_every_way_keeps_runs_whole_and_what_it_was_given(lengths, share, way, seed):
    runs, before = runs_of(lengths, seed), runs_of(lengths, seed)
    found = WAYS[way](runs, np.random.default_rng(seed), share, NEAR)
    again = WAYS[way](runs, np.random.default_rng(seed), share, NEAR)
    assert len(found) == len(lengths)
    assert [n > 0 for n in found.lengths()] == [n > 0 for n in lengths]
    for name in ("indptr", "item", "age", "kind", "hidden"):
        np.testing.assert_array_equal(getattr(runs, name), getattr(before, name))
        np.testing.assert_array_equal(getattr(found, name), getattr(again, name))
    assert len(found.item) == len(found.age) == len(found.kind) == len(found.hidden) == found.indptr[-1]


@given(lengths=LENGTHS, share=SHARES)
def test_crop_keeps_events_that_follow_one_another(lengths, share):
    runs = runs_of(lengths)
    found = crop(runs, np.random.default_rng(0), share, NEAR)
    for whole, kept in zip(split(runs, "age"), split(found, "age"), strict=True):
        assert len(kept) == (min(len(whole), max(1, round(share * len(whole)))) if whole else 0)
        at = whole.index(kept[0]) if kept else 0
        assert kept == whole[at : at + len(kept)]


@given(lengths=LENGTHS, share=SHARES)
def test_reorder_shuffles_one_stretch_and_leaves_times(lengths, share):
    runs = runs_of(lengths)
    found = reorder(runs, np.random.default_rng(0), share, NEAR)
    np.testing.assert_array_equal(found.age, runs.age)
    for before, after in zip(split(runs, "item"), split(found, "item"), strict=True):
        assert sorted(before) == sorted(after)
        moved = [n for n, (a, b) in enumerate(zip(before, after, strict=True)) if a != b]
        assert not moved or moved[-1] - moved[0] < round(share * len(before))


def test_reorder_does_shuffle():
    runs = Runs(indptr_of([50]), np.arange(50), np.zeros(50, np.float32), np.arange(50), np.zeros(50, bool))
    found = reorder(runs, np.random.default_rng(0), 1.0, NEAR)
    assert (found.item != runs.item).sum() > 40
    np.testing.assert_array_equal(found.kind, found.item)


def test_mask_and_substitute_alter_their_share():
    runs = runs_of([5] * 2000)
    masked = mask(runs, np.random.default_rng(0), 0.3, NEAR)
    assert masked.hidden.mean() == pytest.approx(0.3, abs=0.02)
    np.testing.assert_array_equal(masked.item, runs.item)
    replaced = substitute(runs, np.random.default_rng(0), 0.3, NEAR)
    changed = replaced.item != runs.item
    np.testing.assert_array_equal(replaced.item[changed], NEAR[runs.item[changed]])
    assert changed.mean() == pytest.approx(0.3 * (NEAR[runs.item] >= 0).mean(), abs=0.02)


@given(lengths=LENGTHS)
def test_insert_puts_what_is_taken_most_with_an_event_before_it(lengths):
    runs = runs_of(lengths)
    found = insert(runs, np.random.default_rng(0), 1.0, NEAR)
    expected = [
        [x for i in run for x in ([int(NEAR[i])] if NEAR[i] >= 0 else []) + [i]]
        for run in split(runs, "item")
    ]
    assert split(found, "item") == expected
    ages = [
        [x for i, a in zip(run, age, strict=True) for x in [a] * (2 if NEAR[i] >= 0 else 1)]
        for run, age in zip(split(runs, "item"), split(runs, "age"), strict=True)
    ]
    assert split(found, "age") == ages
