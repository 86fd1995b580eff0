"""Two towers built from settings for the fields that a shop has.

N items, P further photos of them, B queries, D embedding_dim.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from safetensors.torch import save
from scipy import sparse
from torch import Tensor

from shelfspace.config import build
from shelfspace.encode.towers import Towers
from shelfspace.encoders.encoder import Encoder
from shelfspace.encoders.fusion import FUSIONS
from shelfspace.encoders.history import HISTORIES
from shelfspace.encoders.propagation import Propagation
from shelfspace.errors import JobError
from shelfspace.inputs.fields import Field, Records
from shelfspace.inputs.pasts import recent
from shelfspace.inputs.readers import Reader, Slow, content_of, photo_columns
from shelfspace.learning.photos import Photos
from shelfspace.learning.settings import LearningPlan, Pasts
from shelfspace.model.export import export
from shelfspace.model.model import Model, Past, UserTower
from shelfspace.model.tower import Tower
from shelfspace.pairs.events import event_weights
from shelfspace.pairs.pairs import Seen
from shelfspace.shop.history import History
from shelfspace.training.fit import Told

BLOCK = 4096


@dataclass
class Made:
    """The model with the readers of its fields, by side (`item`, `user`) and name.

    seen: the fields of the item tower, with the rows [N + P] that have them;  heads: what else is foretold of items,
    by name.
    """

    model: Model
    readers: dict[str, dict[str, Reader]]
    profiles: dict[str, Field]
    pasts: Pasts
    seen: dict[str, Seen]
    heads: dict[str, Any] = field(default_factory=dict)

    def users(self, model: Model, vectors: Tensor, queries: History) -> npt.NDArray[np.float32]:
        """Return user vectors, float32 [B, D], as the exported tower gives them, over item vectors [N, D]."""
        model.eval()
        people = len(next(iter(self.profiles.values()))) if self.profiles else 0
        who = queries.who if queries.who is not None else np.arange(len(queries), dtype=np.int32)
        who = np.where(who < people, who, -1).astype(np.int64)
        blocks = []
        for start in range(0, max(1, len(queries)), BLOCK):
            row = np.arange(start, min(len(queries), start + BLOCK))
            seen = recent(queries, row, queries.indptr[row + 1], self.pasts.length, age=self.pasts.age)
            given = (seen.item, seen.age, seen.kind, seen.mask, who[row])
            past = Past(*(torch.from_numpy(a) for a in given))
            with torch.no_grad():
                blocks.append(model.users(past, vectors, past.item).numpy())
        return np.concatenate(blocks)

    def exported(self) -> tuple[Towers, bytes]:
        """Return the towers as files that serving runs, and the weights."""
        graphs = export(self.model)
        weights = save({k: v.contiguous().clone() for k, v in self.model.state_dict().items()})
        towers = Towers(
            graphs["item.onnx"],
            graphs["user.onnx"],
            self.readers,
            self.pasts.length,
            self.pasts.age,
            self.profiles,
        )
        return towers, weights


def made_of(
    plan: LearningPlan,
    records: Mapping[str, Records],
    known: npt.NDArray[np.bool_],
    past: History | None = None,
    *,
    num_kinds: int = 1,
    photos: Photos | None = None,
    told: Told | None = None,
) -> Made:
    """Build the towers; a field that no item has is left out, and the graph where the plan or the past has none.

    Events are of `num_kinds` kinds. Further photos are rows of the item tower after those of the items. Encoders of
    texts and photos tell how far they are.

    Raises:
        JobError: no field is left.
    """
    dim = plan.shape.embedding_dim
    item, item_readers, fields = _tower(plan, plan.encoders, records["item"], known, photos, told)
    profile, user_readers, profiles = None, dict[str, Reader](), dict[str, Field]()
    if "user" in records:
        everyone = np.ones(len(records["user"].num_events), bool)
        profile, user_readers, profiles = _tower(plan, plan.profile, records["user"], everyone)
    history = build(HISTORIES, plan.history, dim, num_kinds, path="user") if plan.pasts.length else None
    graph = None
    if plan.graph is not None and past is not None:
        graph = Propagation(_taken(past), **plan.graph)
    model = Model(item, UserTower(history, profile, dim), unit=plan.shape.unit, graph=graph)
    seen = {name: Seen(of.present, content_of(item_readers[name])) for name, of in fields.items()}
    return Made(model, {"item": item_readers, "user": user_readers}, profiles, plan.pasts, seen)


def _taken(past: History) -> sparse.csr_array:
    """Return who took what, [U, N]: of the events that pairs are made of, nothing after `past.now`."""
    return past.keep(event_weights(past, power=0.0, half_life=np.inf) > 0).matrix()


def _tower(
    plan: LearningPlan,
    encoders: Mapping[str, Encoder],
    records: Records,
    known: npt.NDArray[np.bool_],
    photos: Photos | None = None,
    told: Told | None = None,
) -> tuple[Tower, dict[str, Reader], dict[str, Field]]:
    readers = {name: encoder.reader().learn(records, known) for name, encoder in encoders.items()}
    num_rows = len(records)
    if photos is not None and len(photos):
        records = photos.after(records, photo_columns(readers.values()))
    fields = {name: _read(name, reader, records, told) for name, reader in readers.items()}
    used = {name: encoder for name, encoder in encoders.items() if fields[name].present.any()}
    if not used:
        raise JobError(f"none of the fields {', '.join(encoders)} is known of any row; name others")
    dim = plan.shape.embedding_dim
    fusion = build(FUSIONS, plan.fusion, len(used), dim, path="fusion")
    tower = Tower(used, {name: readers[name] for name in used}, fusion, dim)
    tower.hold({name: fields[name] for name in used}, num_rows)
    return tower, {n: readers[n] for n in used}, {n: fields[n] for n in used}


def _read(name: str, reader: Reader, records: Records, told: Told | None) -> Field:
    if not isinstance(reader, Slow) or told is None:
        return reader.read(records)
    reader.told = partial(told, f"reading {name}")
    try:
        return reader.read(records)
    finally:
        reader.told = None
