"""BM25 over the fields of listings. N items, V terms, Q terms of a phrase."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Self

import bm25s
import numpy as np
import numpy.typing as npt
from scipy import sparse

from shelfspace.searching.terms import terms_of_items
from shelfspace.shop.catalogue import Catalogue

Floats = npt.NDArray[np.float32]

logging.getLogger("bm25s").setLevel(logging.WARNING)


@dataclass(frozen=True)
class Lexical:
    """What each term brings each item.

    vocabulary: the V terms;  weights: float32 csr [V, N], the BM25 of a term in an item;
    fields: their names;  standing: uint8, beside the data of `weights`: bit f is set where the term stands in field f.

    Sources: Robertson, Zaragoza, Taylor. Simple BM25 Extension to Multiple Weighted Fields. CIKM 2004 (a field counts
    as if it stood there so many times); Lù. BM25S. 2024 (every term's BM25 computed beforehand).
    """

    vocabulary: Sequence[str]
    weights: sparse.csr_array
    fields: Sequence[str] = ()
    standing: npt.NDArray[np.uint8] = field(default_factory=lambda: np.zeros(0, np.uint8))

    @classmethod
    def of(cls, catalogue: Catalogue, fields: Mapping[str, int], *, k1: float, b: float) -> Self:
        """Index the fields of every item, each as often as it counts; at most 8 of them.

        Cost: some 10 s for 20,000 listings of 40 words.
        """
        read = {name: terms_of_items(catalogue, [name]) for name, times in fields.items() if times}
        vocabulary = sorted({term for terms in read.values() for some in terms for term in some})
        shape = (len(catalogue), len(vocabulary))
        if not vocabulary:
            return cls([], sparse.csr_array((0, len(catalogue)), dtype=np.float32), tuple(read))
        place = {term: n for n, term in enumerate(vocabulary)}
        numbers = {name: [[place[term] for term in some] for some in terms] for name, terms in read.items()}
        together = [
            [number for name, some in zip(numbers, row, strict=True) for number in some * fields[name]]
            for row in zip(*numbers.values(), strict=True)
        ]
        index = bm25s.BM25(k1=k1, b=b, method="lucene")
        index.index((together, place), create_empty_token=False, show_progress=False)
        made = index.scores
        weights = sparse.csc_array((made["data"], made["indices"], made["indptr"]), shape=shape)
        weights.sort_indices()
        bits = sum(
            (_there(rows, shape) * np.uint8(1 << n) for n, rows in enumerate(numbers.values())),
            sparse.csc_array(shape, dtype=np.uint8),
        )
        bits.sort_indices()
        return cls(vocabulary, sparse.csr_array(weights.T, dtype=np.float32), tuple(read), bits.data)

    @cached_property
    def place(self) -> dict[str, int]:
        """The number of each term."""
        return {term: n for n, term in enumerate(self.vocabulary)}

    def parts(self, terms: Sequence[str]) -> sparse.csr_array:
        """Return what each of these terms brings each item, float32 csr [Q, N]; all of them must be known."""
        return self.weights[[self.place[term] for term in terms]]

    def stands(self, terms: Sequence[str], name: str, items: npt.NDArray[np.integer]) -> Floats:
        """Return the share of these terms that stand in a field of items, float32 [len(items)]."""
        count = np.zeros(self.weights.shape[1], np.float32)
        if name not in self.fields or not terms:
            return np.zeros(len(items), np.float32)
        bit = np.uint8(1 << list(self.fields).index(name))
        for term in terms:
            row = self.place[term]
            run = slice(self.weights.indptr[row], self.weights.indptr[row + 1])
            count[self.weights.indices[run]] += (self.standing[run] & bit) > 0
        share: Floats = count[items] / np.float32(len(terms))
        return share

    @cached_property
    def by_length(self) -> dict[int, list[str]]:
        """The terms of each length that are made of letters alone."""
        found: dict[int, list[str]] = {}
        for term in self.vocabulary:
            if term.isalpha():
                found.setdefault(len(term), []).append(term)
        return found

    @cached_property
    def frequency(self) -> npt.NDArray[np.int64]:
        """How many items have each term, int64 [V]."""
        counts: npt.NDArray[np.int64] = np.diff(self.weights.indptr).astype(np.int64)
        return counts


def _there(rows: Sequence[Sequence[int]], shape: tuple[int, int]) -> sparse.csc_array:
    """Return 1 where an item has a term, uint8 csc [N, V]."""
    pairs = [(row, number) for row, numbers in enumerate(rows) for number in set(numbers)]
    row, number = np.array(pairs, np.int64).reshape(-1, 2).T
    return sparse.csc_array((np.ones(len(pairs), np.uint8), (row, number)), shape=shape)
