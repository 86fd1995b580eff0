"""What a space can be asked: one file a task, one row in `TASKS`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from shelfspace.holding import Holding
from shelfspace.tasks.ads import ads
from shelfspace.tasks.bundle import bundle
from shelfspace.tasks.classify import classify
from shelfspace.tasks.groups import Groups
from shelfspace.tasks.labels import Labels
from shelfspace.tasks.match import match
from shelfspace.tasks.people import people
from shelfspace.tasks.recommend import recommend
from shelfspace.tasks.results import Hits
from shelfspace.tasks.search import search
from shelfspace.tasks.similar import similar

Answer = Hits | Groups | Labels


@dataclass(frozen=True)
class Task:
    """A task and, for answers to everyone at once, who everyone is; None: without a subject it answers for all."""

    ask: Callable[..., Answer]
    everyone: Callable[[Any], Sequence[str]] | None = None


def _users(space: Holding) -> Sequence[str]:
    texts: list[str] = space.users.array.to_pylist()
    return texts


def _items(space: Holding) -> Sequence[str]:
    texts: list[str] = space.catalogue.ids.array.to_pylist()
    return texts


TASKS = {
    "bundle": Task(bundle, _items),
    "ads": Task(ads, _users),
    "classify": Task(classify),
    "match": Task(match),
    "people": Task(people, _users),
    "recommend": Task(recommend, _users),
    "search": Task(search),
    "similar": Task(similar, _items),
}
