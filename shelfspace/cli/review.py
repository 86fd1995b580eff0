"""A page on which a person says which pairs are the same product, and takes what they said home as `matches`."""

from pathlib import Path
from urllib.parse import quote

import jinja2

from shelfspace.tasks.groups import Groups

MOST = 2_000
"""Pairs on one page."""


def write_review(to: Path, groups: Groups) -> int:
    """Write the page, the least sure pairs first, and return how many pairs are on it.

    Args:
        to: the file.
        groups: an answer of `match`.
    """
    pairs = sorted(groups.pairs.to_pylist(), key=lambda pair: abs(pair["score"] - 0.5))[:MOST]
    for pair in pairs:
        for side in ("left", "right"):
            pair[f"{side}_photo"] = _address(pair[f"{side}_image"])
            own, other = pair[f"{side}_title"].split(), pair[f"{'right' if side == 'left' else 'left'}_title"]
            known = {word.casefold() for word in other.split()}
            pair[f"{side}_words"] = [(word, word.casefold() in known) for word in own]
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
    )
    page = environment.get_template("review.html").render(
        pairs=pairs, num_pairs=groups.pairs.num_rows, num_groups=len(list(groups)), notes=groups.notes
    )
    to.write_text(page, "utf-8")
    return len(pairs)


def _address(image: str | None) -> str | None:
    if not image or "://" in image:
        return image or None
    return "file://" + quote(str(Path(image).absolute()))
