"""What speaks for and against a pair of listings, in numbers. N listings, P pairs, F numbers of a pair."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
from scipy import sparse
from sklearn.feature_extraction.text import CountVectorizer

from shelfspace.matching.blocking import Grams, Pairs, cosines
from shelfspace.matching.listings import Listings

Evidence = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]

COSINES = ("text", "title squeezed", "text squeezed")
_CODES = ("rarest code found", "rarest code missed", "codes")
_WORDS = ("share of words found", "rarest word missed", "words missed")
_SIDES = ("left", "right")
NAMES: tuple[str, ...] = (
    *(f"cosine: {name}" for name in COSINES),
    *(f"{name}, {side}" for side in _SIDES for name in _CODES),
    *(f"{name}, {side}" for side in _SIDES for name in _WORDS),
    "numbers in both titles",
    "numbers missed, left",
    "numbers missed, right",
    "price ratio",
    "price apart",
)
"""What the columns say: what the title of one listing, left or right, says is looked for in all that the other says."""

CODE_SHARE = 0.25

LONG = 4
"""A word of so many letters is also found inside others: `toughskin` in `tough skin`."""


@dataclass(frozen=True)
class Rarity:
    """How rare codes and words are among listings, as an inverse document frequency."""

    codes: dict[str, float]
    words: dict[str, float]

    @classmethod
    def of(cls, listings: Listings) -> Self:
        """Count in how many listings each stands; a code also where it is a part of a longer word."""
        codes = sorted({code for codes in listings.codes for code in codes})
        return cls(
            _idf(_holding(codes, listings.squeezed_texts), len(listings)),
            _idf(Counter(word for words in listings.words for word in words), len(listings)),
        )


def evidence_of(listings: Listings, grams: Grams, pairs: Pairs) -> Evidence:
    """Return what speaks for and against each pair, float32 [P, F]; NaN where nothing can be said. See `NAMES`.

    A code, a word with a digit in it, is found where it stands inside the other listing's squeezed text: `NN4TSBLK` in
    `nn4-ts-blk`. A rare one that is found is the strongest sign for a pair, a rare one that is missed against it.

    Cost: some 60 µs a pair, on one core.
    """
    rarity = Rarity.of(listings)
    rows = zip(pairs.left.tolist(), pairs.right.tolist(), strict=True)
    told = [_told(listings, rarity, a, b) for a, b in rows]
    prices = _prices(listings.prices[pairs.left], listings.prices[pairs.right])
    plain = np.asarray(told, np.float32).reshape(len(pairs), len(NAMES) - len(COSINES) - prices.shape[1])
    return np.hstack([cosines(grams, pairs), plain, prices])


def likeness(evidence: Evidence, num_listings: int) -> Floats:
    """Return one number for each pair where no labels say more, float64 [P].

    It is the mean cosine and, on top, the rarest code found: one that only two listings have counts as much as a
    fourth of a cosine.
    """
    whole: Floats = _likeness(evidence, num_listings).sum(axis=1)
    return whole


def likeness_parts(evidence: Evidence, num_listings: int) -> list[dict[str, float]]:
    """Return what each pair's likeness is made of; the parts sum to it."""
    names = [*NAMES[: len(COSINES)], _CODES[0]]
    return [dict(zip(names, row, strict=True)) for row in _likeness(evidence, num_listings).tolist()]


def _likeness(evidence: Evidence, num_listings: int) -> Floats:
    rarest = evidence[:, [NAMES.index(f"{_CODES[0]}, {side}") for side in _SIDES]].max(axis=1)
    code = CODE_SHARE * rarest / np.log(1 + num_listings)
    return np.column_stack([evidence[:, : len(COSINES)] / len(COSINES), code]).astype(np.float64)


def _told(listings: Listings, rarity: Rarity, a: int, b: int) -> list[float]:
    told: list[float] = []
    for one, other in ((a, b), (b, a)):
        told += _code_signs(listings.codes[one], listings.squeezed_texts[other], rarity)
    for one, other in ((a, b), (b, a)):
        said = listings.title_words[one]
        told += _word_signs(said, listings.words[other], listings.squeezed_texts[other], rarity)
    ours, theirs = listings.numbers[a], listings.numbers[b]
    return [
        *told,
        len(ours & theirs),
        len(ours - listings.all_numbers[b]),
        len(theirs - listings.all_numbers[a]),
    ]


def _code_signs(codes: Sequence[str], text: str, rarity: Rarity) -> list[float]:
    """Codes with a letter count: a bare number may be anything, and is told of by itself."""
    named = [code for code in codes if not code.isdigit()]
    found = [rarity.codes[code] for code in named if code in text]
    missed = [rarity.codes[code] for code in named if code not in text]
    return [max(found, default=0.0), max(missed, default=0.0), len(codes)]


def _word_signs(words: Collection[str], others: Collection[str], text: str, rarity: Rarity) -> list[float]:
    missed = [
        rarity.words[word]
        for word in words
        if word not in others and not (len(word) >= LONG and word in text)
    ]
    whole = sum(rarity.words[word] for word in words)
    gone = sum(missed)
    return [1.0 - gone / whole if whole else 0.0, max(missed, default=0.0), gone]


def _prices(left: Floats, right: Floats) -> Evidence:
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.log(left / right)
    ratio[~np.isfinite(ratio)] = np.nan
    return np.column_stack([ratio, np.abs(ratio)]).astype(np.float32)


def _holding(codes: Sequence[str], texts: Sequence[str]) -> dict[str, int]:
    """Return how many texts hold each code: those that have its rarest trigram are looked through."""
    if not codes:
        return {}
    grams = [[code[at : at + 3] for at in range(len(code) - 2)] for code in codes]
    vocabulary = {gram: n for n, gram in enumerate(sorted({gram for some in grams for gram in some}))}
    counter = CountVectorizer(analyzer="char", ngram_range=(3, 3), lowercase=False, vocabulary=vocabulary)
    having = sparse.csc_array(counter.transform(texts))
    usage = np.diff(having.indptr)
    found = {}
    for code, some in zip(codes, grams, strict=True):
        rarest = min((vocabulary[gram] for gram in some), key=lambda gram: usage[gram])
        rows = having.indices[having.indptr[rarest] : having.indptr[rarest + 1]]
        found[code] = sum(code in texts[row] for row in rows)
    return found


def _idf(counts: Mapping[str, int], num_listings: int) -> dict[str, float]:
    return {word: float(np.log((1 + num_listings) / (1 + count))) for word, count in counts.items()}
