from shelfspace.pairs.two_views import TwoViews
from tests.contracts.pair_source_contract import LATE, NOW, PairSourceContract


class TestTwoViews(PairSourceContract):
    kind = "view"
    needs_events = False

    def make(self, **settings):
        return TwoViews(**settings)

    def law(self, given, settings):
        return {(i, i, None): 1.0 for i in range(LATE if given.history.now == NOW else LATE + 1)}
