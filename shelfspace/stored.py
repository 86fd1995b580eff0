"""What a trained space holds, and how a version of it lies on disk.

RUN/spaces/N/   immutable: space.json  items.parquet  ids.parquet  vectors.npy (memory-mapped)
                history.npz  listed.npz  index/  tasks/NAME/  model.safetensors, and a blend (blend_files.py)
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from shelfspace import blend_files
from shelfspace.blend import Blend
from shelfspace.bundling.bundle import FittedBundle
from shelfspace.classifying.fitted import FittedClassify
from shelfspace.disk import arrays, content, load, reading, replace
from shelfspace.errors import SpaceError
from shelfspace.explaining.graph import FittedExplain
from shelfspace.index import Index, open_index, without_secrets
from shelfspace.linear.vectors import Listed
from shelfspace.matching.fitted import FittedMatch
from shelfspace.newcomers.fitted import FittedNewcomers
from shelfspace.people.fitted import FittedPeople
from shelfspace.responding.fitted import FittedAds
from shelfspace.searching.fitted import FittedSearch
from shelfspace.shop.catalogue import Catalogue
from shelfspace.shop.history import History
from shelfspace.shop.ids import Ids

FORMAT_VERSION = 3
"""2: a blend may have weights of slices, and rankers. 3: items may be gone; up to which write events are folded in."""

READABLE = (1, 2, 3)


class Fitted(Protocol):
    """What a task learnt of its own."""

    @property
    def measured(self) -> Mapping[str, Any]:
        """What `metrics.json` says of it."""
        ...

    def files(self) -> dict[str, bytes]:
        """Return it as files, by name; its class reads them again with `read`."""
        ...


FITTED: dict[str, Callable[[Callable[[str], bytes]], Fitted]] = {
    "bundle": FittedBundle.read,
    "ads": FittedAds.read,
    "classify": FittedClassify.read,
    "explain": FittedExplain.read,
    "match": FittedMatch.read,
    "newcomers": FittedNewcomers.read,
    "people": FittedPeople.read,
    "search": FittedSearch.read,
}
"""What reads what a task learnt, by the task's name."""


@dataclass(frozen=True)
class Contents:
    """What a trained space holds.

    catalogue: the N items; users: the named users, the first rows of `history`; history: all events;
    kinds: the event kinds and what each counts for;
    vectors: float32 [N, embedding_dim], unit length, 0 where an item has neither behaviour nor content;
    blocks: what stands side by side in a vector, name -> width; the widths sum to embedding_dim;
    index: the vectors, ready to be searched;  blend: the models that recommend;
    listed: where listings that come later lie, where no tower says it;
    address: which index, as in `[index] use`;  folder: the run it was read from;
    tasks: what tasks learnt of their own, by name;
    gone: bool [N], the items that no task may name any more; None: there are none;
    seq: up to which write of the run's store events and changes are in it; 0: none of them.
    """

    catalogue: Catalogue
    users: Ids
    history: History
    kinds: Mapping[str, float]
    vectors: npt.NDArray[np.float32]
    blocks: Mapping[str, int]
    index: Index
    blend: Blend
    listed: Listed | None = None
    address: str = "exact"
    folder: Path | None = None
    tasks: Mapping[str, Fitted] = field(default_factory=dict)
    gone: npt.NDArray[np.bool_] | None = None
    seq: int = 0


def write(space: Contents, folder: Path) -> None:
    """Write a space into an empty folder."""
    catalogue, history = space.catalogue, space.history
    about = {
        "format_version": FORMAT_VERSION,
        "kinds": dict(space.kinds),
        "clock": history.clock,
        "now": history.now,
        "num_items": len(catalogue),
        "blocks": dict(space.blocks),
        "index": without_secrets(space.address),
        "seq": space.seq,
    }
    replace(folder / "space.json", json.dumps(about, indent=1))
    items = pa.table(
        {name: catalogue.table[name] for name in catalogue.table.column_names}
        | {
            "item_id": catalogue.ids.array,
            "first_seen": catalogue.first_seen,
            "duplicates": catalogue.duplicates,
        }
        | ({GONE: space.gone} if space.gone is not None else {})
    )
    pq.write_table(items, folder / "items.parquet", compression="zstd")
    pq.write_table(pa.table({"user_id": space.users.array}), folder / "ids.parquet", compression="zstd")
    np.save(folder / "vectors.npy", space.vectors)
    columns = {name: getattr(history, name) for name in _HISTORY}
    np.savez(folder / "history.npz", **columns)
    blend_files.write(space.blend, folder)
    if space.listed is not None:
        np.savez(folder / "listed.npz", **space.listed.arrays())  # type: ignore[arg-type]
    (folder / "index").mkdir()
    space.index.save(folder / "index")
    for name, fitted in space.tasks.items():
        (folder / "tasks" / name).mkdir(parents=True)
        for file, data in fitted.files().items():
            (folder / "tasks" / name / file).write_bytes(data)


GONE = "__gone"
"""The column of `items.parquet` that says which are gone; no shop's own column is called so."""

_HISTORY = ("indptr", "item", "time", "weight", "kind", "basket")


def read(folder: Path) -> dict[str, Any]:
    """Return the fields of `Contents` as they lie in a folder; vectors stay there, memory-mapped.

    Raises:
        SpaceError: a file is missing, damaged or of another format; it is named.
    """
    about = load(folder / "space.json", lambda p: json.loads(p.read_text("utf-8")))
    if about.get("format_version") not in READABLE:
        known = " and ".join(map(str, READABLE))
        raise SpaceError(
            f"{folder / 'space.json'} is of format {about.get('format_version')}; this version of shelfspace reads "
            f"formats {known}: train the run again"
        )
    items = load(folder / "items.parquet", pq.read_table)
    users = load(folder / "ids.parquet", pq.read_table)
    vectors = load(folder / "vectors.npy", lambda p: np.load(p, mmap_mode="r", allow_pickle=False))
    columns = load(folder / "history.npz", arrays)
    with reading(folder / "index"):
        index = open_index(about["index"], vectors.shape[1])
        index.load(folder / "index")
    with reading(folder / "items.parquet"):
        gone = items[GONE].to_numpy() if GONE in items.column_names else None
        items = items.drop_columns([GONE]) if gone is not None else items
        catalogue = Catalogue(
            ids=Ids(items["item_id"].combine_chunks(), "item"),
            table=items.drop_columns(["item_id", "first_seen", "duplicates"]),
            first_seen=items["first_seen"].to_numpy(),
            duplicates=items["duplicates"].to_numpy(),
        )
    with reading(folder / "history.npz"):
        events: dict[str, Any] = {name: columns[name] for name in _HISTORY}
        history = History(
            **events,
            num_items=about["num_items"],
            clock=about["clock"],
            now=about["now"],
        )
    return {
        "catalogue": catalogue,
        "users": Ids(users["user_id"].combine_chunks(), "user"),
        "history": history,
        "kinds": about["kinds"],
        "vectors": vectors,
        "blocks": about["blocks"],
        "index": index,
        "blend": blend_files.read(folder),
        "listed": load(folder / "listed.npz", _listed) if (folder / "listed.npz").is_file() else None,
        "address": about["index"],
        "gone": gone,
        "seq": about.get("seq", 0),
        "tasks": {
            name: _fitted(folder / "tasks" / name) for name in FITTED if (folder / "tasks" / name).is_dir()
        },
    }


def _listed(path: Path) -> Listed:
    return Listed.restored(arrays(path))


def _fitted(folder: Path) -> Fitted:
    with reading(folder):
        return FITTED[folder.name](partial(content, folder))
