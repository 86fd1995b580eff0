"""Which products are like this one, or like what a phrase says."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from scipy import sparse

from shelfspace.encode.learnt import Learnt
from shelfspace.errors import InputError
from shelfspace.holding import Holding
from shelfspace.inputs.fields import Records
from shelfspace.linear.vectors import unit_rows
from shelfspace.shop.catalogue import Catalogue
from shelfspace.shop.ids import Ids
from shelfspace.tasks.results import Hit, Hits, Why
from shelfspace.tasks.where import where_mask

MAX_K = 10_000
MAX_PHRASE = 10_000

Floats = npt.NDArray[np.float32]


def similar(
    space: Holding,
    item: str | list[str] | None = None,
    *,
    phrase: str | None = None,
    k: int = 10,
    where: str | None = None,
    why: bool = False,
) -> Hits:
    """Return the items nearest to an item in the space, by cosine; or to a phrase; or to an item as a phrase alters it.

    Args:
        space: an open space.
        item: an item's id; a list is a batch.
        phrase: words as a title may have them, in any language: what would be such a listing; with an item, both
            count alike.
        k: how many answers, 1 to 10,000.
        where: a hard filter, such as `price<20 and category:shoes`; fewer than k may satisfy it, and a note says so.
        why: add what each score is made of: what shoppers do (`behaviour`) and what the listing says (`content`).

    Raises:
        UnknownIdError: the item is not in the catalogue.
        FilterError: `where` cannot be read.
        InputError: k is out of range, there is neither an item nor a phrase, the phrase is too long, or the space does
            not read listings.

    Example:
        >>> space.similar("sku-42", k=5, where="available")  # doctest: +SKIP
        >>> space.similar(phrase="red wool scarf")  # doctest: +SKIP
    """
    checked_k(k)
    items = [item] if isinstance(item, str) else list(item or [])
    if not items and not (phrase or "").strip():
        raise InputError("name an item, or give a phrase")
    rows = np.asarray([space.catalogue.ids.row(text) for text in items], dtype=np.int32)
    allowed = where_mask(where, space.catalogue)
    queries, subjects, notes = np.asarray(space.vectors[rows], dtype=np.float32), items, []
    if phrase is not None and phrase.strip():
        said = _of_phrase(space, phrase)
        if not said.any():
            notes.append(f"no word of {phrase[:60]!r} is known to the space")
        queries = unit_rows(queries + said) if items else said
        subjects = items or [phrase[:60]]
    itself = sparse.csr_array(
        (np.ones(len(rows), bool), (np.arange(len(rows)), rows)), (len(queries), len(allowed))
    )
    found, scores = space.index.search(queries, k, allowed=allowed, exclude=itself)
    titles, hits = space.titles, []
    for n, subject in enumerate(subjects):
        others = [(int(r), float(s)) for r, s in zip(found[n], scores[n], strict=True) if r >= 0]
        if not queries[n].any():
            notes.append(f"{subject!r} has neither behaviour nor content yet, so nothing is near it")
            others = []
        elif len(others) < k:
            notes.append(f"{len(others)} of {k}: no other item of the catalogue satisfies the filter")
        texts = space.catalogue.ids.texts([r for r, _ in others])
        for rank, ((r, score), text) in enumerate(zip(others, texts, strict=True), start=1):
            parts = _parts(space, queries[n], r) if why else ()
            hits.append(Hit(subject, rank, text, titles[r], score, parts))
    return Hits.of(hits, notes, why=why)


def checked_k(k: int) -> None:
    """Raise InputError unless 1 <= k <= 10,000."""
    if not 1 <= k <= MAX_K:
        raise InputError(f"k = {k} is out of range; give 1 to {MAX_K:,}")


def _of_phrase(space: Holding, phrase: str) -> Floats:
    """Return where a listing of this title would lie, float32 [1, D]."""
    if len(phrase) > MAX_PHRASE:
        raise InputError(f"a phrase of {len(phrase):,} characters is too long; the limit is {MAX_PHRASE:,}")
    listing = Catalogue(
        Ids(["phrase"], "item"), pa.table({"title": [phrase]}), np.zeros(1), np.zeros(1, np.int32)
    )
    for part in space.blend.retrievers.values():
        if isinstance(part, Learnt) and part.towers is not None and "learnt" in space.blocks:
            return unit_rows(part.towers.items(Records.of_catalogue(listing, np.zeros(1))))
    if space.listed is None:
        raise InputError(
            "this space was made without listings to read, or by an older version: train it again with titles"
        )
    return space.listed.vectors(listing)


def _parts(space: Holding, query: Floats, right: int) -> tuple[Why, ...]:
    """Split a cosine by the blocks of the vectors: they stand side by side, so their products add up."""
    parts, start = [], 0
    for name, width in space.blocks.items():
        block = slice(start, start + width)
        parts.append(Why(name, None, None, float(query[block] @ space.vectors[right, block])))
        start += width
    return tuple(sorted(parts, key=lambda p: -abs(p.amount)))
