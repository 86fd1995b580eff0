"""The few pictures that the check and the report share, in one style, for embedding in a page of HTML.

Figures are made with Matplotlib's objects, never with the state of pyplot, so that any thread may make them.
"""

import base64
import html
import io
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

INK = "#1e293b"
FAINT = "#64748b"
GRID = "#e2e8f0"
MAIN = "#0f766e"
COLOURS = (MAIN, "#f59e0b", "#4f46e5", "#dc2626", "#84cc16", "#0ea5e9", "#d946ef", "#78350f", "#334155")
"""Told apart by most people with a colour-vision deficiency; the first is the one that is meant."""

STYLE: dict[Any, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["Inter", "Helvetica Neue", "Arial", "DejaVu Sans"],
    "font.size": 10,
    "text.color": INK,
    "axes.labelcolor": FAINT,
    "axes.edgecolor": GRID,
    "axes.titlecolor": INK,
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "xtick.color": FAINT,
    "ytick.color": FAINT,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "grid.color": GRID,
    "legend.frameon": False,
    "svg.fonttype": "none",
    "svg.hashsalt": "shelfspace",
}
"""Settings for `matplotlib.rc_context`; text stays text in SVG, so that any script is shown."""


def figure(title: str = "", *, width: float = 6.4, height: float = 3.2) -> tuple[Figure, Axes]:
    """Return an empty figure in the house style, sizes in inches, and its axes."""
    with mpl.rc_context(STYLE):
        made = Figure(figsize=(width, height), layout="constrained")
        axes = made.add_subplot()
        axes.set_title(title)
    return made, axes


def bars(
    names: Sequence[str],
    values: Sequence[float],
    *,
    title: str = "",
    unit: str = "",
    intervals: Sequence[tuple[float, float]] | None = None,
    colours: Sequence[str] | str = MAIN,
    number: str = "{:,.0f}",
) -> Figure:
    """Return horizontal bars, the first on top, each with its number.

    Args:
        names: one a bar.
        values: how long each is.
        title: above the picture.
        unit: below the axis.
        intervals: low and high of each value, drawn as a whisker.
        colours: one for all, or one a bar.
        number: how values are written.
    """
    made, axes = figure(title, height=0.7 + 0.32 * max(len(names), 1))
    with mpl.rc_context(STYLE):
        where = np.arange(len(names))
        axes.barh(where, values, color=colours, height=0.66)
        ends = list(values)
        if intervals is not None:
            low, high = np.asarray(intervals, float).T
            errors = np.maximum([np.asarray(values) - low, high - np.asarray(values)], 0)
            axes.errorbar(values, where, xerr=errors, fmt="none", ecolor=INK, elinewidth=1, capsize=2.5)
            ends = list(np.maximum(values, high))
        for row, (value, end) in enumerate(zip(values, ends, strict=True)):
            text = number.format(value)
            axes.annotate(text, (end, row), (5, 0), textcoords="offset points", va="center", fontsize=9)
        axes.set_yticks(where, names, color=INK)
        axes.set_xlim(0, max([*ends, 0]) * 1.16 or 1)
        axes.invert_yaxis()
        axes.spines["left"].set_visible(False)
        axes.grid(axis="x")
        axes.set_xlabel(unit)
        axes.xaxis.set_major_formatter(FuncFormatter(_short))
    return made


def lines(
    x: Sequence[float] | Sequence[str],
    series: Mapping[str, Sequence[float]],
    *,
    title: str = "",
    x_label: str = "",
    y_label: str = "",
    filled: bool = False,
) -> Figure:
    """Return one line a series over the same x; names of x are thinned so that they can be read."""
    made, axes = figure(title)
    with mpl.rc_context(STYLE):
        where = np.arange(len(x)) if x and isinstance(x[0], str) else np.asarray(x, float)
        for (name, values), colour in zip(series.items(), _endless(len(series)), strict=True):
            few = len(where) <= 24
            axes.plot(
                where,
                values,
                color=colour,
                label=name,
                linewidth=1.8,
                marker="o" if few else "",
                markersize=3.5,
            )
            if filled:
                axes.fill_between(where, values, color=colour, alpha=0.12, linewidth=0)
        if x and isinstance(x[0], str):
            step = -(-len(x) // 7)
            axes.set_xticks(where[::step], [str(name) for name in x[::step]])
        axes.set_ylim(bottom=0)
        axes.grid(axis="y")
        axes.set_xlabel(x_label)
        axes.set_ylabel(y_label)
        axes.yaxis.set_major_formatter(FuncFormatter(_short))
        if len(series) > 1:
            axes.legend()
    return made


def histogram(
    edges: npt.ArrayLike,
    counts: npt.ArrayLike,
    *,
    title: str = "",
    x_label: str = "",
    y_label: str = "",
    log_x: bool = False,
    log_y: bool = False,
    ticks: Sequence[float] | None = None,
    colour: str = MAIN,
) -> Figure:
    """Return bars over bins; `edges` has one number more than `counts`, `ticks` name places on the axis."""
    made, axes = figure(title)
    edges, counts = np.asarray(edges, float), np.asarray(counts, float)
    with mpl.rc_context(STYLE):
        axes.bar(
            edges[:-1],
            counts,
            width=np.diff(edges),
            align="edge",
            color=colour,
            edgecolor="white",
            linewidth=0.8,
        )
        if log_x:
            axes.set_xscale("log")
            every = -(-len(edges) // 10)
            axes.set_xticks(edges[::every] if ticks is None else ticks)
        if log_y:
            axes.set_yscale("log")
            axes.set_ylim(bottom=0.7)
        axes.grid(axis="y")
        axes.minorticks_off()
        axes.set_xlabel(x_label)
        axes.set_ylabel(y_label)
        axes.xaxis.set_major_formatter(FuncFormatter(_short))
        axes.yaxis.set_major_formatter(FuncFormatter(_short))
    return made


def figure_html(made: Figure, alt: str) -> str:
    """Return a figure as one `<img>` that needs no other file, drawn as SVG.

    Args:
        made: a figure that was not made with pyplot, so that nothing has to be closed.
        alt: what it shows, for those who cannot see it.

    Example:
        >>> figure_html(bars(["a"], [1.0]), "one bar")[:29]
        '<img alt="one bar" src="data:'
    """
    drawn = io.BytesIO()
    with mpl.rc_context(STYLE), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph", category=UserWarning)
        made.savefig(drawn, format="svg", transparent=True, metadata={"Date": None})
    data = base64.b64encode(drawn.getvalue()).decode("ascii")
    return f'<img alt="{html.escape(alt)}" src="data:image/svg+xml;base64,{data}">'


def _endless(count: int) -> list[str]:
    return [COLOURS[i % len(COLOURS)] for i in range(count)]


def _short(value: float, _position: int | None = None) -> str:
    """Return a number as an axis writes it: 1,200 as 1.2k."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.3g}{letter}"
    return f"{value:g}"
