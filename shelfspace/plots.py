"""The few pictures that check, report, tune and the studio share, and how a picture gets into a page."""

import base64
import html
import io

import matplotlib as mpl
from matplotlib.figure import Figure


def figure_html(figure: Figure, alt: str) -> str:
    """Return a figure as one `<img>` that needs no other file, drawn as SVG.

    Args:
        figure: made without pyplot, so that nothing has to be closed.
        alt: what it shows, for those who cannot see it.
    """
    drawn = io.BytesIO()
    with mpl.rc_context({"svg.hashsalt": "shelfspace"}):
        figure.savefig(drawn, format="svg", transparent=True, metadata={"Date": None})
    data = base64.b64encode(drawn.getvalue()).decode("ascii")
    return f'<img alt="{html.escape(alt)}" src="data:image/svg+xml;base64,{data}">'
