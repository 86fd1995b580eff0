"""From listings alone to an item tower: how long it trains, items and photos that are held out decide.

N items, P further photos, H held out, D embedding_dim.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from shelfspace.config import build
from shelfspace.encode.learnt import Learnt
from shelfspace.errors import ConfigError
from shelfspace.learning.learner import About, Learner
from shelfspace.learning.photos import Photos as FurtherPhotos
from shelfspace.learning.settings import LearningPlan
from shelfspace.learning.towers import Made
from shelfspace.model.model import Model
from shelfspace.pairs.names import PAIR_SOURCES, WITHOUT_EVENTS
from shelfspace.pairs.photos import Photos
from shelfspace.pairs.text_photo import TextPhoto, there
from shelfspace.shop.shop import Shop
from shelfspace.training.fit import Told

HELD_OUT, MOST = 0.1, 2_000
"""The share of items, and of further photos, that training does not see at first, and how many at most."""

SEED = 20_240_501
"""Of what is held out: the same whatever the training's own seed."""

Figures = dict[str, Any]
Flags = npt.NDArray[np.bool_]


def needing_events(plan: LearningPlan) -> list[str]:
    """Return the sources of pairs that a shop without events has none of."""
    known = [PAIR_SOURCES[name] for name in WITHOUT_EVENTS]
    return [name for name in plan.sources() if not isinstance(_source(plan, name), tuple(known))]


@dataclass(frozen=True)
class HeldOut:
    """Which items, bool [N], and which further photos, bool [P], are held out."""

    items: Flags
    photos: Flags

    @classmethod
    def of(cls, plan: LearningPlan, num_items: int, num_photos: int) -> "HeldOut":
        """Draw them; nothing of what no objective asks for."""
        rng = np.random.default_rng(SEED)
        asked = [type(_source(plan, name)) for name in plan.sources()]
        of_items = TextPhoto in asked or bool(plan.heads)
        return cls(_drawn(rng, num_items, of_items), _drawn(rng, num_photos, Photos in asked))

    def any(self) -> bool:
        """Return whether there is anything to measure on."""
        return bool(self.items.any() or self.photos.any())


def learnt_from_listings(
    plan: LearningPlan,
    shop: Shop,
    *,
    seed: int = 0,
    budget_seconds: float,
    told: Told | None = None,
) -> tuple[Learnt, Figures]:
    """Train on nine tenths of the listings until the rest is found no better, then on all of them for as long.

    What is measured is what the objectives ask. With pairs of `text_photo`: the share of held-out items whose photo is
    among the ten nearest to their words, of all held-out photos. With pairs of `photos`: the mean reciprocal rank of
    its item, among all, for a photo that is held out. With heads: the accuracy of each on held-out items. Of all the
    mean. Where nothing is asked, all epochs are trained and nothing is measured.

    Args:
        plan: what is to be learnt.
        shop: the listings.
        seed: of the training.
        budget_seconds: wall clock of the first training; the second takes about as long, and has both where nothing is
            measured.
        told: progress.

    Returns:
        The model, and what was measured on what was held out, with the epochs that it chose.

    Raises:
        ConfigError: pairs need events.
        JobError: there are no pairs.
    """
    missing = needing_events(plan)
    if missing:
        raise ConfigError(
            f"[[objectives]] pairs = {missing[0]!r} needs events, and this shop has none; without events there are "
            f"{', '.join(WITHOUT_EVENTS)}"
        )
    plan = replace(plan, profile={}, graph=None)
    photos = FurtherPhotos.of(shop.tables.get("photos"), shop.catalogue.ids)
    held = HeldOut.of(plan, len(shop.catalogue), len(photos) if photos is not None else 0)
    about = About(
        0, relations=shop.tables.get("relations"), matches=shop.tables.get("matches"), photos=photos
    )
    figures: Figures = {}
    epochs = plan.optimisation.epochs
    if held.any():
        figures = _measured(plan, about, held, shop, seed, budget_seconds, told)
        epochs = figures.get("epochs", epochs)
    learnt, _ = Learner(plan, about, seed).learn(
        replace(shop.history, now=None),
        shop.catalogue,
        epochs=epochs,
        budget_seconds=math.inf if figures else 2 * budget_seconds,
        told=told,
    )
    return learnt, figures


