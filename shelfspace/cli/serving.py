"""The commands that serve a run over HTTP, and that make the keys to it."""

import importlib.util
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

import typer

from shelfspace.cli import asking, screen
from shelfspace.errors import MissingExtraError
from shelfspace.live.prepared import version_of
from shelfspace.service.access import WARNING, is_open
from shelfspace.service.outcomes import purchases_of, rates
from shelfspace.service.settings import STORE, VARIABLE, Serving
from shelfspace.service.variants import Assignment
from shelfspace.space import Space
from shelfspace.store.records import Scope
from shelfspace.store.store import Store

keys = typer.Typer(help="The keys with which a served run is asked, kept in its store.", no_args_is_help=True)

NEEDED = ("uvicorn", "uvloop", "httptools", "fastapi", "orjson", "prometheus_client")
"""What serving needs beside what asking needs."""

NAME = Annotated[str, typer.Option(help="whose key it is; it stands in the log")]
SCOPE = Annotated[
    list[str],
    typer.Option(help="read asks, write keeps events and changes, admin may do all; several with commas"),
]


def serve(
    run: asking.RUN,
    host: Annotated[
        str, typer.Option(help="the address to listen on; others than this machine need keys")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="the port; 0 takes a free one")] = 8000,
    workers: Annotated[int, typer.Option(help="processes; one a core is enough")] = 1,
    against: Annotated[
        Path | None, typer.Option(help="another run, which answers a share of the shoppers")
    ] = None,
    share: Annotated[float, typer.Option(help="the part of the shoppers that it answers, 0 to 1")] = 0.5,
    salt: Annotated[str, typer.Option(help="the name of the experiment; another one draws anew")] = "",
    threads: Annotated[int, typer.Option(help="threads of the numeric libraries in each worker")] = 1,
    rate: Annotated[float | None, typer.Option(help="requests a second that a key may send")] = None,
    burst: Annotated[int | None, typer.Option(help="how many of them may come at once")] = None,
    max_k: Annotated[int, typer.Option(help="the longest answer that can be asked for")] = 1000,
    max_batch: Annotated[int, typer.Option(help="the most subjects of a request")] = 100,
    max_events: Annotated[int, typer.Option(help="the most events of a request")] = 5000,
    max_body_mb: Annotated[float, typer.Option(help="the largest body, in mebibytes")] = 10.0,
    max_photo_mb: Annotated[float, typer.Option(help="the largest photo, in mebibytes")] = 10.0,
    timeout: Annotated[float, typer.Option(help="seconds that an answer may take")] = 10.0,
    body_timeout: Annotated[float, typer.Option(help="seconds in which a body must have come")] = 10.0,
    keep_alive: Annotated[float, typer.Option(help="seconds that an idle connection is kept")] = 30.0,
    grace: Annotated[float, typer.Option(help="seconds for requests under way when it stops")] = 30.0,
    cors: Annotated[
        list[str] | None, typer.Option(help="an origin whose pages may ask from a browser; repeatable")
    ] = None,
    proxy: Annotated[
        list[str] | None, typer.Option(help="a proxy whose X-Forwarded-For is believed; repeatable")
    ] = None,
    docs: Annotated[
        bool, typer.Option("--docs/--no-docs", help="whether /docs and /openapi.json are there")
    ] = True,
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"], typer.Option(help="of what is logged")
    ] = "info",
) -> None:
    """Serve a run over HTTP; the store's address is taken from SHELFSPACE_STORE, else the run's own store.db."""
    for package in NEEDED:
        if importlib.util.find_spec(package) is None:
            raise MissingExtraError(package, "'shelfspace[serve]'")
    settings = Serving(
        run=run.resolve(),
        host=host,
        port=port,
        workers=workers,
        against=against.resolve() if against is not None else None,
        share=share,
        salt=salt,
        threads=threads,
        rate=rate,
        burst=burst,
        max_k=max_k,
        max_batch=max_batch,
        max_events=max_events,
        max_body_mb=max_body_mb,
        max_photo_mb=max_photo_mb,
        timeout=timeout,
        body_timeout=body_timeout,
        keep_alive=keep_alive,
        grace=grace,
        cors=tuple(cors or ()),
        proxies=tuple(proxy or ()),
        docs=docs,
        log_level=log_level,
    )
    for one in (run, *([against] if against is not None else [])):
        version_of(one)
    with _opened(run) as store:
        if is_open(store, settings):
            screen.say(f"warning: {WARNING}")
    # The parent of the workers is a small program of its own: nothing of this one stays in memory.
    command = [sys.executable, "-m", "shelfspace.service.workers"]
    os.execve(sys.executable, command, os.environ | {VARIABLE: settings.to_json()})


def variants(
    run: asking.RUN,
    share: Annotated[float, typer.Option(help="the part of the shoppers that b answered")] = 0.5,
    salt: Annotated[str, typer.Option(help="the name of the experiment")] = "",
    as_json: asking.JSON = False,
) -> None:
    """Say how two variants of a served run do: clicks and purchases with intervals."""
    kinds = list(Space.open(run).kinds)
    with _opened(run) as store:
        found = rates(store, Assignment(share, salt), bought=purchases_of(kinds))
    screen.show(json.dumps(found.to_json(), ensure_ascii=False) if as_json else found.to_table())
    for note in () if as_json else found.notes:
        screen.say(f"note: {note}")


@keys.command()
def add(run: asking.RUN, name: NAME, scope: SCOPE, as_json: asking.JSON = False) -> None:
    """Make a key and print it, this once: only its digest is kept."""
    with _opened(run) as store:
        named = [one for given in scope for one in given.replace(",", " ").split()]
        scopes: list[Scope] = list(named)  # type: ignore[arg-type]  # the store refuses the unknown, by name
        key = store.add_key(name, scopes)
    screen.show(json.dumps({"name": name, "scopes": sorted(named), "key": key}) if as_json else key)
    screen.say("keep it now: it cannot be shown again")


@keys.command("list")
def list_keys(run: asking.RUN, as_json: asking.JSON = False) -> None:
    """List the keys, without the keys themselves."""
    with _opened(run) as store:
        known = store.keys()
    if as_json:
        rows = [
            {"name": k.name, "scopes": sorted(k.scopes), "created": k.created, "revoked": k.revoked}
            for k in known
        ]
        screen.show(json.dumps(rows, ensure_ascii=False))
        return
    for key in known:
        ended = f"  revoked {_day(key.revoked)}" if key.revoked is not None else ""
        screen.show(f"{key.name:<20}  {','.join(sorted(key.scopes)):<16}  made {_day(key.created)}{ended}")
    if not known:
        screen.say("there are none: only this machine is answered, and anybody on it")


@keys.command()
def revoke(run: asking.RUN, name: NAME) -> None:
    """Make a key invalid; servers refuse it within five seconds."""
    with _opened(run) as store:
        store.revoke_key(name)
    screen.say(f"{name} is revoked; servers refuse it within five seconds")


@contextmanager
def _opened(run: Path) -> Iterator[Store]:
    """Open the store of a run, or the one that the environment names."""
    store = Store.open(os.environ.get(STORE) or run)
    try:
        yield store
    finally:
        store.close()


def _day(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M")
