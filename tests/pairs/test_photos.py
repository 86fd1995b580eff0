from dataclasses import replace

import numpy as np

from shelfspace.pairs.photos import Photos
from tests.contracts.pair_source_contract import (
    DUPLICATES,
    LATE,
    NOW,
    NUM_ITEMS,
    PHOTOS,
    PairSourceContract,
    fields,
    sources,
)


class TestPhotos(PairSourceContract):
    needs_events = False

    def make(self, **settings):
        return Photos(**settings)

    def law(self, given, settings):
        latest = LATE if given.history.now == NOW else LATE + 1
        shown = enumerate(PHOTOS[:-1].tolist())  # the last cannot be read
        return {(NUM_ITEMS + p, item, None): 1.0 for p, item in shown if 0 <= item < latest}

    def test_every_pair_drawn_is_marked_and_so_are_duplicates_and_nothing_else(self):
        source, given = Photos().learn(sources()), sources()
        rows = np.array([NUM_ITEMS, NUM_ITEMS + 3, NUM_ITEMS + 7], np.int32)
        marked = source.positives().mark(rows, np.arange(NUM_ITEMS, dtype=np.int32))
        wanted = DUPLICATES[PHOTOS[rows - NUM_ITEMS]][:, None] == DUPLICATES
        np.testing.assert_array_equal(marked, wanted)
        assert len(given.photos) == len(PHOTOS)


def test_without_a_field_that_reads_photos_there_are_no_pairs():
    texts = {name: seen for name, seen in fields().items() if seen.content != "photo"}
    assert len(Photos().learn(replace(sources(), fields=texts))) == 0
