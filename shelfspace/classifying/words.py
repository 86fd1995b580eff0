"""A linear classifier of sparse rows. N rows, F features, C classes."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
from scipy import sparse

from shelfspace.linear.retriever import Arrays

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class LinearWords:
    """Logistic regressions, one a class against all others, over the features that two rows at least have.

    feature: int32 [F'], which features count;  weight: float16 [F', C];  bias: float32 [C]: where a class has not
    been seen, the lowest of all.
    """

    feature: npt.NDArray[np.int32]
    weight: npt.NDArray[np.float16]
    bias: Floats

    def score(self, rows: sparse.csr_array) -> Floats:
        """Return log odds of each class, float32 [N, C]."""
        scores: Floats = np.asarray(
            columns_of(rows, self.feature) @ self.weight.astype(np.float32), np.float32
        )
        return scores + self.bias

    def knows(self, rows: sparse.csr_array) -> npt.NDArray[np.bool_]:
        """Return which rows have a feature that counts, bool [N]."""
        known: npt.NDArray[np.bool_] = np.diff(columns_of(rows, self.feature).indptr).astype(bool)
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
        only = columns_of(row, self.feature)
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


def columns_of(rows: sparse.csr_array, feature: npt.NDArray[np.int32]) -> sparse.csr_array:
    """Return some columns, with indices of 32 bits, which scikit-learn wants."""
    some = sparse.csr_array(rows[:, feature])
    some.indices, some.indptr = some.indices.astype(np.int32), some.indptr.astype(np.int32)
    return some
