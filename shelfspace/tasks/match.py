"""Which listings are the same product, in this catalogue or in another. N listings of both."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from shelfspace.errors import InputError
from shelfspace.holding import Holding
from shelfspace.matching.fitted import FittedMatch, groups_of
from shelfspace.matching.listings import Listings
from shelfspace.matching.matcher import Compared, Found
from shelfspace.shop.catalogue import Catalogue
from shelfspace.tasks.against import catalogue_at
from shelfspace.tasks.groups import Groups, Member, Paired
from shelfspace.tasks.learnt import learnt_by
from shelfspace.tasks.ruled import blocked_items, blocked_rows

NEAR = 0.5
"""Pairs that came so near to the threshold, as a share of it, are told as well."""


def match(
    space: Holding,
    item: str | list[str] | None = None,
    *,
    against: str | None = None,
    least: float | None = None,
    why: bool = False,
) -> Groups:
    """Return groups of listings that are the same product.

    Args:
        space: an open space in which `match` was fitted.
        item: an item's id, or several: only their groups; none for all groups.
        against: another catalogue, in which partners are looked for: its items file, or a settings file whose
            [items] maps its columns.
        least: the chance from which a pair counts, instead of the threshold that was chosen.
        why: add what the chance of each pair is made of; the parts sum to its log odds.

    Raises:
        InputError: the space has no fitted `match`, or `least` is no chance.
        UnknownIdError: an item is not in the catalogue.
        ConfigError, DataError: the other catalogue cannot be read.
        MissingExtraError: it was learnt from labels, and LightGBM is not installed.

    Cost: its own catalogue's groups lie ready; `against` and `why` compare again, some seconds for 2,000 listings.

    Example:
        >>> space.match(against="their_products.csv").to_frame()  # doctest: +SKIP
    """
    fitted = learnt_by(space, "match", FittedMatch)
    if least is not None and not 0.0 < least <= 1.0:
        raise InputError(f"least = {least} is no chance; give more than 0, up to 1")
    items = [item] if isinstance(item, str) else list(item or [])
    wanted = np.array([space.catalogue.ids.row(text) for text in items], np.int64)
    both = _Both(space.catalogue, None if against is None else catalogue_at(against))
    compared = both.compared(fitted) if why or against is not None else None
    found = fitted.found if against is None or compared is None else fitted.matcher.found(compared)
    if least is not None:
        found = Found(found.pairs, found.chance, found.chance >= least)
    blocked = blocked_rows(space, found.pairs.left) | blocked_rows(space, found.pairs.right)
    if blocked.any():
        found = Found(found.pairs.take(~blocked), found.chance[~blocked], found.said[~blocked])
    threshold = fitted.matcher.threshold if least is None else least
    group = groups_of(found, len(both.ids), threshold)
    several = np.bincount(group) > 1
    shown = np.isin(np.arange(len(several)), group[wanted]) & several if items else several
    told = found.said | (found.chance >= NEAR * threshold)
    if items:
        told &= np.isin(found.pairs.left, wanted) | np.isin(found.pairs.right, wanted)
    rows = np.flatnonzero(told)
    rows = rows[np.argsort(-found.chance[rows], kind="stable")]
    parts = fitted.matcher.parts(compared, found.pairs.take(rows)) if why and compared is not None else []
    return Groups.of(
        list(both.members(found, group, shown)),
        list(both.paired(found, group, rows, parts)),
        [*fitted.notes, *_left_out(space), *_notes(fitted, items, several[group[wanted]])],
    )


@dataclass(frozen=True)
class _Both:
    """The space's catalogue and, where there is one, the other after it."""

    own: Catalogue
    other: Catalogue | None

    @cached_property
    def ids(self) -> list[str]:
        """Return the shop's ids, and the other's."""
        return [text for one in self._each() for text in one.ids.array.to_pylist()]

    @cached_property
    def titles(self) -> list[str]:
        """Return what to show for each."""
        return [title for one in self._each() for title in one.titles()]

    def column(self, name: str) -> list[Any]:
        """Return a column of both, None where it is not there."""
        found = [(one, one.column(name)) for one in self._each()]
        return [v for one, c in found for v in (c.to_pylist() if c is not None else [None] * len(one))]

    def compared(self, fitted: FittedMatch) -> Compared:
        """Compare all listings again."""
        settings = fitted.matcher.settings
        if self.other is None:
            return fitted.matcher.compared(Listings.of(self.own, settings.between), fitted.found.pairs)
        return fitted.matcher.compared(Listings.of(self.own).beside(Listings.of(self.other)))

    def members(
        self, found: Found, group: npt.NDArray[np.int32], shown: npt.NDArray[np.bool_]
    ) -> Iterator[Member]:
        """Yield the listings of the groups that are shown."""
        likeliest = np.zeros(len(self.ids))
        for end in (found.pairs.left, found.pairs.right):
            np.maximum.at(likeliest, end[found.said], found.chance[found.said])
        rows = np.flatnonzero(shown[group])
        number = np.cumsum(shown)
        for row in rows[np.argsort(group[rows], kind="stable")].tolist():
            catalogue = "own" if row < len(self.own) else "other"
            yield Member(
                int(number[group[row]]), self.ids[row], self.titles[row], catalogue, float(likeliest[row])
            )

    def paired(
        self,
        found: Found,
        group: npt.NDArray[np.int32],
        rows: npt.NDArray[np.int64],
        parts: Sequence[dict[str, float]],
    ) -> Iterator[Paired]:
        """Yield these of the pairs, with what their chance is made of where that is given."""
        prices, images = self.column("price"), self.column("image")
        for n, row in enumerate(rows.tolist()):
            a, b = int(found.pairs.left[row]), int(found.pairs.right[row])
            yield Paired(
                left_id=self.ids[a],
                right_id=self.ids[b],
                left_title=self.titles[a],
                right_title=self.titles[b],
                score=float(found.chance[row]),
                same=bool(group[a] == group[b]),
                left_price=prices[a],
                right_price=prices[b],
                left_image=images[a],
                right_image=images[b],
                why=tuple(sorted(parts[n].items(), key=lambda part: -abs(part[1]))) if parts else (),
            )

    def _each(self) -> list[Catalogue]:
        return [self.own] if self.other is None else [self.own, self.other]


def _left_out(space: Holding) -> Iterator[str]:
    number = int(blocked_items(space).sum())
    if number:
        yield f"{number:,} blocked listings are left out"


def _notes(fitted: FittedMatch, items: Sequence[str], partnered: npt.NDArray[np.bool_]) -> Iterator[str]:
    if not fitted.matcher.trees:
        yield "no labelled pairs were learnt from: chances come from how scores are spread"
    for text, has_partner in zip(items, partnered.tolist(), strict=True):
        if not has_partner:
            yield f"{text!r}: no listing is likely enough to be the same product"