def _measured(
    plan: LearningPlan,
    about: About,
    held: HeldOut,
    shop: Shop,
    seed: int,
    budget_seconds: float,
    told: Told | None,
) -> Figures:
    """Train without what is held out; return the figures of the best epoch, and which it was."""
    towers: list[Made] = []

    def measured(model: Model) -> Figures:
        return figures_of(plan, towers[0], model, about.photos, held)

    def watch(made: Made) -> Callable[[Model], float]:
        towers.append(made)
        return lambda model: _value(measured(model))

    later = np.where(held.items, np.inf, 0.0)  # what is held out becomes known after the moment of learning
    photos = about.photos.without(held.photos) if about.photos is not None else None
    _, curve = Learner(plan, replace(about, photos=photos), seed).learn(
        replace(shop.history, now=0.0),
        replace(shop.catalogue, first_seen=later),
        watch=watch,
        budget_seconds=budget_seconds,
        told=told,
    )
    found = measured(towers[0].model)
    if not found:
        return {}
    early = plan.optimisation.patience > 0
    epochs = 1 + int(np.argmax([entry["value"] for entry in curve])) if early else len(curve)
    return {"epochs": epochs, "value": _value(found)} | found


def figures_of(
    plan: LearningPlan, made: Made, model: Model, photos: FurtherPhotos | None, held: HeldOut
) -> Figures:
    """Return what a model is worth on what is held out: for each source of pairs that says, by its name.

    `chance` is what a random order of the candidates would have.
    """
    model.eval()
    found: Figures = {}
    for name in dict.fromkeys(plan.sources()):
        source = _source(plan, name)
        if isinstance(source, TextPhoto):
            sides = source.sides(made.seen)
            both = [there(made.seen, side, len(held.items)) for side in sides]
            row = np.flatnonzero(held.items & both[0] & both[1])
            if len(row) > 1:
                found[name] = _text_to_photo(*(_encoded(model, row, side) for side in sides))
        if isinstance(source, Photos) and photos is not None:
            size = len(held.items)
            readable = there(made.seen, Photos.fields(made.seen), size + len(photos))[size:]
            row = np.flatnonzero(held.photos & readable)
            if len(row):
                found[name] = _photo_to_item(_encoded(model, size + row), model.all_items(), photos.item[row])
    for name, head in made.heads.items():
        if (figures := head.accuracy(model, held.items)) is not None:
            found[f"heads.{name}"] = figures
    return found


def _text_to_photo(text: Tensor, photo: Tensor) -> Figures:
    """Return recall at ten among [H, D] held-out photos; of fewer than a hundred, at a tenth of them."""
    k = min(10, max(1, len(text) // 10))
    hit = ranks(text, photo, np.arange(len(text))) < k
    return {"of": f"recall@{k}", "value": float(hit.mean()), "chance": k / len(text), "cases": len(text)}


def _photo_to_item(photo: Tensor, items: Tensor, item: npt.NDArray[np.integer]) -> Figures:
    """Return the mean reciprocal rank of the item of each photo [H, D] among all [N, D]."""
    value = float((1 / (1 + ranks(photo, items, item))).mean())
    chance = float((1 / np.arange(1, len(items) + 1)).mean())
    return {"of": "mrr", "value": value, "chance": chance, "cases": len(photo)}


def ranks(
    asked: Tensor, candidates: Tensor, wanted: npt.NDArray[np.integer], size: int = 256
) -> npt.NDArray[np.float64]:
    """Return how many candidates lie nearer than the one that is wanted, float64 [H]; a tie counts half.

    O(H N D) time, `size` · N numbers of memory.
    """
    found = []
    for start in range(0, len(asked), size):
        scores = asked[start : start + size] @ candidates.T
        own = scores.gather(1, torch.from_numpy(wanted[start : start + size].astype(np.int64))[:, None])
        tied = (scores == own).sum(dim=1) - 1
        found.append(((scores > own).sum(dim=1) + 0.5 * tied).double())
    return torch.cat(found).numpy() if found else np.zeros(0)


def _encoded(model: Model, row: npt.NDArray[np.integer], shown: frozenset[str] | None = None) -> Tensor:
    with torch.no_grad():
        return model.items(torch.from_numpy(row.astype(np.int64)), shown)


def _value(figures: Figures) -> float:
    return float(np.mean([of["value"] for of in figures.values()])) if figures else 0.0


def _source(plan: LearningPlan, name: str) -> Any:
    return build(PAIR_SOURCES, plan.pairs.get(name, {"use": name}), path=f"pairs.{name}")


def _drawn(rng: np.random.Generator, size: int, wanted: bool) -> Flags:
    """Return which of so many are held out, bool [size]."""
    found = np.zeros(size, bool)
    most = min(MOST, int(HELD_OUT * size)) if wanted else 0
    found[rng.choice(size, most, replace=False)] = True
    return found
