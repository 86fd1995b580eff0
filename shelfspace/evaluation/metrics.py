"""The metrics `hr@k recall@k precision@k ndcg@k map@k mrr@k`, ties counted as their expectation.

A model that gives several items the same score has not said which comes first. Here such a tie counts as the
mean over all orders of the tied items, in closed form, so that no order of ids can help or hurt.
B cases, N items, K the longest list asked for.
"""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.special import gammaln

from shelfspace.errors import ConfigError, did_you_mean
from shelfspace.evaluation.ranking import Groups, Head

Values = npt.NDArray[np.float64]


def evaluate(
    scores: npt.NDArray[np.float32],
    relevant: sparse.csr_array,
    *,
    ks: Sequence[int] = (10, 20),
    head: Head | None = None,
) -> dict[str, Values]:
    """Return every metric at every k for each case, `{"ndcg@10": float64 [B], …}`.

    An item with score -inf cannot be answered: it is in no list and in no tie, and counts as missed where
    relevant. With n relevant items, `recall@k` divides by n, `precision@k` by k, the ideal of `ndcg@k` is
    over min(k, n), and `map@k` is the average precision of the list divided by n, as in trec_eval. A case
    without relevant items is NaN.

    Args:
        scores: float32 [B, N], higher is better.
        relevant: bool csr [B, N].
        ks: lengths of list.
        head: `Head.of(scores, max(ks))`, where the caller has it.

    Returns:
        The metrics by name. O(B·N) time for the head, O(relevant·K) for the rest.

    References:
        McSherry, Najork. Computing Information Retrieval Performance Measures Efficiently in the Presence of
        Tied Scores. ECIR 2008.

    Example:
        >>> import numpy as np
        >>> from scipy import sparse
        >>> scores = np.array([[3.0, 1.0, 1.0]], dtype=np.float32)
        >>> relevant = sparse.csr_array(np.array([[False, True, False]]))
        >>> evaluate(scores, relevant, ks=[2])["hr@2"]
        array([0.5])
    """
    head = head or Head.of(scores, max(ks))
    groups = Groups.of(head, scores, relevant)
    none = groups.relevant == 0
    found = {}
    for name, metric in METRICS.items():
        for k in ks:
            values = metric(groups, k)
            values[none] = np.nan
            found[f"{name}@{k}"] = values
    return found


def parse(metric: str) -> tuple[str, int]:
    """Return the name and the length of `ndcg@10`.

    Raises:
        ConfigError: it is not one of the metrics.
    """
    name, _, length = metric.partition("@")
    if name not in METRICS or not length.isdecimal() or int(length) < 1:
        known = [f"{m}@10" for m in METRICS]
        raise ConfigError(
            f"there is no metric {metric!r}{did_you_mean(metric, known)}; known: {', '.join(known)}"
        )
    return name, int(length)


def _hits(groups: Groups, k: int) -> Values:
    share = np.clip(k - groups.above, 0, groups.size) / groups.size
    return _by_case(groups, groups.hits * share)


def _hr(groups: Groups, k: int) -> Values:
    """One less the chance that every group misses: a draw of the list's free places without replacement."""
    places = np.clip(k - groups.above, 0, groups.size)
    missed = _log_choose(groups.size - groups.hits, places) - _log_choose(groups.size, places)
    return 1.0 - np.exp(_by_case(groups, np.maximum(missed, -700.0)))


def _recall(groups: Groups, k: int) -> Values:
    return _hits(groups, k) / np.maximum(groups.relevant, 1)


def _precision(groups: Groups, k: int) -> Values:
    return _hits(groups, k) / k


def _ndcg(groups: Groups, k: int) -> Values:
    gains = np.concatenate([[0.0], np.cumsum(1.0 / np.log2(np.arange(2, k + 2)))])
    start, end = np.minimum(groups.above, k), np.minimum(groups.above + groups.size, k)
    found = _by_case(groups, groups.hits / groups.size * (gains[end] - gains[start]))
    ideal: Values = gains[np.clip(groups.relevant, 1, k)]
    return found / ideal


def _map(groups: Groups, k: int) -> Values:
    """Each place of a group is relevant with chance r/t; those before it there then with (r-1)/(t-1)."""
    harmonic = np.concatenate([[0.0], np.cumsum(1.0 / np.arange(1, k + 1))])
    start, end = np.minimum(groups.above, k), np.minimum(groups.above + groups.size, k)
    among = (groups.hits - 1) / np.maximum(groups.size - 1, 1)
    at_start = 1.0 + groups.before - (groups.above + 1) * among
    part = at_start * (harmonic[end] - harmonic[start]) + among * (end - start)
    return _by_case(groups, groups.hits / groups.size * part) / np.maximum(groups.relevant, 1)


def _mrr(groups: Groups, k: int) -> Values:
    """The first relevant item is in the first group, in place j with chance C(t-j, r-1) / C(t, r)."""
    first = groups.before == 0
    above, size, hits = (array[first][:, None] for array in (groups.above, groups.size, groups.hits))
    j = np.arange(1, k + 1)[None, :]
    chance = np.exp(_log_choose(size - j, hits - 1) - _log_choose(size, hits))
    found = np.sum(np.where(above + j <= k, chance / (above + j), 0.0), axis=1)
    return np.bincount(groups.case[first], weights=found, minlength=len(groups.relevant)).astype(np.float64)


def _by_case(groups: Groups, values: npt.NDArray[np.floating]) -> Values:
    return np.bincount(groups.case, weights=values, minlength=len(groups.relevant)).astype(np.float64)


def _log_choose(n: npt.NDArray[np.integer], r: npt.NDArray[np.integer]) -> Values:
    n, r = np.broadcast_arrays(n, r)
    can = (r >= 0) & (n >= r)
    top, low = np.where(can, n, 0), np.where(can, r, 0)
    chosen: Values = gammaln(top + 1.0) - gammaln(low + 1.0) - gammaln(top - low + 1.0)
    return np.where(can, chosen, -np.inf)


METRICS: dict[str, Callable[[Groups, int], Values]] = {
    "hr": _hr,
    "recall": _recall,
    "precision": _precision,
    "ndcg": _ndcg,
    "map": _map,
    "mrr": _mrr,
}
"""The metrics by name: each from the groups of ties and a length of list to one value for each case."""
