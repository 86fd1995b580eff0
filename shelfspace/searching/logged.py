"""What shoppers searched for before: popular queries, and which products belong to which query. L rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from shelfspace.inputs.columns import texts_of
from shelfspace.searching.terms import terms_of
from shelfspace.shop.catalogue import Catalogue
from shelfspace.shop.ids import Ids

POPULAR = 2_000
"""Queries that are kept for suggestions."""

SUGGESTED = 8


@dataclass(frozen=True)
class Judged:
    """Which products belong to which query: query [L], item int32 [L], gain float64 [L]; `source` says who says so."""

    query: Sequence[str]
    item: npt.NDArray[np.int32]
    gain: npt.NDArray[np.float64]
    source: str

    @classmethod
    def of(cls, judgments: pa.Table | None, clicks: pa.Table | None, ids: Ids) -> "Judged | None":
        """Take judgments where there are any, those of a test left out; else what was taken after a query."""
        table, source, gain = judgments, "judgments", "gain"
        if table is None or not len(table):
            table, source, gain = clicks, "clicks", "count"
        if table is None or not len(table):
            return None
        if "split" in table.column_names:
            split = pc.fill_null(pc.utf8_lower(table["split"]), "train")
            table = table.filter(pc.not_equal(split, "test"))
        item = ids.rows(table["item_id"])
        amount = table[gain].cast(pa.float64()).to_numpy(zero_copy_only=False)
        if source == "clicks":
            amount = np.log2(1.0 + amount)
        good = (item >= 0) & np.isfinite(amount) & pc.is_valid(table["query"]).to_numpy(zero_copy_only=False)
        query = table["query"].filter(pa.array(good)).to_pylist()
        return cls(query, item[good], np.maximum(amount[good], 0.0), source)


@dataclass(frozen=True)
class Suggestions:
    """What to suggest: a query as it is shown -> how often it was asked, the most frequent first."""

    counts: Mapping[str, int]

    @classmethod
    def of(cls, clicks: pa.Table | None, catalogue: Catalogue) -> Self:
        """Take the queries that were asked most; without a log brands and categories, those of the most products."""
        return cls(_asked(clicks) or _named(catalogue))

    def near(self, phrase: str) -> list[str]:
        """Return those that go on where the phrase ends, then those that share a word; the most frequent first."""
        written = " ".join(phrase.split()).casefold()
        words = list(dict.fromkeys(terms_of(phrase)))
        if not words:
            return []
        goes_on = [query for query, folded in self._folded if folded.startswith(written)]
        shares = sorted({n for word in words for n in self._by_word.get(word, ())})
        several = dict.fromkeys(goes_on + [self._queries[n] for n in shares])
        return [query for query in several if query.casefold() != written][:SUGGESTED]

    @cached_property
    def _folded(self) -> list[tuple[str, str]]:
        return [(query, query.casefold()) for query in self.counts]

    @cached_property
    def _queries(self) -> list[str]:
        return list(self.counts)

    @cached_property
    def _by_word(self) -> dict[str, list[int]]:
        found: dict[str, list[int]] = {}
        for n, query in enumerate(self._queries):
            for word in set(terms_of(query)):
                found.setdefault(word, []).append(n)
        return found


def _asked(clicks: pa.Table | None) -> dict[str, int]:
    """Return the queries that were asked most, told apart by their words alone."""
    if clicks is None or not len(clicks):
        return {}
    counted = clicks.group_by("query").aggregate([("count", "sum")]).sort_by([("count_sum", "descending")])
    found: dict[str, tuple[str, int]] = {}
    for query, count in zip(counted["query"].to_pylist(), counted["count_sum"].to_pylist(), strict=True):
        key = " ".join(terms_of(query))
        shown, before = found.get(key, (" ".join(query.split()), 0))
        if key:
            found[key] = (shown, before + int(count))
    return dict(sorted(found.values(), key=lambda pair: (-pair[1], pair[0]))[:POPULAR])


def _named(catalogue: Catalogue, least: int = 3) -> dict[str, int]:
    found: dict[str, int] = {}
    for name in ("category", "brand"):
        if (column := catalogue.column(name)) is not None:
            _, values = texts_of(column, name)
            for counted in pc.value_counts(values).to_pylist():
                found[counted["values"]] = int(counted["counts"])
    ordered = sorted(found.items(), key=lambda pair: (-pair[1], pair[0]))
    return dict([pair for pair in ordered if pair[1] >= least][:POPULAR])
