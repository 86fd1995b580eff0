"""The command `shelfspace`."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

import shelfspace
from shelfspace import config
from shelfspace.cli import asking, screen, serving, spaces, tables, updating
from shelfspace.errors import GateError, ShelfspaceError
from shelfspace.fitting import FITS
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
    with screen.told() as told:
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
    asked = f'ask: shelfspace similar {out} --phrase "…", or shelfspace match {out}'  # of listings there is no report
    screen.say(f"written: {out} ({'report.html shows it all' if (out / 'report.html').is_file() else asked})")


@app.command()
def fit(
    run: asking.RUN,
    task: Annotated[str, typer.Argument(help=f"which task: {', '.join(FITS)}")],
    sets: SET = None,
    as_json: JSON = False,
) -> None:
    """Fit a task of a run anew, on the run's data; the rest of the space stays as it is."""
    with screen.told() as told:
        shelfspace.fit(run, task, sets=sets or (), told=told)
    _show_metrics(run, as_json)


@app.command()
def evaluate(
    run: asking.RUN,
    protocol: Annotated[str | None, typer.Option(help="another protocol than the run's own")] = None,
    sets: SET = None,
    strict: STRICT = False,
    as_json: JSON = False,
) -> None:
    """Measure a run's models again, with the settings it chose; under another protocol, if asked."""
    with screen.told() as told:
        gate = shelfspace.evaluate(run, protocol=protocol, sets=sets or (), told=told)
    screen.show(json.dumps(gate.metrics, ensure_ascii=False) if as_json else tables.metrics(gate.metrics))
    if strict and gate.verdict == "worse":
        raise GateError(gate.text)


@app.command()
def offpolicy(
    run: asking.RUN,
    impressions: Annotated[
        Path, typer.Argument(help="a log: list_id, item_id, place, propensity, clicked and user_id")
    ],
    clip: Annotated[float | None, typer.Option(help="weights above it are cut; none is without")] = None,
    diversity: Annotated[float, typer.Option(help="what would be shown: as for recommend")] = 0.0,
    where: Annotated[str | None, typer.Option(help="what would be shown: as for recommend")] = None,
    as_json: JSON = False,
) -> None:
    """Estimate what a run's recommendations would have been clicked, from a log of lists with propensities."""
    found = shelfspace.offpolicy(run, impressions, clip=clip, diversity=diversity, where=where)
    screen.show(json.dumps(found.to_json(), ensure_ascii=False) if as_json else found.to_table())
    for note in () if as_json else found.notes:
        screen.say(f"note: {note}")


@app.command()
def tune(
    source: CONFIG,
    out: Annotated[Path, typer.Option(help="the folder of the study")],
    sets: SET = None,
    space: Annotated[
        list[str] | None,
        typer.Option(
            help="path=where to look: 'training.learning_rate=1e-4..1e-2 log', 'model.embedding_dim=32|64'; "
            "repeatable; or a TOML file of them"
        ),
    ] = None,
    trials: Annotated[int, typer.Option(help="how many in all, those made before --resume among them")] = 20,
    budget: Annotated[
        str | None, typer.Option(help="wall clock, such as 30m; no trial is begun after it")
    ] = None,
    model: Annotated[
        str, typer.Option(help="whose value on validation counts; default is the blend")
    ] = "default",
    pruning: Annotated[
        str, typer.Option(help="which trainings that fall behind are stopped: median, halving, none")
    ] = "median",
    seed: Annotated[int, typer.Option(help="of what is tried")] = 0,
    resume: Annotated[bool, typer.Option("--resume", help="go on with a study that was stopped")] = False,
    as_json: JSON = False,
) -> None:
    """Look for the best settings of a run on validation, and write a settings file that has them."""
    with screen.told(lines=False) as told:
        found = shelfspace.tune(
            source,
            out=out,
            space=spaces.read(space or ()),
            sets=sets or (),
            trials=trials,
            budget=budget,
            model=model,
            pruning=spaces.pruning(pruning),
            seed=seed,
            resume=resume,
            told=told,
            tried=lambda trial: screen.say(spaces.line(trial)),
        )
    screen.show(json.dumps(found.to_json(), ensure_ascii=False) if as_json else found.to_table())
    for note in found.notes:
        screen.say(f"note: {note}")
    screen.say(f"written: {out}/best.toml, for `shelfspace train`; tune.html shows it all")


@app.command()
def compare(
    runs: Annotated[list[Path], typer.Argument(help="run folders; differences are to the first")],
    metric: Annotated[
        str | None, typer.Option(help="such as recall@20; the runs' own where not given")
    ] = None,
    models: Annotated[
        str, typer.Option("--models", "--model", help="of each run, with commas: default,item_knn")
    ] = "default",
    protocol: Annotated[str | None, typer.Option(help="the first run's first where not given")] = None,
    slices: Annotated[
        bool, typer.Option("--slices", help="the users by the length of their history, too")
    ] = False,
    common: Annotated[
        bool, typer.Option("--common", help="over the users in common, where the cases are not the same")
    ] = False,
    to: Annotated[Path | None, typer.Option(help="write the JSON to a file")] = None,
    as_json: JSON = False,
) -> None:
    """Put runs, or models of one, beside each other: means and differences paired by user."""
    found = shelfspace.compare(
        *runs,
        metric=metric,
        models=[name.strip() for name in models.split(",")],
        protocol=protocol,
        slices=slices,
        common=common,
    )
    text = json.dumps(found.to_json(), ensure_ascii=False)
    if to is not None:
        to.write_text(text, "utf-8")
    screen.show(text if as_json else found.to_table())
    for note in found.notes:
        screen.say(f"note: {note}")
    if any(found.left_out.values()):
        left = ", ".join(f"{number:,} of {name}" for name, number in found.left_out.items())
        screen.say(f"left out, not in common: {left}")


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


@app.command("heat-map")
def heat_map(
    run: asking.RUN,
    photo: Annotated[Path, typer.Argument(help="the photo")],
    to: Annotated[Path, typer.Option(help="the picture to write, .png or .jpg")],
    item: Annotated[
        str | None, typer.Option(help="an item's id; the nearest to the photo where none")
    ] = None,
    as_json: JSON = False,
) -> None:
    """Show which regions of a photo make it lie near an item."""
    found = Space.open(run).heat_map(photo, item=item, to=to)
    if as_json:
        about = {"item_id": found.item_id, "score": found.score, "amounts": found.amounts.tolist()}
        screen.show(json.dumps({**about, "to": str(to)}, ensure_ascii=False))
    else:
        screen.say(f"{found.title} ({found.item_id}), {found.score:.4f}: {to}")


@app.command()
def recipes(as_json: JSON = False) -> None:
    """List the recipes that a settings file may start from."""
    known = config.recipes()
    screen.show(json.dumps(known, ensure_ascii=False) if as_json else "\n".join(known.values()))


@app.command()
def demo(folder: Annotated[Path, typer.Argument(help="where the shop is written")]) -> None:
    """Write a real shop to try things on: a year of a grocer's purchases."""
    screen.say(f"written: {demo_shops.complete_journey(folder)}")


for _command in (serving.serve, serving.variants, updating.update, updating.rollback, updating.versions):
    app.command()(_command)
app.add_typer(serving.keys, name="keys")

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


def _show_metrics(run: Path, as_json: bool) -> None:
    text = (run / "metrics.json").read_text("utf-8")
    screen.show(text if as_json else tables.metrics(json.loads(text)))
