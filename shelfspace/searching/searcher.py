"""What a phrase finds, and why. N items, Q terms, C candidates, F features."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from shelfspace.config import extra
from shelfspace.linear.largest import kth_largest
from shelfspace.searching.lexical import Lexical
from shelfspace.searching.meaning import Meaning
from shelfspace.searching.spelling import Read, read

Floats = npt.NDArray[np.float32]
Rows = npt.NDArray[np.int64]

WORDS, MEANING, PHOTO, FEEDBACK, POPULARITY = "words", "meaning", "photo", "like the first", "popularity"

FIRST = 10
"""So many of the first answers say what else is meant."""

BY_WORDS = 0.3
"""An item answers by its words where they bring so much of what they bring the best."""

BY_MEANING = 100
"""So many of the nearest answer by their meaning."""

CANDIDATES = 300
"""So many of the best by the sum are put in order by trees, where those were learnt; the others do not answer."""

FEATURES = (
    WORDS,
    MEANING,
    FEEDBACK,
    POPULARITY,
    "bm25",
    "cosine",
    "rank by words",
    "rank by meaning",
    "words in the title",
    "words in the brand",
    "words in the category",
    "words of the phrase",
    "price",
    "price among answers",
)
"""What trees see of a candidate."""


@dataclass(frozen=True)
class Found:
    """What one phrase finds.

    read: how its words were read;  words: float32 csr [Q, N], the BM25 of each;  cosine: float32 [N], of its meaning;
    parts: by name float32 [N], each scaled so that the best has 1, not weighted yet.
    """

    read: Read
    words: sparse.csr_array
    cosine: Floats
    parts: Mapping[str, Floats]

    def groups(self) -> dict[str, npt.NDArray[np.bool_]]:
        """Return which items answer by their words, and which are among the nearest by what else is asked, bool [N]."""
        found: dict[str, npt.NDArray[np.bool_]] = {WORDS: self.parts[WORDS] >= BY_WORDS}
        for name in (MEANING, PHOTO):
            part = self.parts.get(name)
            if part is not None and part.any():
                nearest = best(part, BY_MEANING)
                found[name] = np.zeros(len(part), bool)
                found[name][nearest[part[nearest] > 0]] = True
        return found

    def matches(self) -> npt.NDArray[np.bool_]:
        """Return which items are answers at all, bool [N]."""
        found: npt.NDArray[np.bool_] = np.logical_or.reduce(list(self.groups().values()))
        return found


@dataclass(frozen=True)
class Ranking:
    """What the parts of a score count for.

    weights: of the parts, by name;  steepness: of their sum, beside trees;  trees: as LightGBM writes them, or none.
    """

    weights: Mapping[str, float]
    steepness: float = 1.0
    trees: str = ""

    def weight(self, part: str) -> np.float32:
        """Return what a part counts for."""
        return np.float32(self.weights[part] * self.steepness)

    @cached_property
    def running(self) -> Any:
        """The trees.

        Raises:
            MissingExtraError: LightGBM is not installed.
        """
        return extra("shelfspace.searching.trees", "lightgbm", "'shelfspace[rank]'").Trees(self.trees)


@dataclass(frozen=True)
class Searcher:
    """An index of a catalogue.

    lexical: its words;  meaning: an encoder and its vectors, where there is one;  taken: how often each item was
    taken, float32 [N];  price: float32 [N], NaN where there is none;  ranking: what the parts count for.
    """

    lexical: Lexical
    meaning: Meaning | None
    taken: Floats
    price: Floats
    ranking: Ranking
    tolerant: bool = True
    _popularity: Floats = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_popularity", scaled(np.log1p(self.taken)))

    def read(self, phrase: str) -> Read:
        """Return how a phrase is read."""
        return read(phrase, self.lexical, tolerant=self.tolerant)

    def found(
        self,
        said: Read,
        meant: Floats | None,
        vectors: Floats | None = None,
        more: Mapping[str, Floats] | None = None,
    ) -> Found:
        """Return what a phrase finds.

        Args:
            said: how the phrase is read; without any term where a photo alone is asked for.
            meant: the vector of what is meant, float32 [K]; None: words alone.
            vectors: where items lie beside it, float32 [N, K]; None: those of the encoder.
            more: further parts by name, each float32 [N].

        Cost: N Q operations, and 4 N K where something is meant.

        Source: Rocchio. Relevance Feedback in Information Retrieval. 1971 (the mean of the first answers counts too).
        """
        words = self.lexical.parts(said.terms)
        lying = vectors if vectors is not None else (self.meaning.vectors if self.meaning else None)
        cosine = np.zeros(len(self.taken), np.float32)
        if meant is not None and lying is not None:
            cosine = np.asarray(lying @ meant, np.float32)
        parts = {
            WORDS: scaled(np.asarray(words.sum(axis=0), np.float32).ravel()),
            MEANING: scaled(cosine),
            FEEDBACK: np.zeros_like(cosine),
            POPULARITY: self._popularity,
            **(more or {}),
        }
        found = Found(said, words, cosine, parts)
        if meant is None or lying is None or not self.ranking.weights[FEEDBACK]:
            return found
        first = best(self.total(found), FIRST)
        return replace(found, parts={**parts, FEEDBACK: scaled(lying @ lying[first].mean(axis=0))})

    def total(self, found: Found) -> Floats:
        """Return the weighted sum of the parts, float32 [N]."""
        total = np.zeros(len(self.taken), np.float32)
        for name, part in found.parts.items():
            total += self.ranking.weight(name) * part
        return total

    def features(self, found: Found, items: Rows) -> Floats:
        """Return what trees see of candidates, float32 [C, F]."""
        words, near = found.parts[WORDS][items], found.parts[MEANING][items]
        price = np.log(np.maximum(self.price[items], 1e-6))
        order = np.argsort(np.argsort(np.nan_to_num(price))) / max(1, len(items) - 1)
        terms = found.read.terms
        columns = [
            words,
            near,
            found.parts[FEEDBACK][items],
            self._popularity[items],
            np.asarray(found.words[:, items].sum(axis=0)).ravel(),
            found.cosine[items],
            _rank(words),
            _rank(near),
            *(self.lexical.stands(terms, name, items) for name in ("title", "brand", "category")),
            np.full(len(items), len(terms)),
            price,
            np.where(np.isnan(price), np.nan, order),
        ]
        return np.stack(columns, axis=1).astype(np.float32)


def scaled(amounts: Floats) -> Floats:
    """Return amounts of which the highest is 1 and none is below 0."""
    highest = float(amounts.max(initial=0.0))
    if highest <= 0:
        return np.zeros(len(amounts), np.float32)
    shares: Floats = np.maximum(amounts / np.float32(highest), 0).astype(np.float32)
    return shares


def best(amounts: Floats, k: int) -> Rows:
    """Return the rows of the k highest amounts, the highest first, equal ones in their order; none of -inf."""
    k = min(k, len(amounts))
    least = kth_largest(amounts[None, :], k)[0] if k else np.inf
    rows = np.flatnonzero((amounts >= least) & np.isfinite(amounts))
    order: Rows = rows[np.argsort(-amounts[rows], kind="stable")][:k]
    return order


def _rank(amounts: Floats) -> npt.NDArray[np.int64]:
    ranks: npt.NDArray[np.int64] = np.argsort(np.argsort(-amounts, kind="stable"), kind="stable")
    return ranks
