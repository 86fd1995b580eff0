"""Frozen encoders at work. N rows, K numbers of a vector, S side of a photo, T tokens of a text."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime

from shelfspace import config
from shelfspace.photos.decoding import Limits, PhotoError, Pixels, decoded, digest_of
from shelfspace.pretrained.bundle import Bundle
from shelfspace.pretrained.cache import VectorCache

Floats = npt.NDArray[np.float32]
Told = Callable[[int, int], None]

TOKENS_AT_ONCE = 8_192
PHOTOS_AT_ONCE = 16


class TextEncoder:
    """Texts to vectors of unit length, each text once for all times.

    Raises:
        MissingExtraError: the library tokenizers is not installed.

    Cost: some 250 to 1,000 short texts a second and core for a small transformer; 4 K bytes a text kept.
    """

    def __init__(self, bundle: Bundle, cache: VectorCache | None = None) -> None:
        self.bundle = bundle
        self.cache = cache
        tokenizers = config.extra("tokenizers", "tokenizers", "'shelfspace[text]'")
        self._tokenizer = tokenizers.Tokenizer.from_str(bundle.tokenizer.decode())
        self._tokenizer.enable_truncation(int(bundle.about["max_tokens"]))
        self._tokenizer.no_padding()
        self._session = _session(bundle.graph)

    def vectors(self, texts: Sequence[str], told: Told | None = None, *, keep: bool = True) -> Floats:
        """Return float32 [N, K]; without `keep` what is made now is not written down."""
        keys = [hashlib.sha256(text.encode()).digest() for text in texts]
        by_key = dict(zip(keys, texts, strict=True))

        def encode(missing: Sequence[bytes]) -> Iterator[tuple[Sequence[bytes], Floats]]:
            rows = self._tokenizer.encode_batch([by_key[key] for key in missing])
            order = sorted(range(len(rows)), key=lambda n: len(rows[n].ids))
            for batch in _batches([len(rows[n].ids) for n in order]):
                some = order[batch]
                yield [missing[n] for n in some], self._run([rows[n].ids for n in some])

        return _kept(keys, self.bundle.width, self.cache, encode, told, keep=keep)

    def _run(self, rows: Sequence[Sequence[int]]) -> Floats:
        lengths = np.array([len(row) for row in rows])
        ids = np.zeros((len(rows), max(1, int(lengths.max()))), np.int64)
        mask = (np.arange(ids.shape[1]) < lengths[:, None]).astype(np.int64)
        ids[mask > 0] = np.concatenate([np.asarray(row, np.int64) for row in rows])
        found: Floats = self._session.run(["vectors"], {"ids": ids, "mask": mask})[0]
        return _unit(found)


class PhotoEncoder:
    """Photos to vectors of unit length, each photo once for all times: by what is in the file, not by its name.

    Cost: some 40 to 100 photos of 224 pixels a second and core for a small network; 4 K bytes a photo kept.
    """

    def __init__(
        self, bundle: Bundle, cache: VectorCache | None = None, limits: Limits | None = None
    ) -> None:
        self.bundle = bundle
        self.cache = cache
        self.limits = limits or Limits()
        self._session = _session(bundle.graph)

    def vectors(
        self, photos: Sequence[Path | bytes], told: Told | None = None
    ) -> tuple[Floats, dict[int, str]]:
        """Return float32 [N, K], 0 for what is no photo, and why each of those is none."""
        keys, failed = [b""] * len(photos), dict[int, str]()
        place: dict[bytes, int] = {}
        for n, photo in enumerate(photos):
            try:
                keys[n] = digest_of(photo, self.limits)
                place.setdefault(keys[n], n)
            except PhotoError as problem:
                failed[n] = str(problem)

        def encode(missing: Sequence[bytes]) -> Iterator[tuple[Sequence[bytes], Floats]]:
            size = int(self.bundle.about["size"])
            for start in range(0, len(missing), PHOTOS_AT_ONCE):
                squares, good = [], []
                for key in missing[start : start + PHOTOS_AT_ONCE]:
                    try:
                        squares.append(decoded(photos[place[key]], size, limits=self.limits))
                        good.append(key)
                    except PhotoError as problem:
                        failed.update({n: str(problem) for n, other in enumerate(keys) if other == key})
                if good:
                    yield good, self.encoded(np.stack(squares))

        known = [key for key in keys if key]
        found = np.zeros((len(photos), self.bundle.width), np.float32)
        found[[bool(key) for key in keys]] = _kept(known, self.bundle.width, self.cache, encode, told)
        return found, failed

    def encoded(self, squares: Pixels) -> Floats:
        """Return the vectors of decoded photos, uint8 [N, S, S, 3] to float32 [N, K], unit length."""
        mean, deviation = (np.asarray(self.bundle.about[name], np.float32) for name in ("mean", "deviation"))
        pixels = (squares.astype(np.float32) - mean) / deviation
        given = np.ascontiguousarray(pixels.transpose(0, 3, 1, 2))
        found: Floats = self._session.run(["vectors"], {"pixels": given})[0]
        return _unit(found)


def _kept(
    keys: Sequence[bytes],
    width: int,
    cache: VectorCache | None,
    encode: Callable[[Sequence[bytes]], Iterator[tuple[Sequence[bytes], Floats]]],
    told: Told | None,
    *,
    keep: bool = True,
) -> Floats:
    """Return a vector for each key, those that are kept and those that are made now; 0 for one that cannot be."""
    wanted = list(dict.fromkeys(keys))
    found = cache.get(wanted) if cache is not None else {}
    missing = [key for key in wanted if key not in found]
    done = 0
    for some, vectors in encode(missing) if missing else ():
        made = dict(zip(some, vectors, strict=True))
        found |= made
        if cache is not None and keep:
            cache.put(made)
        done += len(some)
        if told is not None:
            told(done, len(missing))
    nothing = np.zeros(width, np.float32)
    return np.stack([found.get(key, nothing) for key in keys]) if keys else np.zeros((0, width), np.float32)


def _batches(lengths: Sequence[int]) -> Iterator[slice]:
    """Yield runs of rows, sorted by length, that hold at most so many tokens when padded."""
    start = 0
    while start < len(lengths):
        end = start + 1
        while end < len(lengths) and lengths[end] * (end + 1 - start) <= TOKENS_AT_ONCE:
            end += 1
        yield slice(start, end)
        start = end


def _session(graph: bytes) -> Any:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])


def _unit(rows: Floats) -> Floats:
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    units: Floats = np.divide(rows, length, out=np.zeros_like(rows), where=length > 1e-12)
    return units
