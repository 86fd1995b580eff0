"""Vectors in which the directions that differ within a class count little. N rows, K numbers of a vector, C classes."""

from dataclasses import dataclass, field
from typing import Annotated, Self

import numpy as np
import numpy.typing as npt
from scipy import linalg

from shelfspace.config import Range
from shelfspace.errors import ConfigError
from shelfspace.linear.retriever import Arrays

Floats = npt.NDArray[np.float32]

ROWS_AT_ONCE = 8_192


@dataclass(kw_only=True)
class WithinClass:
    """Whitening by the covariance that all classes share, and the class whose mean is nearest by cosine.

    What a frozen encoder of photos sees differ from photo to photo of one product (light, pose, ground) is divided
    out; what is left tells products apart. It serves to classify and, by `vectors`, to retrieve.

    Args:
        shrinkage: the share of the covariance that is replaced by a ball of the same mean variance.
        power: features enter with this exponent, their signs kept; below 1 the few large ones count less.

    Cost: to fit, O(N K² + K³) time, some two seconds for 2,640 photos of 1,280 numbers; to ask, O(K² + C K) a row.

    Sources: Fisher 1936 (linear discriminant analysis); Ledoit and Wolf 2004 (shrinkage towards the ball).

    Example:
        >>> rows = np.array([[1.0, 9.0], [1.2, -7.0], [2.0, 8.0], [2.2, -9.0]], np.float32)
        >>> WithinClass(shrinkage=0.01, power=1.0).fit(rows, np.array([0, 0, 1, 1])).score(rows).argmax(axis=1).tolist()
        [0, 0, 1, 1]
    """

    shrinkage: Annotated[float, Range(0.05, 0.8)] = 0.3
    power: Annotated[float, Range(0.3, 1.0)] = 0.5
    mean: Floats = field(init=False, repr=False)
    axes: Floats = field(init=False, repr=False)
    centroids: Floats = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if not 0.0 < self.shrinkage <= 1.0:
            raise ConfigError(f"shrinkage = {self.shrinkage} must be above 0, up to 1")
        if self.power <= 0.0:
            raise ConfigError(f"power = {self.power} must be above 0")

    def fit(self, rows: Floats, label: npt.NDArray[np.integer], num_classes: int | None = None) -> Self:
        """Learn from rows, [N, K], and their classes, integers [N] from 0.

        A class without rows has a centroid of 0. All classes count alike in the mean that is taken off.
        """
        rows = self._scaled(rows)
        size = np.bincount(label, minlength=num_classes or 0)
        means = np.zeros((len(size), rows.shape[1]))
        np.add.at(means, label, rows)
        means[size > 0] /= size[size > 0, None]
        covariance = np.zeros((rows.shape[1], rows.shape[1]))
        for start in range(0, len(rows), ROWS_AT_ONCE):
            block = slice(start, start + ROWS_AT_ONCE)
            apart = rows[block] - means[label[block]]
            covariance += apart.T @ apart
        self.mean = means[size > 0].mean(axis=0).astype(np.float32)
        self.axes = _whitening(covariance / max(1, len(rows)), self.shrinkage)
        self.centroids = _unit((means - self.mean) @ self.axes) * (size > 0)[:, None].astype(np.float32)
        return self

    def vectors(self, rows: Floats) -> Floats:
        """Return whitened rows, float32 [N, K], unit length; rows of 0 stay so."""
        whole = _unit((self._scaled(rows) - self.mean) @ self.axes)
        whole[~rows.any(axis=1)] = 0.0
        return whole

    def score(self, rows: Floats) -> Floats:
        """Return the cosine of each row with each class's mean, float32 [N, C]."""
        cosines: Floats = self.vectors(rows) @ self.centroids.T
        return cosines

    def arrays(self) -> Arrays:
        """Return what was learnt."""
        return {"mean": self.mean, "axes": self.axes, "centroids": self.centroids}

    def restore(self, arrays: Arrays) -> Self:
        """Take what `arrays` gave."""
        self.mean, self.axes, self.centroids = (
            arrays[name].astype(np.float32) for name in ("mean", "axes", "centroids")
        )
        return self

    def _scaled(self, rows: Floats) -> Floats:
        return _unit(np.sign(rows) * np.abs(rows) ** np.float32(self.power))


def _whitening(covariance: npt.NDArray[np.float64], shrinkage: float) -> Floats:
    """Return the matrix [K, K] that makes the shrunk covariance a ball; the identity where nothing differs."""
    variance = float(np.trace(covariance)) / len(covariance)
    if variance <= 1e-12:
        return np.eye(len(covariance), dtype=np.float32)
    shrunk = (1 - shrinkage) * covariance + shrinkage * variance * np.eye(len(covariance))
    # by Cholesky: another square root only turns the space, which no cosine sees
    lower = linalg.cholesky(shrunk, lower=True)
    axes = linalg.solve_triangular(lower, np.eye(len(lower)), lower=True).T
    return np.ascontiguousarray(axes, dtype=np.float32)


def _unit(rows: npt.NDArray[np.floating]) -> Floats:
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    found: Floats = np.divide(rows, length, out=np.zeros_like(rows), where=length > 1e-12).astype(np.float32)
    return found
