"""What words of a listing make a cosine, where the space is in closed form: exact, without leaving anything out.

Content is linear in the TF-IDF of what a listing says, up to its length: the product of a listing's content with a
vector is a sum over its features, and each feature is a word, two words, a piece of one, or a value of a column.
F features of a listing, A answers, K the width of a block.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
from scipy import sparse

from shelfspace.explaining.parts import Part
from shelfspace.linear.features import pieces_of, words_of
from shelfspace.linear.vectors import Listed
from shelfspace.shop.catalogue import Catalogue

Floats = npt.NDArray[np.float32]
Amounts = npt.NDArray[np.float64]

COLUMNS = {"words": "title", "pieces": "title"}
"""The columns of groups of features that are not named after theirs."""


@dataclass(frozen=True)
class Worded:
    """What one listing says: its parts, and the direction of each, float64 [P, K]; they sum to its unscaled content."""

    parts: list[Part]
    content: Amounts

    @classmethod
    def of(cls, listed: Listed, catalogue: Catalogue) -> list[Self]:
        """Read every listing of a catalogue. O(F K) time each, and once the size of the vocabulary."""
        features, column = listed.words.features(catalogue), catalogue.column("title")
        titles = column.to_pylist() if column is not None else [None] * len(catalogue)
        return [cls._of_row(listed, features[[n]], words_of(title)) for n, title in enumerate(titles)]

    @classmethod
    def _of_row(cls, listed: Listed, features: sparse.csr_array, words: list[str]) -> Self:
        shares: dict[Part, dict[int, float]] = {}
        for index, weight in zip(features.indices.tolist(), features.data.tolist(), strict=True):
            for part, share in _shares(listed, index, words):
                own = shares.setdefault(part, {})
                own[index] = own.get(index, 0.0) + share * weight
        rows = [np.array(list(own.values())) @ listed.axes[list(own)] for own in shares.values()]
        width = listed.axes.shape[1] if listed.axes.size else 0
        return cls(list(shares), np.stack(rows).astype(np.float64) if rows else np.zeros((0, width)))

    def amounts(self, answers: Floats, whole: Amounts, through: Floats | None = None) -> Amounts:
        """Return what each part adds to the products with each answer, [P, A]; they sum to `whole`, [A].

        Args:
            answers: [A, K], what the content is multiplied by.
            whole: [A], the products; the sum of the unscaled parts' products times one number.
            through: [K, K], what the content goes through before, as the ridge from content to behaviour.
        """
        width = self.content.shape[1]
        seen = answers.astype(np.float64)
        seen = seen[:, :width] if through is None else seen[:, : through.shape[1]] @ through[:width].T
        plain = self.content @ seen.T
        scale = _ratio(whole, plain.sum(axis=0))
        return plain * scale


def _ratio(whole: Amounts, total: Amounts) -> float:
    """Return the one number by which all sums were scaled, by least squares over the answers."""
    squares = float(total @ total)
    return float(total @ whole) / squares if squares > 0 else 0.0


def _shares(listed: Listed, index: int, words: list[str]) -> Iterator[tuple[Part, float]]:
    """Yield the parts that a feature belongs to, with the share of each; the shares sum to 1."""
    name, token = listed.words.feature(index)
    column = COLUMNS.get(name, name)
    if name == "words":
        for word in (both := token.split(" ")):
            yield Part(column, word), 1.0 / len(both)
    elif name == "pieces":
        having = [word for word in words if token in pieces_of(word)]
        for word in having:
            yield Part(column, word), 1.0 / len(having)
    else:
        yield Part(column, token), 1.0
