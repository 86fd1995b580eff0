"""What a space can be asked: one file a task, one row in `TASKS`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from shelfspace.holding import Holding
from shelfspace.tasks.recommend import recommend
from shelfspace.tasks.results import Hits
from shelfspace.tasks.similar import similar


@dataclass(frozen=True)
class Task:
    """A task and, for answers to everyone at once, who everyone is."""

    ask: Callable[..., Hits]
    everyone: Callable[[Any], Sequence[str]]


def _users(space: Holding) -> Sequence[str]:
    texts: list[str] = space.users.array.to_pylist()
    return texts


def _items(space: Holding) -> Sequence[str]:
    texts: list[str] = space.catalogue.ids.array.to_pylist()
    return texts


TASKS = {
    "recommend": Task(recommend, _users),
    "similar": Task(similar, _items),
}
