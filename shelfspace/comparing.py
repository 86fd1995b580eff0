"""Runs, or models of one, beside each other: means, and paired differences over the same users."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from rich.table import Table

from shelfspace.errors import ConfigError, DataError, SpaceError, did_you_mean
from shelfspace.evaluation.intervals import Interval, intervals
from shelfspace.evaluation.slices import length_slices
from shelfspace.tasks.results import frame_of

ALL = "all users"

_SAME = ("cases", "answers", "candidates")
"""What `metrics.json` says of a protocol that runs on the same cases have alike."""

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Compared:
    """One run or model over some users.

    name;  slice: which users;  users: how many;  mean: of the metric;  difference: to the first of the runs, paired by
    user, None for the first itself.
    """

    name: str
    slice: str
    users: int
    mean: Interval
    difference: Interval | None

    @property
    def outcome(self) -> str:
        """`better`, `worse` or `equal`: whether the difference's interval leaves out 0; empty for the first."""
        if self.difference is None:
            return ""
        return "better" if self.difference.low > 0 else "worse" if self.difference.high < 0 else "equal"


@dataclass(frozen=True)
class Comparison:
    """Runs, or models of one, beside each other.

    metric, protocol;  rows: by slice, the first run first;  left_out: by name, the users that are not common to all;
    notes: what one should know.
    """

    metric: str
    protocol: str
    rows: list[Compared]
    left_out: dict[str, int]
    notes: list[str] = field(default_factory=list)

    def __repr__(self) -> str:
        rows = [row for row in self.rows if row.slice == ALL]
        said = [f"{row.name} {row.mean.value:.4f} {row.outcome}".rstrip() for row in rows]
        return f"Comparison({self.metric}, {self.protocol}, {rows[0].users} users: {'; '.join(said)})"

    def to_frame(self, library: Literal["pandas", "polars"] = "pandas") -> Any:
        """Return a data frame, a row for each name and slice.

        Raises:
            MissingExtraError: the library is not installed.
        """
        return frame_of(pa.Table.from_pylist([_flat(row) for row in self.rows], _SCHEMA), library)

    def to_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {
            "format": 1,
            "metric": self.metric,
            "protocol": self.protocol,
            "rows": [
                {
                    "name": row.name,
                    "slice": row.slice,
                    "users": row.users,
                    "mean": row.mean.to_json(),
                    "difference": None if row.difference is None else row.difference.to_json(),
                    "outcome": row.outcome or None,
                }
                for row in self.rows
            ],
            "left_out": self.left_out,
            "notes": self.notes,
        }

    def to_table(self) -> Table:
        """Return a table for the terminal, a section for each slice."""
        first = self.rows[0]
        common = " in common" if any(self.left_out.values()) else ""
        title = f"{self.protocol}: {first.users:,} users{common}"
        table = Table(title=title, title_justify="left", header_style="bold")
        sliced = any(row.slice != ALL for row in self.rows)
        table.add_column("", overflow="fold")
        for name in (self.metric, f"less {first.name}"):
            table.add_column(name, justify="right", no_wrap=True)
        table.add_column("")
        for row in self.rows:
            if sliced and row.name == first.name:
                table.add_section()
                count = "" if row.slice == ALL else f" ({row.users:,})"
                table.add_row(f"{row.slice}{count}", style="dim")
            colour = {"better": "green", "worse": "bold red"}.get(row.outcome, "")
            table.add_row(row.name, _said(row.mean), _said(row.difference, "+"), row.outcome, style=colour)
        return table


_INTERVAL = ("value", "low", "high")
_SCHEMA = pa.schema(
    [("name", pa.string()), ("slice", pa.string()), ("users", pa.int64())]
    + [(name, pa.float64()) for name in _INTERVAL]
    + [(f"difference_{name}", pa.float64()) for name in _INTERVAL]
    + [("outcome", pa.string())]
)


