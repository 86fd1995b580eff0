"""The ranker: trees that add to the blend's sum what no sum can say. It needs LightGBM.

B queries, R retrievers, P places (a query and a candidate), F features.
"""

from collections.abc import Mapping

import lightgbm
import numpy as np
import numpy.typing as npt

from shelfspace.features import Facts, Places, names_of, ranks_of, table
from shelfspace.linear.retriever import Scores
from shelfspace.shop.history import History

Amounts = npt.NDArray[np.float64]


class Ranker:
    """The blend's sum, and on top of it gradient-boosted trees.

    score = sum_r weights[r] * scaled score_r + trees(features). The trees see every retriever's scaled score and
    rank, what the past says of the item, and what is known of the user; see `shelfspace.features`.

    Args:
        weights: of the sum, by retriever; one with a weight of 0 is seen by the trees alone.
        facts: what the past says of the items.
        trees: the model as LightGBM writes it, whole: of a text that is cut short LightGBM may end the process.
        repeats: whether items that were had before may be answered.
        num_candidates: ranks are told apart up to here.

    Cost: 1 to 2 μs a place for each hundred trees, on one core.

    Source: Burges. From RankNet to LambdaRank to LambdaMART: An Overview. 2010. Lundberg et al. From local
    explanations to global understanding with explainable AI for trees. 2020.
    """

    def __init__(
        self, weights: Mapping[str, float], facts: Facts, trees: str, *, repeats: bool, num_candidates: int
    ) -> None:
        self.weights = dict(weights)
        self.facts = facts
        self.trees = trees
        self.repeats = repeats
        self.num_candidates = num_candidates
        self._booster = lightgbm.Booster(model_str=trees)

    @property
    def names(self) -> list[str]:
        """The retrievers whose scores it sees, in their order."""
        return list(self.weights)

    def scores(self, places: Places, among: Places, queries: History) -> Scores:
        """Return the scores of candidates, float32 [P]."""
        if not len(places.item):
            return np.zeros(0, np.float32)
        added = self._booster.predict(self._features(places, among, queries), num_threads=1)
        scores: Scores = (self._sum(places) + np.asarray(added)).astype(np.float32)
        return scores

    def contributions(
        self, places: Places, among: Places, queries: History
    ) -> tuple[dict[str, Amounts], dict[str, Amounts]]:
        """Return what each retriever, and what each thing beside them, adds to the sum, float64 [P] by name: TreeSHAP.

        A retriever's score and rank count as one; `every item` is what all are given. Together they are what the trees
        add.
        """
        names = [*names_of(self.names, repeats=self.repeats), "every item"]
        values = np.zeros((len(places.item), len(names)))
        if len(values):
            features = self._features(places, among, queries)
            values = np.asarray(self._booster.predict(features, pred_contrib=True, num_threads=1))
        size = 2 * len(self.names)
        pairs = values[:, :size:2] + values[:, 1:size:2]
        beside = dict(zip(names[size:], values[:, size:].T, strict=True))
        return dict(zip(self.names, pairs.T, strict=True)), beside

    def _sum(self, places: Places) -> npt.NDArray[np.float64]:
        return np.asarray(list(self.weights.values())) @ places.scores

    def _features(self, places: Places, among: Places, queries: History) -> npt.NDArray[np.float32]:
        ranks = ranks_of(places, among, self.num_candidates)
        return table(places, ranks, queries, self.facts, repeats=self.repeats)
