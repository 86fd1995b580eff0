"""What the rules of a shop say about the items of a space, in force now. N items."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from shelfspace.errors import ConfigError
from shelfspace.holding import Holding
from shelfspace.reranking.exposure import Share
from shelfspace.ruling.kinds import Block, Exposure, Require, Rule, Selecting
from shelfspace.ruling.rules import Rules
from shelfspace.shop.catalogue import Catalogue
from shelfspace.shop.history import Clock
from shelfspace.shop.ids import Ids
from shelfspace.tasks.where import Mask, where_mask

_SECONDS_A_DAY = 86_400.0


def check_rules(rules: Rules, catalogue: Catalogue, clock: Clock) -> None:
    """Refuse rules that a catalogue cannot answer.

    Raises:
        ConfigError: a filter cannot be read or a column is missing; the rule is named.
    """
    if not rules:
        return
    nothing = Catalogue(Ids([], "item"), catalogue.table.slice(0, 0), np.zeros(0), np.zeros(0, np.int32))
    columns = {field.name: _numeric(field.type) for field in catalogue.table.schema}
    try:
        rules.check(lambda where: where_mask(where, nothing), columns)
        for rule in rules.every:
            if isinstance(rule, Require) and rule.newer_than is not None and clock == "steps":
                raise ConfigError(f"{rule}: newer_than is in days, and this shop counts steps")
    except ConfigError as problem:
        raise ConfigError(f"{rules.source}: {problem}" if rules.source else str(problem)) from None


def blocked_items(space: Holding) -> Mask:
    """Return which items no task may return, bool [N]: those that are gone, and O(N) for each rule in force."""
    found = _any(space, space.rules.of_kind(Block), selected) if space.rules else _nothing(space)
    return found if space.gone is None else found | space.gone


def refused_items(space: Holding) -> Mask:
    """Return which items are blocked, or are not what is required of an item that is answered, bool [N]."""
    blocked = blocked_items(space)
    return blocked | _any(space, space.rules.of_kind(Require), _lacking) if space.rules else blocked


def blocked_rows(space: Holding, rows: npt.NDArray[np.integer]) -> Mask:
    """Return which of these rows are blocked; rows beyond the catalogue are another's, and are not."""
    flags: Mask = np.append(blocked_items(space), False)
    found: Mask = flags[np.minimum(rows, len(flags) - 1)]
    return found


def selected(space: Holding, rule: Selecting) -> Mask:
    """Return the items that a rule names, bool [N]; ids that are not in the catalogue are nobody's."""

    def made() -> Mask:
        if rule.where is not None:
            return where_mask(rule.where, space.catalogue)
        mask: Mask = np.zeros(len(space.catalogue), bool)
        rows = space.catalogue.ids.rows(list(rule.items))
        mask[rows[rows >= 0]] = True
        return mask

    found: Mask = _kept(space, rule, made)
    return found


def holds(space: Holding, where: str | None, row: int) -> bool:
    """Return whether an item satisfies a filter."""
    return where is None or bool(where_mask(where, _one(space.catalogue, row))[0])


@dataclass(frozen=True)
class Grouped:
    """The groups of an exposure rule: int64 [N], -1 where an item is in none."""

    rule: Exposure
    codes: npt.NDArray[np.int64]

    def share(self, rows: npt.NDArray[np.integer]) -> Share:
        """Return it for some items."""
        codes = self.codes[rows]
        codes[codes >= 0] = np.unique(codes[codes >= 0], return_inverse=True)[1]
        return Share(str(self.rule), codes, self.rule.most, self.rule.least)


def grouped(space: Holding, rule: Exposure) -> Grouped:
    """Return the groups of an exposure rule."""
    codes: npt.NDArray[np.int64] = _kept(space, rule, lambda: _codes(space.catalogue, rule))
    return Grouped(rule, codes)


def _codes(catalogue: Catalogue, rule: Exposure) -> npt.NDArray[np.int64]:
    if rule.where is not None:
        return where_mask(rule.where, catalogue).astype(np.int64) - 1
    column = catalogue.table[rule.by].combine_chunks()
    if rule.edges:
        numbers = column.cast(pa.float64()).to_numpy(zero_copy_only=False)
        return np.where(np.isnan(numbers), -1, np.digitize(numbers, rule.edges)).astype(np.int64)
    if pa.types.is_list(column.type):  # a path ends where it ends: its last step counts below it
        texts = [path[min(rule.level, len(path)) - 1] if path else None for path in column.to_pylist()]
        column = pa.array(texts, pa.string())
    column = pc.utf8_lower(column.cast(pa.string()))
    if rule.value is not None:
        same: Mask = pc.fill_null(pc.equal(column, rule.value.lower()), False).to_numpy(zero_copy_only=False)
        return same.astype(np.int64) - 1
    codes = column.dictionary_encode().indices
    found: npt.NDArray[np.int64] = pc.fill_null(codes, -1).to_numpy(zero_copy_only=False).astype(np.int64)
    return found


def _lacking(space: Holding, rule: Require) -> Mask:
    """Return the items that are not what a rule requires; what has no number does not meet a limit on it."""
    catalogue = space.catalogue

    def made() -> Mask:
        lacking: Mask = np.zeros(len(catalogue), bool)
        if rule.stock:
            lacking |= ~pc.fill_null(catalogue.table["available"], True).to_numpy()
        limits = (("price", rule.min_price, 1.0), ("price", rule.max_price, -1.0))
        for name, limit, sign in (*limits, (rule.margin, rule.min_margin, 1.0)):
            if limit is not None:
                numbers = catalogue.table[name].cast(pa.float64()).to_numpy()
                lacking |= ~(sign * numbers >= sign * limit)
        return lacking & where_mask(rule.where, catalogue)

    mask: Mask = _kept(space, rule, made)
    if rule.newer_than is None:
        return mask
    today = space.rules.now().timestamp() / _SECONDS_A_DAY
    old: Mask = ~(catalogue.first_seen >= today - rule.newer_than)
    return mask | (old & where_mask(rule.where, catalogue))


def _nothing(space: Holding) -> Mask:
    return np.zeros(len(space.catalogue), bool)


def _any(space: Holding, rules: list[Any], mask_of: Callable[[Holding, Any], Mask]) -> Mask:
    found = _nothing(space)
    for rule in rules:
        found |= mask_of(space, rule)
    return found


def _kept(space: Holding, rule: Rule, made: Callable[[], Any]) -> Any:
    """Return what was made of a rule for this space before, or make it."""
    key = (type(rule), rule.number)
    if key not in space.ruled:
        space.ruled[key] = made()
    return space.ruled[key]


def _numeric(kind: pa.DataType) -> bool:
    return bool(pa.types.is_floating(kind) or pa.types.is_integer(kind))


def _one(catalogue: Catalogue, row: int) -> Catalogue:
    part = slice(row, row + 1)
    ids = Ids(catalogue.ids.array.slice(row, 1), "item")
    return Catalogue(
        ids, catalogue.table.slice(row, 1), catalogue.first_seen[part], catalogue.duplicates[part]
    )
