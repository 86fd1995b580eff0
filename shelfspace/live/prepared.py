"""What the workers of a server share: graphs of the vectors that models go by, made once for a version of the space.

RUN/serving/N/   NAME.usearch and NAME.npy a model, near.npy; may be deleted at any time, and is then made again
"""

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from shelfspace.blend import weighed
from shelfspace.disk import reading
from shelfspace.errors import SpaceError
from shelfspace.index import HNSW
from shelfspace.linear.vectors import VectorKNN, VectorWeights
from shelfspace.live.near import write_lists
from shelfspace.live.nearest import built, neighbours
from shelfspace.space import Space

Told = Callable[[str, int, int], None]

FOLDER = "serving"

NEIGHBOURS = 32
"""Items near each item that are kept."""


def prepare(run: str | Path, *, told: Told | None = None, threads: int = 0) -> Path:
    """Make what serving the current space of a run needs beside it, where it is not there yet.

    Args:
        run: a run folder.
        told: progress.
        threads: 0: all cores.

    Returns:
        Its folder. Some 30 s for 100,000 items of 256 dimensions on two cores; 4 N D bytes on disk for each model.

    Raises:
        SpaceError: the run holds no space, or it is damaged.
    """
    run = Path(run)
    return graphs_of(run, version_of(run), Space.open(run), told=told, threads=threads)


def graphs_of(run: Path, version: int, space: Space, *, told: Told | None = None, threads: int = 0) -> Path:
    """Make the graphs of a version, where they are not there yet, and return their folder."""
    folder, asked = run / FOLDER / str(version), by_vectors(space)
    files = [path for name in asked for path in (graph_path(folder, name), neighbours_path(folder, name))]
    files += [near_path(folder)] if isinstance(space.index, HNSW) else []
    if all(path.is_file() for path in files):
        return folder
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # one process makes them, the others wait
            _make(folder, asked, told, threads)
            if isinstance(space.index, HNSW) and not near_path(folder).is_file():
                if told is not None:
                    told("preparing similar", len(asked), len(asked) + 1)
                beside = near_path(folder).with_name(f"near.npy.{os.getpid()}.new")
                write_lists(space.index, space.vectors, beside)
                beside.replace(near_path(folder))
    except OSError as problem:
        raise SpaceError(
            f"{folder} cannot be written: {problem.strerror}; make it where it can, and mount it"
        ) from None
    return folder


def _make(folder: Path, asked: dict[str, VectorKNN], told: Told | None, threads: int) -> None:
    for n, (name, part) in enumerate(asked.items()):
        paths = graph_path(folder, name), neighbours_path(folder, name)
        if all(path.is_file() for path in paths):
            continue
        if told is not None:
            told(f"preparing {name}", n, len(asked) + 1)
        weights = part.weights
        assert isinstance(weights, VectorWeights)
        beside = [path.with_name(f"{path.name}.{os.getpid()}.new") for path in paths]
        graph = built(weights.vectors * weights.gain[:, None], beside[0], threads=threads)
        neighbours(graph, weights.vectors, NEIGHBOURS, beside[1], threads=threads)
        for made, path in zip(beside, paths, strict=True):
            made.replace(path)


@contextmanager
def in_turn(run: Path) -> Iterator[None]:
    """Wait until no other process of this machine opens a version of the run; where nothing can be written, do not."""
    with ExitStack() as held:
        with suppress(OSError):
            (run / FOLDER).mkdir(exist_ok=True)
            file = held.enter_context((run / FOLDER / "opening").open("a"))
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def graph_path(folder: Path, name: str) -> Path:
    """Return where the graph of a model lies."""
    return folder / f"{name}.usearch"


def neighbours_path(folder: Path, name: str) -> Path:
    """Return where the best items for each single item of a model lie."""
    return folder / f"{name}.npy"


def near_path(folder: Path) -> Path:
    """Return where the lists of what is near each item lie."""
    return folder / "near.npy"


def by_vectors(space: Space) -> dict[str, VectorKNN]:
    """Return the models that answer by inner products, by name."""
    names = {name for weights in space.blend.weights.values() for name in weighed(weights)}
    names |= {n for owns in space.blend.slices.values() for own in owns for n in weighed(own.weights)}
    found = {name: part for name, part in space.blend.retrievers.items() if name in names}
    return {name: part for name, part in found.items() if isinstance(part, VectorKNN)}


def version_of(run: Path) -> int:
    """Return which version of the space is the current one.

    Raises:
        SpaceError: the run has none.
    """
    if not run.is_dir():
        raise SpaceError(f"there is no run folder at {run}; `shelfspace train … --out {run}` makes one")
    with reading(run / "current"):
        return int((run / "current").read_text("utf-8"))


def forget_others(run: Path, kept: set[int]) -> None:
    """Delete what was prepared for other versions."""
    folder = run / FOLDER
    for one in folder.iterdir() if folder.is_dir() else ():
        if one.name.isdigit() and int(one.name) not in kept:
            shutil.rmtree(one, ignore_errors=True)
