"""The commands that make versions of a space from what its store holds, and go back."""

import json
from typing import Annotated

import typer
from rich.table import Table

from shelfspace import updating, versioning
from shelfspace.cli import asking, screen

STORE = Annotated[
    str | None,
    typer.Option(
        envvar="SHELFSPACE_STORE", help="the store's address; the one in the run folder where none is given"
    ),
]


def update(
    run: asking.RUN,
    store: STORE = None,
    keep: Annotated[
        int, typer.Option(help="how many versions stay on disk; the one before the current always does")
    ] = updating.KEEP,
    as_json: asking.JSON = False,
) -> None:
    """Fold what the store holds into a new version of the space; a server takes it by itself."""
    with screen.told() as told:
        found = updating.updated(run, store=store, keep=keep, told=told)
    screen.show(json.dumps(found.to_json(), ensure_ascii=False) if as_json else _figures(found))
    for note in () if as_json else found.notes:
        screen.say(f"note: {note}")


def rollback(
    run: asking.RUN,
    to: Annotated[int | None, typer.Option(help="which version; the newest before the current one")] = None,
    as_json: asking.JSON = False,
) -> None:
    """Make an earlier version of the space the current one again; what the store holds is not lost."""
    space = versioning.rollback(run, to)
    [current] = [version for version in versioning.versions(run) if version.current]
    if as_json:
        screen.show(json.dumps(current.to_json(), ensure_ascii=False))
    else:
        screen.say(
            f"version {current.number} is current: {space!r}, up to write {current.seq:,} of the store"
        )


def versions(run: asking.RUN, as_json: asking.JSON = False) -> None:
    """List the versions of a space."""
    found = versioning.versions(run)
    if as_json:
        screen.show(json.dumps([version.to_json() for version in found], ensure_ascii=False))
        return
    table = Table("version", "", "items", "users", "events", "write", "made from", "folded in", "advice")
    for one in found:
        made = one.update
        table.add_row(
            str(one.number),
            "current" if one.current else "",
            *(f"{number:,}" for number in (one.num_items, one.num_users, one.num_events, one.seq)),
            "training" if made is None else f"version {made['base']}, {made['at']}",
            "" if made is None else f"{made['events']:,} events",
            "" if made is None or made["drift"] is None else made["drift"]["advice"],
        )
    screen.show(table)


def _figures(found: updating.Updated) -> Table | str:
    if found.drift is None:
        left_out = "".join(f"; left out: {num:,} {reason}" for reason, num in found.left_out.items())
        return f"the store holds nothing new: version {found.version} stays{left_out}"
    drift = found.drift
    table = Table("", "", title=f"version {found.version}, from version {found.base}", show_header=False)
    for name, number in found.counts.items():
        table.add_row(name.replace("_", " "), f"{number:,}")
    for reason, number in found.left_out.items():
        table.add_row(f"left out, {reason}", f"{number:,}")
    table.add_row("seconds", f"{found.seconds:.1f}")
    for task in ("recommend", "similar"):
        stayed, changed = getattr(drift, f"{task}_overlap"), getattr(drift, f"{task}_changed")
        table.add_row(f"{task}: of ten answers", f"{stayed:.1%} stayed; {changed:.1%} of the lists changed")
    table.add_row("popularity moved", f"{drift.popularity:.2f} of 1")
    table.add_row("events that training never saw the like of", f"{drift.unseen:.1%}")
    table.add_row("advice", drift.advice)
    return table
