"""Where a study looks for a setting: `1e-4..1e-2 log`, `1..4`, `recency|attention`."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from shelfspace.config import parsed
from shelfspace.errors import ConfigError

_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_RANGE = re.compile(rf"\s*({_NUMBER})\s*\.\.\s*({_NUMBER})\s*(log)?\s*")
_WHOLE = re.compile(r"[+-]?\d+")
_AT_AN_END = 0.02


@dataclass(frozen=True)
class Place:
    """A range or some choices of one setting.

    text: as it was written;  distribution: the same for Optuna, choices as their text.
    """

    text: str
    distribution: BaseDistribution

    @classmethod
    def of(cls, path: str, text: str) -> "Place":
        """Read what was written for the setting at a path.

        Raises:
            ConfigError: it is neither a range nor choices, or the range is empty.

        Example:
            >>> Place.of("model.embedding_dim", "32|64|128").values
            [32, 64, 128]
        """
        if not isinstance(text, str):
            raise ConfigError(f'tune: {path} = {text!r} must be text, such as "0.1..0.5" or "32|64"')
        range_ = _RANGE.fullmatch(text)
        if range_ is not None:
            return cls(text.strip(), _range(path, text, *range_.groups()))
        names = [name.strip() for name in text.split("|")]
        if len(names) < 2 or not all(names):
            raise ConfigError(
                f"tune: {path} = {text!r} is neither a range nor choices; "
                "write 1..4, 0.1..0.5, 1e-4..1e-2 log, or a|b|c"
            )
        if len(set(names)) < len(names):
            raise ConfigError(f"tune: {path} = {text!r} names a choice twice")
        return cls(text.strip(), CategoricalDistribution(names))

    def value(self, drawn: Any) -> Any:
        """Return the setting for what Optuna drew."""
        return parsed(drawn) if isinstance(self.distribution, CategoricalDistribution) else drawn

    def drawn(self, value: Any) -> Any:
        """Return what Optuna would have drawn for a value, None where the place does not hold it."""
        if isinstance(self.distribution, CategoricalDistribution):
            return next((name for name in self.distribution.choices if parsed(str(name)) == value), None)
        if isinstance(value, bool) or not isinstance(value, int | float):
            return None
        if isinstance(self.distribution, IntDistribution) and value != int(value):
            return None
        return value if self.low <= value <= self.high else None

    @property
    def values(self) -> list[Any]:
        """The choices, or the two ends of the range."""
        if isinstance(self.distribution, CategoricalDistribution):
            return [parsed(str(name)) for name in self.distribution.choices]
        return [self.low, self.high]

    @property
    def low(self) -> float:
        """The lower end of a range."""
        low: float = self.distribution.low  # type: ignore[attr-defined]
        return low

    @property
    def high(self) -> float:
        """The upper end of a range."""
        high: float = self.distribution.high  # type: ignore[attr-defined]
        return high

    @property
    def is_choice(self) -> bool:
        """Whether there are choices, not a range."""
        return isinstance(self.distribution, CategoricalDistribution)

    @property
    def log(self) -> bool:
        """Whether it is looked through by its logarithm."""
        return bool(getattr(self.distribution, "log", False))

    @property
    def size(self) -> float:
        """How many values there are."""
        if isinstance(self.distribution, IntDistribution):
            return self.high - self.low + 1
        return len(self.values) if self.is_choice else float("inf")

    def is_end(self, value: Any) -> bool:
        """Whether a value lies at an end of the range, so that a better one may lie beyond."""
        if self.is_choice:
            return False
        if isinstance(self.distribution, IntDistribution):
            return self.size > 2 and value in (self.low, self.high)
        if self.log:
            near = (self.high / self.low) ** _AT_AN_END
            return bool(value <= self.low * near or value >= self.high / near)
        near = (self.high - self.low) * _AT_AN_END
        return bool(value <= self.low + near or value >= self.high - near)


def places(space: Mapping[str, Any]) -> dict[str, Place]:
    """Read a `[tune]` table: by the dotted path of a setting, nested or quoted.

    Raises:
        ConfigError: it is empty, or what stands there cannot be read.
    """
    found = {path: Place.of(path, text) for path, text in _flat(space)}
    if not found:
        raise ConfigError(
            "there is nothing to tune: give --space 'training.learning_rate=1e-4..1e-2 log', or a table [tune]"
        )
    return found


def _flat(space: Mapping[str, Any], under: str = "") -> list[tuple[str, Any]]:
    rows = []
    for name, inside in space.items():
        path = f"{under}{name}"
        rows += _flat(inside, f"{path}.") if isinstance(inside, Mapping) else [(path, inside)]
    return rows


def _range(path: str, text: str, low: str, high: str, log: str | None) -> BaseDistribution:
    whole = all(_WHOLE.fullmatch(end) for end in (low, high))
    if float(low) >= float(high):
        raise ConfigError(f"tune: {path} = {text!r} is empty: {low} is not below {high}")
    if log and float(low) <= 0:
        raise ConfigError(f"tune: {path} = {text!r}: a range looked through by its logarithm starts above 0")
    if whole:
        return IntDistribution(int(low), int(high), log=log is not None)
    return FloatDistribution(float(low), float(high), log=log is not None)
