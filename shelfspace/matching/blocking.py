"""Which listings are compared at all: those that are near to each other by their characters.

N listings, F character n-grams, P pairs, K candidates of each listing.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer

from shelfspace.matching.listings import Listings

Rows = npt.NDArray[np.int64]
Grams = dict[str, sparse.csr_array]

BLOCK_VALUES = 8_000_000
"""Cosines held at once: 32 MB of float32."""

MAX_SHARED = 20_000
"""An n-gram that more listings have finds no candidates; it still counts in the cosine of those found."""


@dataclass(frozen=True)
class Pairs:
    """Two listings each, int64 [P]: `left` below `right`, every pair once, in order."""

    left: Rows
    right: Rows

    def __len__(self) -> int:
        return len(self.left)

    def take(self, chosen: npt.NDArray[np.bool_] | Rows) -> "Pairs":
        """Return some of the pairs."""
        return Pairs(self.left[chosen], self.right[chosen])


def grams_of(listings: Listings) -> Grams:
    """Return TF-IDF vectors of character trigrams, float32 [N, F], rows of unit length or 0, by what they are of.

    Of all that is said, word by word; and, without spaces and punctuation, of the title (with pairs of characters, a
    word in scripts without spaces) and of all that is said: writers differ most in where they put a space or a dash.
    """
    return {
        "text": _vectors(listings.texts, "char_wb", 3),
        "title squeezed": _vectors(listings.squeezed_titles, "char", 2),
        "text squeezed": _vectors(listings.squeezed_texts, "char", 3),
    }


def candidates(listings: Listings, grams: Grams, k: int = 10) -> Pairs:
    """Return each listing with the k that are nearest by the sum of the cosines, of another source where there are any.

    Args:
        listings: N listings.
        grams: `grams_of` them.
        k: K; a pair is there where either of the two names the other.

    Cost: one sparse product, O(N · the n-grams of a listing · how many share one) time, in blocks of 32 MB; on
    one core 2,000 listings take about a second, 20,000 about two minutes.

    Source: Papadakis et al. Blocking and Filtering Techniques for Entity Resolution: A Survey. 2020.
    """
    both = sparse.csr_array(sparse.hstack(list(grams.values()), format="csr", dtype=np.float32))
    shared = np.bincount(both.indices, minlength=both.shape[1])
    telling = sparse.csr_array(both[:, np.flatnonzero((shared > 1) & (shared <= MAX_SHARED))])
    found = [np.zeros((0, 2), np.int64)]
    size = max(1, BLOCK_VALUES // max(1, len(listings)))
    across = sparse.csc_array(telling.T)
    for start in range(0, len(listings), size):
        rows = np.arange(start, min(start + size, len(listings)))
        near = (telling[rows] @ across).toarray()
        near[np.arange(len(rows)), rows] = 0.0
        if listings.source is not None:
            near[listings.source[rows][:, None] == listings.source[None, :]] = 0.0
        best = _best(near, k)
        row, place = np.nonzero(np.take_along_axis(near, best, axis=1) > 0.0)
        found.append(np.column_stack([rows[row], best[row, place]]))
    return pairs_of(np.concatenate(found))


def pairs_of(rows: npt.NDArray[np.integer]) -> Pairs:
    """Return pairs, integers [P, 2] in any order, each once."""
    distinct = np.unique(np.sort(np.asarray(rows, np.int64).reshape(-1, 2), axis=1), axis=0)
    return Pairs(distinct[:, 0], distinct[:, 1])


def cosines(grams: Grams, pairs: Pairs) -> npt.NDArray[np.float32]:
    """Return the cosines of pairs, float32 [P, number of grams]."""
    found = [
        np.asarray((vectors[pairs.left] * vectors[pairs.right]).sum(axis=1)).ravel()
        for vectors in grams.values()
    ]
    return np.stack(found, axis=1).astype(np.float32)


def _best(near: npt.NDArray[np.float32], k: int) -> Rows:
    if near.shape[1] <= k:
        return np.tile(np.arange(near.shape[1]), (len(near), 1))
    return np.argpartition(-near, k, axis=1)[:, :k]


def _vectors(texts: list[str], analyzer: str, shortest: int) -> sparse.csr_array:
    vectorizer = TfidfVectorizer(
        analyzer=analyzer, ngram_range=(shortest, 3), sublinear_tf=True, dtype=np.float32, lowercase=False
    )
    if not any(len(text) >= shortest for text in texts):
        return sparse.csr_array((len(texts), 0), dtype=np.float32)
    return sparse.csr_array(vectorizer.fit_transform(texts))
