"""What the shell prints: answers to standard output, everything else to standard error."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console, RenderableType
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

PIPED = 140
"""Letters of a line where nobody looks at it yet."""

_errors = Console(stderr=True, highlight=False)


def show(answer: str | RenderableType) -> None:
    """Print an answer; text goes out as it is, neither wrapped nor coloured."""
    if isinstance(answer, str):
        Console(soft_wrap=True, markup=False, highlight=False).print(answer)
    else:
        console = Console(highlight=False)
        if not console.is_terminal:  # a file or a pipe has no edge to fold tables at
            console.width = PIPED
        console.print(answer)


def say(message: str) -> None:
    """Tell the person something that is not the answer."""
    _errors.print(message, markup=False, soft_wrap=True)


def fail(message: str) -> None:
    """Tell the person what went wrong."""
    _errors.print(f"error: {message}", style="red", markup=False, soft_wrap=True)


def progress() -> Progress:
    """Return a bar with the time passed and the time left, on standard error."""
    return Progress(
        TextColumn("{task.description:<28}"),
        BarColumn(bar_width=28),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=_errors,
        transient=True,
    )


@contextmanager
def working(what: str) -> Iterator[None]:
    """Show that something is going on that cannot say how much is left."""
    with _errors.status(f"{what} …"):
        yield


@contextmanager
def told(*, lines: bool = True) -> Iterator[Callable[[str, int, int], None]]:
    """Show what a long job is doing, and the time it has left; where nobody sees a bar, a line for each step."""
    with progress() as bar:
        task = bar.add_task("starting", total=None)
        begun, said = time.monotonic(), [""]

        def tell(what: str, done: int, total: int) -> None:
            bar.update(task, description=what, completed=done, total=total)
            if lines and not bar.console.is_terminal and what != said[0]:
                say(f"{time.monotonic() - begun:6.0f} s  {what}")
                said[0] = what

        yield tell