def compare(
    *runs: str | Path,
    metric: str | None = None,
    models: Sequence[str] = ("default",),
    protocol: str | None = None,
    slices: bool = False,
    common: bool = False,
    seed: int = 0,
) -> Comparison:
    """Put runs, or models of one, beside each other on the same users; differences are to the first, paired by user.

    Args:
        runs: run folders, or folders that `evaluate` wrote.
        metric: of those that the runs were measured by; the first run's headline where None.
        models: of each run; `default` is the model that answers.
        protocol: of those that the runs were measured under; the first run's first where None.
        slices: the users by the length of their history, too.
        common: compare over the users that are common to all, where the runs were not measured on the same.
        seed: of the bootstrap.

    Returns:
        The means and the paired differences with their 95 % intervals, from 1,000 resamples of the users.

    Raises:
        ConfigError: fewer than two things to compare; a metric, model or protocol that a run has not.
        SpaceError: a folder holds no measured run.
        DataError: the runs were not measured on the same cases.

    Example:
        >>> import shelfspace as ss  # doctest: +SKIP
        >>> ss.compare("runs/a", "runs/b").to_frame()  # doctest: +SKIP
        >>> ss.compare("runs/a", models=["default", "item_knn"])  # doctest: +SKIP
    """
    folders = list(dict.fromkeys(str(run) for run in runs))
    models = list(dict.fromkeys(models))
    if len(folders) * len(models) < 2:
        raise ConfigError(
            "there is nothing to compare with: name two runs, or several models of one "
            "(--models default,item_knn)"
        )
    found = {folder: _Run.of(Path(folder)) for folder in folders}
    first = found[folders[0]]
    metric = metric or str(first.metrics["headline"])
    protocol = protocol or next(iter(first.metrics["protocols"]))
    columns = {
        (folder, model): run.column(metric, protocol, model)
        for folder, run in found.items()
        for model in models
    }
    users = {folder: run.users(protocol, models[0]) for folder, run in found.items()}
    notes = _differing(found, protocol)
    left_out = dict.fromkeys(folders, 0)
    if notes or any(not users[folders[0]].equals(each) for each in users.values()):
        if not common:
            raise DataError(_refusal(users, notes))
        rows, left_out = _in_common(users)
    else:
        rows = dict.fromkeys(folders, np.arange(len(users[folders[0]]), dtype=np.int64))
    if not len(rows[folders[0]]):
        raise DataError("the runs have no user in common")
    values = {_name(key, folders, models): column[rows[key[0]]] for key, column in columns.items()}
    parts = {ALL: np.ones(len(rows[folders[0]]), bool)}
    if slices:
        parts |= length_slices(first.lengths(protocol, models[0])[rows[folders[0]]])
    compared = [row for name, mask in parts.items() if mask.any() for row in _rows(values, name, mask, seed)]
    return Comparison(metric, protocol, compared, left_out, notes)


@dataclass(frozen=True)
class _Run:
    """What a run folder holds of its measurement."""

    folder: Path
    metrics: Mapping[str, Any]
    per_user: pa.Table

    @classmethod
    def of(cls, folder: Path) -> "_Run":
        files = [folder / name for name in ("metrics.json", "per_user.parquet")]
        for file in files:
            if not file.is_file():
                raise SpaceError(f"{folder} holds no measured run: {file.name} is missing")
        try:
            return cls(folder, json.loads(files[0].read_text("utf-8")), pq.read_table(files[1]))
        except (ValueError, pa.ArrowException) as problem:
            raise SpaceError(f"{folder} is damaged: {problem}") from None

    def part(self, protocol: str, model: str) -> pa.Table:
        """Return the rows of one protocol and model, a case each, in the order measured."""
        _known(protocol, pc.unique(self.per_user["protocol"]).to_pylist(), f"{self.folder}: protocol")
        of_protocol = self.per_user.filter(pc.field("protocol") == protocol)
        _known(model, pc.unique(of_protocol["model"]).to_pylist(), f"{self.folder}: model")
        return of_protocol.filter(pc.field("model") == model)

    def column(self, metric: str, protocol: str, model: str) -> npt.NDArray[np.float64]:
        """Return a metric of every case, float64 [B]."""
        _known(metric, [name for name in self.per_user.column_names if "@" in name], f"{self.folder}: metric")
        values: npt.NDArray[np.float64] = self.part(protocol, model)[metric].to_numpy().astype(np.float64)
        return values

    def users(self, protocol: str, model: str) -> pa.ChunkedArray:
        """Return who each case is; null: an anonymous session."""
        return self.part(protocol, model)["user_id"]

    def lengths(self, protocol: str, model: str) -> npt.NDArray[np.int64]:
        """Return how many events the history of each case has."""
        if "history" not in self.per_user.column_names:
            raise DataError(
                f"{self.folder} was measured before histories were written down: "
                "measure it again by `shelfspace evaluate` to see slices"
            )
        lengths: npt.NDArray[np.int64] = self.part(protocol, model)["history"].to_numpy().astype(np.int64)
        return lengths


