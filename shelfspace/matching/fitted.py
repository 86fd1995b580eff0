"""What matching learnt, and what it found in the space's own catalogue. N items, P pairs."""

import hashlib
import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from shelfspace.config import settings_of
from shelfspace.matching.blocking import Pairs
from shelfspace.matching.groups import grouped
from shelfspace.matching.labelled import Labelled
from shelfspace.matching.listings import Listings
from shelfspace.matching.matcher import Compared, Found, Match, Matcher, fitted
from shelfspace.shop.catalogue import Catalogue

UNSURE = 0.05
"""Pairs of a lower chance are not kept."""


@dataclass(frozen=True)
class FittedMatch:
    """A matcher, and its answer for the whole catalogue.

    found: the pairs that are not surely none;  measured: as in `metrics.json`, empty without labelled pairs;
    notes: what was left out.
    """

    matcher: Matcher
    found: Found
    measured: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def groups(self, num_items: int) -> npt.NDArray[np.int32]:
        """Return which items are one product, int32 [N]: partners one to one, or groups guarded against chains."""
        return groups_of(self.found, num_items, self.matcher.threshold)

    def files(self) -> dict[str, bytes]:
        """Return it as files: settings as JSON, pairs as npz, trees as LightGBM's own text."""
        trees = {
            f"{name}-{n}.txt": text.encode()
            for name, texts in self.matcher.trees.items()
            for n, text in enumerate(texts)
        }
        about = {
            "settings": settings_of(self.matcher.settings),
            "threshold": self.matcher.threshold,
            "trees": {name: _digest(data) for name, data in trees.items()},
            "measured": self.measured,
            "notes": self.notes,
        }
        pairs = io.BytesIO()
        found = self.found
        np.savez(pairs, left=found.pairs.left, right=found.pairs.right, chance=found.chance, said=found.said)
        return trees | {"match.json": json.dumps(about, indent=1).encode(), "pairs.npz": pairs.getvalue()}

    @classmethod
    def read(cls, file: Callable[[str], bytes]) -> Self:
        """Take what `files` gave; `file` reads one by its name.

        Raises:
            ValueError: a file is not what was written.
        """
        about = json.loads(file("match.json"))
        trees: dict[str, list[str]] = {}
        for name, digest in about["trees"].items():
            data = file(name)
            if _digest(data) != digest:  # LightGBM must not see it: it may end the process
                raise ValueError(f"{name} is not what was written")
            trees.setdefault(name.rpartition("-")[0], []).append(data.decode())
        with np.load(io.BytesIO(file("pairs.npz")), allow_pickle=False) as arrays:
            pairs = Pairs(arrays["left"], arrays["right"])
            found = Found(pairs, arrays["chance"], arrays["said"])
        matcher = Matcher(Match(**about["settings"]), trees, about["threshold"])
        return cls(matcher, found, about["measured"], tuple(about["notes"]))


def learnt_from(
    settings: Match, catalogue: Catalogue, labelled: Labelled, *, seed: int
) -> tuple[Matcher, Compared]:
    """Learn to match a catalogue, and compare its listings, those that were labelled among them."""
    listings = Listings.of(catalogue, settings.between)
    compared = Matcher(settings).compared(listings, labelled.pairs)
    return fitted(settings, compared, labelled, seed=seed), compared


def kept(found: Found) -> Found:
    """Return the pairs that are not surely none."""
    sure = (found.chance >= UNSURE) | found.said
    return Found(found.pairs.take(sure), found.chance[sure], found.said[sure])


def groups_of(found: Found, num_items: int, threshold: float) -> npt.NDArray[np.int32]:
    """Return which of N listings are one product, int32 [N]; see `grouped`."""
    said = Found(found.pairs.take(found.said), found.chance[found.said], found.said[found.said])
    return grouped(said.pairs, said.chance, num_items, least=min(threshold, 0.5))


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
