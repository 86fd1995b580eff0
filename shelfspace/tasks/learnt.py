"""What a task learnt of its own, as a space holds it."""

from typing import TypeVar

from shelfspace.errors import InputError
from shelfspace.holding import Holding

T = TypeVar("T")


def learnt_by(space: Holding, task: str, kind: type[T]) -> T:
    """Return what a task learnt.

    Raises:
        InputError: it was not fitted in this space; the command that fits it is named.
    """
    found = space.tasks.get(task)
    if not isinstance(found, kind):
        raise InputError(
            f"`{task}` was not fitted in this space: run `shelfspace fit {space.folder or 'RUN'} {task}`, "
            f"or train with a section [{task}]"
        )
    return found
