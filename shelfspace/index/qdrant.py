"""Vectors in Qdrant: a collection for each version; a server, or a folder or memory without one."""

import functools
import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Any, Self
from urllib.parse import urlsplit

import numpy as np
from qdrant_client import QdrantClient, models
from qdrant_client.common.client_exceptions import QdrantException
from qdrant_client.http.exceptions import ApiException

from shelfspace.config import Range, checked
from shelfspace.errors import ConfigError, StoreError
from shelfspace.index.address import settings_in, without_secrets
from shelfspace.index.protocol import Rows, Vectors
from shelfspace.index.remote import Remote

BATCH = 512
"""How many vectors go into one request."""


class Qdrant(Remote):
    """Vectors in Qdrant, nearest by HNSW and inner product.

    `qdrant://host:6333/collection` is a server; its key, where it has one, is read from QDRANT_API_KEY.
    `qdrant:///folder?collection=name` and `qdrant://:memory:?collection=name` need none: they look at every
    vector, in one process, and are meant for tests and small shops.

    Example:
        >>> Qdrant.at("qdrant://localhost:6333/items", 64).collection
        'items'
    """

    def __init__(
        self,
        dim: int,
        address: str,
        *,
        collection: str = "shelfspace",
        tls: bool = False,
        connectivity: Annotated[int, Range(8, 64)] = 16,
        expansion_add: Annotated[int, Range(32, 512)] = 128,
        expansion_search: Annotated[int, Range(16, 512)] = 96,
    ) -> None:
        """Make an empty index.

        Args:
            dim: D.
            address: `qdrant://host:port`, `qdrant:///folder` or `qdrant://:memory:`.
            collection: what the collections are named for; a moment and six digits follow.
            tls: whether the server is spoken to by https.
            connectivity: links of each node, the `m` of Qdrant.
            expansion_add: candidates looked at when a row is added, its `ef_construct`.
            expansion_search: candidates looked at by a search, its `hnsw_ef`.
        """
        super().__init__(dim, address, collection, expansion_search)
        self.collection = collection
        self.tls = tls
        self.connectivity = connectivity
        self.expansion_add = expansion_add
        self.expansion_search = expansion_search
        self._place = address
        self._local = urlsplit(address).netloc in ("", ":memory:")

    @classmethod
    def at(cls, address: str, dim: int) -> Self:
        """Return an empty index for an address; see `open_index`.

        Raises:
            ConfigError: an unknown setting, a value of the wrong type, or a password in the address.
        """
        parts = urlsplit(address)
        if "@" in parts.netloc:
            raise ConfigError(
                f"[index] use: {without_secrets(address)!r} has a user; the key is read from QDRANT_API_KEY"
            )
        settings = settings_in(parts.query)
        if parts.netloc in ("", ":memory:"):
            place = f"qdrant://{parts.netloc}{parts.path}"
        else:
            place = f"qdrant://{parts.netloc}"
            if parts.path.strip("/"):
                settings["collection"] = parts.path.strip("/")
        return cls(dim, place, **checked(cls, settings, "index qdrant"))._shown_as(address)

    def _make(self, name: str) -> None:
        with self._connected() as to:
            to.create_collection(
                name,
                vectors_config=models.VectorParams(size=self.dim, distance=models.Distance.DOT),
                hnsw_config=models.HnswConfigDiff(m=self.connectivity, ef_construct=self.expansion_add),
            )

    def _put(self, name: str, rows: Rows, vectors: Vectors, *, replaces: bool) -> None:
        with self._connected() as to:
            for start in range(0, len(rows), BATCH):
                part = slice(start, start + BATCH)
                points = models.Batch(ids=rows[part].tolist(), vectors=vectors[part].tolist())
                to.upsert(name, points, wait=True)

    def _take_out(self, name: str, rows: Rows) -> None:
        with self._connected() as to:
            to.delete(name, models.PointIdsList(points=rows.tolist()), wait=True)

    def _near(self, name: str, queries: Vectors, fetch: int) -> list[tuple[Rows, Vectors]]:
        look = None if self._local else models.SearchParams(hnsw_ef=max(fetch, self.expansion_search))
        with self._connected() as to:
            answers = to.query_batch_points(
                name,
                [
                    models.QueryRequest(query=query.tolist(), limit=fetch, params=look, with_vector=True)
                    for query in queries
                ],
            )
            return [self._read(answer.points) for answer in answers]

    def _vectors(self, name: str, rows: Rows) -> Vectors:
        with self._connected() as to:
            points = to.retrieve(name, rows.tolist(), with_payload=False, with_vectors=True)
        return self._ordered(name, rows, *self._read(points))

    def _count(self, name: str) -> int | None:
        with self._connected() as to:
            return to.count(name, exact=True).count if to.collection_exists(name) else None

    def _names(self) -> list[str]:
        with self._connected() as to:
            return [one.name for one in to.get_collections().collections]

    def _discard(self, name: str) -> None:
        with self._connected() as to:
            to.delete_collection(name)

    def _read(self, points: Sequence[Any]) -> tuple[Rows, Vectors]:
        vectors = np.asarray([point.vector for point in points], np.float32).reshape(len(points), self.dim)
        return np.asarray([point.id for point in points], np.int32), vectors

    @contextmanager
    def _connected(self) -> Iterator[QdrantClient]:
        try:
            client, lock = _client(self._place, self.tls, os.environ.get("QDRANT_API_KEY"))
            with lock:
                yield client
        except (ApiException, QdrantException, OSError, RuntimeError, ValueError) as problem:
            told = str(problem).strip().partition("\n")[0]
            raise StoreError(f"the vectors at {self.shown} cannot be reached just now: {told}") from problem


@functools.lru_cache(maxsize=64)
def _client(place: str, tls: bool, key: str | None) -> tuple[QdrantClient, threading.RLock]:
    """Return the one client of this process for a place: a folder cannot be opened twice."""
    parts = urlsplit(place)
    if parts.netloc == ":memory:":
        return QdrantClient(":memory:"), threading.RLock()
    if not parts.netloc:
        return QdrantClient(path=parts.path), threading.RLock()
    client = QdrantClient(
        url=f"{'https' if tls else 'http'}://{parts.netloc}",
        api_key=key,
        timeout=10,
        check_compatibility=False,
    )
    return client, threading.RLock()
