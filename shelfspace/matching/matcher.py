"""From listings to pairs that are one product, with or without labels. N listings, P pairs, F numbers of a pair."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from shelfspace.config import extra
from shelfspace.errors import ConfigError
from shelfspace.matching.blocking import Pairs, candidates, grams_of, pairs_of
from shelfspace.matching.evidence import NAMES as EVIDENCE
from shelfspace.matching.evidence import Evidence, evidence_of, likeness, likeness_parts
from shelfspace.matching.labelled import Labelled
from shelfspace.matching.listings import Listings
from shelfspace.matching.rivals import NAMES as RIVALS
from shelfspace.matching.rivals import assigned, best_rivals, rivalry
from shelfspace.matching.two_groups import TwoGroups

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

THINNED = (1.0, 0.85, 0.7, 0.7, 0.5, 0.5, 0.5)
"""Shares of both catalogues among which a pair's rivals are looked at in training: a catalogue that holds the partner
of everything would teach that the best rival is always right."""

CONTEXT: Mapping[str, Any] = {"rounds": 200, "num_leaves": 7}
CONTEXT_NAMES = (
    "the pair alone",
    "likeness",
    *(f"{name}, by {of}" for of in ("chance", "likeness") for name in RIVALS),
)


@dataclass(kw_only=True)
class Match:
    """`[match]`: how the same product is looked for.

    Args:
        between: a column of the items, such as the seller or the source: pairs are of two values of it. Without one,
            any two listings may be the same product.
        num_candidates: listings that each is compared with.
        one_to_one: with `between`, or another catalogue: a listing has one partner at most.
        num_parts: the trees are trained so many times, each time without a part of the labelled pairs.
        context: with labels, learn from the rivals of a pair as well.
    """

    between: str | None = None
    num_candidates: int = 10
    one_to_one: bool = True
    num_parts: int = 5
    context: bool = True

    def __post_init__(self) -> None:
        for name, least in (("num_candidates", 1), ("num_parts", 2)):
            if getattr(self, name) < least:
                raise ConfigError(f"[match] {name} = {getattr(self, name)} must be at least {least}")


@dataclass(frozen=True)
class Compared:
    """Listings that were compared: the pairs and what speaks for each, float32 [P, F]."""

    listings: Listings
    pairs: Pairs
    evidence: Evidence

    @property
    def likeness(self) -> Floats:
        """Return one number for each pair, without labels."""
        return likeness(self.evidence, len(self.listings))

    def places(self, pairs: Pairs) -> npt.NDArray[np.int64]:
        """Return where some of its pairs stand.

        Raises:
            ValueError: one of them was not compared.
        """
        width = len(self.listings)
        known, asked = (some.left * width + some.right for some in (self.pairs, pairs))
        found = np.minimum(np.searchsorted(known, asked), max(0, len(known) - 1))
        if len(asked) and (not len(known) or (known[found] != asked).any()):
            raise ValueError("a pair was not compared")
        return found


@dataclass(frozen=True)
class Found:
    """Pairs with the chance that each is one product, float64 [P], and which are said to be: bool [P]."""

    pairs: Pairs
    chance: Floats
    said: Flags


@dataclass(frozen=True)
class Matcher:
    """Finds pairs that are one product.

    Without labels the chance comes from a mixture (`TwoGroups`). With labels from trees over the evidence, then from
    trees over that chance and a pair's rivals, and the threshold is the one of the best F1 on validation.

    settings: `[match]`;
    trees: as LightGBM writes them: `pair`, over the evidence, and `context`, over rivals; empty without labels;
    threshold: pairs of at least this chance are said to be one product.
    """

    settings: Match
    trees: Mapping[str, Sequence[str]] = field(default_factory=dict)
    threshold: float = 0.5

    def compared(self, listings: Listings, more: Pairs | None = None) -> Compared:
        """Choose whom to compare, and gather what speaks for each pair; `more` are compared in any case."""
        grams = grams_of(listings)
        pairs = candidates(listings, grams, self.settings.num_candidates)
        if more is not None:
            ends = [np.stack([some.left, some.right], axis=1) for some in (pairs, more)]
            pairs = pairs_of(np.concatenate(ends))
        return Compared(listings, pairs, evidence_of(listings, grams, pairs))

    def found(self, compared: Compared) -> Found:
        """Return how likely each pair is one product, and which are said to be. Some 50 μs a pair.

        Raises:
            MissingExtraError: it was learnt from labels, and LightGBM is not installed.
        """
        chance = self.chance(compared)
        said = chance >= self.threshold
        if self.one_to_one(compared.listings):
            said &= assigned(compared.pairs, chance)
        return Found(compared.pairs, chance, said)

    def one_to_one(self, listings: Listings) -> bool:
        """Whether a listing has one partner at most."""
        return self.settings.one_to_one and listings.source is not None

    def chance(self, compared: Compared) -> Floats:
        """Return the chance that each pair is one product, float64 [P]."""
        if not self.trees:
            return unlabelled(compared)
        chance: Floats = self.loaded("pair").chance_of(compared.evidence)
        if "context" not in self.trees:
            return chance
        among: Floats = self.loaded("context").chance_of(context_of(compared, chance))
        return among

    def parts(self, compared: Compared, rows: Pairs) -> list[dict[str, float]]:
        """Return what each of some pairs' chance is made of, by name: TreeSHAP; the parts sum to its log odds.

        Without labels the parts sum to its likeness.
        """
        place = compared.places(rows)
        if not self.trees:
            return likeness_parts(compared.evidence[place], len(compared.listings))
        names, name, table = EVIDENCE, "pair", compared.evidence
        if "context" in self.trees:
            chance = self.loaded("pair").chance_of(compared.evidence)
            names, name, table = CONTEXT_NAMES, "context", context_of(compared, chance)
        added = self.loaded(name).contributions(table[place])
        return [dict(zip([*names, "every pair"], row, strict=True)) for row in added.tolist()]

    def loaded(self, name: str) -> Any:
        """Return trees that are ready to be asked."""
        return _trees().Trees(self.trees[name])


def fitted(settings: Match, compared: Compared, labelled: Labelled, *, seed: int = 0) -> Matcher:
    """Learn from the labelled pairs of `train`, and choose the threshold on those of `valid`.

    Without as many labels as it takes (`labelled.FEWEST` of each kind) nothing is learnt. Where too few pairs are for
    validation, the threshold is chosen on what trees say of pairs that they did not see.

    Args:
        settings: `[match]`.
        compared: the listings; their pairs hold the labelled ones.
        labelled: what was said of pairs.
        seed: of the parts, of the thinned catalogues, and of the trees.

    Raises:
        MissingExtraError: there are labels, and LightGBM is not installed.

    Cost: some five seconds for 5,000 labelled pairs, on one core.
    """
    train, valid = labelled.part("train"), labelled.part("valid")
    if not train.teaches():
        return Matcher(settings)
    crossed = _trees().Trees.crossed
    place, rng = compared.places(train.pairs), np.random.default_rng(seed)
    part = rng.integers(settings.num_parts, size=len(compared.listings))[train.pairs.left]
    pair, unseen = crossed(compared.evidence[place], train.label, part, seed=seed)
    trees = {"pair": pair.texts}
    chance = pair.chance_of(compared.evidence)
    if settings.context:
        chance[place] = unseen
        tables, labels, parts = zip(*_thinned(compared, chance, train, part, rng), strict=True)
        context, left_out = crossed(*map(np.concatenate, (tables, labels, parts)), seed=seed, **CONTEXT)
        trees["context"], unseen = context.texts, left_out[: len(train)]
        chance = context.chance_of(context_of(compared, chance))
    if valid.teaches():
        threshold = best_threshold(valid.label, chance[compared.places(valid.pairs)])
    else:
        threshold = best_threshold(train.label, unseen)
    return Matcher(settings, trees, threshold)


def unlabelled(compared: Compared) -> Floats:
    """Return the chance that each pair is one product where no labels say what that looks like, float64 [P]."""
    score = compared.likeness
    chosen = assigned(compared.pairs, score)
    null = best_rivals(compared.pairs, score, chosen)
    return TwoGroups.fit(score[chosen], null).chance_of(score)


def context_of(compared: Compared, chance: Floats, kept: Flags | None = None) -> npt.NDArray[np.float32]:
    """Return a pair's chance and likeness, and how it stands among its rivals by either, float32 [P, 16].

    Args:
        compared: P pairs.
        chance: float64 [P].
        kept: bool [P], pairs that are there; the others' rows are NaN.
    """
    likeness, odds = compared.likeness, _log_odds(chance)
    there = np.ones(len(chance), bool) if kept is None else kept
    pairs = compared.pairs.take(there)
    columns: list[npt.NDArray[np.floating]] = [odds[there, None], likeness[there, None]]
    columns += [rivalry(pairs, score[there]) for score in (chance, likeness)]
    table = np.full((len(chance), sum(column.shape[1] for column in columns)), np.nan, np.float32)
    table[there] = np.hstack(columns)
    return table


def best_threshold(label: Flags, chance: Floats) -> float:
    """Return the chance from which F1 is highest, halfway to the next lower one. O(P log P)."""
    order = np.argsort(-chance, kind="stable")
    right = np.cumsum(label[order])
    last = np.append(np.diff(chance[order]) != 0, True)
    f1 = np.where(last, 2 * right / (np.arange(1, len(order) + 1) + label.sum()), -1.0)
    at = int(np.argmax(f1))
    after = chance[order[at + 1]] if at + 1 < len(order) else 0.0
    return float((chance[order[at]] + after) / 2)


def _thinned(
    compared: Compared,
    chance: Floats,
    train: Labelled,
    part: npt.NDArray[np.integer],
    rng: np.random.Generator,
) -> Iterator[tuple[npt.NDArray[np.float32], Flags, npt.NDArray[np.integer]]]:
    """Yield the context of the labelled pairs that are left, their labels and parts, of thinned catalogues."""
    place = compared.places(train.pairs)
    for share in THINNED:
        listed = rng.random(len(compared.listings)) < share
        kept = listed[compared.pairs.left] & listed[compared.pairs.right]
        there = kept[place]
        yield context_of(compared, chance, kept)[place[there]], train.label[there], part[there]


def _trees() -> Any:
    return extra("shelfspace.matching.trees", "lightgbm", "'shelfspace[match]'")


def _log_odds(chance: Floats) -> Floats:
    inside = np.clip(chance, 1e-4, 1 - 1e-4)
    odds: Floats = np.log(inside / (1 - inside))
    return odds
