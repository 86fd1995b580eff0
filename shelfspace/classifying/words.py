"""A linear classifier of sparse rows. N rows, F features, C classes."""

import math
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
from scipy import sparse
from sklearn.linear_model import SGDClassifier

from shelfspace.linear.retriever import Arrays

Floats = npt.NDArray[np.float32]

PENALTY = 3e-6
STEPS = 200_000
"""Rows that are looked at in training, each epoch all of them: small catalogues are gone through more often."""

EPOCHS = (5, 40)
"""The fewest and the most."""


@dataclass(frozen=True)
class LinearWords:
    """Logistic regressions, one a class against all others, over the features that two rows at least have.

    feature: int32 [F'], which features count;  weight: float16 [F', C];  bias: float32 [C]: where a class has not
    been seen, the lowest of all.

    Cost: five epochs of stochastic gradient descent; 27,000 titles and 142 classes take 3.3 s on one core; 2 F' C
    bytes.

    Source: Bottou 2010 (stochastic gradient descent), as in scikit-learn.
    """

    feature: npt.NDArray[np.int32]
    weight: npt.NDArray[np.float16]
    bias: Floats

    @classmethod
    def fit(
        cls, rows: sparse.csr_array, label: npt.NDArray[np.integer], num_classes: int, *, seed: int
    ) -> Self:
        """Learn from rows, [N, F], and their classes, integers [N], at least two of them."""
        usage = np.bincount(rows.indices, minlength=rows.shape[1])
        feature = np.flatnonzero(usage > 1).astype(np.int32)
        epochs = min(EPOCHS[1], max(EPOCHS[0], math.ceil(STEPS / max(1, rows.shape[0]))))
        model = SGDClassifier(loss="log_loss", alpha=PENALTY, max_iter=epochs, tol=None, random_state=seed)
        model.fit(_columns(rows, feature), label)
        weight, bias = np.asarray(model.coef_).T, np.asarray(model.intercept_)
        if len(model.classes_) == 2:  # scikit-learn then has one regression for both
            weight, bias = np.hstack([-weight, weight]) / 2, np.concatenate([-bias, bias]) / 2
        every = np.zeros((len(feature), num_classes), np.float16)
        every[:, model.classes_] = np.clip(weight, -6e4, 6e4)
        base = np.full(num_classes, bias.min() - 1.0, np.float32)
        base[model.classes_] = bias
        return cls(feature, every, base)

    def score(self, rows: sparse.csr_array) -> Floats:
        """Return log odds of each class, float32 [N, C]."""
        scores: Floats = np.asarray(_columns(rows, self.feature) @ self.weight.astype(np.float32), np.float32)
        return scores + self.bias

    def knows(self, rows: sparse.csr_array) -> npt.NDArray[np.bool_]:
        """Return which rows have a feature that counts, bool [N]."""
        known: npt.NDArray[np.bool_] = np.diff(_columns(rows, self.feature).indptr).astype(bool)
        return known

    def telling(
        self,
        row: sparse.csr_array,
        label: int,
        other: int,
        among: npt.NDArray[np.bool_] | None = None,
        k: int = 3,
    ) -> list[int]:
        """Return the features of one row, [1, F], that speak most for a class against another, the strongest first.

        Args:
            row: [1, F].
            label: the class.
            other: the other.
            among: bool [F], the features that may be named; None: all.
            k: how many at most.
        """
        only = _columns(row, self.feature)
        weight = self.weight.astype(np.float32)
        gain = only.data * (weight[only.indices, label] - weight[only.indices, other])
        if among is not None:
            gain[~among[self.feature[only.indices]]] = 0.0
        best = np.argsort(-gain, kind="stable")[:k]
        return [int(self.feature[only.indices[n]]) for n in best if gain[n] > 0]

    def arrays(self) -> Arrays:
        """Return what was learnt."""
        return {"feature": self.feature, "weight": self.weight, "bias": self.bias}

    @classmethod
    def restored(cls, arrays: Arrays) -> Self:
        """Return what `arrays` was given by."""
        return cls(
            arrays["feature"].astype(np.int32),
            arrays["weight"].astype(np.float16),
            arrays["bias"].astype(np.float32),
        )


def _columns(rows: sparse.csr_array, feature: npt.NDArray[np.int32]) -> sparse.csr_array:
    """Return some columns, with indices of 32 bits, which scikit-learn wants."""
    some = sparse.csr_array(rows[:, feature])
    some.indices, some.indptr = some.indices.astype(np.int32), some.indptr.astype(np.int32)
    return some
