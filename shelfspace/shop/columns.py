"""Which column of a source is which of the contract, and from its values to texts, numbers and flags."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

import ibis
import ibis.expr.types as ir

from shelfspace.errors import DataError, did_you_mean
from shelfspace.shop.schema import Column, plain
from shelfspace.shop.sections import Section
from shelfspace.shop.sources import Source
from shelfspace.shop.workbench import Workbench, quoted, refusals

SEQ = "_seq"
"""The number of a row in the workbench, from 0, in the order read."""

_NAME_LIKE = re.compile(r"[\w ]+")
_BLANK = ("", "nan", "null", "none", "<na>", "\\n")
_TRUE = ("true", "t", "1", "1.0", "yes", "y", "in stock", "available", "是")
_FALSE = ("false", "f", "0", "0.0", "no", "n", "out of stock", "unavailable", "否")


@dataclass(frozen=True)
class Found:
    """Where a column of the contract was found: in which columns of the source, or from which expression."""

    column: Column
    sources: tuple[str, ...]
    how: Literal["mapped", "expression", "name", "alias"]

    @property
    def name(self) -> str:
        """The name in the contract."""
        return self.column.name

    @property
    def shown(self) -> str:
        """What the check calls it."""
        return ", ".join(self.sources)

    def parts(self) -> list[str]:
        """Return what the selected columns are called: the name, numbered where there are several."""
        return (
            [self.name] if len(self.sources) == 1 else [f"{self.name}.{i}" for i in range(len(self.sources))]
        )


def find_columns(
    section: Section, source: Source, *, optional: Sequence[str] = (), taken: Collection[str] = ()
) -> dict[str, Found]:
    """Return where each column of a table is: as mapped, else by its name, else by an alias.

    A column of the source that one column of the contract was given is not guessed for another; nor are those
    that are `taken` elsewhere.

    Raises:
        DataError: a mapped column is not there, or a required one was not found; naming file, column and the
            nearest name. Required ones named in `optional` may be missing.
    """
    found: dict[str, Found] = {}
    for name, given in section.columns.items():
        found[name] = _mapped(section, source, section.schema.column(name), given)
    taken = {*taken, *section.vectors.values(), *(s for f in found.values() for s in f.sources)}
    for how in ("name", "alias"):
        for column in section.schema.columns:
            keys = [plain(column.name)] if how == "name" else [plain(a) for a in column.aliases]
            match = _first(keys, [c for c in source.columns if c not in taken])
            if column.name not in found and match is not None:
                taken.add(match)
                found[column.name] = Found(column, (match,), "name" if how == "name" else "alias")
    for column in section.schema.columns:
        if column.required and column.name not in found and column.name not in optional:
            raise DataError(
                f"{source.label} has no column {column.name!r}{did_you_mean(column.name, source.columns) or '.'} "
                f'Say which it is: [{section.name}] {column.name} = "…". Columns: {", ".join(source.columns)}'
            )
    return {name: found[name] for name in section.schema.names if name in found}


def select(
    bench: Workbench, source: Source, found: Sequence[Found], own: Sequence[str] = (), *, view: str = ""
) -> ir.Table:
    """Return the found columns under the names of the contract, with the shop's own, and the row number.

    Raises:
        DataError: an expression that the database cannot read.
    """
    names, parts = [SEQ], ["rowid"]
    for f in found:
        names += f.parts()
        for text in f.sources:
            parts.append(f"({text})" if f.how == "expression" else quoted(text))
            if f.how == "expression":
                with refusals(
                    f"{source.label} has no column {text!r} ({f.name}), and as an expression it fails"
                ):
                    bench.duckdb.execute(f"SELECT ({text}) FROM {quoted(source.raw)} LIMIT 0")
    names += own
    parts += [quoted(c) for c in own]
    named = ", ".join(f"{part} AS c{i}" for i, part in enumerate(parts))
    view = view or source.raw.replace("raw_", "seen_", 1)
    with refusals(source.label):
        bench.duckdb.execute(f"CREATE OR REPLACE VIEW {view} AS SELECT {named} FROM {quoted(source.raw)}")
    return bench.ibis.table(view).rename({name: f"c{i}" for i, name in enumerate(names)})


def text(values: ir.Value) -> ir.StringValue:
    """Return values as text, null where blank; a float that is a whole number is written without its `.0`."""
    kind = values.type()
    if kind.is_floating():
        whole = values.try_cast("int64")
        same = (whole.cast("float64") == values).fill_null(False)
        written = same.ifelse(whole.cast("string"), values.cast("string"))
        return values.isnan().ifelse(ibis.null("string"), written)
    written = values.cast("string") if not kind.is_string() else values
    stripped = written.strip()
    return stripped.lower().isin(_BLANK).ifelse(ibis.null("string"), stripped)


def number(values: ir.Value) -> ir.FloatingValue:
    """Return values as float64, null where blank or not a number.

    Written numbers may carry a currency sign, thousands (`1,234.50`) and a decimal comma (`2,55`).
    """
    kind = values.type()
    if kind.is_numeric() or kind.is_boolean():
        parsed = values.cast("float64")
    else:
        bare = values.cast("string").re_replace(r"[\s$£€¥]", "")
        bare = bare.re_search(r"^-?\d{1,3}(,\d{3})+(\.\d+)?$").ifelse(bare.replace(",", ""), bare)
        bare = bare.re_search(r"^-?\d+,\d+$").ifelse(bare.replace(",", "."), bare)
        parsed = bare.try_cast("float64")
    return (parsed.isnan() | parsed.isinf()).ifelse(ibis.null("float64"), parsed)


def flag(values: ir.Value) -> ir.BooleanValue:
    """Return values as true or false, null where neither."""
    if values.type().is_boolean():
        return values
    written = text(values).lower()
    return ibis.cases((written.isin(_TRUE), True), (written.isin(_FALSE), False), else_=ibis.null("boolean"))


def _mapped(section: Section, source: Source, column: Column, given: str | list[str]) -> Found:
    several = given if isinstance(given, list) else [given]
    names = [
        g if g in source.columns else _first([plain(g)] if _NAME_LIKE.fullmatch(g) else [], source.columns)
        for g in several
    ]
    if all(n is not None for n in names):
        return Found(column, tuple(n for n in names if n is not None), "mapped")
    wrong = several[names.index(None)]
    if len(several) == 1 and not _NAME_LIKE.fullmatch(wrong):
        return Found(column, (wrong,), "expression")
    raise DataError(
        f"{source.label} has no column {wrong!r}, which [{section.name}] {column.name} names"
        f"{did_you_mean(wrong, source.columns) or '.'} Columns: {', '.join(source.columns)}"
    )


def _first(keys: Sequence[str], columns: Sequence[str]) -> str | None:
    by_plain: dict[str, str] = {}
    for column in columns:
        by_plain.setdefault(plain(column), column)
    return next((by_plain[k] for k in keys if k and k in by_plain), None)
