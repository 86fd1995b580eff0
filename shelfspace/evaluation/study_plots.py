"""The pictures of a study's page."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from shelfspace import plots
from shelfspace.evaluation.places import Place

Trial = Mapping[str, Any]

_PLAIN, _BAD = "#94a3b8", "#b91c1c"
_STRIP = 0.14
"""The height of the strip for trials without a value, in heights of the picture."""

_EXPONENTS = 3
"""Powers of ten between the ends of a range from which on only powers are written below it."""


def values(trials: Sequence[Trial], metric: str) -> Figure:
    """Draw the value of each trial and the best so far; below, what was stopped and what failed."""
    figure, axes = plots.figure(width=8.4, height=2.9)
    numbers = np.array([trial["number"] for trial in trials], np.float64)
    found = _values(trials)
    axes.plot(numbers, found, "o", color=_PLAIN, markersize=5, label="a trial")
    if np.isfinite(found).any():
        best = np.fmax.accumulate(found)
        axes.step(numbers, best, where="post", color=plots.MAIN, linewidth=1.8, label="the best so far")
        at = int(np.nanargmax(found))
        axes.plot(numbers[at], found[at], "o", color=plots.MAIN, markersize=8, label="the best")
    _without(axes, trials, [trial["number"] for trial in trials], label=True)
    axes.set_xlim(0.4, len(trials) + 0.6)
    axes.set_xlabel("trial")
    axes.set_ylabel(metric)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.grid(axis="y", color=plots.GRID)
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=5, frameon=False)
    return figure


def against(trials: Sequence[Trial], path: str, place: Place, metric: str) -> Figure:
    """Draw the value against one setting, later trials darker, the best in the main colour; below, those without."""
    figure, axes = plots.figure(width=3.6, height=2.3)
    done = [trial for trial in trials if trial["value"] is not None]
    found = _values(done)
    places = [_where(trial, path, place) for trial in done]
    late = 0.35 + 0.65 * np.arange(len(done)) / max(1, len(done) - 1)
    colours = [(*to_rgb(plots.FAINT), alpha) for alpha in late]
    axes.scatter(places, found, s=24, c=colours or plots.FAINT, linewidths=0)
    axes.yaxis.set_major_locator(MaxNLocator(4))
    if done:
        at = int(np.argmax(found))
        axes.plot(places[at], found[at], "o", color=plots.MAIN, markersize=8)
    without = [trial for trial in trials if trial["value"] is None]
    _without(axes, without, [_where(trial, path, place) for trial in without])
    _axis(axes, place)
    axes.set_ylabel(metric)
    axes.grid(axis="y", color=plots.GRID)
    return figure


def importance(shares: Mapping[str, float]) -> Figure:
    """Draw how much each setting explains."""
    order = sorted(shares, key=lambda path: -shares[path])
    return plots.bars(order, [100 * shares[path] for path in order], number="{:.0f} %", unit="share, in %")


def curves(trials: Sequence[Trial], metric: str) -> Figure:
    """Draw the value of each epoch of the trainings that were watched; those stopped early end in a cross."""
    figure, axes = plots.figure(width=8.4, height=2.9)
    done = [trial for trial in trials if trial["value"] is not None]
    best = max(done, key=lambda trial: trial["value"])["number"] if done else None
    for trial in trials:
        epochs = np.arange(1, len(trial["curve"]) + 1)
        main, stopped = trial["number"] == best, trial["state"] == "pruned"
        colour = plots.MAIN if main else plots.COLOURS[1] if stopped else _PLAIN
        axes.plot(
            epochs,
            trial["curve"],
            color=colour,
            linewidth=2.0 if main else 1.0,
            alpha=1.0 if main else 0.75,
            zorder=3 if main else 2,
            marker="o" if len(epochs) == 1 else "",
            markersize=3,
        )
        if stopped and len(epochs):
            axes.plot(epochs[-1], trial["curve"][-1], "x", color=colour, markersize=6)
    axes.set_xlabel("epoch")
    axes.set_ylabel(f"{metric} of the training")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.grid(axis="y", color=plots.GRID)
    return figure


def _axis(axes: Axes, place: Place) -> None:
    """Write the range, or the choices, below a picture."""
    if place.is_choice:
        axes.set_xticks(range(len(place.values)), [name.strip() for name in place.text.split("|")])
        axes.set_xlim(-0.5, len(place.values) - 0.5)
        return
    if place.log:
        axes.set_xscale("log")
        few = math.log10(place.high / place.low) < _EXPONENTS
        axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if few else (1.0,)))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.xaxis.set_minor_locator(NullLocator())
        margin = (place.high / place.low) ** 0.06
        axes.set_xlim(place.low / margin, place.high * margin)
        return
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=isinstance(place.low, int)))
    margin = 0.06 * (place.high - place.low)
    axes.set_xlim(place.low - margin, place.high + margin)


def _without(axes: Axes, trials: Sequence[Trial], x: Sequence[float], *, label: bool = False) -> None:
    """Draw the trials without a value in a strip below the others."""
    if all(trial["value"] is not None for trial in trials):
        return
    low, high = axes.get_ylim()
    axes.set_ylim(low - _STRIP * (high - low), high)
    axes.axhspan(low - _STRIP * (high - low), low, color=plots.GRID, alpha=0.45, linewidth=0)
    axes.set_yticks([tick for tick in axes.get_yticks() if low <= tick <= high])
    for state, text, colour in (("pruned", "stopped early", plots.COLOURS[1]), ("failed", "failed", _BAD)):
        these = [at for at, trial in zip(x, trials, strict=True) if trial["state"] == state]
        if these:
            height = [low - _STRIP * (high - low) / 2] * len(these)
            axes.plot(these, height, "x", color=colour, markersize=5, label=text if label else None)


def _where(trial: Trial, path: str, place: Place) -> float:
    value = trial["settings"][path]
    return float(place.values.index(value) if place.is_choice else value)


def _values(trials: Sequence[Trial]) -> np.ndarray[Any, np.dtype[np.float64]]:
    return np.array([np.nan if t["value"] is None else t["value"] for t in trials], np.float64)
