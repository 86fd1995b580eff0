"""The command `shelfspace`."""

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

import shelfspace
from shelfspace import config
from shelfspace.cli import asking, screen, tables
from shelfspace.errors import GateError, ShelfspaceError
from shelfspace.shop import demo as demo_shops
from shelfspace.space import Space
from shelfspace.tasks import TASKS

app = typer.Typer(
    help="Learn one vector space for a shop from the data it already has, and ask it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

CONFIG = Annotated[Path, typer.Argument(help="a settings file, or a folder with events.csv, items.parquet …")]
SET = Annotated[
    list[str] | None, typer.Option("--set", help="section.key=value, read after the file; repeatable")
]
STRICT = Annotated[
    bool, typer.Option("--strict", help="exit 1 when the space is worse than the best baseline")
]
JSON = Annotated[bool, typer.Option("--json", help="print JSON")]


@app.command()
def check(
    source: CONFIG,
    sets: SET = None,
    out: Annotated[Path, typer.Option(help="where the page, the JSON and the quarantine go")] = Path("check"),
    as_json: JSON = False,
) -> None:
    """Read everything once and say what is there, what is dropped and why."""
    with screen.working("reading"):
        found = shelfspace.check(source, sets=sets or (), out=out)
    screen.show(json.dumps(found.to_json(), ensure_ascii=False) if as_json else found.table())
    screen.say(f"written: {out / 'check.html'}, check.json, quarantine.parquet")


@app.command()
def train(
    source: CONFIG,
    sets: SET = None,
    out: Annotated[Path, typer.Option(help="the run folder")] = Path("runs/shop"),
    strict: STRICT = False,
    resume: Annotated[bool, typer.Option("--resume", help="go on with a run that was stopped")] = False,
    start: Annotated[
        Path | None, typer.Option("--from", help="a run whose encoders these begin from")
    ] = None,
    same_shop: Annotated[
        bool, typer.Option("--same-shop", help="that run is of this shop: keep its ids")
    ] = False,
    as_json: JSON = False,
) -> None:
    """Read, tune on validation, measure once on test, fit on everything and write a run folder."""
    with _told() as told:
        shelfspace.train(
            source,
            out=out,
            sets=sets or (),
            strict=strict,
            resume=resume,
            start=start,
            same_shop=same_shop,
            told=told,
        )
    _show_metrics(out, as_json)
    screen.say(f"written: {out} (report.html shows it all)")


@app.command()
def evaluate(
    run: asking.RUN,
    protocol: Annotated[str | None, typer.Option(help="another protocol than the run's own")] = None,
    sets: SET = None,
    strict: STRICT = False,
    as_json: JSON = False,
) -> None:
    """Measure a run's models again, with the settings it chose; under another protocol, if asked."""
    with _told() as told:
        gate = shelfspace.evaluate(run, protocol=protocol, sets=sets or (), told=told)
    screen.show(json.dumps(gate.metrics, ensure_ascii=False) if as_json else tables.metrics(gate.metrics))
    if strict and gate.verdict == "worse":
        raise GateError(gate.text)


@app.command()
def export(
    run: asking.RUN,
    to: Annotated[Path, typer.Option(help="the Parquet file to write")],
    as_json: JSON = False,
) -> None:
    """Write every item's vector to a Parquet file."""
    rows = Space.open(run).export(to)
    if as_json:
        screen.show(json.dumps({"rows": rows, "to": str(to)}))
    else:
        screen.say(f"{rows:,} vectors written to {to}")


@app.command()
def recipes(as_json: JSON = False) -> None:
    """List the recipes that a settings file may start from."""
    known = config.recipes()
    screen.show(json.dumps(known, ensure_ascii=False) if as_json else "\n".join(known.values()))


@app.command()
def demo(folder: Annotated[Path, typer.Argument(help="where the shop is written")]) -> None:
    """Write a real shop to try things on: a year of a grocer's purchases."""
    screen.say(f"written: {demo_shops.complete_journey(folder)}")


for _name, _task in TASKS.items():
    app.command(_name)(asking.command(_name, _task))


def main() -> None:
    """Run the command; what a person can cause is told in a line, with exit code 2, or 1 for a failed job."""
    try:
        app()
    except ShelfspaceError as problem:
        screen.fail(str(problem))
        sys.exit(problem.exit_code)
    except OSError as problem:
        screen.fail(f"{problem.filename or 'a file'}: {problem.strerror or problem}")
        sys.exit(1)


@contextmanager
def _told() -> Iterator[Callable[[str, int, int], None]]:
    """Show what a long job is doing, and the time it has left."""
    with screen.progress() as bar:
        task = bar.add_task("starting", total=None)
        begun, said = time.monotonic(), [""]

        def told(what: str, done: int, total: int) -> None:
            bar.update(task, description=what, completed=done, total=total)
            if not bar.console.is_terminal and what != said[0]:
                screen.say(f"{time.monotonic() - begun:6.0f} s  {what}")
                said[0] = what

        yield told


def _show_metrics(run: Path, as_json: bool) -> None:
    text = (run / "metrics.json").read_text("utf-8")
    screen.show(text if as_json else tables.metrics(json.loads(text)))
