"""Gradient-boosted trees that tell matches from other pairs. They need LightGBM. P pairs, F numbers of a pair."""

from collections.abc import Sequence
from typing import Any, Self

import lightgbm
import numpy as np
import numpy.typing as npt
from scipy.special import expit

Floats = npt.NDArray[np.float64]
Table = npt.NDArray[np.floating]

ROUNDS = 400
SETTINGS: dict[str, Any] = {
    "objective": "binary",
    "learning_rate": 0.03,
    "num_leaves": 15,
    "min_data_in_leaf": 10,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "feature_fraction": 0.6,
    "lambda_l2": 5.0,
    "num_threads": 1,
    "deterministic": True,
    "force_row_wise": True,
    "verbosity": -1,
}


class Trees:
    """Several boosters, each trained without a part of the pairs; the mean of their log odds counts.

    texts: each booster as LightGBM writes it, whole: of a text that is cut short LightGBM may end the process.

    Cost: to fit, some seconds for 10 thousand pairs; to answer, some 20 μs a pair.

    Source: Ke et al. LightGBM. 2017.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        self.texts = list(texts)
        self._boosters = [lightgbm.Booster(model_str=text) for text in self.texts]

    @classmethod
    def crossed(
        cls,
        table: Table,
        label: npt.NDArray[np.bool_],
        part: npt.NDArray[np.integer],
        *,
        seed: int,
        rounds: int = ROUNDS,
        **settings: Any,
    ) -> tuple[Self, Floats]:
        """Train a booster without each part; return them, and each pair's chance by the one that did not see it.

        Args:
            table: [P, F].
            label: bool [P].
            part: integers [P]: pairs that share something belong into one part, so that none of it is known.
            seed: of the trees.
            rounds: how many trees.
            **settings: LightGBM's, over `SETTINGS`.
        """
        texts, chance = [], np.zeros(len(label))
        for number, left_out in enumerate(np.unique(part)):
            kept = part != left_out
            given = {**SETTINGS, "seed": seed * 1000 + number, **settings}
            booster = lightgbm.train(given, lightgbm.Dataset(table[kept], label[kept]), rounds)
            texts.append(booster.model_to_string())
            chance[~kept] = booster.predict(table[~kept], num_threads=1)
        return cls(texts), chance

    def chance_of(self, table: Table) -> Floats:
        """Return how likely pairs are matches, float64 [P]."""
        if not len(table):
            return np.zeros(0)
        odds = np.mean(
            [booster.predict(table, raw_score=True, num_threads=1) for booster in self._boosters], axis=0
        )
        chance: Floats = expit(odds)
        return chance

    def contributions(self, table: Table) -> Floats:
        """Return what each number adds to the log odds, float64 [P, F + 1], the last what all are given: TreeSHAP."""
        parts = [booster.predict(table, pred_contrib=True, num_threads=1) for booster in self._boosters]
        return np.asarray(np.mean(parts, axis=0), np.float64)
