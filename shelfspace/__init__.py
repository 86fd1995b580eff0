"""Shelfspace: one vector space for a shop, learnt from the data the shop already has.

import shelfspace as ss

space = ss.train("shop.toml", out="runs/shop")
space.similar("sku-42", k=5).to_frame()
space.recommend("user-7", where="price<20")
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from shelfspace.comparing import compare
    from shelfspace.errors import InputError, JobError, ShelfspaceError
    from shelfspace.evaluation.impressions import offpolicy
    from shelfspace.pipeline import check, evaluate, fit, train
    from shelfspace.space import Space
    from shelfspace.tasks.groups import Groups
    from shelfspace.tasks.labels import Labels
    from shelfspace.tasks.pasts import Event
    from shelfspace.tasks.results import Hit, Hits
    from shelfspace.tuning import tune
    from shelfspace.updating import update
    from shelfspace.versioning import rollback

__all__ = [
    "Event",
    "Groups",
    "Hit",
    "Hits",
    "InputError",
    "JobError",
    "Labels",
    "ShelfspaceError",
    "Space",
    "check",
    "compare",
    "evaluate",
    "fit",
    "offpolicy",
    "open",
    "rollback",
    "train",
    "tune",
    "update",
]

__version__ = "0.1.0"

_HOMES = {
    "Event": "shelfspace.tasks.pasts",
    "Groups": "shelfspace.tasks.groups",
    "Hit": "shelfspace.tasks.results",
    "Hits": "shelfspace.tasks.results",
    "InputError": "shelfspace.errors",
    "JobError": "shelfspace.errors",
    "Labels": "shelfspace.tasks.labels",
    "ShelfspaceError": "shelfspace.errors",
    "Space": "shelfspace.space",
    "check": "shelfspace.pipeline",
    "compare": "shelfspace.comparing",
    "evaluate": "shelfspace.pipeline",
    "fit": "shelfspace.pipeline",
    "offpolicy": "shelfspace.evaluation.impressions",
    "rollback": "shelfspace.versioning",
    "train": "shelfspace.pipeline",
    "tune": "shelfspace.tuning",
    "update": "shelfspace.updating",
}


def open(run: "str | Path") -> "Space":  # noqa: A001  (`ss.open` reads as it should)
    """Open the current space of a run folder.

    Raises:
        SpaceError: the folder or a file in it is missing, damaged or of another format.
    """
    space: Space = importlib.import_module("shelfspace.space").Space.open(run)
    return space


def __getattr__(name: str) -> Any:
    """Import a public name on its first use (PEP 562), so that importing shelfspace is quick."""
    if name not in _HOMES:
        raise AttributeError(f"module 'shelfspace' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
