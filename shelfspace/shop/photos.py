"""Are the photos there, and are they photos? Looked at by their first bytes, without decoding them."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

_EXAMPLES = 10


@dataclass(frozen=True)
class Photos:
    """Photos of items; `remote` ones have an address and were not fetched, `examples` are the bad ones."""

    named: int = 0
    remote: int = 0
    missing: int = 0
    unreadable: int = 0
    examples: tuple[str, ...] = ()

    def __add__(self, other: "Photos") -> "Photos":
        return Photos(
            self.named + other.named,
            self.remote + other.remote,
            self.missing + other.missing,
            self.unreadable + other.unreadable,
            (self.examples + other.examples)[:_EXAMPLES],
        )


def look_at(paths: Iterable[str | None]) -> Photos:
    """Return how many photos are there. Reads 16 bytes of each file."""
    named = remote = missing = unreadable = 0
    examples: list[str] = []
    for path in paths:
        if not path:
            continue
        named += 1
        if "://" in path:
            remote += 1
            continue
        try:
            with Path(path).open("rb") as file:
                bad = not _is_photo(file.read(16))
                unreadable += bad
        except (OSError, ValueError):
            bad = True
            missing += 1
        if bad and len(examples) < _EXAMPLES:
            examples.append(path)
    return Photos(named, remote, missing, unreadable, tuple(examples))


def _is_photo(head: bytes) -> bool:
    """JPEG, PNG, GIF, BMP, TIFF, WebP, AVIF and HEIC, by their signatures."""
    if head.startswith((b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF8", b"BM", b"II*\x00", b"MM\x00*")):
        return True
    return (head[:4] == b"RIFF" and head[8:12] == b"WEBP") or head[4:8] == b"ftyp"
