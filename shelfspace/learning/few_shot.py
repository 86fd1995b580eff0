"""Categories of which a few listings are known: centroids, moved by a few steps from a start that was meta-learned.

N vectors, C classes, K numbers of a vector, Q vectors asked.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Annotated, Self

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from shelfspace.config import Range
from shelfspace.errors import ConfigError, DataError

Floats = npt.NDArray[np.float32]
Labels = npt.NDArray[np.integer]


@dataclass(kw_only=True)
class FewShot:
    """A classifier that is made for new classes from a few vectors of each.

    A vector goes through a linear map and is brought to unit length; a class is where the mean of its vectors lies
    then, and scores are cosines by `sharpness`. `inner_steps` = 0 leaves it at that (centroids); more of them move the
    map and the classes down the cross-entropy of the few. The map begins as the identity, or, after `meta_learn`, from
    a start from which those steps lead somewhere good for classes that are not those it was learnt on (Reptile).

    Args:
        inner_steps: gradient steps for new classes.
        inner_rate: their learning rate (Adam without momentum).
        outer_rate: how far the start follows what one episode ended in; it falls to 0.
        episodes: tasks drawn by `meta_learn`.
        ways: classes of such a task.
        shots: vectors of each class, in the steps; as many more are asked.
        sharpness: what a cosine is multiplied by.
        seed: of the draws.

    Cost: `meta_learn` episodes · inner_steps times ways · shots · K² operations; 4 K² bytes.

    Sources: Snell, Swersky and Zemel 2017 (centroids); Nichol, Achiam and Schulman 2018 (Reptile); Triantafillou et al.
    2020 (classes that begin at their centroids).

    Example:
        >>> vectors = np.eye(4, dtype=np.float32)
        >>> classifier = FewShot(inner_steps=0).adapted(vectors[:2], np.array([0, 1]))
        >>> classifier.log_probabilities(vectors[:2]).argmax(axis=1).tolist()
        [0, 1]
    """

    inner_steps: int = 10
    inner_rate: Annotated[float, Range(1e-4, 1e-1, log=True)] = 3e-3
    outer_rate: float = 0.3
    episodes: int = 1000
    ways: int = 10
    shots: int = 5
    sharpness: Annotated[float, Range(3.0, 50.0, log=True)] = 10.0
    seed: int = 0
    start: Tensor | None = field(init=False, repr=False, default=None)
    """float32 [K, K], what the map begins from; None: the identity."""

    def __post_init__(self) -> None:
        if self.inner_steps < 0 or min(self.episodes, self.shots) < 1 or self.ways < 2:
            raise ConfigError(
                f"inner_steps = {self.inner_steps} must be from 0, episodes = {self.episodes} and shots = "
                f"{self.shots} from 1, ways = {self.ways} from 2"
            )

    def meta_learn(self, vectors: Floats, labels: Labels) -> Self:
        """Learn the start from classes of which there are many vectors, [N, K] and [N].

        Raises:
            DataError: fewer than two classes have `shots` vectors.
        """
        rng = np.random.default_rng(self.seed)
        start = torch.eye(vectors.shape[1])
        for n, (some, label) in enumerate(self._tasks(vectors, labels, rng)):
            ended = self._moved(_Cosines(start, some, label, self.sharpness), some, label)
            rate = self.outer_rate * (1 - n / self.episodes)
            start = start.lerp(ended.map.weight.detach(), rate)
        self.start = start
        return self

    def adapted(self, vectors: Floats, labels: Labels) -> "Adapted":
        """Return a classifier of the classes that these few vectors show, float32 [N, K] and integers [N]."""
        classes, label = np.unique(labels, return_inverse=True)
        few, target = torch.from_numpy(vectors), torch.from_numpy(label.astype(np.int64))
        start = self.start if self.start is not None else torch.eye(vectors.shape[1])
        return Adapted(self._moved(_Cosines(start, few, target, self.sharpness), few, target).eval(), classes)

    def _tasks(
        self, vectors: Floats, labels: Labels, rng: np.random.Generator
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield `episodes` tasks: vectors of a few classes, and which class each is of."""
        rows = [np.flatnonzero(labels == one) for one in np.unique(labels)]
        rows = [of for of in rows if len(of) >= self.shots]
        if len(rows) < 2:
            raise DataError(f"meta-learning needs two classes of {self.shots} vectors; there are {len(rows)}")
        ways = min(self.ways, len(rows))
        target = torch.arange(ways).repeat_interleave(self.shots)
        for _ in range(self.episodes):
            drawn = rng.choice(len(rows), ways, replace=False)
            some = np.concatenate([rng.choice(rows[one], self.shots, replace=False) for one in drawn])
            yield torch.from_numpy(vectors[some]), target

    def _moved(self, network: "_Cosines", vectors: Tensor, target: Tensor) -> "_Cosines":
        """Move the weights by so many steps."""
        optimizer = torch.optim.Adam(network.parameters(), lr=self.inner_rate, betas=(0.0, 0.999))
        for _ in range(self.inner_steps):
            optimizer.zero_grad()
            functional.cross_entropy(network(vectors), target).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        return network


@dataclass(frozen=True)
class Adapted:
    """A classifier of C classes; `classes` are the labels it was made with, rising."""

    network: nn.Module
    classes: Labels

    def log_probabilities(self, vectors: Floats) -> Floats:
        """Return float32 [Q, C] for vectors [Q, K]."""
        with torch.no_grad():
            found: Floats = self.network(torch.from_numpy(vectors)).log_softmax(dim=1).numpy()
        return found


class _Cosines(nn.Module):
    """Cosines with the classes after a linear map; classes begin at the means of their vectors."""

    def __init__(self, start: Tensor, vectors: Tensor, target: Tensor, sharpness: float) -> None:
        super().__init__()
        self.map = nn.Linear(start.shape[0], start.shape[0], bias=False)
        self.map.weight = nn.Parameter(start.clone())
        self.sharpness = sharpness
        with torch.no_grad():
            mapped = functional.normalize(self.map(vectors), dim=1)
            sums = torch.zeros(int(target.max()) + 1, mapped.shape[1]).index_add(0, target, mapped)
        self.classes = nn.Parameter(functional.normalize(sums, dim=1))

    def forward(self, vectors: Tensor) -> Tensor:
        mapped = functional.normalize(self.map(vectors), dim=1)
        return self.sharpness * mapped @ functional.normalize(self.classes, dim=1).T
