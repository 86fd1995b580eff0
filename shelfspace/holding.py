"""A trained space in memory: opened from a run folder, saved into one. It holds; tasks ask.

RUN/current      names N, replaced atomically
RUN/spaces/N/    a version, immutable; see `stored`
RUN/rules.toml   what the shop wants shown or not; changed by hand, read when the space is opened
"""

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol, Self

import numpy as np
import numpy.typing as npt

from shelfspace import disk
from shelfspace.disk import reading
from shelfspace.errors import SpaceError
from shelfspace.index import Found
from shelfspace.people.tastes import Tastes
from shelfspace.ruling.rules import FILE, Rules
from shelfspace.shop.past import Kept, Past
from shelfspace.stored import Contents, read, write


class Near(Protocol):
    """Lists of what is near each item, looked up beforehand."""

    def of(self, row: int, k: int, allowed: npt.NDArray[np.bool_]) -> Found | None:
        """Return the k nearest to an item, of those allowed, as an index does; None where the lists do not say."""
        ...


@dataclass(frozen=True)
class Holding(Contents):
    """A trained space; its fields are those of `Contents`, the rules of the shop, and what is known of shoppers since.

    followed: the past as it is followed while it happens; None: the one in the space's own file;
    near: what is near each item, where it was looked up beforehand.
    """

    rules: Rules = field(default_factory=Rules)
    followed: Past | None = None
    near: Near | None = None

    def __post_init__(self) -> None:
        """Nothing here: what can read filters (`Space`) checks the rules against the catalogue."""

    @cached_property
    def titles(self) -> list[str]:
        """What to show for each item: its title, or its id where it has none."""
        return self.catalogue.titles()

    @cached_property
    def past(self) -> Past:
        """What shoppers did, as far as is known now."""
        return self.followed or Kept(self.history, self.users)

    @cached_property
    def tastes(self) -> Tastes:
        """What each of the named users took, weighed by rarity, and where they lie in the space."""
        return Tastes.of(self.history, len(self.users), self.vectors)

    @cached_property
    def ruled(self) -> dict[Any, Any]:
        """What was made of rules for this catalogue, kept for the next question."""
        return {}

    def with_rules(
        self, rules: Rules | Mapping[str, Any] | str | Path | None, *, at: datetime | None = None
    ) -> Self:
        """Return the space with other rules; the run folder keeps its own.

        Args:
            rules: as `rules.toml` has them: a file, or a mapping of it; None: no rules.
            at: the moment that counts as now; None: the clock's.

        Raises:
            ConfigError: a rule is not what it must be, contradicts another, or cannot be told of this catalogue.

        Example:
            >>> space.with_rules({"block": [{"items": ["sku-7"]}]}).similar("sku-42")  # doctest: +SKIP
        """
        if isinstance(rules, str | Path):
            rules = Rules.read(Path(rules))
        found = rules if isinstance(rules, Rules) else Rules.of(rules or {})
        return replace(self, rules=found.moved(at) if at is not None else found)

    def __repr__(self) -> str:
        where = f" at {self.folder}" if self.folder else ""
        return (
            f"{type(self).__name__}({len(self.catalogue):,} items, {len(self.users):,} users, "
            f"{self.history.num_events:,} events, {self.vectors.shape[1]} dimensions{where})"
        )

    def save(self, run: str | Path, *, ready: Callable[[int], object] | None = None) -> Path:
        """Write the space into a run folder as its next version and make that the current one.

        A version is written beside the others and renamed when whole: a job killed at any moment leaves the old
        space as it was.

        Args:
            run: the run folder.
            ready: called with the number of the version when it is whole, before it is the current one.

        Returns:
            The folder of the version.
        """
        spaces = Path(run) / "spaces"
        spaces.mkdir(parents=True, exist_ok=True)
        number = 1 + max((int(p.name) for p in spaces.iterdir() if p.name.isdigit()), default=0)
        unfinished = spaces / f"{number}.unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir()
        write(self, unfinished)
        unfinished.rename(spaces / str(number))
        if ready is not None:
            ready(number)
        disk.replace(Path(run) / "current", str(number))
        return spaces / str(number)

    @classmethod
    def open(cls, run: str | Path) -> Self:
        """Read the current space of a run folder. Vectors stay on disk, memory-mapped.

        Raises:
            SpaceError: the folder or a file in it is missing, damaged or of another format; it names the file.
            ConfigError: a rule of its `rules.toml` is not what it must be.
        """
        run = Path(run)
        if not run.is_dir():
            raise SpaceError(f"there is no run folder at {run}; `shelfspace train` makes one")
        if not (run / "current").is_file():
            raise SpaceError(f"{run} holds no finished space: it has no file named `current`")
        with reading(run / "current"):
            number = int((run / "current").read_text("utf-8"))
        rules = Rules.read(run / FILE) if (run / FILE).is_file() else Rules()
        return cls(**read(run / "spaces" / str(number)), folder=run, rules=rules)
