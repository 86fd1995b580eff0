"""From scores to lists: the k best, or what rules, diversity and exploration make of the candidates. N items."""

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from shelfspace.blend import Scored
from shelfspace.errors import InputError
from shelfspace.holding import Holding
from shelfspace.reranking.arranging import arranged, pool_size
from shelfspace.reranking.diversity import Diversify
from shelfspace.ruling.kinds import Block, Boost, Bury, Exposure, Pin, Ranked
from shelfspace.tasks.results import Value
from shelfspace.tasks.ruled import Grouped, grouped, holds, selected
from shelfspace.tasks.where import Mask

Scores = npt.NDArray[np.float32]

MAX_DIVERSE = 500
"""The longest list that is diversified: the cost grows with its square."""


@dataclass(frozen=True)
class Listed:
    """A list: rows int32 [k], their scores float32 [k] (-inf: pinned, and no candidate), what else is said of each."""

    rows: npt.NDArray[np.int32]
    scores: Scores
    more: Sequence[dict[str, Value]]


@dataclass(frozen=True)
class Lists:
    """How lists are made in one call of a task.

    Raises:
        InputError: a setting is out of range.
    """

    space: Holding
    task: str
    k: int
    diversity: float = 0.0
    diversify: Diversify = "mmr"
    explore: float = 0.0
    seed: int | None = None
    notes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        for name in ("diversity", "explore"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise InputError(f"{name} = {getattr(self, name)} is out of range; give 0 to 1")
        if self.diversity and self.k > MAX_DIVERSE:
            raise InputError(
                f"k = {self.k:,} is too long a list to be diversified; the limit is {MAX_DIVERSE}"
            )
        if self.seed is not None and self.seed < 0:
            raise InputError(f"seed = {self.seed} is out of range; give 0 or more")

    @cached_property
    def arranges(self) -> bool:
        """Whether lists are anything but the k best."""
        return bool(self.diversity or self.explore or (self.space.rules and self._rules(Ranked)))

    @property
    def at_least(self) -> int:
        """How many candidates a list is made from, where there are so many."""
        return pool_size(self.k) if self.arranges else self.k

    @cached_property
    def columns(self) -> dict[str, pa.DataType]:
        """What is said of each place: the rules that put it there; for a log, the list and its propensity."""
        if not self.space.rules and not self.explore:
            return {}
        ruled = any(isinstance(rule, Ranked) and self.task in rule.tasks for rule in self.space.rules.every)
        said = {"rule": pa.string()} if ruled else {}
        return said | ({"propensity": pa.float64(), "list_id": pa.string()} if self.explore else {})

    def of(self, subjects: Sequence[str], candidates: Sequence[Scored], allowed: Mask) -> Iterator[Listed]:
        """Yield a list for each subject.

        Args:
            subjects: B of them.
            candidates: those of each.
            allowed: bool [B, N]: what a pin may bring.
        """
        for subject, own, may in zip(subjects, candidates, allowed, strict=True):
            if self.arranges:
                yield self._list(subject, own.dense(len(may)), may)
            else:
                rows, values = best(own, self.k)
                yield Listed(rows, values, [dict.fromkeys(self.columns)] * len(rows))

    def near(
        self,
        subject: str,
        rows: npt.NDArray[np.integer],
        scores: Scores,
        allowed: Mask,
        itself: int | None,
    ) -> Listed:
        """Return a list of what an index found, best first; `itself` is never pinned to its own list."""
        if not self.arranges:
            return Listed(rows.astype(np.int32), scores, [dict.fromkeys(self.columns)] * len(rows))
        dense, may = np.full(len(allowed), -np.inf, np.float32), allowed.copy()
        dense[rows] = scores
        if itself is not None:
            may[itself] = False
        return self._list(subject, dense, may)

    def _list(self, subject: str, scores: Scores, allowed: Mask) -> Listed:
        pins = self._pinned(subject, allowed)
        usable = np.isfinite(scores)
        usable[list(pins.values())] = True
        rows = np.flatnonzero(usable)
        rng = self._rng(subject)
        found = arranged(
            self._moved(subject, rows, scores[rows].astype(np.float64)),
            self.k,
            vectors=np.asarray(self.space.vectors[rows]) if self.diversity else None,
            pins={place: int(np.searchsorted(rows, row)) for place, row in pins.items()},
            shares=[one.share(rows) for one in self._groups if one.rule.asked(self.task, subject)],
            diversity=self.diversity,
            diversify=self.diversify,
            explore=self.explore,
            rng=rng,
        )
        self.notes.extend(note for note in found.notes if note not in self.notes)
        chosen = rows[found.order].astype(np.int32)
        list_id = rng.bytes(8).hex()
        told: list[dict[str, Value]] = [
            {"rule": self._said(subject, int(row)), "propensity": float(chance), "list_id": list_id}
            for row, chance in zip(chosen, found.propensity, strict=True)
        ]
        more = [{name: one[name] for name in self.columns} for one in told]
        return Listed(chosen, scores[chosen], more)

    def _rules(self, *kinds: type[Ranked]) -> list[Ranked]:
        """Return the rules in force about this task's lists."""
        now = self.space.rules.now()
        every = [rule for rule in self.space.rules.every if isinstance(rule, kinds)]
        return [rule for rule in every if self.task in rule.tasks and rule.in_force(now)]

    @cached_property
    def _pins(self) -> list[tuple[Pin, int]]:
        """Return the pins within the list and the row of each; those that nobody is to see are told."""
        found = []
        for rule in self._rules(Pin):
            assert isinstance(rule, Pin)
            row = int(self.space.catalogue.ids.rows([rule.item])[0])
            if row < 0:
                self.notes.append(f"{rule} gives way: {rule.item!r} is not in the catalogue")
                continue
            blocks = [one for one in self.space.rules.of_kind(Block) if selected(self.space, one)[row]]
            if blocks:
                self.notes.append(f"{rule} gives way: {blocks[0]} blocks {rule.item!r}")
            elif rule.place <= self.k and holds(self.space, rule.where, row):
                found.append((rule, row))
        return found

    def _pinned(self, subject: str, allowed: Mask) -> dict[int, int]:
        found = {}
        for rule, row in self._pins:
            if not rule.asked(self.task, subject):
                continue
            if allowed[row]:
                found[rule.place - 1] = row
            else:
                note = f"{rule} gives way where a filter, a rule or what the shopper had leaves {rule.item!r} out"
                self.notes.extend([note] if note not in self.notes else [])
        return found

    @cached_property
    def _moves(self) -> list[tuple[Boost, Mask]]:
        found = []
        for rule in self._rules(Boost):
            assert isinstance(rule, Boost)
            found.append((rule, selected(self.space, rule)))
        for n, (one, mask) in enumerate(found):
            for other, others in found[n + 1 :]:
                both = int((mask & others).sum()) if type(one) is not type(other) else 0
                if both:
                    self.notes.append(f"{one} and {other} are both of {both:,} items: they are added up")
        return found

    def _moved(
        self, subject: str, rows: npt.NDArray[np.int64], values: npt.NDArray[np.float64]
    ) -> npt.NDArray[np.float64]:
        """Return what candidates are worth with boosts, each a share of the distance from the best to the last."""
        moves = [(rule, mask) for rule, mask in self._moves if rule.asked(self.task, subject)]
        finite = values[np.isfinite(values)]
        if not moves or not len(finite):
            return values
        spread = float(finite.max() - finite.min()) or 1.0
        amount = sum((-rule.by if isinstance(rule, Bury) else rule.by) * mask[rows] for rule, mask in moves)
        return values + spread * amount

    @cached_property
    def _groups(self) -> list[Grouped]:
        rules = self._rules(Exposure)
        return [grouped(self.space, rule) for rule in rules if isinstance(rule, Exposure)]

    def _said(self, subject: str, row: int) -> str | None:
        pins = [str(rule) for rule, pinned in self._pins if pinned == row and rule.asked(self.task, subject)]
        moves = [str(rule) for rule, mask in self._moves if mask[row] and rule.asked(self.task, subject)]
        return "; ".join(pins + moves) or None

    def _rng(self, subject: str) -> np.random.Generator:
        """Return draws of this subject's own: an answer does not depend on who is asked for beside."""
        return np.random.default_rng(None if self.seed is None else [self.seed, zlib.crc32(subject.encode())])


def best(candidates: Scored, k: int) -> Scored:
    """Return the k best, the best first, equal scores in the catalogue's order."""
    rows, values = candidates
    if len(rows) > k:
        top = np.sort(np.argpartition(values, -k)[-k:])
        rows, values = rows[top], values[top]
    order = np.argsort(-values, kind="stable")
    return Scored(rows[order], values[order])
