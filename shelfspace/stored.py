"""What a trained space holds, and how a version of it lies on disk.

RUN/spaces/N/   immutable: space.json  items.parquet  ids.parquet  vectors.npy (memory-mapped)
                blend.json  linear.npz  history.npz  listed.npz  index/  encoders/NAME/*.onnx  model.safetensors
                ranker/facts.npz  ranker/MODE.txt (LightGBM's own text)  tasks/NAME/
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from shelfspace.blend import Blend, Mode, Own, Ranker
from shelfspace.bundling.bundle import FittedBundle
from shelfspace.classifying.fitted import FittedClassify
from shelfspace.config import build, extra, settings_of
from shelfspace.disk import arrays, content, load, reading, replace
from shelfspace.encode.autoencoder import Autoencoded
from shelfspace.encode.learnt import Learnt
from shelfspace.errors import SpaceError
from shelfspace.explaining.graph import FittedExplain
from shelfspace.features import Facts
from shelfspace.index import Index, open_index, without_secrets
from shelfspace.linear.models import RETRIEVERS
from shelfspace.linear.retriever import Retriever
from shelfspace.linear.vectors import Listed
from shelfspace.matching.fitted import FittedMatch
from shelfspace.newcomers.fitted import FittedNewcomers
from shelfspace.people.fitted import FittedPeople
from shelfspace.responding.fitted import FittedAds
from shelfspace.searching.fitted import FittedSearch
from shelfspace.shop.catalogue import Catalogue
from shelfspace.shop.history import History
from shelfspace.shop.ids import Ids
from shelfspace.slicing import Slice

FORMAT_VERSION = 3
"""2: a blend may have weights of slices, and rankers. 3: items may be gone; up to which write events are folded in."""

READABLE = (1, 2, 3)

KEPT = (Learnt, Autoencoded)
"""Models that are written though they do not answer: they encode what is new and foretell what else is asked."""


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
    catalogue, history, blend = space.catalogue, space.history, space.blend
    used = {n: p for n, p in blend.retrievers.items() if n in blend.used or isinstance(p, KEPT)}
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
    parts = {name: {"use": _use(part), **settings_of(part)} for name, part in used.items()}
    mix = {
        "retrievers": parts,
        "scales": {n: blend.scales[n] for n in used},
        "weights": {mode: _of(used, ws) for mode, ws in blend.weights.items()},
        "num_candidates": blend.num_candidates,
        "slices": {
            mode: [{**asdict(own.slice), "weights": _of(used, own.weights)} for own in owns]
            for mode, owns in blend.slices.items()
        },
        "rankers": {mode: _digest(ranker.trees) for mode, ranker in blend.rankers.items()},
    }
    replace(folder / "blend.json", json.dumps(mix, indent=1))
    learnt = {f"{name}/{key}": a for name, part in used.items() for key, a in part.arrays().items()}
    np.savez(folder / "linear.npz", **learnt)  # type: ignore[arg-type]
    for name, part in used.items():
        if isinstance(part, Learnt):
            (folder / "encoders" / name).mkdir(parents=True)
            for file, data in part.files().items():
                (folder / "encoders" / name / file).write_bytes(data)
    if blend.rankers:
        (folder / "ranker").mkdir()
    for mode, ranker in blend.rankers.items():
        np.savez(folder / "ranker" / "facts.npz", values=ranker.facts.values)
        (folder / "ranker" / f"{mode}.txt").write_bytes(ranker.trees.encode())
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
    mix = load(folder / "blend.json", lambda p: json.loads(p.read_text("utf-8")))
    learnt = load(folder / "linear.npz", arrays)
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
    with reading(folder / "linear.npz"):
        blend = Blend(
            retrievers={
                name: _restored(name, section, learnt) for name, section in mix["retrievers"].items()
            },
            scales=mix["scales"],
            weights=mix["weights"],
            num_candidates=mix["num_candidates"],
            slices={mode: list(map(_own, owns)) for mode, owns in mix.get("slices", {}).items()},
            rankers=_rankers(folder / "ranker", mix),
        )
    for name, part in blend.retrievers.items():
        if isinstance(part, Learnt):
            encoders = folder / "encoders" / name
            with reading(encoders):
                part.read_files(partial(content, encoders))
    return {
        "catalogue": catalogue,
        "users": Ids(users["user_id"].combine_chunks(), "user"),
        "history": history,
        "kinds": about["kinds"],
        "vectors": vectors,
        "blocks": about["blocks"],
        "index": index,
        "blend": blend,
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


def _of(used: Mapping[str, Retriever], weights: Mapping[str, float]) -> dict[str, float]:
    return {name: weight for name, weight in weights.items() if name in used}


def _own(saved: Mapping[str, Any]) -> Own:
    return Own(Slice(saved["by"], saved["low"], saved["high"]), saved["weights"])


def _rankers(folder: Path, mix: Mapping[str, Any]) -> dict[Mode, Ranker]:
    """Read the trees that answer instead of a sum.

    Raises:
        MissingExtraError: there are some, and LightGBM is not installed.
    """
    digests = mix.get("rankers", {})
    if not digests:
        return {}
    ranking = extra("shelfspace.ranker", "lightgbm", "'shelfspace[rank]'")
    facts = Facts(load(folder / "facts.npz", arrays)["values"])

    def ranker_of(mode: Mode, path: Path) -> Ranker:
        trees = path.read_bytes().decode()
        if _digest(trees) != digests[mode]:  # LightGBM must not see it: it may end the process
            raise ValueError("it is not what was written")
        ranker: Ranker = ranking.Ranker(
            mix["weights"][mode],
            facts,
            trees,
            repeats=mode == "any",
            num_candidates=mix["num_candidates"],
        )
        return ranker

    return {mode: load(folder / f"{mode}.txt", partial(ranker_of, mode)) for mode in digests}


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _restored(name: str, section: Mapping[str, Any], learnt: Mapping[str, npt.NDArray[np.generic]]) -> Any:
    part = build(RETRIEVERS, section, path=f"linear.{name}")
    prefix = f"{name}/"
    return part.restore({k.removeprefix(prefix): a for k, a in learnt.items() if k.startswith(prefix)})


def _use(part: object) -> str:
    names = [name for name, known in RETRIEVERS.items() if known is type(part)]
    return names[0] if names else f"{type(part).__module__}:{type(part).__qualname__}"
