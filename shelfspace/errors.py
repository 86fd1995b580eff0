"""Everything that shelfspace raises on purpose.

ShelfspaceError
├── InputError                what was given cannot be used as it is        exit code 2
│   ├── ConfigError           a setting is unknown, mistyped or missing
│   ├── DataError             a file, column or row is not what it must be
│   ├── UnknownIdError        an item or user that the space does not know
│   ├── FilterError           a `where` that cannot be read
│   ├── MissingExtraError     an optional dependency is not installed
│   └── SpaceError            a run folder is missing, damaged or of another format
└── JobError                  a job that started and could not be finished   exit code 1
    ├── DirtyDataError        more rows were quarantined than is allowed
    ├── GateError             the new space is worse than a plain baseline
    └── StoreError            the store cannot be read or written just now
"""

import difflib
from collections.abc import Iterable


class ShelfspaceError(Exception):
    """The root: catch this to catch all that shelfspace raises on purpose."""

    exit_code = 1


class InputError(ShelfspaceError):
    """What was given cannot be used as it is."""

    exit_code = 2


class ConfigError(InputError):
    """A setting is unknown, mistyped or missing."""


class DataError(InputError):
    """A file, a column or a row is not what it must be."""


class UnknownIdError(InputError):
    """An item or a user that the space does not know."""


class FilterError(InputError):
    """A `where` expression that cannot be read."""


class MissingExtraError(InputError):
    """An optional dependency is needed and not installed."""

    def __init__(self, package: str, install: str) -> None:
        super().__init__(f"{package} is not installed; install it with: pip install {install}")


class SpaceError(InputError):
    """A run folder is missing, damaged or of another format."""


class JobError(ShelfspaceError):
    """A job that started and could not be finished."""


class DirtyDataError(JobError):
    """More rows were quarantined than `clean.max_dropped` allows."""


class GateError(JobError):
    """The new space is worse than a plain baseline."""


class StoreError(JobError):
    """The store cannot be read or written just now."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return `; did you mean 'x'?` for the nearest known spelling, or an empty string."""
    by_lower = {k.lower(): k for k in known}
    near = difflib.get_close_matches(word.lower(), by_lower, n=1, cutoff=0.6)
    return f"; did you mean {by_lower[near[0]]!r}?" if near else ""
