"""How a blend lies on disk: what it weighs, what its models learnt, and the trees that answer instead of a sum.

blend.json  linear.npz  encoders/NAME/*.onnx  ranker/facts.npz  ranker/MODE.txt (LightGBM's own text)
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from shelfspace.blend import Blend, Mode, Own, Ranker
from shelfspace.config import build, extra, settings_of
from shelfspace.disk import arrays, content, load, reading, replace
from shelfspace.encode.autoencoder import Autoencoded
from shelfspace.encode.learnt import Learnt
from shelfspace.features import Facts
from shelfspace.linear.models import RETRIEVERS
from shelfspace.linear.retriever import Retriever
from shelfspace.slicing import Slice

KEPT = (Learnt, Autoencoded)
"""Models that are written though they do not answer: they encode what is new and foretell what else is asked."""


def write(blend: Blend, folder: Path) -> None:
    """Write a blend into the folder of a version, without the models that it does not use."""
    used = {n: p for n, p in blend.retrievers.items() if n in blend.used or isinstance(p, KEPT)}
    mix = {
        "retrievers": {name: {"use": _use(part), **settings_of(part)} for name, part in used.items()},
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


def read(folder: Path) -> Blend:
    """Return the blend that lies in the folder of a version.

    Raises:
        SpaceError: a file is missing or damaged; it is named.
        MissingExtraError: trees answer, and LightGBM is not installed.
    """
    mix = load(folder / "blend.json", lambda p: json.loads(p.read_text("utf-8")))
    learnt = load(folder / "linear.npz", arrays)
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
    return blend


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
