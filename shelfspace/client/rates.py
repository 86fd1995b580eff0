"""How two variants do, as the service tells it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shelfspace.client.calls import Reply


@dataclass(frozen=True, slots=True)
class Estimate:
    """A rate or a difference with its 95 % interval; None where there is nothing to count."""

    value: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class VariantRates:
    """What was counted of one variant."""

    users: int
    lists: int
    clicked: int
    bought: int
    click_rate: Estimate
    conversion_rate: Estimate


@dataclass(frozen=True, slots=True)
class Difference:
    """A rate of b less that of a.

    detectable: the least difference that so many users show four times in five;
    more_users: how many it would take beyond those there are to show a change of 5 %; None where nothing says.
    """

    value: float | None
    low: float | None
    high: float | None
    detectable: float | None
    more_users: int | None


@dataclass(frozen=True, slots=True)
class Rates:
    """What was counted of both, the differences b - a by rate, and what to know of them."""

    variants: Mapping[str, VariantRates]
    differences: Mapping[str, Difference]
    notes: tuple[str, ...]

    @classmethod
    def read(cls, reply: Reply) -> "Rates":
        """Read a reply."""
        said = reply.json()
        return cls(
            {name: _variant(row) for name, row in said["variants"].items()},
            {name: Difference(**row) for name, row in said["differences"].items()},
            tuple(said["notes"]),
        )


def _variant(row: Mapping[str, Any]) -> VariantRates:
    click, conversion = Estimate(**row["click_rate"]), Estimate(**row["conversion_rate"])
    counted = {name: row[name] for name in ("users", "lists", "clicked", "bought")}
    return VariantRates(**counted, click_rate=click, conversion_rate=conversion)
