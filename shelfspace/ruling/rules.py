"""`rules.toml`: read, every key checked, contradictions refused or settled with a note."""

import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import combinations
from pathlib import Path
from typing import Any, TypeVar

from shelfspace import config
from shelfspace.errors import ConfigError, FilterError, did_you_mean
from shelfspace.ruling.kinds import (
    KINDS,
    Boost,
    Bury,
    Exposure,
    Pin,
    Ranked,
    Require,
    Rule,
    Selecting,
    keys,
)

R = TypeVar("R", bound=Rule)

FILE = "rules.toml"

MAX_RULES = 1000
"""Each is compared with every other."""


@dataclass(frozen=True)
class Rules:
    """The rules of a shop, in the order of the file.

    every: all of them, in force or not;  at: the moment that counts as now; None: the clock's;  source: their file.

    Example:
        >>> said = {"block": [{"items": ["sku-7"], "until": "2026-12-24"}]}
        >>> rules = Rules.of(said, at=datetime(2026, 12, 24, 20, tzinfo=UTC))
        >>> [str(rule) for rule in rules.every if rule.in_force(rules.now())]
        ['[[block]] 1']
    """

    every: tuple[Rule, ...] = ()
    at: datetime | None = None
    source: Path | None = None

    @classmethod
    def of(cls, table: Mapping[str, Any], *, at: datetime | None = None) -> "Rules":
        """Check what a file says.

        Raises:
            ConfigError: an unknown kind or key (with the nearest), a value of the wrong type, or rules that contradict
                each other, both named.
        """
        every: list[Rule] = []
        for name, sections in table.items():
            if name not in KINDS:
                near = did_you_mean(name, KINDS)
                raise ConfigError(f"there is no kind of rule {name!r}{near}; known: {list(KINDS)}")
            if not isinstance(sections, list) or not all(isinstance(one, Mapping) for one in sections):
                raise ConfigError(f"{name}: write each rule as a section of its own, [[{name}]]")
            every += [_rule(KINDS[name], n, section) for n, section in enumerate(sections, start=1)]
        if len(every) > MAX_RULES:
            raise ConfigError(
                f"{len(every):,} rules are too many; the limit is {MAX_RULES:,}: one rule may name many items"
            )
        _refuse_contradictions(every)
        return cls(tuple(every), at if at is None or at.tzinfo else at.replace(tzinfo=UTC))

    @classmethod
    def read(cls, path: Path, *, at: datetime | None = None) -> "Rules":
        """Read a file.

        Raises:
            ConfigError: it is missing, is not TOML, or a rule of it is not what it must be; the file is named.
        """
        try:
            return replace(cls.of(tomllib.loads(path.read_text("utf-8-sig")), at=at), source=path)
        except OSError:
            raise ConfigError(f"there are no rules at {path}") from None
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
            raise ConfigError(f"{path} is not readable as TOML: {problem}") from None
        except ConfigError as problem:
            raise ConfigError(f"{path}: {problem}") from None

    def __bool__(self) -> bool:
        return bool(self.every)

    @property
    def arranges(self) -> bool:
        """Whether any rule, in force or not, is about the order of lists."""
        return any(isinstance(rule, Ranked) for rule in self.every)

    def now(self) -> datetime:
        """Return the moment that counts as now."""
        return self.at if self.at is not None else datetime.now(UTC)

    def of_kind(self, kind: type[R]) -> list[R]:
        """Return the rules of a kind that are in force; a bury is no boost."""
        now = self.now()
        return [rule for rule in self.every if type(rule) is kind and rule.in_force(now)]

    def check(self, readable: Callable[[str], object], columns: Mapping[str, bool]) -> None:
        """Refuse what the catalogue cannot answer.

        Args:
            readable: raises for a filter that the catalogue cannot read.
            columns: the columns of the items, and whether each is of numbers.

        Raises:
            ConfigError: a filter or a column, with the rule that it is of.
        """
        for rule in self.every:
            where = getattr(rule, "where", None)
            if where is not None:
                try:
                    readable(where)
                except FilterError as problem:
                    raise ConfigError(f"{rule}: where: {problem}") from None
            for key, name in _columns_of(rule):
                if name not in columns:
                    near = did_you_mean(name, columns)
                    raise ConfigError(f"{rule}: {key} needs a column {name!r}, which the items lack{near}")
            if isinstance(rule, Exposure) and rule.by is not None and bool(rule.edges) != columns[rule.by]:
                wants = "give edges, such as [10, 50]" if columns[rule.by] else "edges are of numbers"
                raise ConfigError(f"{rule}: by = {rule.by!r}: {wants}")

    def moved(self, at: datetime | None) -> "Rules":
        """Return the same rules with another moment as now; None: the clock's."""
        return replace(self, at=at if at is None or at.tzinfo else at.replace(tzinfo=UTC))


