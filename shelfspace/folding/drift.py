"""How far answers and events have moved away from what was trained. N items, E events folded in, k answers."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from shelfspace.folding.folded import Folded
from shelfspace.space import Space
from shelfspace.tasks.results import Hits

K = 10
SAMPLE = 200
"""Shoppers and items that are asked about."""

MOST_UNSEEN = 0.2
"""From this share of events on, by shoppers or of items that no training saw, training again is advised."""

MOST_SHIFT = 0.3
"""The same of how far the popularity of items has moved."""

FEW = 500
"""Fewer events since the training than these are no reason to train again."""

LEAST_OVERLAP = 0.5
"""Below this mean overlap of the ten nearest items, training again is advised."""


@dataclass(frozen=True)
class Seen:
    """What the last training saw, and what came since.

    items, users: how many, the first rows;  events: since, of which `unseen` are of others.
    """

    items: int
    users: int
    events: int = 0
    unseen: int = 0

    def after(self, folded: Folded) -> Self:
        """Return it with what was folded in."""
        past, stay = folded.past, int((folded.users.kept < self.users).sum())
        named = len(folded.users.ids)
        new_user = (past.user >= stay) & (past.user < named)
        unseen = int(((past.item >= self.items) | new_user).sum())
        return type(self)(self.items, stay, self.events + len(past.item), self.unseen + unseen)


@dataclass(frozen=True)
class Drift:
    """What folding in changed.

    recommend_changed, similar_changed: the share of those asked about whose ten answers are others than before;
    recommend_overlap, similar_overlap: the mean share of the ten that stayed;
    popularity: how far the popularity of items moved between as many events before and the new ones: 0 as much as by
        chance, 1 altogether;
    unseen: the share of events since the training that are by shoppers or of items that it did not see;
    events: how many came since the training.
    """

    recommend_changed: float
    recommend_overlap: float
    similar_changed: float
    similar_overlap: float
    popularity: float
    unseen: float
    events: int

    @classmethod
    def between(cls, before: Space, folded: Folded, seen: Seen, *, seed: int = 0) -> Self:
        """Ask both spaces about the same shoppers and items. Some seconds for 100,000 items."""
        after, rng = folded.space, np.random.default_rng(seed)
        stays = folded.users.kept
        known = stays[before.history.lengths()[stays] > 0]
        users = before.users.texts(np.sort(rng.permutation(known)[:SAMPLE]))
        alive: npt.NDArray[np.bool_] = np.asarray(before.vectors.any(axis=1))
        if after.gone is not None:
            alive &= ~after.gone[: len(alive)]
        items = before.catalogue.ids.texts(np.sort(rng.permutation(np.flatnonzero(alive))[:SAMPLE]))
        recommended = _overlaps(before.recommend(users, k=K), after.recommend(users, k=K)) if users else _NONE
        latest = before.history.item[np.argsort(before.history.time, kind="stable")]
        near = _overlaps(before.similar(items, k=K), after.similar(items, k=K)) if items else _NONE
        return cls(
            *_told(recommended),
            *_told(near),
            popularity=shift(latest, folded.past.item, rng),
            unseen=seen.unseen / seen.events if seen.events else 0.0,
            events=seen.events,
        )

    @property
    def advice(self) -> str:
        """What follows from it."""
        reasons = []
        if self.events >= FEW and self.unseen >= MOST_UNSEEN:
            reasons.append(
                f"{self.unseen:.0%} of the events are by shoppers or of items that the training did not see"
            )
        if self.events >= FEW and self.popularity >= MOST_SHIFT:
            reasons.append(f"what is popular has moved by {self.popularity:.2f}")
        if self.similar_overlap < LEAST_OVERLAP:
            reasons.append(f"of the ten nearest items {self.similar_overlap:.0%} stayed")
        return f"train again: {'; '.join(reasons)}" if reasons else "no need to train again yet"

    def to_json(self) -> dict[str, Any]:
        """Return the figures and the advice."""
        return {**{n: round(v, 4) for n, v in asdict(self).items()}, "advice": self.advice}


def shift(before: npt.NDArray[np.int32], new: npt.NDArray[np.int32], rng: np.random.Generator) -> float:
    """Return how far the shares of items moved from the last events before to the new ones, 0 to 1.

    It is the total variation between the two, beyond that between two halves of them drawn at random: small samples
    differ by chance. Of as many events on both sides; 0 where there are none.

    Example:
        >>> old, new = np.array([0, 1] * 500, np.int32), np.array([2, 3] * 500, np.int32)
        >>> shift(old, new, np.random.default_rng(0)), shift(old, old, np.random.default_rng(0))
        (1.0, 0.0)
    """
    size = min(len(before), len(new))
    if not size:
        return 0.0
    one, other = before[len(before) - size :], new[len(new) - size :]
    mixed = rng.permutation(np.concatenate([one, other]))
    by_chance = _variation(mixed[:size], mixed[size:])
    beyond = (_variation(one, other) - by_chance) / max(1.0 - by_chance, 1e-9)
    return float(np.clip(beyond, 0.0, 1.0))


def _variation(one: npt.NDArray[np.int32], other: npt.NDArray[np.int32]) -> float:
    size = int(max(one.max(), other.max())) + 1
    counts = np.bincount(one, minlength=size) - np.bincount(other, minlength=size)
    return float(np.abs(counts).sum()) / (2 * len(one))


_NONE: list[float] = []


def _overlaps(one: Hits, other: Hits) -> list[float]:
    """Return what share of each subject's answers both have, of the longer list."""
    first, second = _by_subject(one), _by_subject(other)
    found = []
    for subject in first.keys() | second.keys():
        a, b = first.get(subject, set()), second.get(subject, set())
        found.append(len(a & b) / max(len(a), len(b)))
    return found


def _by_subject(hits: Hits) -> Mapping[str, set[str]]:
    found: dict[str, set[str]] = {}
    for subject, item in zip(
        hits.table["subject"].to_pylist(), hits.table["item_id"].to_pylist(), strict=True
    ):
        found.setdefault(subject, set()).add(item)
    return found


def _told(overlaps: list[float]) -> tuple[float, float]:
    """Return the share below 1, and the mean; without anybody nothing changed."""
    if not overlaps:
        return 0.0, 1.0
    values = np.array(overlaps)
    return float((values < 1).mean()), float(values.mean())
