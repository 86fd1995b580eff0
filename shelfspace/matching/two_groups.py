"""How sure a pair is where nobody has labelled any: scores against those of pairs that are surely none. P pairs."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
from sklearn.isotonic import IsotonicRegression

Floats = npt.NDArray[np.float64]

FEWEST = 20
"""Scores of either kind that it takes to learn from them."""

LOW = 0.7
"""Below this quantile of the null scores next to no match is taken to lie."""


@dataclass(frozen=True)
class TwoGroups:
    """A mixture of matches and of pairs that are none, whose scores are known: the null.

    A listing's best partner is either its match, or no better than a rival: so the rivals of the chosen pairs show what
    scores a pair that is no match has. How many of the chosen pairs are none follows from how many of them score as low
    as rivals do; how likely one of them is a match, from how much denser the chosen pairs lie at its score than that
    many rivals would. The chance only rises with the score (isotonic regression).

    share_null: the estimated share of pairs, among those it was fitted on, that are no match;
    score, chance: float64 [S], the steps of the chance over the score.

    Source: Efron. Microarrays, Empirical Bayes and the Two-Groups Model. 2008; the share as in Storey 2002.

    Example:
        >>> null = np.linspace(0.0, 0.5, 50)
        >>> found = TwoGroups.fit(np.r_[null, np.full(150, 0.9)], null)
        >>> round(found.share_null, 2), found.chance_of(np.array([0.2, 0.9])).round(2).tolist()
        (0.25, [0.0, 1.0])
    """

    share_null: float
    score: Floats
    chance: Floats

    @classmethod
    def fit(cls, scores: Floats, null: Floats) -> Self:
        """Learn from scores of chosen pairs and of their rivals. O(P log P).

        Where there are fewer than `FEWEST` of either, nothing can be told of how they lie: the score is the chance.
        """
        if min(len(null), len(scores)) < FEWEST:
            return cls(float("nan"), np.array([0.0, 1.0]), np.array([0.0, 1.0]))
        # never none at all: one more pair might be one
        fewest = 1.0 / (1 + len(scores))
        share = min(1.0, max(fewest, float((scores <= np.quantile(null, LOW)).mean()) / LOW))
        value = np.concatenate([scores, null])
        chosen = np.repeat([1.0, 0.0], [len(scores), len(null)])
        weight = np.repeat([1.0 / len(scores), share / len(null)], [len(scores), len(null)])
        steps = np.unique(value)
        # of the weight at a score, the part that chosen pairs have: f / (f + share · null)
        part = IsotonicRegression().fit(value, chosen, sample_weight=weight).predict(steps)
        return cls(share, steps, np.clip(2.0 - 1.0 / np.maximum(part, 1e-6), 0.0, 1.0))

    def chance_of(self, scores: Floats) -> Floats:
        """Return how likely pairs with these scores are matches, float64."""
        return np.interp(scores, self.score, self.chance)
