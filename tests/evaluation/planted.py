"""Shops in which it is known which blend is right: users, and models whose scores of each user are given."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from shelfspace.features import Facts
from shelfspace.linear.retriever import Reason
from shelfspace.shop.cases import Cases, cases_of
from shelfspace.shop.catalogue import Catalogue
from shelfspace.shop.history import History
from shelfspace.shop.ids import Ids


@dataclass
class Known:
    """A retriever that scores each user by a table; the user's row is what their first event says."""

    table: np.ndarray

    def score(self, queries):
        first = np.minimum(queries.indptr[:-1], max(queries.num_events - 1, 0))
        return self.table[queries.item[first]].astype(np.float32)

    def reasons(self, query, items):
        row = self.table[query.item[0]]
        return [
            [Reason(int(query.item[0]), float(row[i]) * 0.75), Reason(-1, float(row[i]) * 0.25)]
            for i in items
        ]


def cases(relevant: np.ndarray, lengths: np.ndarray | None = None) -> Cases:
    """Return a case for each user of whom `relevant`, bool [U, N], says what is right; U is at most N."""
    num_users, num_items = relevant.shape
    lengths = np.ones(num_users, np.int64) if lengths is None else lengths
    rows = np.repeat(np.arange(num_users), lengths)
    seen = History.of(rows, rows, num_users=num_users, num_items=num_items, clock="none")
    user, item = np.nonzero(relevant)
    answers = History.of(user, item, num_users=num_users, num_items=num_items, clock="none")
    everything = np.ones(num_items, bool)
    return cases_of(
        "random", fit=seen, queries=seen, answers=answers, rows=np.arange(num_users),
        candidates=everything, mask_seen=False,
    )  # fmt: skip


def catalogue(num_items: int) -> Catalogue:
    return Catalogue(
        Ids(pa.array([f"i{n}" for n in range(num_items)]), "item"),
        pa.table({"price": np.full(num_items, 5.0)}),
        np.zeros(num_items),
        np.arange(num_items, dtype=np.int32),
    )


def facts_of(block: Cases) -> Facts:
    return Facts.of(block.fit, catalogue(block.fit.num_items))


def two_kinds_of_user(*, differ: bool, size: int = 400, seed: int = 0):
    """Users with one event and with six: where they differ, one model knows the first and the other the second."""
    rng = np.random.default_rng(seed)
    lengths = np.where(np.arange(size) % 2, 6, 1)
    truth = rng.permutation(size)
    left, right = rng.random((2, size, size))
    new, old = np.flatnonzero(lengths == 1), np.flatnonzero(lengths == 6)
    left[new, truth[new]] += 0.5 if differ else 0.3
    right[old, truth[old]] += 0.5 if differ else 0.3
    if not differ:
        left[old, truth[old]] += 0.3
        right[new, truth[new]] += 0.3
    return cases(np.eye(size, dtype=bool)[truth], lengths), {"left": Known(left), "right": Known(right)}


def one_or_the_other(*, size: int = 100, seed: int = 0):
    """What exactly one of two models likes is right: no sum says that."""
    rng = np.random.default_rng(seed)
    left, right = rng.integers(1, 3, (2, size, size)).astype(float)
    right_ones = (left != right) & (rng.random((size, size)) < 0.3)
    noise = 0.01 * rng.random((2, size, size))
    return cases(right_ones), {"left": Known(left + noise[0]), "right": Known(right + noise[1])}


def a_sum(*, size: int = 100, seed: int = 0):
    """The more both models like an item, the likelier it is right: a sum says it all."""
    rng = np.random.default_rng(seed)
    left, right = rng.random((2, size, size))
    chance = np.exp(8.0 * (left + right - 2.0))
    return cases(rng.random((size, size)) < chance), {"left": Known(left), "right": Known(right)}
