"""A frozen encoder as files: a graph, what it was made with, and a tokenizer where it reads text."""

import contextlib
import hashlib
import json
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from shelfspace.errors import SpaceError

FILES = ("graph.onnx", "about.json", "tokenizer.json")


@dataclass(frozen=True)
class Bundle:
    """What it takes to run a frozen encoder.

    graph: the ONNX graph;  about: plain data: `kind` (`text` or `photo`), `width` (numbers of a vector), and what
    the encoder's input must be;  tokenizer: as the library tokenizers writes it, empty for photos.
    """

    graph: bytes
    about: Mapping[str, Any]
    tokenizer: bytes = b""

    @property
    def width(self) -> int:
        """Return the numbers of a vector."""
        return int(self.about["width"])

    @property
    def digest(self) -> str:
        """Return a name that no other encoder has: vectors are kept under it."""
        said = json.dumps(dict(self.about), sort_keys=True).encode()
        return hashlib.sha256(self.graph + said + self.tokenizer).hexdigest()[:32]

    def files(self) -> dict[str, bytes]:
        """Return it as files."""
        about = json.dumps(dict(self.about), indent=1).encode()
        found = dict(zip(FILES, (self.graph, about, self.tokenizer), strict=True))
        return {name: data for name, data in found.items() if data}

    @classmethod
    def read(cls, file: Callable[[str], bytes]) -> Self:
        """Take what `files` gave; `file` reads one by its name."""
        about = json.loads(file("about.json"))
        return cls(file("graph.onnx"), about, file("tokenizer.json") if about["kind"] == "text" else b"")

    def save(self, folder: Path) -> None:
        """Write it into a folder, whole or not at all."""
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as beside:
            for name, data in self.files().items():
                (Path(beside) / name).write_bytes(data)
            with contextlib.suppress(OSError):  # another process was first
                Path(beside).rename(folder)
                Path(beside).mkdir()

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Read it from a folder.

        Raises:
            SpaceError: a file is missing or damaged.
        """
        try:
            return cls.read(lambda name: (folder / name).read_bytes())
        except (OSError, ValueError, KeyError) as problem:
            raise SpaceError(f"{folder} holds no whole encoder: {problem}") from None
