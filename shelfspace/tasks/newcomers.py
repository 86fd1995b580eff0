"""How `recommend` answers shoppers without a history: by what they look for, who they are, whom they know.

B newcomers, N items.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from scipy import sparse

from shelfspace.blend import Scored
from shelfspace.errors import InputError
from shelfspace.holding import Holding
from shelfspace.newcomers.evidence import Asked, Evidence, add
from shelfspace.newcomers.fitted import FittedNewcomers
from shelfspace.shop.history import History
from shelfspace.tasks.results import Value, Why
from shelfspace.tasks.said import Said, listed

Floats = npt.NDArray[np.float32]

TOLD = {"shoppers": "transfer"}
"""What a source is called where that is not its name."""


@dataclass(frozen=True)
class Newcomers:
    """Those asked about, and what is known of each beside what they did.

    sources: by what each is answered, in order; empty: by their history, or by what is popular;
    phrase: where what they look for lies, float32 [1, D];  asked: their profiles and places, where it was fitted;
    cold: bool [B], who has no history;  shown: whether hits say their source;  notes: what the asker should know.
    """

    space: Holding
    sources: list[tuple[str, ...]]
    phrase: Floats | None
    asked: Asked | None
    cold: npt.NDArray[np.bool_]
    is_session: bool
    shown: bool
    notes: list[str] = field(default_factory=list)

    @classmethod
    def of(
        cls,
        space: Holding,
        users: Sequence[str],
        known: History,
        *,
        is_session: bool,
        phrase: str | None,
        profile: str | None,
    ) -> Self:
        """Look up what is known of each shopper beside their past; none stands for one of whom nobody said who it is.

        Raises:
            InputError: a profile is given and `newcomers` was not fitted, or has no such column; a phrase cannot be
                read.
        """
        fitted = space.tasks.get("newcomers")
        if profile is not None and not isinstance(fitted, FittedNewcomers):
            raise InputError(
                f"profiles were not learnt from in this space: run `shelfspace fit {space.folder or 'RUN'} newcomers`, "
                "or train with a section [newcomers]"
            )
        cold = (known.lengths() == 0) & (not is_session)
        if fitted is None and phrase is None:  # most questions
            return cls(space, [()] * len(cold), None, None, cold, is_session, False, [])
        notes: list[str] = []
        sources: list[list[str]] = [[] for _ in cold]
        shown = fitted is not None or phrase is not None
        looked_for = _looked_for(space, phrase, notes)
        asked = None
        if isinstance(fitted, FittedNewcomers) and cold.any():
            asked = _asked(fitted, list(users) or [""], profile, notes)
            evidence = fitted.evidence(space.history, space.users)
            if profile is not None and not _believes(fitted, "profile"):
                notes.append(
                    "profiles did not help on hidden shoppers of this shop, so they are not believed"
                )
            for source, strength in fitted.strengths.items():
                told = evidence.told(source, asked, strength) & cold
                for n in np.flatnonzero(told).tolist():
                    sources[n].append(source)
        if looked_for is not None:
            sources = [["content"] if is_cold else [] for is_cold in cold.tolist()]
        if not cold.all() and (phrase or profile):
            notes.append(
                "phrases and profiles are for shoppers without a history; what the others did answers for them"
            )
        named = [tuple(dict.fromkeys(TOLD.get(s, s) for s in each)) for each in sources]
        names = users or ["this shopper"]
        notes += [
            f"{name}: answered by {_joined(each)}" for name, each in zip(names, named, strict=True) if each
        ]
        return cls(space, named, looked_for, asked, cold, is_session, shown, notes)

    @property
    def columns(self) -> Mapping[str, pa.DataType]:
        """What hits say beside the rest."""
        return {"source": pa.string()} if self.shown else {}

    def more(self, n: int) -> Mapping[str, Value]:
        """Return by what the n-th was answered."""
        if not self.shown:
            return {}
        if self.sources[n]:
            return {"source": _joined(self.sources[n])}
        return {"source": "session" if self.is_session else "popular" if self.cold[n] else "history"}

    def scored(self, n: int, allowed: npt.NDArray[np.bool_]) -> Scored:
        """Return the candidates of the n-th, of whom something is known."""
        own = self._scores(n)
        return Scored.of(np.where(allowed & (own > 0), own, -np.inf))

    def why(self, n: int, rows: npt.NDArray[np.int32]) -> list[tuple[Why, ...]]:
        """Return what the scores of the n-th are made of, for these items."""
        if self.phrase is not None:
            return [(Why("content", None, None, float(value)),) for value in self._scores(n)[rows]]
        fitted, asked, evidence = self._known(n)
        parts = [("popular", evidence.popular[rows])]
        for source, strength in fitted.strengths.items():
            if source != "profile":
                added = evidence.part(source, asked, strength)
                parts.append((TOLD.get(source, source), _dense(added, rows)[0]))
                continue
            by_segment = _dense(evidence.segment_parts(asked, strength), rows)
            for at in asked.segments.indices.tolist():
                column, value = fitted.profiles.segments[at]
                parts.append((f"profile: {column} = {value}", by_segment[at]))
        found = [
            [Why(name, None, None, float(amounts[i])) for name, amounts in parts if amounts[i]]
            for i in range(len(rows))
        ]
        return [tuple(sorted(each, key=lambda part: -part.amount)) for each in found]

    def _scores(self, n: int) -> Floats:
        if self.phrase is not None:
            near: Floats = np.asarray(self.space.vectors @ self.phrase[0], np.float32)
            return near
        fitted, asked, evidence = self._known(n)
        total = evidence.popular[None, :].copy()
        for source, strength in fitted.strengths.items():
            add(total, evidence.part(source, asked, strength))
        scored: Floats = total[0]
        return scored

    def _known(self, n: int) -> tuple[FittedNewcomers, Asked, Evidence]:
        fitted: Any = self.space.tasks["newcomers"]
        evidence: Evidence = fitted.evidence(self.space.history, self.space.users)
        assert self.asked is not None  # there are sources
        return fitted, self.asked.taking(np.array([n])), evidence


def _believes(fitted: FittedNewcomers, source: str) -> bool:
    return source in fitted.strengths and fitted.strengths[source].weight > 0


def _asked(fitted: FittedNewcomers, users: list[str], profile: str | None, notes: list[str]) -> Asked:
    """Look shoppers up among the people, and in the other shop; a profile that is given stands for the one on file."""
    person = fitted.graph.people.rows(users)
    there = np.full(len(users), -1) if fitted.elsewhere is None else fitted.elsewhere.users.rows(users)
    if profile is None:
        from_file = fitted.profiles.member[np.maximum(person, 0)] if len(fitted.graph.people) else None
        known = sparse.diags_array((person >= 0).astype(np.float32))
        segments = sparse.csr_array(known @ from_file if from_file is not None else (len(users), 0))
    else:
        given, said = fitted.profiles.asked(profile)
        notes += said
        segments = sparse.csr_array(sparse.vstack([given] * len(users), format="csr"))
    segments.eliminate_zeros()
    return Asked(person, there, segments)


def _looked_for(space: Holding, phrase: str | None, notes: list[str]) -> Floats | None:
    """Return where a phrase lies, None where there is none, or no word of it is known."""
    if phrase is None:
        return None
    if not phrase.strip():
        raise InputError("the phrase is blank: say what the shopper looks for")
    found = listed(space, Said(phrase.strip(), None))[1]
    if found.any():
        return found
    notes.append(f"no word of {phrase.strip()[:60]!r} is known to the space")
    return None


def _dense(part: sparse.csr_array, rows: npt.NDArray[np.int32]) -> Floats:
    dense: Floats = part.tocsc()[:, rows].toarray()
    return dense


def _joined(sources: Sequence[str]) -> str:
    return " + ".join(sources)
