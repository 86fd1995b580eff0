"""Prices and other numbers, standardised. N rows, C columns."""

from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from shelfspace.config import settings_of
from shelfspace.errors import ConfigError
from shelfspace.inputs.columns import numbers_of
from shelfspace.inputs.fields import Dense, Kind, Records

Floats = npt.NDArray[np.float64]
LARGEST = 10.0


@dataclass(kw_only=True)
class Numbers:
    """Numbers as z = (y - mean) / std with y = sign(x) log(1 + |x|), and for each column whether it is missing.

    What is missing or not finite is z = 0 with its flag 1; z is held within -10 and 10. A row that lacks them all
    is absent. Mean and deviation are those of the known rows; a column that does not vary keeps its unit.

    Args:
        columns: the columns read; one that the shop lacks is missing everywhere.

    Cost: O(N C) time; 8 N C bytes.

    Raises:
        ConfigError: no column.

    Example:
        >>> import pyarrow as pa
        >>> rows = Records.of_users(pa.table({"price": [1.0, 1.0, None]}), [1, 1, 1])
        >>> Numbers().learn(rows, np.ones(3, bool)).read(rows).values.tolist()
        [[0.0, 0.0], [0.0, 0.0], [0.0, 0.0]]
    """

    columns: list[str] = field(default_factory=lambda: ["price"])
    kind: ClassVar[Kind] = "dense"
    mean: Floats = field(init=False, repr=False)
    std: Floats = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if not self.columns:
            raise ConfigError("columns must name at least one column")
        self.mean, self.std = np.zeros(len(self.columns)), np.ones(len(self.columns))

    @property
    def num_features(self) -> int:
        """Two for each column: its number, and whether it is missing."""
        return 2 * len(self.columns)

    def learn(self, records: Records, known: npt.NDArray[np.bool_]) -> Self:
        """Learn mean and deviation of the known rows, bool [N]."""
        logs = self._logs(records)[known]
        there = np.isfinite(logs)
        count = np.maximum(there.sum(axis=0), 1)
        self.mean = np.where(there, logs, 0.0).sum(axis=0) / count
        std = np.sqrt((np.where(there, logs - self.mean, 0.0) ** 2).sum(axis=0) / count)
        self.std = np.where(std > 1e-6, std, 1.0)
        return self

    def read(self, records: Records) -> Dense:
        """Return the numbers of every row, known or not, float32 [N, 2 C]."""
        logs = self._logs(records)
        there = np.isfinite(logs)
        scaled = np.clip(np.where(there, (logs - self.mean) / self.std, 0.0), -LARGEST, LARGEST)
        present = np.asarray(there.any(axis=1), bool)
        flags = ~there & present[:, None]
        return Dense(np.concatenate([scaled, flags], axis=1).astype(np.float32), present)

    def state(self) -> dict[str, Any]:
        """Return the settings and what was learnt, fit for JSON."""
        return settings_of(self) | {"mean": self.mean.tolist(), "std": self.std.tolist()}

    def restore(self, state: dict[str, Any]) -> Self:
        """Take what `state` gave."""
        vars(self).update(state | {name: np.array(state[name], np.float64) for name in ("mean", "std")})
        return self

    def _logs(self, records: Records) -> Floats:
        """Return sign(x) log(1 + |x|), float64 [N, C], not finite where missing."""
        logs = np.full((len(records), len(self.columns)), np.nan)
        for n, name in enumerate(self.columns):
            if (column := records.column(name)) is not None:
                numbers = numbers_of(column, name)
                logs[:, n] = np.sign(numbers) * np.log1p(np.abs(numbers))
        return logs
