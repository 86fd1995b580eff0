"""The words of a listing and of a phrase, as they are compared in search."""

import re
from collections.abc import Sequence
from itertools import pairwise

from shelfspace.inputs.columns import texts_of
from shelfspace.linear.features import UNSPACED, words_of
from shelfspace.shop.catalogue import Catalogue

Terms = list[list[str]]

_UNSPACED = re.compile(f"[{UNSPACED}]")


def terms_of(text: str | None) -> list[str]:
    """Return the words of a text in the singular; where a script has no spaces, characters and pairs of adjacent ones.

    Example:
        >>> terms_of("Red mugs, 红茶"), terms_of("') OR 1=1 --")
        (['red', 'mug', '红', '茶', '红茶'], ['or', '1', '1'])
    """
    words = words_of(text)
    pairs = [a + b for a, b in pairwise(words) if _UNSPACED.match(a) and _UNSPACED.match(b)]
    return [singular(word) for word in words] + pairs


def singular(word: str) -> str:
    """Return a word without the s of a plural, which many languages of Latin script have.

    Source: Harman. How Effective Is Suffixing? 1991 (the S-stemmer, with English words in -ches and -us looked after).

    Example:
        >>> [singular(word) for word in ("mugs", "batteries", "boxes", "glass", "bus")]
        ['mug', 'battery', 'box', 'glass', 'bus']
    """
    if len(word) < 4 or not word.isascii() or not word.endswith("s") or word.endswith(("ss", "us")):
        return word
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("xes", "ches", "shes", "sses", "zes")):
        return word[:-2]
    return word[:-1]


def terms_of_items(catalogue: Catalogue, columns: Sequence[str]) -> Terms:
    """Return the words of these columns of every item, N lists; a column that the shop lacks has none."""
    found: Terms = [[] for _ in range(len(catalogue))]
    for name in columns:
        if (column := catalogue.column(name)) is not None:
            rows, texts = texts_of(column, name)
            for row, text in zip(rows.tolist(), texts.to_pylist(), strict=True):
                found[row] += terms_of(text)
    return found
