"""What another policy would have been clicked, from a log that says how likely it was.

L lists, I rows, K places.

A list's value is its expected clicks. What an item is clicked is taken to hang on the shopper, the item and its place,
not on what stands beside it: so the chance of an item at its place is all that must be known of the policy that logged.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from rich.table import Table

from shelfspace.errors import DataError, InputError
from shelfspace.evaluation.intervals import Interval, resampled

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]

PRIOR = 10.0
"""Expected clicks that an item's own rate is drawn to the usual one by, in the click model of `dr`."""


@dataclass(frozen=True)
class Logged:
    """What was shown and clicked, a row for each place of each list.

    lists: int64 [I], the list of each row, from 0;  place: int64 [I], from 0;  item: int64 [I];
    propensity: float64 [I], the chance of the item to stand at this place, over (0, 1];  clicked: float64 [I], 0 or 1.
    """

    lists: Rows
    place: Rows
    item: Rows
    propensity: Floats
    clicked: Floats

    def __post_init__(self) -> None:
        if not len(self.lists):
            raise DataError("the log of impressions is empty")
        wrong = int((~((self.propensity > 0.0) & (self.propensity <= 1.0 + 1e-9))).sum())
        if wrong:
            raise DataError(f"{wrong:,} rows of impressions have no propensity above 0, up to 1")
        if (self.place < 0).any():
            raise DataError("places of impressions count from 1")
        if len(np.unique(self.lists * (self.place.max() + 1) + self.place)) < len(self.lists):
            raise DataError("impressions: two rows are of one place of one list; list_id must differ by list")

    @property
    def num_lists(self) -> int:
        """L."""
        return int(self.lists.max()) + 1


@dataclass(frozen=True)
class Estimates:
    """Expected clicks of a list, with 95 % intervals.

    values: `logged` (what the log's own policy was clicked), `naive` (the rows in which both policies agree, as they
        are: biased), `ips`, `snips`, `dr`;
    differences: each of the last three less `logged`, paired by list;
    support: the mean weight of a row, 1 where the log may show all that the other policy would;
    agreeing: rows in which both policies show the same;  effective: how many rows of equal weight tell as much;
    clipped: rows whose weight was cut to `clip`;  notes: what the reader should know.
    """

    values: Mapping[str, Interval]
    differences: Mapping[str, Interval]
    support: Interval
    lists: int
    rows: int
    agreeing: int
    effective: float
    clip: float | None
    clipped: int
    notes: tuple[str, ...] = field(default=())

    def to_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        said = {
            name: getattr(self, name)
            for name in ("lists", "rows", "agreeing", "effective", "clip", "clipped")
        }
        for name in ("values", "differences"):
            said[name] = {key: one.to_json() for key, one in getattr(self, name).items()}
        return said | {"support": self.support.to_json()} | {"notes": list(self.notes)}

    def to_table(self) -> Table:
        """Return a table for the terminal."""
        title = f"clicks a list: {self.lists:,} lists, {self.agreeing:,} of {self.rows:,} rows agree"
        table = Table(title=title, title_justify="left", header_style="bold")
        for name in ("estimate", "value", "95 % interval", "less logged"):
            table.add_column(name, justify="left" if name == "estimate" else "right")
        for name, one in self.values.items():
            less = self.differences.get(name)
            said = f"{less.value:+.4f} ({less.low:+.4f} to {less.high:+.4f})" if less else ""
            table.add_row(name, f"{one.value:.4f}", f"{one.low:.4f} to {one.high:.4f}", said)
        return table


