"""What a study of settings found."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
from rich.table import Table

from shelfspace.evaluation.study import Tried
from shelfspace.tasks.results import frame_of

_SHOWN = 10


@dataclass(frozen=True)
class Tuned:
    """What a study found.

    metric: what was maximised, on validation;  model: whose value it is, `default` is the blend;  protocol;
    space: where was looked, as written, by path;  trials: all that are over;  importance: by path, empty where there
    are too few trials;  notes: what one should know;  folder: where it is kept.
    """

    metric: str
    model: str
    protocol: str
    space: dict[str, str]
    trials: list[Tried]
    folder: Path
    importance: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def best(self) -> Tried | None:
        """The trial with the highest value, the first of those that tie; None where all failed."""
        done = [trial for trial in self.trials if trial.value is not None]
        return max(done, key=lambda trial: trial.value or 0.0, default=None)

    def __repr__(self) -> str:
        if self.best is None:
            return f"Tuned({len(self.trials)} trials, none with a value)"
        return (
            f"Tuned({len(self.trials)} trials, best {self.metric} {self.best.value:.4f} on validation: "
            f"{said(self.best.settings)})"
        )

    def to_frame(self, library: Literal["pandas", "polars"] = "pandas") -> Any:
        """Return a data frame, a row a trial: number, state, value, seconds, epochs, failure, a column a setting.

        Raises:
            MissingExtraError: the library is not installed.
        """
        columns: dict[str, list[Any]] = {
            "number": [t.number for t in self.trials],
            "state": [t.state for t in self.trials],
            "value": [t.value for t in self.trials],
            "seconds": [t.seconds for t in self.trials],
            "epochs": [len(t.curve) for t in self.trials],
            "failure": [t.failure for t in self.trials],
        }
        for path in self.space:
            values = [t.settings[path] for t in self.trials]
            alike = len({type(value) for value in values}) == 1
            columns[path] = values if alike else [plain(value) for value in values]
        return frame_of(pa.table(columns), library)

    def to_json(self) -> dict[str, Any]:
        """Return it as plain data, as `study.json` holds it."""
        return {
            "format": 1,
            "metric": self.metric,
            "model": self.model,
            "protocol": self.protocol,
            "space": self.space,
            "best": self.best.to_json() if self.best is not None else None,
            "importance": self.importance,
            "notes": self.notes,
            "trials": [t.to_json() for t in self.trials],
        }

    def to_table(self) -> Table:
        """Return the best trials as a table for the terminal, the first one the best."""
        done = sorted(
            (t for t in self.trials if t.value is not None), key=lambda t: t.value or 0.0, reverse=True
        )
        title = f"the best of {len(self.trials)} trials, on validation"
        table = Table(title=title, title_justify="left", header_style="bold")
        for name in ("trial", self.metric, *_short(list(self.space)), "seconds"):
            table.add_column(name, justify="right", overflow="fold")
        for place, trial in enumerate(done[:_SHOWN]):
            values = [plain(trial.settings[path]) for path in self.space]
            figures = [f"{trial.value:.4f}", *values, f"{trial.seconds:.1f}"]
            table.add_row(str(trial.number), *figures, style="" if place else "bold")
        return table


def _short(paths: list[str]) -> list[str]:
    """Return the ends of paths that tell them apart: `half_life` of `linear.popularity_recent.half_life`."""
    for size in range(1, max(path.count(".") for path in paths) + 2):
        ends = [".".join(path.split(".")[-size:]) for path in paths]
        if len(set(ends)) == len(ends):
            return ends
    return paths


def said(settings: dict[str, Any]) -> str:
    """Return settings in a line: `model.embedding_dim = 64, training.learning_rate = 0.0031`."""
    return ", ".join(f"{path} = {plain(value)}" for path, value in settings.items())


def plain(value: Any) -> str:
    """Return a setting's value as a reader wants it, four digits of a number."""
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.4g}" if isinstance(value, float) else str(value)
