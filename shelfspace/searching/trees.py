"""Trees that put what a search found in order: LambdaRank. They need LightGBM. P places, F features."""

from collections.abc import Sequence

import lightgbm
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating]

ROUNDS = 30
SETTINGS = {
    "objective": "lambdarank",
    "lambdarank_truncation_level": 20,
    "label_gain": [0, 1, 3, 7, 15, 31],
    "learning_rate": 0.05,
    "num_leaves": 4,
    "min_data_in_leaf": 20,
    "lambda_l2": 10.0,
    "feature_fraction": 0.7,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "deterministic": True,
    "force_row_wise": True,
    "num_threads": 1,
    "verbosity": -1,
}


class Trees:
    """What they add to a sum; `text` is as LightGBM writes it, whole: of one cut short it may end the process.

    Source: Burges. From RankNet to LambdaRank to LambdaMART: An Overview. 2010.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self._booster = lightgbm.Booster(model_str=text)

    @classmethod
    def learnt(
        cls, features: Floats, grade: npt.NDArray[np.int64], base: Floats, sizes: Sequence[int], seed: int
    ) -> "Trees":
        """Learn on top of a sum.

        Args:
            features: [P, F].
            grade: 0 to 5, int64 [P].
            base: the sum, [P].
            sizes: how many places each query has, one after the other.
            seed: of the draws.
        """
        data = lightgbm.Dataset(features, grade, group=list(sizes), init_score=np.array(base))
        booster = lightgbm.train({**SETTINGS, "seed": seed}, data, num_boost_round=ROUNDS)
        return cls(booster.model_to_string())

    def added(self, features: Floats) -> npt.NDArray[np.float32]:
        """Return what they add, float32 [P]."""
        return np.asarray(self._booster.predict(features, num_threads=1), np.float32)

    def contributions(self, features: Floats) -> npt.NDArray[np.float32]:
        """Return what each feature adds, float32 [P, F + 1], the last what all are given: TreeSHAP."""
        return np.asarray(self._booster.predict(features, pred_contrib=True, num_threads=1), np.float32)
