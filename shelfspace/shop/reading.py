"""From settings to a shop: every table read, checked, cleaned and numbered, once."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import ibis
import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.compute as pc

from shelfspace import config
from shelfspace.errors import ConfigError, DataError
from shelfspace.shop import clean as rules
from shelfspace.shop import columns
from shelfspace.shop.cleaning import CleanSettings
from shelfspace.shop.eventlog import item_columns, read_log
from shelfspace.shop.findings import Findings, check_of
from shelfspace.shop.gathered import Tables, catalogue_of, usable
from shelfspace.shop.ids import Ids
from shelfspace.shop.items import (
    Facts,
    aligned,
    from_events,
    list_items,
    read_items,
)
from shelfspace.shop.judging import Judged, dropped_items, judge
from shelfspace.shop.numbering import Numbered, first_items, nothing, number, weights_of
from shelfspace.shop.quarantine import count_gone, refuse_too_many, write_quarantine
from shelfspace.shop.schema import TABLES
from shelfspace.shop.searched import searched
from shelfspace.shop.sections import Section, section
from shelfspace.shop.shop import Shop
from shelfspace.shop.tables import read_table
from shelfspace.shop.workbench import Workbench, workbench

_SECONDS_A_DAY = 86_400.0
_MAX_KINDS = 127
_MEASURES = {"value": "price", "rating": "rating"}


def read_shop(
    settings: config.Table,
    *,
    frames: Mapping[str, object] | None = None,
    quarantine: Path | None = None,
) -> Shop:
    """Read, check, clean and number a shop.

    Args:
        settings: the merged settings; of them `events`, `items`, the other tables, `clean`, and of
            `evaluation` the protocol and the file of held-out events (`test`) of the protocol `split`.
        frames: tables that are DataFrames, by name; anything with the Arrow C stream.
        quarantine: where to write the rows that were not kept, as Parquet; None: they are counted only.

    Raises:
        ConfigError: a setting is unknown or mistyped, or neither events nor items are said.
        DataError: a file or column is missing or not what it must be.
        DirtyDataError: more rows cannot be read than `clean.max_dropped` allows.

    Everything is read once, in `clean.memory` of memory and a few times the size of the data (as Parquet) of
    disk in the temporary folder; what comes out is 32 bytes an event and the catalogue. Ten million events
    take about two minutes and 3 GB on two cores.
    """
    plan = _plan(settings, frames or {})
    with workbench(plan.clean.memory) as bench:
        return _read(bench, plan, quarantine)


def require_trainable(shop: Shop) -> None:
    """Refuse a shop that nothing can be learnt from.

    Raises:
        DataError: saying what is needed: events, two users, two items, two moments.
    """
    if shop.check.problems:
        raise DataError("; ".join(shop.check.problems))


@dataclass(frozen=True)
class _Plan:
    sections: dict[str, Section]
    clean: CleanSettings
    frames: Mapping[str, object]
    test: str | None


def _plan(settings: config.Table, frames: Mapping[str, object]) -> _Plan:
    config.refuse_unknown(frames, list(TABLES), "frames")
    names = [n for n in TABLES if n in settings or n in frames]
    if not {"events", "items"} & set(names):
        raise ConfigError(
            'no [events] and no [items]: say at least where the events are, with [events] path = "…"'
        )
    sections = {n: section(n, settings.get(n, {})) for n in names}
    if "items" in sections and sections["items"].from_events and "events" not in sections:
        raise ConfigError("[items] from = 'events', and there are no [events]")
    evaluation = settings.get("evaluation", {})
    split = evaluation.get("protocol") == "split"
    if split and not evaluation.get("test"):
        raise ConfigError("[evaluation] protocol = 'split' needs test = the file of held-out events")
    clean = CleanSettings(**config.checked(CleanSettings, settings.get("clean", {}), "clean"))
    return _Plan(sections, clean, frames, evaluation["test"] if split else None)


def _read(bench: Workbench, plan: _Plan, quarantine: Path | None) -> Shop:
    tables = _tables(bench, plan)
    marked = tables.marked()
    refuse_too_many(count_gone(bench, marked), marked, plan.clean.max_dropped)
    known = _item_facts(bench, tables)
    dropped = _non_products(bench, tables, known, plan.clean)
    judged = _judged(bench, tables, known, dropped, plan.clean)
    ids, num_known = _item_ids(judged, tables, known, dropped)
    numbered = _numbered(bench, tables, judged, ids)
    items = aligned(read_items(known), ids)
    catalogue = catalogue_of(tables, items, known, judged, ids, numbered.history, plan.clean)
    rows = usable(tables, items)
    if judged is not None and tables.log is not None and tables.log.has("query"):
        rows["queries"] = searched(judged.rows, ids, tables.log.held_from)
    marked = tables.marked(judged)
    if quarantine is not None:
        write_quarantine(bench, marked, quarantine)
    found = Findings(
        bench=bench,
        clean=plan.clean,
        log=tables.log,
        listed=tables.listed,
        others=tables.others,
        marked=marked,
        judged=judged,
        dropped=dropped_items(dropped),
        numbered=numbered,
        catalogue=catalogue,
        photos=rows.get("photos"),
        num_listed=num_known,
    )
    return Shop(
        catalogue=catalogue,
        users=Ids(numbered.users, "user"),
        history=numbered.history,
        kinds=numbered.kinds,
        check=check_of(found),
        tables=rows,
        held_out=numbered.held_out,
    )


def _tables(bench: Workbench, plan: _Plan) -> Tables:
    sections, frames = plan.sections, plan.frames
    items = sections.get("items") or section("items", {"from": "events"})
    listed = log = None
    if "events" in sections:
        log = read_log(bench, sections["events"], plan.clean, frames.get("events"), plan.test)
    if items.source.path is not None or "items" in frames:
        listed = list_items(bench, items, frames.get("items"))
    others = {
        n: read_table(bench, s, frames.get(n)) for n, s in sections.items() if n not in ("events", "items")
    }
    return Tables(log, listed, others, items)


def _item_facts(bench: Workbench, tables: Tables) -> Facts:
    if tables.listed is not None:
        return tables.listed.facts
    if tables.log is None:
        raise ConfigError("[items] needs 'path'")
    seen, found = item_columns(bench, tables.log, tables.items)
    rows = bench.keep("item_facts", from_events(seen, tables.log.read, found), about=tables.log.label)
    return Facts(rows, found, tables.items, tables.log.label)


def _non_products(bench: Workbench, tables: Tables, known: Facts, clean: CleanSettings) -> ir.Table:
    read = None if tables.log is None else tables.log.read
    titles = None
    if tables.listed is not None or "title" in known.found:
        title = columns.text(known.rows.title) if "title" in known.found else ibis.null("string")
        titles = known.rows.select("item_id", title=title)
    return bench.keep(
        "non_products", rules.non_products(rules.item_table(read, titles), clean), about=known.label
    )


def _judged(
    bench: Workbench, tables: Tables, known: Facts, dropped: ir.Table, clean: CleanSettings
) -> Judged | None:
    if tables.log is None:
        return None
    kinds = tables.log.kinds()
    weights = weights_of(kinds, tables.log.section.events.weights, told_apart=tables.log.has("event"))
    return judge(
        bench,
        tables.log.read,
        clean,
        clock=tables.log.clock,
        dropped=dropped,
        catalogue=known.rows if tables.listed is not None else None,
        weightless=[
            k for k, w in zip(kinds, weights, strict=True) if w <= 0 and k not in rules.CANCELLING_KINDS
        ],
        about=tables.log.label,
    )


def _item_ids(judged: Judged | None, tables: Tables, known: Facts, dropped: ir.Table) -> tuple[pa.Array, int]:
    """Return the catalogue's ids, and how many of them are listed: those that only events know come after."""
    sold = pa.array([], pa.string())
    if judged is not None:
        sold = first_items(judged.rows.filter(judged.rows.reason.isnull()))
    if tables.listed is None:
        return sold, len(sold)
    listed = known.rows.anti_join(dropped, "item_id").order_by(columns.SEQ).select("item_id")
    ids = listed.to_pyarrow().column(0).combine_chunks()
    unknown = sold.filter(pc.invert(pc.is_in(sold, value_set=ids)))
    return pa.concat_arrays([ids, unknown]), len(ids)


