import base64
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from shelfspace import plots


def svg(html: str) -> str:
    encoded = html.split("base64,")[1].rstrip('">')
    return base64.b64decode(encoded).decode()


@pytest.mark.parametrize(
    "made",
    [
        plots.bars(["默认", "knn"], [0.12, 0.1], intervals=[(0.11, 0.13), (0.09, 0.12)], number="{:.3f}"),
        plots.bars([], []),
        plots.lines([f"2011-{m:02}" for m in range(1, 13)], {"a": range(12), "b": range(12)}, filled=True),
        plots.lines([1.0, 2.0, 4.0], {"a": [3.0, 1.0, 2.0]}),
        plots.histogram([1, 2, 4, 8], [3, 2, 1], log_x=True, log_y=True),
        plots.histogram([0, 1, 2], [5, 0], ticks=[0, 2]),
    ],
)
def test_figures_are_drawn_as_svg_in_one_image(made):
    html = plots.figure_html(made, 'what "it" shows')
    assert html.startswith('<img alt="what &quot;it&quot; shows" src="data:image/svg+xml;base64,')
    assert ET.fromstring(svg(html)).tag.endswith("svg")


def test_bars_write_their_numbers_and_keep_their_order():
    drawing = svg(plots.figure_html(plots.bars(["a", "b"], [1200.0, 3.0]), ""))
    assert "1,200" in drawing
    assert drawing.index(">a<") < drawing.index(">b<")


def test_the_same_figure_is_the_same_text():
    one, other = (plots.figure_html(plots.histogram([0, 1], [1]), "x") for _ in range(2))
    assert one == other


def test_whiskers_never_turn_round():
    made = plots.bars(["a"], [1.0], intervals=[(1.2, 1.5)])
    assert np.isfinite(made.axes[0].get_xlim()).all()
