"""Files of a space: read with the name of the one that is damaged, small ones replaced in one step."""

import os
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from shelfspace.errors import InputError, MissingExtraError, SpaceError

T = TypeVar("T")


def arrays(path: Path) -> dict[str, npt.NDArray[Any]]:
    """Return the arrays of a file."""
    with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


def content(folder: Path, name: str) -> bytes:
    """Return what is in a file of a folder."""
    return (folder / name).read_bytes()


def load(path: Path, reader: Callable[[Path], T]) -> T:
    """Return what a reader makes of a file.

    Raises:
        SpaceError: the file is missing or damaged; it is named.
    """
    with reading(path):
        return reader(path)


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Say which file it was when it is missing or damaged."""
    try:
        yield
    except FileNotFoundError as problem:
        raise SpaceError(f"{problem.filename or path} is missing; the space is not whole") from None
    except (
        ValueError,
        KeyError,
        TypeError,
        OSError,
        EOFError,
        zipfile.BadZipFile,
        pa.ArrowException,
    ) as problem:
        raise SpaceError(f"{path} is damaged: {problem}") from None
    except (SpaceError, MissingExtraError):
        raise
    except InputError as problem:
        raise SpaceError(f"{path}: {problem}") from None


def replace(path: Path, text: str) -> None:
    """Write a small file so that a reader sees the old one or the new one, never a part."""
    beside = path.with_name(path.name + ".new")
    with beside.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
