"""Which products are like this one."""

import numpy as np
from scipy import sparse

from shelfspace.errors import InputError
from shelfspace.holding import Holding
from shelfspace.tasks.results import Hit, Hits, Why
from shelfspace.tasks.where import where_mask

MAX_K = 10_000


def similar(
    space: Holding, item: str | list[str], *, k: int = 10, where: str | None = None, why: bool = False
) -> Hits:
    """Return the items nearest to an item in the space, by cosine.

    Args:
        space: an open space.
        item: an item's id; a list is a batch.
        k: how many answers, 1 to 10,000.
        where: a hard filter, such as `price<20 and category:shoes`; fewer than k may satisfy it, and a note says so.
        why: add what each score is made of: what shoppers do (`behaviour`) and what the listing says (`content`).

    Raises:
        UnknownIdError: the item is not in the catalogue.
        FilterError: `where` cannot be read.
        InputError: k is out of range.

    Example:
        >>> space.similar("sku-42", k=5, where="available")  # doctest: +SKIP
    """
    checked_k(k)
    items = [item] if isinstance(item, str) else list(item)
    rows = np.asarray([space.catalogue.ids.row(text) for text in items], dtype=np.int32)
    allowed = where_mask(where, space.catalogue)
    queries = np.asarray(space.vectors[rows], dtype=np.float32)
    itself = sparse.csr_array(
        (np.ones(len(rows), bool), (np.arange(len(rows)), rows)), (len(rows), len(allowed))
    )
    found, scores = space.index.search(queries, k, allowed=allowed, exclude=itself)
    titles, hits, notes = space.titles, [], []
    for n, row in enumerate(rows):
        others = [(int(r), float(s)) for r, s in zip(found[n], scores[n], strict=True) if r >= 0]
        if not queries[n].any():
            notes.append(f"{items[n]!r} has neither behaviour nor content yet, so nothing is near it")
            others = []
        elif len(others) < k:
            notes.append(f"{len(others)} of {k}: no other item of the catalogue satisfies the filter")
        texts = space.catalogue.ids.texts([r for r, _ in others])
        for rank, ((r, score), text) in enumerate(zip(others, texts, strict=True), start=1):
            parts = _parts(space, int(row), r) if why else ()
            hits.append(Hit(items[n], rank, text, titles[r], score, parts))
    return Hits.of(hits, notes, why=why)


def checked_k(k: int) -> None:
    """Raise InputError unless 1 <= k <= 10,000."""
    if not 1 <= k <= MAX_K:
        raise InputError(f"k = {k} is out of range; give 1 to {MAX_K:,}")


def _parts(space: Holding, left: int, right: int) -> tuple[Why, ...]:
    """Split a cosine by the blocks of the vectors: they stand side by side, so their products add up."""
    parts, start = [], 0
    for name, width in space.blocks.items():
        block = slice(start, start + width)
        amount = float(space.vectors[left, block] @ space.vectors[right, block])
        parts.append(Why(name, None, None, amount))
        start += width
    return tuple(sorted(parts, key=lambda p: -abs(p.amount)))
