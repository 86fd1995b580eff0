"""What another run has learnt, carried into this one's towers before they train.

V rows of a table of vectors (buckets, values, ids).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from safetensors.torch import load

from shelfspace.encode.learnt import Learnt
from shelfspace.errors import SpaceError
from shelfspace.holding import Holding
from shelfspace.inputs.phrases import Phrases
from shelfspace.inputs.readers import Ids, Reader
from shelfspace.inputs.tags import Tags
from shelfspace.inputs.words import Words
from shelfspace.learning.towers import Made
from shelfspace.shop.ids import Ids as ShopIds

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Start:
    """An earlier run's towers.

    weights: its `model.safetensors`;  readers: of its fields, by side and name;
    items, users: its ids, where this is the same shop, so that what has an id keeps its vector; else None.
    """

    weights: bytes
    readers: Mapping[str, Mapping[str, Reader]]
    items: ShopIds | None = None
    users: ShopIds | None = None

    @classmethod
    def of_run(cls, run: str | Path, *, same_shop: bool) -> "Start":
        """Read what the current space of a run folder learnt.

        Raises:
            SpaceError: the run is missing or damaged, or nothing in it was trained.
        """
        space = Holding.open(run)
        for name, part in space.blend.retrievers.items():
            if isinstance(part, Learnt) and part.towers is not None:
                number = (Path(run) / "current").read_text("utf-8").strip()
                file = Path(run) / "spaces" / number / "encoders" / name / "model.safetensors"
                ids = (space.catalogue.ids, space.users) if same_shop else (None, None)
                return cls(file.read_bytes(), part.towers.readers, *ids)
        raise SpaceError(f"{run} holds nothing that was trained: its recipe has no [[objectives]]")

    def carry(self, made: Made, items: ShopIds, users: ShopIds) -> list[str]:
        """Put the earlier weights into towers that are not yet trained; return the names of those that fit.

        A table of vectors is carried row by row: a hashed word's bucket, a value's place, and in the same shop an id.
        All else is carried where name and shape agree.
        """
        own, earlier = made.model.state_dict(), load(self.weights)
        ids = {"item": (self.items, items), "user": (self.users, users)}
        taken = []
        for name, value in earlier.items():
            if name not in own:
                continue
            rows = self._rows(made, name, ids)
            if rows is not None and own[name].shape[1:] == value.shape[1:]:
                old, new = (torch.from_numpy(r) for r in rows)
                own[name][new] = value[old]
                taken += [name] if len(new) else []
            elif rows is None and own[name].shape == value.shape:
                own[name] = value
                taken.append(name)
        made.model.load_state_dict(own)
        return taken

    def _rows(
        self, made: Made, name: str, ids: Mapping[str, tuple[ShopIds | None, ShopIds]]
    ) -> tuple[Rows, Rows] | None:
        """Return which rows of an earlier table are which rows of this one; None where it is no such table."""
        for side, prefix in (("item", "item.fields.field_"), ("user", "user.profile.fields.field_")):
            field, _, rest = name.removeprefix(prefix).partition(".")
            if not name.startswith(prefix) or rest != "table.weight":
                continue
            old, new = self.readers[side].get(field), made.readers[side].get(field)
            none = np.zeros(0, np.int64)
            if isinstance(old, Ids) and isinstance(new, Ids):
                before, now = ids[side]
                return _same(before, now, new.num_features) if before is not None else (none, none)
            if isinstance(old, Tags) and isinstance(new, Tags):
                return _same_texts(old.vocabulary.to_pylist(), new.vocabulary.to_pylist())
            for hashed in (Words, Phrases):
                if (
                    isinstance(old, hashed)
                    and isinstance(new, hashed)
                    and old.num_features == new.num_features
                ):
                    every = np.arange(new.num_features)
                    return every, every
            return none, none
        return None


def _same(before: ShopIds, now: ShopIds, most: int) -> tuple[Rows, Rows]:
    row = now.rows(before.array.to_pylist()).astype(np.int64)
    kept = np.flatnonzero((row >= 0) & (row < most))
    return kept, row[kept]


def _same_texts(before: list[str], now: list[str]) -> tuple[Rows, Rows]:
    place = {text: n for n, text in enumerate(now)}
    pairs = [(n, place[text]) for n, text in enumerate(before) if text in place]
    both = np.array(pairs, np.int64).reshape(-1, 2)
    return both[:, 0], both[:, 1]
