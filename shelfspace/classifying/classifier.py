"""From listings to labels, as far as they are sure. N listings, C classes, P prefixes of paths, K labels, V views."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated

import numpy as np
import numpy.typing as npt

from shelfspace.classifying.fusing import PRIOR, Fusions, Scored
from shelfspace.classifying.labels import Classes, Codes
from shelfspace.classifying.views import WORDS, Eyes, View
from shelfspace.classifying.words import LinearWords
from shelfspace.config import Range
from shelfspace.errors import ConfigError, DataError, did_you_mean
from shelfspace.linear.whitening import WithinClass
from shelfspace.shop.catalogue import Catalogue

Floats = npt.NDArray[np.float32]
Model = LinearWords | WithinClass

ENCODERS = ("words", "vectors", "photo", "transformer")
READS = ("title", "description", "brand", "category", "attributes")

KEPT = 20
"""Labels of a listing that are kept, the likeliest; no more can be asked for."""


@dataclass(kw_only=True)
class Classify:
    """`[classify]`: what is foretold of listings that do not say it, and by what.

    Args:
        columns: what is foretold: `category`, a path from broad to narrow, or columns of single texts.
        precision: it answers only where it expects at least this share of its answers to be right.
        encoders: what is looked at, where listings have it: `words`; `vectors`, ready ones; `photo`, by the frozen
            network of the extra `[image]`; `transformer`, the text by that of the extra `[text]`.
        reads: the columns whose words are read; those that are foretold are never.
        num_parts: models are trained so many times, each time without a part of the listings.
        shrinkage: of vectors and photos; see `WithinClass`.
        power: of vectors and photos; see `WithinClass`.
    """

    columns: list[str] = field(default_factory=lambda: ["category"])
    precision: float = 0.9
    encoders: list[str] = field(default_factory=lambda: ["words", "vectors", "photo"])
    reads: list[str] = field(default_factory=lambda: ["title", "description", "brand"])
    num_parts: int = 3
    shrinkage: Annotated[float, Range(0.05, 0.8)] = 0.3
    power: Annotated[float, Range(0.3, 1.0)] = 0.5

    def __post_init__(self) -> None:
        for name in ("columns", "encoders", "reads"):
            if not getattr(self, name):
                raise ConfigError(f"[classify] {name} must name at least one")
        for name, known in (("encoders", ENCODERS), ("reads", READS)):
            for one in getattr(self, name):
                if one not in known:
                    near = did_you_mean(one, known)
                    raise ConfigError(f"[classify] {name}: {one!r} is unknown{near}; known: {list(known)}")
        if not 0.0 < self.precision < 1.0:
            raise ConfigError(f"[classify] precision = {self.precision} must lie between 0 and 1")
        if self.num_parts < 2:
            raise ConfigError(f"[classify] num_parts = {self.num_parts} must be at least 2")
        self.whitening()

    @property
    def read(self) -> tuple[str, ...]:
        """Return the columns whose words are read: none that is foretold."""
        return tuple(name for name in self.reads if name not in self.columns)

    def whitening(self) -> WithinClass:
        """Return what judges vectors and photos, nothing learnt."""
        return WithinClass(shrinkage=self.shrinkage, power=self.power)


@dataclass(frozen=True)
class Answers:
    """What was foretold of N listings in one column.

    label, chance: int32 and float32 [N, K], the likeliest classes and their chances, the likeliest first;
    answer: int64 [N], the prefix that is sure enough, -1 where none is;
    sure: float32 [N], its chance; where it abstains, that of the likeliest class;
    parts: float32 [N, V + 1], what each view, and how common the class is, adds to the log odds of the likeliest class
        against the next; NaN where a view is missing;  names: theirs.
    """

    label: npt.NDArray[np.int32]
    chance: Floats
    answer: Codes
    sure: Floats
    parts: Floats
    names: tuple[str, ...]

    @classmethod
    def of(cls, scored: Scored, fusions: Fusions, classes: Classes) -> "Answers":
        """Fuse what the views said."""
        chance, threshold = fusions.chance(scored)
        best = np.argsort(-chance, axis=1, kind="stable")[:, :KEPT]
        top = np.take_along_axis(chance, best, axis=1)
        prefixes = classes.sure(chance)
        answer = classes.longest(prefixes, threshold)
        sure = np.where(answer >= 0, prefixes[np.arange(len(answer)), answer], top[:, 0])
        names = (*sorted(scored.present), PRIOR)
        parts = np.full((len(scored), len(names)), np.nan, np.float32)
        for seen, rows in scored.patterns().items():
            for name, added in fusions.of(seen).parts(scored.take(rows)).items():
                likely, other = (np.take_along_axis(added, best[rows, n : n + 1], axis=1) for n in (0, 1))
                parts[rows, names.index(name)] = (likely - other)[:, 0]
        return cls(
            best.astype(np.int32),
            top.astype(np.float32),
            answer,
            np.minimum(sure, 1.0).astype(np.float32),
            parts,
            names,
        )

    def put(self, rows: npt.NDArray[np.integer], others: "Answers") -> None:
        """Put answers to other listings in the place of those of these rows."""
        for name in ("label", "chance", "answer", "sure", "parts"):
            getattr(self, name)[rows] = getattr(others, name)


@dataclass(frozen=True)
class Head:
    """What was learnt of one column: a model of each view, how common classes are, and how views are weighed."""

    classes: Classes
    models: Mapping[str, Model]
    log_prior: npt.NDArray[np.float64]
    fusions: Fusions

    def scored(self, views: Mapping[str, View]) -> Scored:
        """Return what each view says of listings."""
        return scored_by(self.models, views, self.log_prior)

    def answers(self, views: Mapping[str, View]) -> Answers:
        """Return what is foretold of listings."""
        return Answers.of(self.scored(views), self.fusions, self.classes)


@dataclass(frozen=True)
class Classifier:
    """Reads listings, and foretells each column."""

    settings: Classify
    eyes: Eyes
    heads: Mapping[str, Head]

    def answers(self, catalogue: Catalogue) -> dict[str, Answers]:
        """Return what is foretold of listings, by column.

        Cost: a few milliseconds for a listing; a photo that was not seen before some 20 ms.
        """
        views = self.eyes.views(catalogue)
        return {column: head.answers(views) for column, head in self.heads.items()}

    def telling(self, catalogue: Catalogue, column: str, label: npt.NDArray[np.integer]) -> list[list[str]]:
        """Return the words of each listing that speak most for its likeliest class against the next.

        Args:
            catalogue: N listings.
            column: one that is foretold.
            label: integers [N, K], the likeliest classes.
        """
        model, words = self.heads[column].models.get(WORDS), self.eyes.words
        if not isinstance(model, LinearWords) or words is None:
            return [[] for _ in range(len(catalogue))]
        names = [text for some in words.vocabulary.values() for text in some.to_pylist()]
        whole = np.repeat(
            [name != "pieces" for name in words.vocabulary], list(map(len, words.vocabulary.values()))
        )
        rows = self.eyes.of_words(catalogue)[WORDS].rows
        found = [
            model.telling(rows[[n]], int(likely[0]), int(likely[1]), whole) for n, likely in enumerate(label)
        ]
        return [[names[at] for at in features] for features in found]


def scored_by(
    models: Mapping[str, Model], views: Mapping[str, View], log_prior: npt.NDArray[np.float64]
) -> Scored:
    """Return what models say of the views that are there; a view that a listing lacks is 0.

    Raises:
        DataError: vectors of another width than those that were learnt from.
    """
    scores, present = {}, {}
    for name, view in views.items():
        model = models.get(name)
        there = view.present if model is not None else np.zeros(len(view.present), bool)
        if isinstance(model, LinearWords):
            there = there & model.knows(view.rows)
        elif model is not None and there.any() and view.rows.shape[1] != len(model.mean):
            raise DataError(
                f"{name} has {view.rows.shape[1]} numbers, where {len(model.mean)} were learnt from"
            )
        found = np.zeros((len(there), len(log_prior)), np.float32)
        if model is not None and there.any():
            found[there] = model.score(view.rows[np.flatnonzero(there)])
        scores[name], present[name] = found, there
    return Scored(scores, present, log_prior)
