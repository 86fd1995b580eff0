from dataclasses import replace

import pyarrow as pa

from shelfspace.pairs.matches import Matches
from tests.contracts.pair_source_contract import NOW, PairSourceContract, sources


class TestMatches(PairSourceContract):
    needs_events = False

    def make(self, **settings):
        return Matches(**settings)

    def law(self, given, settings):
        same = [(0, 5), (2, 4)] + ([] if given.history.now == NOW else [(6, 11)])
        return {pair: 1.0 for a, b in same for pair in ((a, b, None), (b, a, None))}


def test_unknown_listings_are_counted():
    assert Matches().learn(sources()).num_unknown == 1


def test_labels_may_be_numbers():
    table = pa.table({"left_id": ["sku-0", "sku-1"], "right_id": ["sku-2", "sku-3"], "label": [1, 0]})
    assert len(Matches().learn(replace(sources(), matches=table))) == 2


def test_what_is_held_out_is_not_learnt_from():
    table = pa.table(
        {
            "left_id": ["sku-0", "sku-1", "sku-4"],
            "right_id": ["sku-2", "sku-3", "sku-5"],
            "label": [True, True, True],
            "split": ["train", "test", None],
        }
    )
    source = Matches().learn(replace(sources(), matches=table))
    assert len(source) == 4  # both ways
    assert source.counts[[1, 3]].sum() == 0
