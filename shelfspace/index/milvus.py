"""Vectors in Milvus: a collection for each version; a server, or a file without one (milvus-lite)."""

import functools
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Any, Self
from urllib.parse import urlsplit

import numpy as np
from pymilvus import DataType, MilvusClient, MilvusException

from shelfspace.config import Range, checked
from shelfspace.errors import ConfigError, StoreError
from shelfspace.index.address import settings_in, without_secrets
from shelfspace.index.protocol import Rows, Vectors
from shelfspace.index.remote import Remote


class Milvus(Remote):
    """Vectors in Milvus, nearest by HNSW and inner product.

    `milvus://host:19530/collection` is a server; its token, where it has one, is read from MILVUS_TOKEN.
    `milvus:///file.db?collection=name` needs none: milvus-lite keeps it, for one process at a time.

    Example:
        >>> Milvus.at("milvus://localhost:19530/items", 64).collection
        'items'
    """

    most = 16_384

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
            address: `milvus://host:port` or `milvus:///file.db`.
            collection: what the collections are named for; a moment and six digits follow.
            tls: whether the server is spoken to by https.
            connectivity: links of each node, the `M` of Milvus.
            expansion_add: candidates looked at when a row is added, its `efConstruction`.
            expansion_search: candidates looked at by a search, its `ef`.
        """
        super().__init__(dim, address, collection, expansion_search)
        self.collection = collection
        self.tls = tls
        self.connectivity = connectivity
        self.expansion_add = expansion_add
        self.expansion_search = expansion_search
        self._place = address

    @classmethod
    def at(cls, address: str, dim: int) -> Self:
        """Return an empty index for an address; see `open_index`.

        Raises:
            ConfigError: an unknown setting, a value of the wrong type, or a password in the address.
        """
        parts = urlsplit(address)
        if "@" in parts.netloc:
            raise ConfigError(
                f"[index] use: {without_secrets(address)!r} has a user; the token is read from MILVUS_TOKEN"
            )
        settings = settings_in(parts.query)
        if not parts.netloc:
            if not parts.path.endswith(".db"):
                raise ConfigError(f"[index] use: {address!r} names a file that does not end in .db")
            place = f"milvus://{parts.path}"
        else:
            place = f"milvus://{parts.netloc}"
            if parts.path.strip("/"):
                settings["collection"] = parts.path.strip("/")
        return cls(dim, place, **checked(cls, settings, "index milvus"))._shown_as(address)

    def _make(self, name: str) -> None:
        schema = MilvusClient.create_schema(auto_id=False, enable_dynamic_field=False)
        schema.add_field("row", DataType.INT64, is_primary=True)
        schema.add_field("vector", DataType.FLOAT_VECTOR, dim=self.dim)
        graph = MilvusClient.prepare_index_params()
        graph.add_index(
            "vector",
            index_type="HNSW",
            metric_type="IP",
            params={"M": self.connectivity, "efConstruction": self.expansion_add},
        )
        with self._connected() as to:
            to.create_collection(name, schema=schema, index_params=graph, consistency_level="Strong")

    def _put(self, name: str, rows: Rows, vectors: Vectors, *, replaces: bool) -> None:
        lines = [{"row": row, "vector": vector} for row, vector in zip(rows.tolist(), vectors, strict=True)]
        with self._connected() as to:
            to.upsert(name, lines)

    def _take_out(self, name: str, rows: Rows) -> None:
        with self._connected() as to:
            to.delete(name, ids=rows.tolist())

    def _near(self, name: str, queries: Vectors, fetch: int) -> list[tuple[Rows, Vectors]]:
        with self._connected() as to:
            answers = to.search(
                name,
                data=list(queries),
                limit=fetch,
                anns_field="vector",
                search_params={"metric_type": "IP", "params": {"ef": max(fetch, self.expansion_search)}},
                output_fields=["vector"],
            )
            return [self._read([(hit["row"], hit["entity"]["vector"]) for hit in hits]) for hits in answers]

    def _vectors(self, name: str, rows: Rows) -> Vectors:
        with self._connected() as to:
            lines = to.get(name, ids=rows.tolist(), output_fields=["row", "vector"])
        return self._ordered(name, rows, *self._read([(line["row"], line["vector"]) for line in lines]))

    def _count(self, name: str) -> int | None:
        with self._connected() as to:
            if not to.has_collection(name):
                return None
            to.load_collection(name)
            return int(to.query(name, filter="", output_fields=["count(*)"])[0]["count(*)"])

    def _names(self) -> list[str]:
        with self._connected() as to:
            return [str(name) for name in to.list_collections()]

    def _discard(self, name: str) -> None:
        with self._connected() as to:
            to.drop_collection(name)

    def _read(self, pairs: Sequence[tuple[int, Any]]) -> tuple[Rows, Vectors]:
        vectors = np.asarray([vector for _, vector in pairs], np.float32).reshape(len(pairs), self.dim)
        return np.asarray([row for row, _ in pairs], np.int32), vectors

    @contextmanager
    def _connected(self) -> Iterator[MilvusClient]:
        try:
            yield _client(self._place, self.tls, os.environ.get("MILVUS_TOKEN", ""))
        except (MilvusException, OSError, RuntimeError, ValueError) as problem:
            told = str(problem).strip().partition("\n")[0]
            raise StoreError(f"the vectors at {self.shown} cannot be reached just now: {told}") from problem


@functools.lru_cache(maxsize=64)
def _client(place: str, tls: bool, token: str) -> MilvusClient:
    """Return the one client of this process for a place."""
    parts = urlsplit(place)
    if not parts.netloc:
        return MilvusClient(uri=parts.path, timeout=10)
    return MilvusClient(uri=f"{'https' if tls else 'http'}://{parts.netloc}", token=token, timeout=10)