def _numbered(bench: Workbench, tables: Tables, judged: Judged | None, ids: pa.Array) -> Numbered:
    users = (
        tables.others["users"].table["user_id"]
        if "users" in tables.others
        else pa.chunked_array([], pa.string())
    )
    further = users.unique() if isinstance(users, pa.ChunkedArray) else users
    log = tables.log
    if log is None or judged is None:
        return nothing(further, len(ids))
    kinds = log.kinds()
    if len(kinds) > _MAX_KINDS:
        raise DataError(
            f"{log.label} has {len(kinds):,} kinds of events; [events] event must name a column of few kinds, "
            "such as view and purchase"
        )
    timed = log.clock == "calendar" and log.has("user_id") and not log.has("session_id", "basket_id")
    gap = config.seconds(log.section.events.session_gap, "events.session_gap") / _SECONDS_A_DAY
    return number(
        bench,
        judged.rows.filter(judged.rows.reason.isnull()),
        items=ids,
        further_users=further,
        kinds=kinds,
        weights=weights_of(kinds, log.section.events.weights, told_apart=log.has("event")),
        clock=log.clock,
        gap=gap if timed else None,
        held_from=log.held_from,
        about=log.label,
        measures=[name for name, column in _MEASURES.items() if log.has(column)],
    )
