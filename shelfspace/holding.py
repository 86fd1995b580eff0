"""A trained space in memory: opened from a run folder, saved into one. It holds; tasks ask.

RUN/current      names N, replaced atomically
RUN/spaces/N/    a version, immutable; see `stored`
"""

import shutil
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Self

from shelfspace.disk import reading, replace
from shelfspace.errors import SpaceError
from shelfspace.people.tastes import Tastes
from shelfspace.stored import Contents, read, write


@dataclass(frozen=True)
class Holding(Contents):
    """A trained space; its fields are those of `Contents`."""

    @cached_property
    def titles(self) -> list[str]:
        """What to show for each item: its title, or its id where it has none."""
        return self.catalogue.titles()

    @cached_property
    def tastes(self) -> Tastes:
        """What each of the named users took, weighed by rarity, and where they lie in the space."""
        return Tastes.of(self.history, len(self.users), self.vectors)

    def __repr__(self) -> str:
        where = f" at {self.folder}" if self.folder else ""
        return (
            f"{type(self).__name__}({len(self.catalogue):,} items, {len(self.users):,} users, "
            f"{self.history.num_events:,} events, {self.vectors.shape[1]} dimensions{where})"
        )

    def save(self, run: str | Path) -> Path:
        """Write the space into a run folder as its next version and make that the current one.

        A version is written beside the others and renamed when whole: a job killed at any moment leaves the old
        space as it was.

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
        replace(Path(run) / "current", str(number))
        return spaces / str(number)

    @classmethod
    def open(cls, run: str | Path) -> Self:
        """Read the current space of a run folder. Vectors stay on disk, memory-mapped.

        Raises:
            SpaceError: the folder or a file in it is missing, damaged or of another format; it names the file.
        """
        run = Path(run)
        if not run.is_dir():
            raise SpaceError(f"there is no run folder at {run}; `shelfspace train` makes one")
        if not (run / "current").is_file():
            raise SpaceError(f"{run} holds no finished space: it has no file named `current`")
        with reading(run / "current"):
            number = int((run / "current").read_text("utf-8"))
        return cls(**read(run / "spaces" / str(number)), folder=run)
