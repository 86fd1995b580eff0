"""The commands that ask a space: made from the tasks' signatures."""

import inspect
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

import pyarrow.csv
import pyarrow.parquet as pq
import typer
from rich.markup import escape

from shelfspace import doors
from shelfspace.cli import screen
from shelfspace.cli.review import write_review
from shelfspace.errors import InputError
from shelfspace.space import Space
from shelfspace.tasks import Answer, Task
from shelfspace.tasks.groups import Groups
from shelfspace.tasks.recommend import Event

BATCH = 4096
"""Subjects asked at once when everyone is asked."""

RUN = Annotated[Path, typer.Argument(help="a run folder, as `shelfspace train` leaves it")]
ALL = Annotated[bool, typer.Option("--all", help="ask for everyone the space knows; needs --to")]
TO = Annotated[Path | None, typer.Option(help="write the answers to a .parquet, .csv or .json file")]
GROUPS_TO = Annotated[
    Path | None,
    typer.Option(
        help="write the groups to a .parquet, .csv or .json file, or all pairs to an .html page for review"
    ),
]
JSON = Annotated[bool, typer.Option("--json", help="print JSON")]


def command(name: str, task: Task) -> Callable[..., None]:
    """Return a function whose signature Typer reads: RUN, the subject, an option for each setting."""
    asked = doors.fields(task.ask)

    def run_command(**given: Any) -> None:
        run, to, as_json = (given.pop(key) for key in ("run", "to", "as_json"))
        everyone = given.pop("everyone", False)
        space = Space.open(run)
        subject = next(f for f in asked if f.is_subject)
        subjects = given.pop(subject.name) or []
        settings = {f.name: _parsed(space, f, given[f.name]) for f in asked if not f.is_subject}
        if everyone and task.everyone is not None:
            if subjects or to is None:
                raise InputError(
                    f"--all answers for every {subject.name}: name none, and give --to FILE.parquet"
                )
            _write_everyone(space, task, task.everyone(space), to, settings)
            return
        if not subjects and subject.required:
            raise InputError(f"name at least one {subject.name}, or give --all --to FILE.parquet")
        answer = task.ask(space, *([subjects] if subjects else []), **settings)
        if to is not None:
            rows = _write_answer(answer, to)
            screen.say(f"{rows:,} answers written to {to}")
        else:
            screen.show(answer.to_json() if as_json else answer.to_table())
            for note in () if as_json else answer.notes:
                screen.say(f"note: {note}")

    parameters = [_parameter("run", RUN), *(_parameter(*_option(f)) for f in asked)]
    parameters += [
        *([_parameter("everyone", ALL, False)] if task.everyone is not None else []),
        _parameter("to", GROUPS_TO if name == "match" else TO, None),
        _parameter("as_json", JSON, False),
    ]
    run_command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run_command.__annotations__ = {p.name: p.annotation for p in parameters}
    run_command.__name__ = name
    run_command.__doc__ = doors.summary(task.ask)
    return run_command


def _parameter(name: str, annotation: Any, default: Any = inspect.Parameter.empty) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def _option(field: doors.Field) -> tuple[str, Any, Any]:
    if field.is_subject:
        text = f"the id of one {field.name}, or of several"
        return field.name, Annotated[list[str] | None, typer.Argument(help=text)], None
    option = typer.Option(help=escape(field.description))  # [items] is a section, not a style
    if _many(field.annotation):
        return field.name, Annotated[list[str] | None, option], None
    annotation = Path | None if Path in get_args(field.annotation) else field.annotation
    return field.name, Annotated[annotation, option], field.default


def _many(annotation: Any) -> bool:
    return any(
        isinstance(get_origin(a), type) and issubclass(get_origin(a), Sequence) for a in get_args(annotation)
    )


def _parsed(space: Space, field: doors.Field, value: Any) -> Any:
    if not _many(field.annotation):
        return value
    if not value:
        return None
    return [_event(space, text) for text in value] if _of_events(field.annotation) else list(value)


def _of_events(annotation: Any) -> bool:
    return any(Event in get_args(of) for many in get_args(annotation) for of in get_args(many))


def _event(space: Space, text: str) -> Event:
    """Read `ITEM` or `ITEM@TIME`; an id may itself have an @."""
    item, at, time = text.rpartition("@")
    if not at or text in space.catalogue.ids:
        return Event(text)
    return Event(item, time)


def _write_answer(answer: Answer, to: Path) -> int:
    if isinstance(answer, Groups) and to.suffix == ".html":
        return write_review(to, answer)
    return _write([answer], to)


def _write_everyone(
    space: Space, task: Task, subjects: Sequence[str], to: Path, settings: dict[str, Any]
) -> None:

    def answers() -> Iterator[Answer]:
        with screen.progress() as bar:
            at = bar.add_task("answering", total=len(subjects))
            for start in range(0, len(subjects), BATCH):
                batch = list(subjects[start : start + BATCH])
                yield task.ask(space, batch, **settings)
                bar.advance(at, len(batch))

    rows = _write(answers(), to)
    screen.say(f"{rows:,} answers for {len(subjects):,} written to {to}")


def _write(answers: Iterable[Answer], to: Path) -> int:
    """Write answers as they come, beside the target and renamed when whole, so that no reader sees a part."""
    kind: Literal[".parquet", ".csv", ".json"] | str = to.suffix
    if kind not in (".parquet", ".csv", ".json"):
        raise InputError(f"--to {to}: the name must end in .parquet, .csv or .json")
    if not to.parent.is_dir():
        raise InputError(f"--to {to}: there is no folder {to.parent}")
    beside, rows = to.with_name(to.name + ".unfinished"), 0
    writer: Any = None
    with beside.open("wb") as file:
        for hits in answers:
            rows += len(hits)
            if kind == ".json":
                file.writelines(
                    json.dumps(row, ensure_ascii=False).encode() + b"\n" for row in hits.table.to_pylist()
                )
                continue
            table = _flat(hits) if kind == ".csv" else hits.table
            if writer is None:
                make = pyarrow.csv.CSVWriter if kind == ".csv" else pq.ParquetWriter
                writer = make(file, table.schema)
            writer.write_table(table)
        if writer is not None:
            writer.close()
    beside.replace(to)
    return rows


def _flat(hits: Answer) -> Any:
    """Return the table for CSV, which has no lists: `why` as JSON."""
    table = hits.table
    if "why" in table.column_names:
        texts = [json.dumps(parts, ensure_ascii=False) for parts in table["why"].to_pylist()]
        table = table.set_column(table.column_names.index("why"), "why", [texts])
    return table