def _known(name: str, known: Iterable[str], what: str) -> None:
    known = list(known)
    if name not in known:
        raise ConfigError(f"{what} {name!r} was not measured{did_you_mean(name, known)}; known: {known}")


def _differing(found: Mapping[str, _Run], protocol: str) -> list[str]:
    """Say in what the cases of the runs differ, by what each wrote of them."""
    about = {folder: run.metrics["protocols"].get(protocol, {}) for folder, run in found.items()}
    first = next(iter(about))
    return [
        f"{folder} has {about[folder].get(what):,} {what}, {first} {about[first].get(what):,}"
        for folder in about
        for what in _SAME
        if about[folder].get(what) != about[first].get(what)
    ]


def _refusal(users: Mapping[str, pa.ChunkedArray], notes: Sequence[str]) -> str:
    first, *others = users
    said = list(notes)
    for other in others:
        one, two = (set(users[folder].to_pylist()) - {None} for folder in (first, other))
        if one != two:
            said.append(
                f"{other} lacks {len(one - two):,} users of {first} and has {len(two - one):,} others"
            )
        elif not notes:
            said.append(f"{other} has the users of {first} in another order")
    return f"the runs were not measured on the same cases: {'; '.join(said)}. --common compares the users in common"


def _in_common(users: Mapping[str, pa.ChunkedArray]) -> tuple[dict[str, Rows], dict[str, int]]:
    """Return the rows of each run in the order of the first one's, for the users that all have; how many are left."""
    places: dict[str, dict[str, int]] = {}
    for folder, ids in users.items():
        places[folder] = {user: row for row, user in enumerate(ids.to_pylist()) if user is not None}
    shared = [user for user in next(iter(places.values())) if all(user in of for of in places.values())]
    rows = {folder: np.array([of[user] for user in shared], np.int64) for folder, of in places.items()}
    return rows, {folder: len(ids) - len(shared) for folder, ids in users.items()}


def _name(key: tuple[str, str], folders: Sequence[str], models: Sequence[str]) -> str:
    folder, model = key
    if len(folders) == 1:
        return model
    return folder if len(models) == 1 else f"{folder} {model}"


def _rows(
    values: Mapping[str, npt.NDArray[np.float64]], slice_: str, mask: npt.NDArray[np.bool_], seed: int
) -> list[Compared]:
    """Compare over some users, means and differences over the same resamples."""
    first, *others = values
    columns = {f"mean {name}": column[mask] for name, column in values.items()}
    columns |= {f"less {name}": (values[name] - values[first])[mask] for name in others}
    found = intervals(columns, seed=seed)
    size = int(mask.sum())
    return [Compared(name, slice_, size, found[f"mean {name}"], found.get(f"less {name}")) for name in values]


def _flat(row: Compared) -> dict[str, Any]:
    difference = row.difference.to_json() if row.difference is not None else {}
    return {
        "name": row.name,
        "slice": row.slice,
        "users": row.users,
        **row.mean.to_json(),
        **{f"difference_{name}": difference.get(name) for name in _INTERVAL},
        "outcome": row.outcome or None,
    }


def _said(interval: Interval | None, sign: str = "") -> str:
    if interval is None:
        return "–"
    return f"{interval.value:{sign}.4f} [{interval.low:{sign}.4f}, {interval.high:{sign}.4f}]"
