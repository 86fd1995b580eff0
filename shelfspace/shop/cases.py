"""What a protocol asks and what it knows of the answer: the one form in which the gate sees every protocol.

B cases, N items, U rows of the history.
"""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import numpy.typing as npt
from scipy import sparse

from shelfspace.shop.history import History


@dataclass(frozen=True)
class Cases:
    """One block of cases: the validation or the test of a protocol.

    protocol: its name in `PROTOCOLS`;
    fit: all that may be learnt from: every row of the shop's history, the events cut;
    rows: int64 [B], the history row of each case: a user, or an anonymous basket or session;
    queries: [B] rows, what a model sees of each case; `now` is the moment of asking (None: after the last
        event);
    relevant: bool csr [B, N], what is to be foretold;
    answers: [B] rows, the held-out events of each case, seen items included;
    candidates: bool [N], the items that may be answered;
    mask_seen: items in the query's own history are not answered;
    note: what a reader of the figures must know of the protocol; empty where there is nothing.
    """

    protocol: str
    fit: History
    rows: npt.NDArray[np.int64]
    queries: History
    relevant: sparse.csr_array
    answers: History
    candidates: npt.NDArray[np.bool_]
    mask_seen: bool
    note: str = ""

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, index: npt.ArrayLike) -> Self:
        """Return only these cases, in the order given."""
        chosen = np.asarray(index, dtype=np.int64)
        return replace(
            self,
            rows=self.rows[chosen],
            queries=self.queries.of_users(chosen),
            relevant=self.relevant[chosen],
            answers=self.answers.of_users(chosen),
        )

    def sample(self, size: int | None, *, seed: int = 0) -> Self:
        """Return at most `size` cases drawn at random, in their order; the same for the same seed."""
        if size is None or size >= len(self):
            return self
        return self.take(np.sort(np.random.default_rng(seed).choice(len(self), size, replace=False)))

    def allowed(self) -> npt.NDArray[np.bool_]:
        """Return which items may be answered in each case, bool [B, N]; take a block of cases first."""
        allowed = np.repeat(self.candidates[None, :], len(self), axis=0)
        if self.mask_seen:
            allowed[self.queries.user(), self.queries.item] = False
        return allowed


@dataclass(frozen=True)
class Blocks:
    """The blocks of a protocol: settings are chosen on `validation`; `test` is measured once.

    `earlier` is a window like validation, before it: a cut by time has one where somebody can be asked in it, so that
    settings are not those of a single season.
    """

    validation: Cases
    test: Cases
    earlier: Cases | None = None

    @property
    def windows(self) -> list[Cases]:
        """What settings are chosen on: validation, and the earlier window where there is one."""
        return [self.validation] + ([self.earlier] if self.earlier is not None else [])


def cases_of(
    protocol: str,
    *,
    fit: History,
    queries: History,
    answers: History,
    rows: npt.NDArray[np.int64],
    candidates: npt.NDArray[np.bool_],
    mask_seen: bool,
    note: str = "",
) -> Cases:
    """Put a block together, of those `rows` that have anything to foretell.

    Args:
        protocol: its name.
        fit: what may be learnt from, U rows.
        queries: what is seen of each row, U rows.
        answers: what happened then, U rows.
        rows: the rows that may be cases.
        candidates: bool [N], items that may be answered; what happened is always one of them.
        mask_seen: seen items are not answered, so they are not relevant either.
        note: what a reader of the figures must know.
    """
    rows = rows[answers.lengths()[rows] > 0]
    asked, happened = queries.of_users(rows), answers.of_users(rows)
    relevant = happened.matrix()
    if mask_seen:
        relevant = relevant - relevant.multiply(asked.matrix())
        relevant.eliminate_zeros()
    relevant = sparse.csr_array(relevant).astype(bool)
    relevant.sort_indices()
    some = np.diff(relevant.indptr) > 0
    candidates = candidates.copy()
    candidates[relevant.indices] = True
    return Cases(
        protocol=protocol,
        fit=fit,
        rows=rows[some],
        queries=asked.of_users(np.flatnonzero(some)),
        relevant=relevant[some],
        answers=happened.of_users(np.flatnonzero(some)),
        candidates=candidates,
        mask_seen=mask_seen,
        note=note,
    )
