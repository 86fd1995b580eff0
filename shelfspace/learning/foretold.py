"""What is to be foretold of users: a label or a number of theirs, or what their next visit brings.

U users with a name, T moments of users, C classes.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from shelfspace.errors import ConfigError, DataError, did_you_mean
from shelfspace.inputs.columns import numbers_of, texts_of
from shelfspace.shop.history import History

Floats = npt.NDArray[np.float64]

PARTS = {"validation": 1, "test": 2}
"""The users that no head learns from."""

SHARE = 0.1
"""The part of users that a head never learns from, once for validation and once for test."""

NEXT = {"next_value": "value", "rating": "rating"}
"""What is foretold of the next visit, and what the log calls it."""


def parts_of(num_users: int, seed: int) -> npt.NDArray[np.int8]:
    """Return which users a head learns from (0), and which it is measured on (1: validation, 2: test), int8 [U]."""
    drawn = np.random.default_rng(seed).random(num_users)
    return np.select([drawn < SHARE, drawn < 2 * SHARE], [1, 2], 0).astype(np.int8)


@dataclass(frozen=True)
class Asking:
    """Rows of a history up to an event each, and what is to be foretold of them.

    user: int64 [T];  stop: int64 [T], places in the history's events;  target: [T].
    """

    user: npt.NDArray[np.int64]
    stop: npt.NDArray[np.int64]
    target: npt.NDArray[Any]

    def __len__(self) -> int:
        return len(self.user)

    def take(self, chosen: npt.NDArray[Any]) -> "Asking":
        """Return some of them."""
        return Asking(self.user[chosen], self.stop[chosen], self.target[chosen])

    def pasts(self, history: History) -> History:
        """Return what each of them had done."""
        rows = history.of_users(self.user)
        place = np.arange(rows.num_events) - np.repeat(rows.indptr[:-1], rows.lengths())
        kept = np.repeat(self.stop - history.indptr[self.user], rows.lengths())
        return rows.keep(place < kept)


def labels_of(users: pa.Table | None, name: str) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.str_]]:
    """Return the class of each user and the classes; see `coded`.

    Raises:
        ConfigError: there is no such column.
        DataError: it is empty for all, or the same for all, or holds lists.
    """
    return coded(_column(users, name, "label"), name, f"[autoencoder] label = {name!r}")


def coded(
    column: pa.ChunkedArray, name: str, said: str
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.str_]]:
    """Return the class of each row, int64 [rows], -1 where the column is empty, and the classes, text [C].

    Raises:
        DataError: it is empty for all, or the same for all, or holds lists; it begins with what was `said`.
    """
    row, text = texts_of(column, name)
    texts = np.array([str(value).strip() for value in text.to_pylist()], np.str_)
    row, texts = row[texts != ""], texts[texts != ""]
    if len(np.unique(row)) < len(row):
        raise DataError(f"{said}: rows have several values there; a label is one")
    classes, code = np.unique(texts, return_inverse=True)
    if len(classes) < 2:
        only = f"is {str(classes[0])!r} in every row" if len(classes) else "is empty in every row"
        raise DataError(f"{said}: the column {only}; there is nothing to tell apart")
    found = np.full(len(column), -1, np.int64)
    found[row] = code
    return found, classes


def values_of(users: pa.Table | None, name: str) -> Floats:
    """Return the number of each user, float64 [U], NaN where the column is empty.

    Raises:
        ConfigError: there is no such column.
        DataError: it holds no numbers, is empty for all, or the same for all.
    """
    column = _column(users, name, "regress")
    if not pa.types.is_integer(column.type) and not pa.types.is_floating(column.type):
        texts = [None if value is None or not str(value).strip() else value for value in column.to_pylist()]
        column = pa.chunked_array([pa.array(texts, column.type)])
    found = numbers_of(column, name)
    found = np.where(np.isfinite(found), found, np.nan)
    _varied(found, name)
    return found


def whole(history: History, target: npt.NDArray[Any], known: npt.NDArray[np.bool_]) -> Asking:
    """Return the users of whom something is known and who have a past, with all of it."""
    user = np.flatnonzero(known & (history.lengths()[: len(known)] > 0))
    return Asking(user, history.indptr[user + 1], target[user])


def next_visits(history: History, name: str, num_named: int) -> Asking:
    """Return every visit of a named user but the first, with what came before it, and what it brought.

    A visit is the events of one basket or session; without any, of one time. Its value is the sum of what is known of
    its events, its rating the mean.

    Raises:
        ConfigError: the log does not say it.
    """
    values = (history.numbers or {}).get(NEXT[name])
    if values is None:
        needs = "a price" if name == "next_value" else "a rating"
        raise ConfigError(f"[autoencoder] regress = {name!r} needs {needs} in [events]")
    user, number = history.user().astype(np.int64), values.astype(np.float64)
    other = np.ones(history.num_events, bool)
    same = history.basket[1:] == history.basket[:-1]
    at_once = (history.basket[1:] >= 0) | (history.time[1:] == history.time[:-1])
    other[1:] = (user[1:] != user[:-1]) | ~(same & at_once)
    start = np.flatnonzero(other)
    visit = np.cumsum(other) - 1
    there = np.isfinite(number)
    count = np.bincount(visit[there], minlength=len(start))
    total = np.bincount(visit[there], number[there], minlength=len(start))
    target = np.where(count > 0, total if name == "next_value" else total / np.maximum(count, 1), np.nan)
    kept = (start > history.indptr[user[start]]) & (user[start] < num_named) & np.isfinite(target)
    return Asking(user[start][kept], start[kept].astype(np.int64), target[kept])


def _column(users: pa.Table | None, name: str, setting: str) -> pa.ChunkedArray:
    if users is None:
        raise ConfigError(f"[autoencoder] {setting} = {name!r}: the shop has no table of users")
    if name not in users.column_names:
        near = did_you_mean(name, users.column_names)
        raise ConfigError(
            f"[autoencoder] {setting} = {name!r} is no column of users{near}; columns: {users.column_names}"
        )
    return users[name]


def _varied(found: Floats, name: str) -> None:
    known = found[np.isfinite(found)]
    if not len(known) or (known == known[0]).all():
        said = f"is {known[0]:g} for every user" if len(known) else "is empty for every user"
        raise DataError(f"[autoencoder] regress = {name!r}: the column {said}; there is nothing to foretell")