def estimates(
    log: Logged, target: Rows, *, clip: float | None = None, resamples: int = 1000, seed: int = 0
) -> Estimates:
    """Estimate the clicks that lists of another policy would have had.

    `ips` weighs each click on what both policies show by 1 / propensity: unbiased without `clip`. `snips` divides by
    the sum of the weights instead of the number of rows: a little bias, far less variance. `dr` adds what a click model
    says of the target's lists, and weighs only where the log disagrees with the model: unbiased whatever the model is;
    the model (the rate of the place times that of the item) is fitted on the other half of the lists.

    Args:
        log: what was shown.
        target: int64 [L, K], the item that the other policy shows at each place, -1 for none. Places that the log did
            not show do not count.
        clip: weights above it are cut, which takes variance and adds bias downwards; None: none is.
        resamples: of the lists, for the intervals.
        seed: of the resamples and of the halves.

    Raises:
        DataError: the log is empty or says no propensity.
        InputError: `clip` is below 1.

    Cost: O(resamples L).

    References:
        Horvitz, Thompson. A generalization of sampling without replacement from a finite universe. JASA 1952.
        Swaminathan, Joachims. The self-normalized estimator for counterfactual learning. NeurIPS 2015.
        Dudík, Langford, Li. Doubly robust policy evaluation and learning. ICML 2011.

    Example:
        >>> lists, place, item = np.array([[0, 1, 2, 3], [0, 0, 0, 0], [7, 7, 8, 8]])
        >>> log = Logged(lists, place, item, np.full(4, 0.5), np.array([1.0, 0.0, 0.0, 0.0]))
        >>> float(estimates(log, np.full((4, 1), 7)).values["ips"].value)
        0.5
    """
    if clip is not None and not clip >= 1.0:
        raise InputError(f"clip = {clip} would cut every weight; give 1 or more")
    inside = log.place < target.shape[1]
    wanted = np.where(inside, target[log.lists, np.minimum(log.place, target.shape[1] - 1)], -1)
    agree = (wanted == log.item) & (wanted >= 0)
    whole = agree / log.propensity
    weight = np.minimum(whole, clip) if clip is not None else whole
    said, own = _modelled(log, wanted, seed)
    columns = {
        "clicks": log.clicked,
        "agree": agree.astype(np.float64),
        "agreed clicks": agree * log.clicked,
        "weight": weight,
        "weighed clicks": weight * log.clicked,
        "robust": said + weight * (log.clicked - own),
        "rows": np.ones(len(log.lists)),
        "wanted": (wanted >= 0).astype(np.float64),
        "whole weight": whole,
    }
    sums: Floats = np.stack(
        [np.bincount(log.lists, weights=c, minlength=log.num_lists) for c in columns.values()], axis=1
    )
    whole_log = dict(zip(columns, sums.sum(axis=0)[:, None], strict=True))
    resample = dict(zip(columns, resampled(sums, resamples, seed).T, strict=True))
    found, drawn = _values(whole_log, log.num_lists), _values(resample, log.num_lists)
    support = _interval(_support(whole_log)[0], _support(resample))
    intervals = {name: _interval(found[name][0], values) for name, values in drawn.items()}
    square = float(np.square(weight).sum())
    return Estimates(
        values=intervals,
        differences={
            name: _interval(found[name][0] - found["logged"][0], drawn[name] - drawn["logged"])
            for name in ("ips", "snips", "dr")
        },
        lists=log.num_lists,
        rows=len(log.lists),
        agreeing=int(agree.sum()),
        effective=float(weight.sum()) ** 2 / square if square else 0.0,
        clip=clip,
        clipped=int((whole > weight).sum()),
        notes=tuple(_notes(support, bool(agree.any()))),
        support=support,
    )


def _values(sums: Mapping[str, Floats], num_lists: int) -> dict[str, Floats]:
    def ratio(one: str, other: str) -> Floats:
        """Return the mean of a click times the places of a list; 0 where the policies agree nowhere."""
        mean = np.divide(sums[one], sums[other], out=np.zeros_like(sums[one]), where=sums[other] > 0)
        places: Floats = mean * sums["rows"] / num_lists
        return places

    return {
        "logged": sums["clicks"] / num_lists,
        "naive": ratio("agreed clicks", "agree"),
        "ips": sums["weighed clicks"] / num_lists,
        "snips": ratio("weighed clicks", "weight"),
        "dr": sums["robust"] / num_lists,
    }


def _support(sums: Mapping[str, Floats]) -> Floats:
    mean: Floats = sums["whole weight"] / np.maximum(sums["wanted"], 1.0)
    return mean


def _notes(support: Interval, agrees: bool) -> Iterator[str]:
    if not agrees:
        yield "the policies agree nowhere: the log says nothing of this one"
    elif support.high < 1.0:
        yield (
            f"the mean weight is {support.value:.2f} ({support.low:.2f} to {support.high:.2f}) and not 1: part of what "
            "this policy would show is never shown by the one that logged, or too rarely, and counts 0 in ips"
        )


def _interval(value: float, drawn: Floats) -> Interval:
    low, high = np.quantile(drawn, [0.025, 0.975])
    return Interval(float(value), float(low), float(high))


def _modelled(log: Logged, wanted: Rows, seed: int) -> tuple[Floats, Floats]:
    """Return what a click model says of the item wanted and of the item shown, float64 [I] each; 0 where none is."""
    half = np.random.default_rng(seed).permutation(log.num_lists) % 2 == 0
    num_items = int(max(log.item.max(), wanted.max())) + 1
    places = int(log.place.max()) + 1
    said, own = np.zeros(len(log.lists)), np.zeros(len(log.lists))
    for part in (True, False):
        fit, use = half[log.lists] != part, half[log.lists] == part
        shown = np.bincount(log.place[fit], minlength=places)
        by_place = np.bincount(log.place[fit], weights=log.clicked[fit], minlength=places) / np.maximum(
            shown, 1
        )
        known = fit & (log.item >= 0)
        expected = np.bincount(log.item[known], weights=by_place[log.place[known]], minlength=num_items)
        clicks = np.bincount(log.item[known], weights=log.clicked[known], minlength=num_items)
        by_item = np.append(
            (clicks + PRIOR) / (expected + PRIOR), 1.0
        )  # the last: of an item that is not known
        said[use] = by_place[log.place[use]] * by_item[wanted[use]] * (wanted[use] >= 0)
        own[use] = by_place[log.place[use]] * by_item[np.maximum(log.item[use], -1)]
    return said, own
