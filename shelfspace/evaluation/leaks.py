"""Detectors of what makes figures too good to be true. Each finding has a name and stands in the verdict.

B cases, N items, E events.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from shelfspace.config import settings_of
from shelfspace.linear.features import ItemFeatures
from shelfspace.linear.retriever import Retriever
from shelfspace.shop.cases import Cases
from shelfspace.shop.catalogue import Catalogue
from shelfspace.shop.history import History

TEST_IN_TRAINING = "test events in training"
NEAR_DUPLICATES = "near-duplicate listings"
FUTURE_EVENTS = "popularity of the future"
FUTURE_TEXTS = "IDF of the future"
SHUFFLED_TIMES = "shuffled times"
LEAKS = (TEST_IN_TRAINING, NEAR_DUPLICATES, FUTURE_EVENTS, FUTURE_TEXTS, SHUFFLED_TIMES)

_PERMUTATIONS = 20

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Leak:
    """One finding: which leak, where (a protocol or a model), how much, and a sentence for the reader."""

    name: str
    where: str
    amount: float
    text: str

    def to_json(self) -> dict[str, str | float]:
        """Return it as plain data."""
        return asdict(self)


def find_leaks(
    cases: Cases,
    *,
    history: History,
    catalogue: Catalogue,
    fitted: Mapping[str, History],
    parts: Mapping[str, Retriever],
) -> list[Leak]:
    """Look for every leak of `LEAKS` in one protocol's test.

    Args:
        cases: the test block.
        history: all events of the shop.
        catalogue: its items.
        fitted: by model, the history that it was in truth fitted on.
        parts: the fitted parts by name, as they are measured.

    Returns:
        What was found; empty where the figures may be believed. Costs a fit of each part.
    """
    return [
        *training_on_test(cases, fitted),
        *near_duplicate_listings(cases, catalogue.duplicates),
        *future_knowledge(cases, parts, catalogue),
        *(shuffled_times(history) if cases.protocol.startswith("time") else ()),
    ]


def training_on_test(cases: Cases, fitted: Mapping[str, History], *, threshold: float = 0.01) -> list[Leak]:
    """Look for the test's events in what each model was fitted on, and for baskets that stand on both sides.

    Args:
        cases: the test block.
        fitted: by model, the history that it was in truth fitted on; rows as in `cases.fit`.
        threshold: the share of test events whose item stands in the same basket on both sides of the cut,
            from which it is named; a few straddle any cut.

    Returns:
        What was found. O(E log E).
    """
    found = []
    last = cases.fit.time.max(initial=-np.inf)
    for model, history in fitted.items():
        late = int((history.time > last).sum()) if cases.protocol.startswith("time") else 0
        pairs = int(history.matrix()[cases.rows].multiply(cases.relevant).nnz) if cases.mask_seen else 0
        if late or pairs:
            share = max(pairs / max(1, cases.relevant.nnz), min(1.0, late / max(1, cases.answers.num_events)))
            text = f"{model} was fitted on {pairs} of the test's answers and on {late} events after the cut"
            found.append(Leak(TEST_IN_TRAINING, model, share, text))
    known, asked = cases.fit.of_users(cases.rows), cases.answers
    baskets = int(max(known.basket.max(initial=0), asked.basket.max(initial=0))) + 1
    both = int(np.isin(_basket_keys(asked, baskets), _basket_keys(known, baskets)).sum())
    if both > threshold * max(1, cases.answers.num_events):
        share = both / cases.answers.num_events
        text = f"{share:.1%} of the test events stand in training too, as the same item of the same basket"
        found.append(Leak(TEST_IN_TRAINING, cases.protocol, share, text))
    return found


def near_duplicate_listings(
    cases: Cases, duplicates: npt.NDArray[np.int32], *, threshold: float = 0.02
) -> list[Leak]:
    """Look for answers that are another listing of what the user already had.

    Args:
        cases: the test block.
        duplicates: int32 [N], equal where listings are near-identical: `Catalogue.duplicates`.
        threshold: the share of the test's answers from which it is named.
    """
    several = np.bincount(duplicates, minlength=1)[duplicates] > 1
    width = int(duplicates.max(initial=0)) + 1
    queries, relevant = cases.queries, cases.relevant
    of_case = np.repeat(np.arange(len(cases)), np.diff(relevant.indptr))
    listed = several[relevant.indices]
    asked = of_case[listed] * width + duplicates[relevant.indices[listed]]
    had = several[queries.item]
    known = queries.user()[had].astype(np.int64) * width + duplicates[queries.item[had]]
    itself = cases.queries.matrix().multiply(relevant).nnz
    share = max(0, int(np.isin(asked, known).sum()) - itself) / max(1, relevant.nnz)
    if share <= threshold:
        return []
    text = f"{share:.1%} of the test's answers are near-identical listings of what the user had before"
    return [Leak(NEAR_DUPLICATES, cases.protocol, share, text)]


def future_knowledge(
    cases: Cases,
    parts: Mapping[str, Retriever],
    catalogue: Catalogue,
    *,
    num_cases: int = 64,
    tolerance: float = 1e-3,
    seed: int = 0,
) -> list[Leak]:
    """Fit every part again on the past alone and look whether it scores as the one that is measured does.

    The past alone: the events of `cases.fit`, and a catalogue whose items not yet known at the cut are blank.
    Only scores of items known by then are compared.

    Args:
        cases: the test block.
        parts: the fitted parts by name, as they are measured.
        catalogue: what they were fitted with.
        num_cases: how many histories are scored.
        tolerance: the relative difference of the scores (Frobenius norm) from which it is named.
        seed: of the sample.

    Returns:
        `IDF of the future` where blanking the items to come makes the difference, else `popularity of the
        future`. Costs a fit for each part, two where something is found.
    """
    queries = cases.sample(num_cases, seed=seed).queries
    known = catalogue.known_at(cases.fit.now)
    past = _past_of(catalogue, known)
    found = []
    for name, part in parts.items():
        measured = part.score(queries)[:, known]
        fresh = _refitted(part, cases.fit, past)
        change = _change(measured, fresh.score(queries)[:, known])
        if change > tolerance:
            whole = _refitted(part, cases.fit, catalogue).score(queries)[:, known]
            texts = _change(measured, whole) <= tolerance
            if texts and _same_words(part, fresh):
                continue  # newer listings only crowd out neighbours; nothing was learnt from them
            what = "items that were not listed yet" if texts else "events after the cut"
            text = f"{name} knows of {what}: fitted again on the past alone its scores change by {change:.1%}"
            found.append(Leak(FUTURE_TEXTS if texts else FUTURE_EVENTS, name, change, text))
    return found


def shuffled_times(history: History, *, least_sigmas: float = 4.0, seed: int = 0) -> list[Leak]:
    """Look whether times carry any order at all, by permuting them.

    In a real log the events of a user and of a basket lie together, and items come and go. Three figures
    measure
    that: the variance of time between users, between baskets and between items. If none is further than
    `least_sigmas` from what permuted times give, the times say nothing. A second test permutes within users
    alone: it sees times that were shuffled inside each user.

    Args:
        history: all events. Fewer than 500 are not judged.
        least_sigmas: standard deviations over the permutations.
        seed: of the permutations and of the sample of users for logs above 200 thousand events.

    Returns:
        What was found. 40 permutations, some 2 s.
    """
    if history.clock == "none":
        return []
    rng = np.random.default_rng(seed)
    events = _sampled(history, 200_000, rng)
    if events.num_events < 500 or np.ptp(events.time) == 0:
        return []
    groups = {"users": events.user(), "items": events.item, "baskets": events.basket}
    globally = _sigmas(events.time, groups, lambda: rng.permutation(events.num_events))
    if max(globally.values()) < least_sigmas:
        text = _shuffle_text("times lie at random over users, baskets and items", globally)
        return [Leak(SHUFFLED_TIMES, "all events", max(globally.values()), text)]
    user = events.user()
    inside = _sigmas(
        events.time,
        {name: groups[name] for name in ("items", "baskets")},
        lambda: np.lexsort((rng.random(len(user)), user)),
    )
    movable = int((np.diff(events.time)[np.diff(user) == 0] > 0).sum())
    if movable >= 1000 and max(inside.values()) < least_sigmas:
        text = _shuffle_text("within each user times lie at random over items and baskets", inside)
        return [Leak(SHUFFLED_TIMES, "within users", max(inside.values()), text)]
    return []


def _shuffle_text(what: str, sigmas: Mapping[str, float]) -> str:
    figures = ", ".join(f"{name} {value:+.1f}" for name, value in sigmas.items())
    return f"{what} (standard deviations from chance: {figures}); protocols by time mean nothing on them"


def _sigmas(
    time: Floats, groups: Mapping[str, npt.NDArray[np.integer]], draw: Callable[[], npt.NDArray[np.int64]]
) -> dict[str, float]:
    """How far the spread of time between groups lies from that of permuted times, in deviations."""
    ranks = np.searchsorted(np.sort(time), time) / len(time)
    ranks -= ranks.mean()
    used = {
        name: rows for name, rows in groups.items() if (np.bincount(rows[rows >= 0], minlength=1) > 1).any()
    }
    real = {name: _between(ranks, rows) for name, rows in used.items()}
    drawn: dict[str, list[float]] = {name: [] for name in used}
    for _ in range(_PERMUTATIONS):
        permuted = ranks[draw()]
        for name, rows in used.items():
            drawn[name].append(_between(permuted, rows))
    sigmas = {n: (real[n] - float(np.mean(drawn[n]))) / (float(np.std(drawn[n])) or 1.0) for n in used}
    return sigmas or {"": 0.0}


def _between(values: Floats, rows: npt.NDArray[np.integer]) -> float:
    grouped = rows >= 0
    sums, counts = np.bincount(rows[grouped], values[grouped]), np.bincount(rows[grouped])
    return float((sums[counts > 1] ** 2 / counts[counts > 1]).sum())


def _sampled(history: History, size: int, rng: np.random.Generator) -> History:
    if history.num_events <= size:
        return history
    order = rng.permutation(history.num_users)
    enough = int(np.searchsorted(np.cumsum(history.lengths()[order]), size)) + 1
    return history.of_users(np.sort(order[:enough]))


def _past_of(catalogue: Catalogue, known: npt.NDArray[np.bool_]) -> Catalogue:
    rows = pa.array(np.arange(len(catalogue)), pa.int64(), mask=~known)
    vectors = {name: np.where(known[:, None], values, np.nan) for name, values in catalogue.vectors.items()}
    return replace(catalogue, table=catalogue.table.take(rows), vectors=vectors)


def _refitted(part: Retriever, fit: History, catalogue: Catalogue) -> Retriever:
    again: Retriever = type(part)(**settings_of(part))
    return again.fit(fit, catalogue)


def _same_words(one: Retriever, other: Retriever) -> bool:
    if not (isinstance(one, ItemFeatures) and isinstance(other, ItemFeatures)):
        return False
    left, right = one.word_arrays(), other.word_arrays()
    return left.keys() == right.keys() and all(np.array_equal(left[name], right[name]) for name in left)


def _change(one: npt.NDArray[np.float32], other: npt.NDArray[np.float32]) -> float:
    size = max(float(np.linalg.norm(one)), float(np.linalg.norm(other)), 1e-30)
    return float(np.linalg.norm(one - other)) / size


def _basket_keys(history: History, baskets: int) -> npt.NDArray[np.int64]:
    inside = history.basket >= 0
    pair = history.user()[inside].astype(np.int64) * history.num_items + history.item[inside]
    return pair * baskets + history.basket[inside]
