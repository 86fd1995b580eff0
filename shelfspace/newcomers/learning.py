"""How far each source is believed: chosen on shoppers whose events are hidden. B cases, N items."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
import numpy.typing as npt
from scipy import sparse

from shelfspace.newcomers.evidence import SOURCES, Asked, Evidence, Floats, Strength, add, without
from shelfspace.newcomers.fitted import Newcomers
from shelfspace.people.graph import SocialGraph
from shelfspace.people.profiles import Profiles
from shelfspace.shop.history import History
from shelfspace.shop.ids import Ids

Values = npt.NDArray[np.float64]
Judge = Callable[[Floats, sparse.csr_array], Values]
"""From scores [B, N] and what is relevant, bool csr [B, N], to a value for each case."""

LATE = 0.9
"""The share of the events by time after which hidden shoppers come, where there is a calendar."""
LEAST = 20
"""With fewer cases nothing is chosen, and what was not seen to help is not believed."""
BLOCK_VALUES = 20_000_000

GRIDS: dict[str, dict[str, Sequence[float]]] = {
    "profile": {"shrinkage": (10.0, 100.0, 1000.0, 10_000.0), "weight": (0.0, 0.25, 0.5, 1.0, 1.5)},
    "friends": {
        "closeness": (0.0, 0.5, 1.0),
        "further": (0.0, 0.5),
        "shrinkage": (1.0, 10.0, 100.0, 1000.0),
        "weight": (0.0, 0.5, 1.0),
    },
    "transfer": {"shrinkage": (0.01, 0.1, 1.0, 10.0), "weight": (0.0, 0.25, 0.5, 1.0)},
    "shoppers": {"shrinkage": (0.1, 1.0, 10.0), "weight": (0.0, 0.25, 0.5, 1.0)},
}
USUAL = {
    "profile": Strength(100.0, 0.5),
    "friends": Strength(100.0, 0.5),
    "transfer": Strength(1.0, 0.25),
    "shoppers": Strength(1.0, 0.5),
}
POPULAR_HALF_LIVES = (np.inf, 90.0, 30.0)


@dataclass(frozen=True)
class Cases:
    """Shoppers whose events are hidden, as newcomers, and what they took: bool csr [B, N]."""

    asked: Asked
    relevant: sparse.csr_array

    def blocks(self) -> Iterator["Cases"]:
        """Yield some at a time, so that scores are of bounded size."""
        size = max(1, BLOCK_VALUES // max(1, self.relevant.shape[1]))
        for start in range(0, len(self.asked.person), size):
            rows = np.arange(start, min(start + size, len(self.asked.person)))
            yield self.taking(rows)

    def taking(self, rows: npt.NDArray[np.int64]) -> "Cases":
        """Return some of them."""
        return Cases(self.asked.taking(rows), self.relevant[rows])


@dataclass(frozen=True)
class Split:
    """Cases to choose on and cases to measure on; neither is known to what was taught."""

    taught: History
    valid: Cases
    test: Cases


def split(
    settings: Newcomers,
    graph: SocialGraph,
    profiles: Profiles,
    elsewhere: Ids | None,
    history: History,
    users: Ids,
    *,
    seed: int,
) -> Split:
    """Hide the events of some shoppers of whom something else is known.

    With a calendar they come when nine tenths of the events have passed: what they then take is relevant, and what
    anybody took until then is known. Else all their events are relevant.
    """
    until = (
        float(np.quantile(history.time, LATE)) if history.clock == "calendar" and history.num_events else None
    )
    late = np.ones(history.num_events, bool) if until is None else history.time > until
    active = np.bincount(history.user()[late], minlength=history.num_users)[: len(users)] > 0
    person = graph.people.rows(users.array)
    there = np.full(len(users), -1) if elsewhere is None else elsewhere.rows(users.array)
    known = np.diff(profiles.member.indptr)[person] > 0
    known |= np.diff(graph.edges.indptr)[person] > 0
    able = np.flatnonzero(active & (known | (there >= 0)))
    able = np.random.default_rng(seed).permutation(able)
    num = min(settings.max_cases, int(len(able) * settings.hidden))
    hidden = np.zeros(history.num_users, bool)
    hidden[able[: 2 * num]] = True
    relevant = history.keep(late).matrix().astype(bool)

    def cases(rows: npt.NDArray[np.int64]) -> Cases:
        asked = Asked(person[rows], there[rows], profiles.member[person[rows]])
        return Cases(asked, sparse.csr_array(relevant[rows]))

    return Split(without(history, hidden, until), cases(able[:num]), cases(able[num : 2 * num]))


def popular_half_life(make: Callable[[float], Evidence], valid: Cases, judge: Judge, clock: str) -> float:
    """Return the age at which an event counts half for what is popular, the best on these cases."""
    if clock != "calendar" or len(valid.asked.person) < LEAST:
        return float(np.inf)
    values = {life: float(np.nanmean(judged(make(life), {}, valid, judge))) for life in POPULAR_HALF_LIVES}
    return max(values, key=values.__getitem__)


def chosen_strengths(evidence: Evidence, valid: Cases, judge: Judge) -> dict[str, Strength]:
    """Choose each source's strength on those of whom it knows anything, one after the other, and then weights again.

    O(settings · B · N) time.
    """
    strengths: dict[str, Strength] = {}
    for source in SOURCES:
        knows = evidence.told(source, valid.asked, USUAL[source])
        if not knows.any():
            continue
        some = valid.taking(np.flatnonzero(knows))
        strengths[source] = replace(USUAL[source], weight=0.0)
        if len(some.asked.person) >= LEAST:
            strengths[source] = _best(evidence, strengths, source, _grid(source), some, judge)
    if len(strengths) > 1:
        for source in [name for name in strengths if len(valid.asked.person) >= LEAST]:
            weights = GRIDS[source]["weight"]
            tried = [replace(strengths[source], weight=weight) for weight in weights]
            strengths[source] = _best(evidence, strengths, source, tried, valid, judge)
    return strengths


def judged(evidence: Evidence, strengths: Mapping[str, Strength], cases: Cases, judge: Judge) -> Values:
    """Return the value of each case, float64 [B]."""
    found = [judge(evidence.scores(block.asked, strengths), block.relevant) for block in cases.blocks()]
    return np.concatenate(found) if found else np.zeros(0)


def _best(
    evidence: Evidence,
    strengths: Mapping[str, Strength],
    source: str,
    tried: Sequence[Strength],
    cases: Cases,
    judge: Judge,
) -> Strength:
    """Return the strength of the highest mean; the first of equals."""
    others = {name: strength for name, strength in strengths.items() if name != source}
    sums = np.zeros(len(tried))
    for block in cases.blocks():
        base = evidence.scores(block.asked, others)
        for n, strength in enumerate(tried):
            total = base.copy()
            add(total, evidence.part(source, block.asked, strength))
            sums[n] += float(np.nansum(judge(total, block.relevant)))
    return tried[int(np.argmax(sums))]


def _grid(source: str) -> list[Strength]:
    """Return what is tried: nothing first, so that it wins a tie."""
    names = list(GRIDS[source])
    every = [Strength(**dict(zip(names, values, strict=True))) for values in product(*GRIDS[source].values())]
    none = [strength for strength in every if not strength.weight][:1]
    return none + [strength for strength in every if strength.weight]
