"""The kinds of rules, each a section of `rules.toml`; its keyword-only fields are its settings."""

from dataclasses import dataclass, field, fields
from datetime import UTC, date, datetime, time, timedelta

from shelfspace.errors import ConfigError

When = datetime | date | str | None

RANKED = ("recommend", "similar")
"""The tasks whose lists pins, boosts and shares arrange."""


@dataclass(frozen=True, kw_only=True)
class Rule:
    """What every rule has: a name and a reason for people, and when it is in force.

    from_: the first moment, `from` in the file;  until: the last: a day counts to its end. Without a zone: UTC.
    """

    number: int = field(kw_only=False)
    name: str | None = None
    reason: str | None = None
    from_: When = None
    until: When = None

    def __post_init__(self) -> None:
        start, end = self._moment("from_"), self._moment("until")
        if start is not None and end is not None and end <= start:
            raise ConfigError(f"{self}: until = {self.until} is before from = {self.from_}")

    def __str__(self) -> str:
        said = self.name or self.reason
        return f"[[{type(self).__name__.lower()}]] {self.number}" + (f" ({said})" if said else "")

    def in_force(self, at: datetime) -> bool:
        """Return whether it holds at a moment."""
        start, end = self._moment("from_"), self._moment("until")
        return (start is None or start <= at) and (end is None or at < end)

    def meets(self, other: "Rule") -> bool:
        """Return whether there is a moment at which both hold."""
        starts = [m for m in (self._moment("from_"), other._moment("from_")) if m is not None]
        ends = [m for m in (self._moment("until"), other._moment("until")) if m is not None]
        return not starts or not ends or max(starts) < min(ends)

    def _moment(self, name: str) -> datetime | None:
        value: When = getattr(self, name)
        if value is None:
            return None
        try:
            # a date is read as one by `date`, a datetime only by `datetime`
            moment = value if isinstance(value, date) else _read(value)
        except ValueError:
            key = name.rstrip("_")
            raise ConfigError(f"{self}: {key} = {value!r} is not a day; write it as 2026-12-24") from None
        if not isinstance(moment, datetime):
            moment = datetime.combine(moment, time()) + timedelta(days=name == "until")
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)

    def _refuse_less(self, *names: str) -> None:
        for name in names:
            value = getattr(self, name)
            if value is not None and not 0.0 <= value < float("inf"):
                raise ConfigError(f"{self}: {name} = {value:g} must be a number from 0")


@dataclass(frozen=True, kw_only=True)
class Selecting(Rule):
    """A rule about items: those named, or those that satisfy a filter."""

    items: tuple[str, ...] = ()
    where: str | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if bool(self.items) == bool((self.where or "").strip()):
            raise ConfigError(f'{self}: say which items: items = ["…"], or where = "…" (one of the two)')


@dataclass(frozen=True, kw_only=True)
class Block(Selecting):
    """`[[block]]`: no task returns these."""


@dataclass(frozen=True, kw_only=True)
class Require(Rule):
    """`[[require]]`: what an item must be to be answered by a task that answers with items.

    where: it is asked of these items only;  stock: `available` is not false;  min_price, max_price: in the shop's
    currency;  margin: the column it is read from;  newer_than: days since `published`, or else since it was first seen.
    """

    where: str | None = None
    stock: bool = False
    min_price: float | None = None
    max_price: float | None = None
    min_margin: float | None = None
    margin: str = "margin"
    newer_than: float | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        self._refuse_less("min_price", "max_price", "newer_than")
        if not (self.stock or any(v is not None for v in (*self._prices, self.min_margin, self.newer_than))):
            raise ConfigError(f"{self} requires nothing: give stock, a price, min_margin or newer_than")
        low, high = self._prices
        if low is not None and high is not None and low > high:
            raise ConfigError(f"{self}: min_price = {low:g} is above max_price = {high:g}")

    @property
    def _prices(self) -> tuple[float | None, float | None]:
        return self.min_price, self.max_price


@dataclass(frozen=True, kw_only=True)
class Ranked(Rule):
    """A rule about the order of a list: of these tasks and, where they are named, for these users only."""

    tasks: tuple[str, ...] = ("recommend",)
    users: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        for task in self.tasks:
            if task not in RANKED:
                raise ConfigError(
                    f"{self}: tasks = {list(self.tasks)}: lists are arranged by {list(RANKED)} only"
                )

    def asked(self, task: str, subject: str) -> bool:
        """Return whether it is about an answer of this task to this subject."""
        return task in self.tasks and (not self.users or subject in self.users)

    def meets(self, other: Rule) -> bool:
        """Return whether both may be about one answer."""
        if not isinstance(other, Ranked):
            return super().meets(other)
        people = not self.users or not other.users or bool({*self.users} & {*other.users})
        return people and bool({*self.tasks} & {*other.tasks}) and super().meets(other)


@dataclass(frozen=True, kw_only=True)
class Pin(Ranked):
    """`[[pin]]`: this item at this place, from 1; with `where`, only while the item satisfies it."""

    item: str = ""
    place: int = 1
    where: str | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.item or self.place < 1:
            raise ConfigError(f'{self}: give item = "…" and place = 1 or more')


@dataclass(frozen=True, kw_only=True)
class Boost(Ranked, Selecting):
    """`[[boost]]`: these come higher, by a share of the distance between the best and the last candidate's score."""

    by: float = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0.0 < self.by <= 1.0:
            raise ConfigError(f"{self}: by = {self.by:g} must be more than 0, up to 1")


@dataclass(frozen=True, kw_only=True)
class Bury(Boost):
    """`[[bury]]`: these come lower, likewise."""


@dataclass(frozen=True, kw_only=True)
class Exposure(Ranked):
    """`[[exposure]]`: which share of a list's places is of one group, at most and at least.

    by: a column; each of its values is a group (of a path the step `level`, of a number what lies between `edges`);
    value: only this value of it;  where: instead, what satisfies a filter.
    """

    by: str | None = None
    value: str | None = None
    where: str | None = None
    edges: tuple[float, ...] = ()
    level: int = 1
    most: float = 1.0
    least: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if (self.by is None) == (self.where is None):
            raise ConfigError(f'{self}: say of what: by = a column, or where = "…" (one of the two)')
        if self.value is not None and (self.by is None or self.edges):
            raise ConfigError(
                f"{self}: value = {self.value!r} is one value of the column `by`, without edges"
            )
        if list(self.edges) != sorted(set(self.edges)):
            raise ConfigError(f"{self}: edges = {list(self.edges)} must rise")
        if self.level < 1:
            raise ConfigError(f"{self}: level = {self.level} must be 1 or more; 1 is the broadest")
        for name in ("most", "least"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise ConfigError(f"{self}: {name} = {getattr(self, name):g} is not a share from 0 to 1")
        if self.least > self.most:
            raise ConfigError(f"{self}: least = {self.least:g} is above most = {self.most:g}")
        if self.least and self.by is not None and self.value is None:
            raise ConfigError(f"{self}: least is of one group: give the value of {self.by!r}, or a where")
        if self.most == 1.0 and self.least == 0.0:
            raise ConfigError(f"{self} says nothing: give most or least")


KINDS: dict[str, type[Rule]] = {
    kind.__name__.lower(): kind for kind in (Block, Require, Pin, Boost, Bury, Exposure)
}


def keys(kind: type[Rule]) -> list[str]:
    """Return the settings of a kind as the file writes them."""
    return [f.name.rstrip("_") for f in fields(kind) if f.kw_only]


def _read(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return datetime.fromisoformat(text)