def _rule(kind: type[Rule], number: int, section: Mapping[str, Any]) -> Rule:
    path, known = f"{kind.__name__.lower()} {number}", keys(kind)
    config.refuse_unknown(section, known, path)
    given = {"from_" if key == "from" else key: value for key, value in section.items()}
    try:
        return kind(number, **config.checked(kind, given, path))
    except ConfigError as problem:
        raise ConfigError(str(problem).replace("from_ =", "from =")) from None


def _columns_of(rule: Rule) -> list[tuple[str, str]]:
    """Return the columns that a rule reads, each with the key that asks for it."""
    if isinstance(rule, Exposure):
        return [("by", rule.by)] if rule.by is not None else []
    if not isinstance(rule, Require):
        return []
    found = [("stock", "available")] if rule.stock else []
    found += [(key, "price") for key in ("min_price", "max_price") if getattr(rule, key) is not None]
    return found + ([("min_margin", rule.margin)] if rule.min_margin is not None else [])


def _refuse_contradictions(every: Sequence[Rule]) -> None:
    for one, other in combinations(every, 2):
        for contradict in (_same_pin, _up_and_down, _price_gap, _share_gap):
            problem = contradict(one, other)
            if problem is not None and one.meets(other):
                raise ConfigError(f"{one} and {other} contradict each other: {problem}")
    shares = [rule for rule in every if isinstance(rule, Exposure) and rule.value is not None and rule.least]
    for first in shares:
        together = [rule for rule in shares if rule.by == first.by and rule.meets(first)]
        total = sum({rule.value: rule.least for rule in together}.values())
        if total > 1.0 + 1e-9:
            named = " and ".join(map(str, together))
            raise ConfigError(f"{named} contradict each other: together they ask for {total:.0%} of a list")


def _same_pin(one: Rule, other: Rule) -> str | None:
    if not (isinstance(one, Pin) and isinstance(other, Pin)):
        return None
    if one.place == other.place:
        return f"both pin place {one.place}"
    return f"both pin {one.item!r}" if one.item == other.item else None


def _up_and_down(one: Rule, other: Rule) -> str | None:
    if {type(one), type(other)} != {Boost, Bury}:
        return None
    assert isinstance(one, Selecting)
    assert isinstance(other, Selecting)
    shared = {*one.items} & {*other.items}
    if shared:
        return f"{min(shared)!r} is boosted and buried"
    same = one.where is not None and other.where is not None and one.where.split() == other.where.split()
    return f"what satisfies {one.where!r} is boosted and buried" if same else None


def _price_gap(one: Rule, other: Rule) -> str | None:
    if not (isinstance(one, Require) and isinstance(other, Require)) or one.where != other.where:
        return None
    for low, high in ((one, other), (other, one)):
        if low.min_price is not None and high.max_price is not None and low.min_price > high.max_price:
            return f"min_price = {low.min_price:g} is above max_price = {high.max_price:g}"
    return None


def _share_gap(one: Rule, other: Rule) -> str | None:
    if not (isinstance(one, Exposure) and isinstance(other, Exposure)):
        return None
    for floor, cap in ((one, other), (other, one)):
        same = (floor.by, floor.level, floor.where) == (cap.by, cap.level, cap.where)
        if same and cap.value in (None, floor.value) and floor.least > cap.most:
            return f"least = {floor.least:g} is above most = {cap.most:g}"
    return None
