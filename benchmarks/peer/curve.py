"""The split that every model trains on, and the curve that each leaves: seconds of training, NDCG@10 of validation.

Run inside every environment of `peers.py`, so of other packages it needs numpy alone. U users, N items, E events,
B users scored at once.
"""

import argparse
import json
import platform
import resource
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

K = 10
BLOCK = 512

Scores = Callable[[npt.NDArray[np.int64]], npt.NDArray[np.float32]]
"""From user rows [B] to scores [B, N] in the split's rows, higher is better; -inf: cannot be answered."""


@dataclass(frozen=True)
class Split:
    """What is trained on and what is to be foretold.

    indptr: int64 [U + 1], the events of user u are indptr[u]:indptr[u + 1];  item: int32 [E], earliest first;
    target: int32 [U], the item that each user took next.
    """

    indptr: npt.NDArray[np.int64]
    item: npt.NDArray[np.int32]
    target: npt.NDArray[np.int32]
    num_items: int

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what `save` wrote."""
        with np.load(path) as arrays:
            return cls(arrays["indptr"], arrays["item"], arrays["target"], int(arrays["num_items"]))

    def save(self, path: Path) -> None:
        """Write an .npz."""
        np.savez(path, indptr=self.indptr, item=self.item, target=self.target, num_items=self.num_items)

    @property
    def num_users(self) -> int:
        """U."""
        return len(self.target)

    def user(self) -> npt.NDArray[np.int64]:
        """Return the user row of each event, int64 [E]."""
        return np.repeat(np.arange(self.num_users), np.diff(self.indptr))

    def position(self) -> npt.NDArray[np.int64]:
        """Return which of its user's events each is, from 0, int64 [E]."""
        return np.arange(len(self.item)) - np.repeat(self.indptr[:-1], np.diff(self.indptr))


def ndcg(
    scores: npt.NDArray[np.float32], target: npt.NDArray[np.int32], k: int = K
) -> npt.NDArray[np.float64]:
    """Return NDCG@k [B] of one relevant item each among scores [B, N]; a tie counts as the mean of its places.

    >>> ndcg(np.float32([[3, 2, 1], [1, 1, 0], [2, 1, -np.inf]]), np.int32([0, 1, 2]), k=2).round(4).tolist()
    [1.0, 0.8155, 0.0]
    """
    if np.isnan(scores).any():
        raise ValueError("scores are NaN")
    value = scores[np.arange(len(scores)), target]
    above = np.count_nonzero(scores > value[:, None], axis=1)
    tied = np.count_nonzero(scores == value[:, None], axis=1)
    gain = np.concatenate([[0.0], np.cumsum(1 / np.log2(np.arange(2, k + 2)))])
    mean = (gain[np.minimum(above + tied, k)] - gain[np.minimum(above, k)]) / tied
    return np.where(np.isneginf(value), 0.0, mean)


def measure(split: Split, scores: Scores, users: npt.NDArray[np.int64], *, mask_seen: bool = True) -> float:
    """Return the mean NDCG@10 of these users; what a user has taken before is not answered, unless told so."""
    total = 0.0
    for start in range(0, len(users), BLOCK):
        rows = users[start : start + BLOCK]
        block = np.array(scores(rows), dtype=np.float32)
        if block.shape != (len(rows), split.num_items):
            raise ValueError(f"scores are {block.shape}, not {(len(rows), split.num_items)}")
        for line, row in enumerate(rows if mask_seen else ()):
            block[line, split.item[split.indptr[row] : split.indptr[row + 1]]] = -np.inf
        total += float(ndcg(block, split.target[rows]).sum())
    return total / len(users)


def in_rows(scores: npt.NDArray[np.float32], columns: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
    """Return scores [B, N] from a model's own columns; `columns` [N]: where each item stands there, -1: nowhere."""
    return np.where(columns >= 0, scores[:, columns], np.float32(-np.inf))


class Curve:
    """The clock of a training run: it stands still while validation is measured.

    It stops a run `patience` epochs after its best, after `limit` seconds of training, or after `epochs`; the file
    is written after every epoch.
    """

    def __init__(
        self, options: argparse.Namespace, settings: dict[str, Any], packages: Sequence[str]
    ) -> None:
        self.split = Split.load(options.split)
        self.options = options
        everyone = np.arange(self.split.num_users)
        some = np.random.default_rng(0).choice(
            everyone, min(options.users or len(everyone), len(everyone)), False
        )
        self.users = np.sort(some)
        self.points: list[tuple[float, float]] = []
        self.notes: dict[str, Any] = {
            "settings": settings,
            "users_measured": len(self.users),
            "versions": {"python": platform.python_version()} | {name: version(name) for name in packages},
        }
        self._seconds = 0.0
        self._since = time.perf_counter()

    def begin(self) -> None:
        """Start the clock of training; what went before is noted as preparation."""
        self.notes["preparation_seconds"] = round(time.perf_counter() - self._since, 3)
        self._since = time.perf_counter()

    def epoch_ended(self, scores: Scores) -> bool:
        """Measure, write, and return whether to stop."""
        self._seconds += time.perf_counter() - self._since
        begun = time.perf_counter()
        self.points.append((round(self._seconds, 3), measure(self.split, scores, self.users)))
        stopped = self._stopped()
        self.write(stopped_by=stopped)
        spent = time.perf_counter() - begun
        print(
            f"  {len(self.points):4} {self._seconds:9.1f} s  {self.points[-1][1]:.5f}  (measured in {spent:.1f} s)",
            flush=True,
        )
        self._since = time.perf_counter()
        return stopped is not None

    def write(self, **notes: Any) -> None:
        """Write the curve so far, with these notes beside it."""
        self.notes |= notes
        self.notes["megabytes"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
        self.options.out.write_text(json.dumps(self.notes | {"points": self.points}, indent=1) + "\n")

    def _stopped(self) -> str | None:
        values = [value for _, value in self.points]
        if len(values) - 1 - int(np.argmax(values)) >= self.options.patience:
            return "patience"
        if self._seconds >= self.options.limit:
            return "limit"
        return "epochs" if len(values) >= self.options.epochs else None


def parser_of(about: str) -> argparse.ArgumentParser:
    """Return a parser with the options that every model's script has."""
    parser = argparse.ArgumentParser(description=about.splitlines()[0])
    parser.add_argument("--split", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--limit", type=float, default=3600.0, help="seconds of training")
    parser.add_argument("--patience", type=int, default=10, help="epochs without a better value")
    parser.add_argument("--epochs", type=int, default=1000)
    parser.add_argument("--users", type=int, default=0, help="measure a sample of so many; 0: all")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--check", action="store_true", help="compare with the package's own metric at the end"
    )
    return parser
