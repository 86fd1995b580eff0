"""The pictures of the report.

N items, D embedding_dim.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE

from shelfspace import plots

Interval = Mapping[str, float | None]

_PLAIN, _REST, _GOOD, _BAD = "#94a3b8", "#cbd5e1", "#15803d", "#b91c1c"


def bars(values: Mapping[str, Interval], strong: str, metric: str) -> Figure:
    """Draw one metric of every model as bars with their intervals, the highest on top."""
    names = sorted(values, key=lambda name: values[name]["value"] or 0.0)
    figure, axes = plots.figure(width=5.4, height=0.7 + 0.34 * len(names))
    middles, errors = _errors([values[name] for name in names])
    colours = [plots.MAIN if name == strong else _PLAIN for name in names]
    axes.barh(names, middles, color=colours, height=0.62)
    axes.errorbar(
        middles, range(len(names)), xerr=errors, fmt="none", ecolor=plots.INK, elinewidth=1.1, capsize=3
    )
    for place, (value, error) in enumerate(zip(middles, errors[1], strict=True)):
        axes.annotate(
            f"{value:.4f}",
            (value + error, place),
            (6, 0),
            textcoords="offset points",
            va="center",
            fontsize=8.5,
        )
    axes.set_xlabel(f"{metric} with its 95 % interval")
    axes.set_xlim(0, max([1e-6, *(middles + errors[1])]) * 1.12)
    axes.spines[["left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    return figure


def differences(values: Mapping[str, Interval], model: str, metric: str) -> Figure:
    """Draw how far the model is ahead of each other, with the intervals: left of the line it is behind."""
    names = sorted(values, key=lambda name: values[name]["value"] or 0.0, reverse=True)
    figure, axes = plots.figure(width=5.4, height=0.7 + 0.34 * (len(names) + 1))
    middles, errors = _errors([values[name] for name in names])
    low, high = middles - errors[0], middles + errors[1]
    colours = np.where(low > 0, _GOOD, np.where(high < 0, _BAD, _PLAIN))
    axes.axvline(0, color=plots.INK, linewidth=0.9)
    for place, colour in enumerate(colours):
        axes.plot(
            [low[place], high[place]], [place, place], color=colour, linewidth=2.2, solid_capstyle="round"
        )
        axes.plot(middles[place], place, "o", color=colour, markersize=6)
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(-0.6, len(names) - 0.4)
    axes.set_xlabel(f"{metric} of {model} less that of the other")
    axes.spines[["left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", color=plots.GRID)
    return figure


def slices(by_slice: Mapping[str, Mapping[str, Interval]], counts: Mapping[str, int], metric: str) -> Figure:
    """Draw one metric slice by slice, a colour for each model."""
    names = list(by_slice)[::-1]
    models = list(dict.fromkeys(model for part in by_slice.values() for model in part))
    figure, axes = plots.figure(width=7.2, height=1.0 + 0.5 * len(names))
    step = 0.6 / max(1, len(models))
    for n, model in enumerate(models):
        middles, errors = _errors([by_slice[name].get(model, {}) for name in names])
        places = np.arange(len(names)) + 0.3 - step * (n + 0.5)
        colour = plots.COLOURS[n % len(plots.COLOURS)]
        axes.errorbar(
            middles, places, xerr=errors, fmt="o", color=colour, markersize=5.5, elinewidth=1.6, label=model
        )
    for place in range(len(names) - 1):
        axes.axhline(place + 0.5, color=plots.GRID, linewidth=0.8)
    axes.set_yticks(range(len(names)), [f"{name} ({counts[name]:,})" for name in names])
    axes.set_ylim(-0.5, len(names) - 0.5)
    axes.set_xlim(left=-0.015 * axes.get_xlim()[1])
    axes.set_xlabel(f"{metric}; in brackets the number of cases")
    axes.spines[["left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=min(4, len(models)), frameon=False)
    return figure


def trials(values: Sequence[float | None], metric: str) -> Figure:
    """Draw a search: each trial, and the best so far."""
    figure, axes = plots.figure(width=4.6, height=1.7)
    tried = np.array([np.nan if value is None else value for value in values], np.float64)
    axes.plot(np.arange(1, len(tried) + 1), tried, "o", color=_PLAIN, markersize=3.5)
    best = np.fmax.accumulate(tried)
    axes.step(np.arange(1, len(tried) + 1), best, where="post", color=plots.MAIN, linewidth=1.6)
    axes.set_xlabel("trial")
    axes.set_ylabel(metric)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    return figure


def plane(vectors: npt.NDArray[np.float32], *, seed: int = 0) -> npt.NDArray[np.float64]:
    """Lay vectors on a plane so that near ones stay near: 30 principal directions, then t-SNE.

    Args:
        vectors: float32 [N, D], finite; some 1500 take about five seconds.
        seed: of both.

    Returns:
        float64 [N, 2].

    References:
        van der Maaten, Hinton. Visualizing Data using t-SNE. JMLR 2008.
    """
    size, width = vectors.shape
    reduced = PCA(min(30, size, width), random_state=seed).fit_transform(vectors.astype(np.float64))
    if size < 50 or reduced.shape[1] < 3:
        flat = np.zeros((size, 2))
        flat[:, : min(2, reduced.shape[1])] = reduced[:, :2]
        return flat
    perplexity = min(30.0, (size - 1) / 3.0)
    placed: npt.NDArray[np.float64] = TSNE(
        2, perplexity=perplexity, init="pca", random_state=seed, max_iter=500
    ).fit_transform(reduced)
    return placed


def space(
    vectors: npt.NDArray[np.float32], labels: Sequence[str | None], *, num_points: int = 1500, seed: int = 0
) -> Figure:
    """Draw a map of a sample of the items, the commonest labels in colours and the rest in grey."""
    usable = np.flatnonzero(np.isfinite(vectors).all(axis=1) & (np.abs(vectors).sum(axis=1) > 0))
    rng = np.random.default_rng(seed)
    chosen = np.sort(rng.choice(usable, min(num_points, len(usable)), replace=False))
    points = plane(vectors[chosen], seed=seed)
    named = [labels[row] for row in chosen]
    kinds, counts = np.unique([label for label in named if label], return_counts=True)
    common = [str(kind) for kind in kinds[np.argsort(-counts, kind="stable")][: len(plots.COLOURS)]]
    figure, axes = plots.figure(width=8.4, height=5.4)
    grey = np.array([label not in common for label in named])
    axes.scatter(
        points[grey, 0], points[grey, 1], s=5, color=_REST, label="other" if common and grey.any() else None
    )
    for kind, colour in zip(common, plots.COLOURS, strict=False):
        these = np.array([label == kind for label in named])
        axes.scatter(
            points[these, 0],
            points[these, 1],
            s=9,
            color=colour,
            alpha=0.8,
            linewidths=0,
            label=_short(kind, 28),
        )
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(False)
    if common:
        axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False, markerscale=2.2, fontsize=9)
    return figure


def _errors(intervals: Sequence[Interval]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    def column(name: str) -> npt.NDArray[np.float64]:
        return np.array([np.nan if i.get(name) is None else i[name] for i in intervals], np.float64)

    middle = column("value")
    return middle, np.maximum(0.0, np.stack([middle - column("low"), column("high") - middle]))


def _short(text: str, size: int) -> str:
    return text if len(text) <= size else text[: size - 1] + "…"
