"""Values of a catalogue that are more than one text: category paths, attributes, embeddings."""

import json
import re
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from shelfspace.errors import DataError

_PHOTO_ENDS = re.compile(r"(\.(?:jpe?g|png|webp|gif|bmp|tiff?|avif|heic))\s*[,;]\s*", re.IGNORECASE)
_BETWEEN_PHOTOS = re.compile(r"\s*[|\n]\s*|\s*[,;]\s*(?=https?://)")


def paths(columns: Sequence[pa.ChunkedArray], separator: str | None) -> pa.Array:
    """Return categories from broad to narrow, list<string>, null where there is none.

    Args:
        columns: one column of lists, of JSON lists or of written paths; or one column for each level.
        separator: what stands between the levels of a written path; None: found out from the values.

    Where an item is written in several paths (`A/B|A/C`), the first is taken.
    """
    if len(columns) > 1:
        levels = zip(*(_written(c) for c in columns), strict=True)
        return _lists([[v for v in row if v] for row in levels])
    if pa.types.is_list(columns[0].type) or pa.types.is_large_list(columns[0].type):
        return _lists([[str(v) for v in row if v] if row else None for row in columns[0].to_pylist()])
    texts = _written(columns[0])
    separator = separator or _separator(texts)
    return _lists([_path(t, separator) for t in texts])


def attributes(columns: Sequence[pa.ChunkedArray], names: Sequence[str]) -> pa.Array:
    """Return attributes as texts, list<string>: `red`, or `colour: red` where a name is known.

    Args:
        columns: one column of lists, JSON lists or objects, or written lists; or one column each.
        names: what the columns are called.
    """
    if len(columns) > 1:
        rows = zip(*(_written(c) for c in columns), strict=True)
        return _lists([[f"{n}: {v}" for n, v in zip(names, row, strict=True) if v] for row in rows])
    kind = columns[0].type
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return _lists([[str(v) for v in row if v] if row else None for row in columns[0].to_pylist()])
    texts = _written(columns[0])
    separator = next(
        (s for s in ("|", ";", ",") if any(t and s in t and t[0] not in "[{" for t in texts)), None
    )
    return _lists([_attributes(t, separator) for t in texts])


def photos(columns: Sequence[pa.ChunkedArray]) -> list[list[str]]:
    """Return the paths and addresses of each item's photos, in their order.

    Args:
        columns: each of single ones, of lists, of JSON lists or of written lists. Between written ones stands `|`, a
            new line, or a comma or semicolon after the suffix of a photo or before an address.
    """
    rows = zip(*(_shown(column) for column in columns), strict=True)
    return [[photo for part in row for photo in part] for row in rows]


def embeddings(column: pa.ChunkedArray, name: str, label: str) -> npt.NDArray[np.float32]:
    """Return ready vectors, float32 [N, D], NaN rows where there is none.

    Raises:
        DataError: they are not numbers, or not all of one width.
    """
    rows = [json.loads(v) if isinstance(v, str) and v.strip() else v or None for v in column.to_pylist()]
    widths = {len(r) for r in rows if r is not None}
    if len(widths) != 1:
        raise DataError(
            f"{label}: vectors.{name} must all have one width, found {sorted(widths)[:5] or 'none'}"
        )
    result = np.full((len(rows), widths.pop()), np.nan, np.float32)
    for i, row in enumerate(rows):
        if row is not None:
            try:
                result[i] = row
            except (TypeError, ValueError) as problem:
                raise DataError(f"{label}: vectors.{name}, row {i + 1}: {problem}") from None
    return result


def _separator(texts: Iterable[str | None]) -> str | None:
    """Return the separator that most of the values have; one word a value has none."""
    some = [t for t in texts if t][:10_000]
    counts = {s: sum(s in t for t in some) for s in (">", "/")}
    best = max(counts, key=lambda s: counts[s])
    return best if 2 * counts[best] > len(some) else None


def _path(text: str | None, separator: str | None) -> list[str] | None:
    if not text:
        return None
    if text.startswith("["):
        return _json_list(text)
    if separator is None:
        return [text]
    first = text.split("|")[0] if separator != "|" else text
    return [level.strip() for level in first.split(separator) if level.strip()]


def _attributes(text: str | None, separator: str | None) -> list[str] | None:
    if not text:
        return None
    if text.startswith("["):
        return _json_list(text)
    if text.startswith("{"):
        try:
            found = json.loads(text)
        except json.JSONDecodeError:
            return [text]
        return [f"{k}: {v}" for k, v in found.items() if v not in (None, "", [], False)]
    return [v.strip() for v in (text.split(separator) if separator else [text]) if v.strip()]


def _shown(column: pa.ChunkedArray) -> list[list[str]]:
    if pa.types.is_list(column.type) or pa.types.is_large_list(column.type):
        return [[str(v) for v in row or [] if v] for row in column.to_pylist()]
    return [_photos(text) if text else [] for text in _written(column)]


def _photos(text: str) -> list[str]:
    if text.startswith("["):
        return _json_list(text)
    return [part for part in _BETWEEN_PHOTOS.split(_PHOTO_ENDS.sub(r"\1|", text)) if part]


def _json_list(text: str) -> list[str]:
    try:
        found = json.loads(text)
    except json.JSONDecodeError:
        return [text]
    return [str(v) for v in found if v is not None] if isinstance(found, list) else [text]


def _written(column: pa.ChunkedArray) -> list[str | None]:
    texts = pc.utf8_trim_whitespace(column.cast(pa.string()))
    return [t or None for t in texts.to_pylist()]


def _lists(rows: list[list[str] | None]) -> pa.Array:
    return pa.array([r or None for r in rows], pa.list_(pa.string()))
