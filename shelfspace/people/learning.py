"""What speaks for a friendship, learnt from friendships that are hidden. P people."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import sparse
from sklearn.linear_model import LogisticRegression

from shelfspace.people.friends import SIGNS, Closeness
from shelfspace.people.graph import SocialGraph, adjacency

Rows = npt.NDArray[np.int64]

NEGATIVES = 150_000
"""Pairs that are no friends, at most, that are learnt from."""
LEAST = 30
"""Fewer hidden friendships teach nothing."""
BLOCK_VALUES = 4_000_000
USUAL = {
    "adamic_adar": 0.5,
    "resource": 0.3,
    "three_steps": 0.5,
    "taste": 0.5,
    "friends_taste": 0.5,
    "degree": 0.2,
}
"""What is believed where there are too few friendships to learn from."""


@dataclass(frozen=True)
class Hidden:
    """A graph without some of its friendships, and those."""

    graph: SocialGraph
    hidden: sparse.csr_array

    def cases(self, most: int, seed: int) -> Rows:
        """Return people with hidden friendships, at most so many, drawn."""
        rows = np.flatnonzero(np.diff(self.hidden.indptr))
        return np.sort(np.random.default_rng(seed).permutation(rows)[:most])


def hidden(graph: SocialGraph, share: float, *, seed: int) -> tuple[Hidden, Hidden]:
    """Hide two parts of the friendships: return the graph without both and the second, and without the first.

    Weights are learnt on the one; then the same weights are measured on the other, in a graph that is larger by what
    taught them.
    """
    low, high = graph.pairs()
    draw = np.random.default_rng(seed).random(len(low))
    test, valid = draw < share, (draw >= share) & (draw < 2 * share)

    def without(gone: npt.NDArray[np.bool_], asked: npt.NDArray[np.bool_]) -> Hidden:
        size = len(graph.people)
        left = SocialGraph(graph.people, adjacency(low[~gone], high[~gone], size))
        return Hidden(left, adjacency(low[asked], high[asked], size))

    return without(test | valid, valid), without(test, test)


def learnt_weights(known: Closeness, part: Hidden, *, most: int, seed: int) -> dict[str, float]:
    """Return what each sign counts: a logistic regression of hidden friendships against others two steps away.

    Only pairs with a friend in common are looked at, since among all pairs the question is mostly another one: whether
    they share any. A sign that speaks against a friendship gets 0. O(cases · (edges + events)) time.
    """
    if part.hidden.nnz < 2 * LEAST:
        return dict(USUAL)
    rng = np.random.default_rng(seed)
    values, label = [], []
    blocks = list(blocks_of(part.cases(most, seed), known.edges.shape[0]))
    for rows in blocks:
        signs, may = known.signs(rows), known.strangers(rows)
        may &= signs["resource"] > 0
        friends = part.hidden[rows].toarray() > 0
        positive, others = np.flatnonzero(may & friends), np.flatnonzero(may & ~friends)
        others = rng.permutation(others)[: NEGATIVES // len(blocks)]
        chosen = np.concatenate([positive, others])
        values.append(np.stack([signs[name].ravel()[chosen] for name in SIGNS], axis=1).astype(np.float64))
        label.append(np.repeat([True, False], [len(positive), len(others)]))
    x, y = np.concatenate(values), np.concatenate(label)
    if y.sum() < LEAST or y.all():
        return dict(USUAL)
    return _regressed(x, y)


def _regressed(x: npt.NDArray[np.float64], y: npt.NDArray[np.bool_]) -> dict[str, float]:
    """Regress, leaving out what speaks against, until nothing does."""
    spread = x.std(axis=0)
    used = np.flatnonzero(spread > 0)
    weights = np.zeros(len(SIGNS))
    while len(used):
        model = LogisticRegression(max_iter=500).fit(x[:, used] / spread[used], y)
        found = model.coef_[0]
        if (found > 0).all():
            weights[used] = found / spread[used]
            break
        used = used[found > 0]
    return dict(zip(SIGNS, weights.tolist(), strict=True))


def blocks_of(rows: Rows, width: int) -> Iterator[Rows]:
    """Yield rows in blocks whose matrices of that width are of bounded size."""
    size = max(1, BLOCK_VALUES // max(1, width))
    for start in range(0, len(rows), size):
        yield rows[start : start + size]
