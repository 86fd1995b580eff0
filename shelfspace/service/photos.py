"""Forms with a photo: read in bounded memory into a file that is gone when the answer is."""

import shutil
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO

import anyio.to_thread
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from shelfspace.errors import InputError
from shelfspace.photos.decoding import Limits, PhotoError, decoded
from shelfspace.service.reading import MAX_FIELDS
from shelfspace.service.settings import MEBIBYTE

FIELD = "photo"
MAX_TEXT = 64 * 1024
"""Bytes of a field that is no file."""

MAX_PIXELS = 50_000_000
PREVIEW = 8
"""Side of the square that a photo is decoded to, to know that it is one."""

Form = tuple[list[tuple[str, str]], Path]


@asynccontextmanager
async def form_of(request: Request, *, max_body: int, max_photo_mb: float) -> AsyncIterator[Form]:
    """Give the fields of a multipart form, in order, and the file of its photo, which is deleted afterwards.

    Raises:
        InputError: it cannot be read, a file stands in another field, or the photo is missing, none, cut short, or
            would take too many pixels, which its header says before any is decoded.
        HTTPException: the body is too large.
    """
    most = int(max_photo_mb * MEBIBYTE)
    try:
        parser = MultiPartParser(
            request.headers,
            _counted(request, max_body),
            max_files=1,
            max_fields=MAX_FIELDS,
            max_part_size=MAX_TEXT,
        )
        form = await parser.parse()
    except (MultiPartException, KeyError, UnicodeError, ValueError) as problem:
        raise InputError(f"the form cannot be read: {getattr(problem, 'message', problem)}") from None
    try:
        texts, photo = [], None
        for name, value in form.multi_items():
            if isinstance(value, UploadFile):
                photo = _photo(name, value, most)
            elif name == FIELD:
                raise InputError("photo: send the file itself, with a filename")
            else:
                texts.append((name, value))
        if photo is None:
            raise InputError(f"the form has no file in the field {FIELD!r}; without a photo send JSON")
        with tempfile.TemporaryDirectory(prefix="shelfspace-") as folder:
            path = Path(folder) / FIELD
            await anyio.to_thread.run_sync(_kept, photo.file, path, most)
            yield texts, path
    finally:
        await form.close()


def _photo(name: str, file: UploadFile, most: int) -> UploadFile:
    if name != FIELD:
        raise InputError(f"no file goes into the field {name[:100]!r}; a photo goes into {FIELD!r}")
    if (file.size or 0) > most:
        raise HTTPException(413, f"a photo has at most {most:,} bytes")
    return file


def _kept(file: IO[bytes], path: Path, most: int) -> None:
    file.seek(0)
    with path.open("wb") as kept:
        shutil.copyfileobj(file, kept)
    try:
        decoded(path, PREVIEW, limits=Limits(max_bytes=most, max_pixels=MAX_PIXELS))
    except PhotoError as problem:
        raise InputError(f"photo: {problem}") from None


async def _counted(request: Request, most: int) -> AsyncGenerator[bytes, None]:
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > most:
            raise HTTPException(413, f"a body has at most {most:,} bytes", {"Connection": "close"})
        yield chunk
