"""The exported towers, run by onnxruntime. B rows, N items, T history length, D embedding_dim."""

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime

from shelfspace.inputs.fields import MANY, Field, Records
from shelfspace.inputs.pasts import Age, recent
from shelfspace.inputs.readers import READERS, HasFiles, Reader, photo_columns
from shelfspace.shop.history import History

Floats = npt.NDArray[np.float32]
Sides = Mapping[str, Mapping[str, Reader]]

BLOCK = MANY
"""Rows encoded at once, where no field asks for fewer."""


@dataclass
class Towers:
    """The item tower and the user tower, with the readers of their fields.

    item, user: ONNX graphs, as `model.export` makes them;
    readers: by side (`item`, `user`) and field;
    length, age: of a user's history, as in training;
    profiles: fields of all users by name, where the user tower reads a profile.
    """

    item: bytes
    user: bytes
    readers: Sides
    length: int
    age: Age
    profiles: Mapping[str, Field] = field(default_factory=dict)

    def items(self, records: Records) -> Floats:
        """Return item vectors, float32 [N, D], of listings: known ones, or such as no one has seen.

        Of a run with a `[graph]` they are those of listings that nobody took yet; what was taken has its saved vector.
        """
        fields = {name: reader.read(records) for name, reader in self.readers["item"].items()}
        return self.encoded(fields, len(records.num_events))

    def encoded(self, fields: Mapping[str, Field], size: int) -> Floats:
        """Return item vectors, float32 [N, D], of N = `size` rows of fields, one by the name of each reader."""

        def asked(rows: slice) -> dict[str, npt.NDArray[Any]]:
            return _padded({name: _part(fields[name], rows) for name in self.readers["item"]})

        return _run(self._item, asked, size, _at_once(fields))

    @property
    def photo_columns(self) -> list[str]:
        """The columns of a listing that are read for photos."""
        return photo_columns(self.readers["item"].values())

    def users(self, queries: History, vectors: Floats) -> Floats:
        """Return user vectors, float32 [B, D], from histories over item vectors [N, D]."""
        who = queries.who if queries.who is not None else np.arange(len(queries), dtype=np.int32)
        people = len(next(iter(self.profiles.values()))) if self.profiles else 0
        who = np.where(who < people, who, -1)

        def asked(rows: slice) -> dict[str, npt.NDArray[Any]]:
            row = np.arange(len(queries))[rows]
            past = recent(queries, row, queries.indptr[row + 1], self.length, age=self.age)
            chosen = np.maximum(who[rows], 0)
            profile = {name: held.take(chosen) for name, held in self.profiles.items()}
            given = {"items": vectors[past.item], "age": past.age, "mask": past.mask, "kind": past.kind}
            given["known"] = who[rows] >= 0
            return given | (_padded(profile) if profile else {})

        return _run(self._user, asked, len(queries), _at_once(self.profiles))

    def files(self) -> dict[str, bytes]:
        """Return what `of` takes."""
        about: dict[str, Any] = {
            side: {
                name: {
                    "use": next(k for k, v in READERS.items() if v is type(reader)),
                    "state": reader.state(),
                }
                for name, reader in readers.items()
            }
            for side, readers in self.readers.items()
        }
        about |= {"length": self.length, "age": self.age}
        frozen = {
            f"{side}.{name}.{file}": data
            for side, readers in self.readers.items()
            for name, reader in readers.items()
            if isinstance(reader, HasFiles)
            for file, data in reader.files().items()
        }
        return frozen | {
            "item.onnx": self.item,
            "user.onnx": self.user,
            "readers.json": json.dumps(about, ensure_ascii=False).encode(),
        }

    @classmethod
    def of(cls, files: Callable[[str], bytes], profiles: Mapping[str, Field]) -> "Towers":
        """Rebuild the towers from their files."""
        about = json.loads(files("readers.json"))
        readers = {
            side: {name: READERS[r["use"]]().restore(r["state"]) for name, r in about[side].items()}
            for side in ("item", "user")
        }
        for side, of in readers.items():
            for name, reader in of.items():
                if isinstance(reader, HasFiles):
                    reader.take_files(partial(_beside, files, f"{side}.{name}."))
        return cls(files("item.onnx"), files("user.onnx"), readers, about["length"], about["age"], profiles)

    @cached_property
    def _item(self) -> onnxruntime.InferenceSession:
        return _session(self.item)

    @cached_property
    def _user(self) -> onnxruntime.InferenceSession:
        return _session(self.user)


def _beside(files: Callable[[str], bytes], prefix: str, name: str) -> bytes:
    return files(prefix + name)


def _session(graph: bytes) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = int(
        os.environ.get("OMP_NUM_THREADS", "0")
    )  # it does not look there itself
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])


def _at_once(fields: Mapping[str, Field]) -> int:
    return min([BLOCK, *(of.rows_at_once for of in fields.values())])


def _run(
    session: onnxruntime.InferenceSession,
    asked: Callable[[slice], dict[str, npt.NDArray[Any]]],
    size: int,
    block: int,
) -> Floats:
    if not size:  # not every operator of the runtime takes a batch of none
        return np.zeros((0, session.get_outputs()[0].shape[1]), np.float32)
    wanted = [given.name for given in session.get_inputs()]
    blocks = []
    for start in range(0, size, block):
        given = asked(slice(start, min(size, start + block)))
        blocks.append(session.run(["vectors"], {name: given[name] for name in wanted})[0])
    return np.concatenate(blocks).astype(np.float32, copy=False)


def _part(of: Field, rows: slice) -> Field:
    return of.take(np.arange(rows.start, rows.stop))


def _padded(fields: Mapping[str, Field]) -> dict[str, npt.NDArray[Any]]:
    given: dict[str, npt.NDArray[Any]] = {"present": np.stack([f.present for f in fields.values()], axis=1)}
    for name, of in fields.items():
        given |= {f"{name}.{part}": array for part, array in of.inputs().items()}
    return given
