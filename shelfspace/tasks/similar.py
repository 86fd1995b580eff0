"""Which products are like this one, or like what a phrase says or a photo shows."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy import sparse

from shelfspace.errors import InputError
from shelfspace.holding import Holding
from shelfspace.linear.vectors import unit_rows
from shelfspace.reranking.diversity import Diversify
from shelfspace.tasks.allowed import allowed_items
from shelfspace.tasks.joined import joins_of
from shelfspace.tasks.lists import Lists
from shelfspace.tasks.reasons import Question, reasons
from shelfspace.tasks.results import TEXTS, Hit, Hits, Value, Why
from shelfspace.tasks.said import Said, listed
from shelfspace.tasks.where import Mask

MAX_K = 10_000

Floats = npt.NDArray[np.float32]


def similar(
    space: Holding,
    item: str | list[str] | None = None,
    *,
    phrase: str | None = None,
    photo: str | Path | None = None,
    k: int = 10,
    where: str | None = None,
    diversity: float = 0.0,
    diversify: Diversify = "mmr",
    why: bool = False,
) -> Hits:
    """Return the items nearest to an item in the space, by cosine; or to a phrase or a photo; or to all that is given.

    Args:
        space: an open space.
        item: an item's id; a list is a batch.
        phrase: words as a title may have them, in any language: what would be such a listing; with an item, both
            count alike.
        photo: a file: what would be a listing of this photo; with a phrase, of both, as the space joins them.
        k: how many answers, 1 to 10,000.
        where: a hard filter, such as `price<20 and category:shoes`; fewer than k may satisfy it, and a note says so.
        diversity: how much it counts that items of a list are unlike each other, 0 (not at all) to 1 (nothing else).
        diversify: by the nearest item of the list (`mmr`), or by what is new beside all of them together (`dpp`).
        why: add what each score is made of: what shoppers do (`behaviour`), and the words and columns of what was asked
            and of the answer, half of the score each; the parts sum to the score. Beside it `paths`: how the item asked
            and the answer are joined, through relations and values that both have, the rarest first. Milliseconds an
            answer, or, where a text network reads the listings, some tenths of a second for each of the first 50.

    Raises:
        UnknownIdError: the item is not in the catalogue.
        FilterError: `where` cannot be read.
        InputError: k is out of range, nothing is given to be like, the phrase is too long, the photo cannot be read, or
            the space does not read listings, or not their photos.

    Example:
        >>> space.similar("sku-42", k=5, where="available")  # doctest: +SKIP
        >>> space.similar(phrase="red wool scarf")  # doctest: +SKIP
        >>> space.similar(phrase="in blue", photo="scarf.jpg")  # doctest: +SKIP
    """
    checked_k(k)
    items = [item] if isinstance(item, str) else list(item or [])
    said = Said((phrase or "").strip(), Path(photo) if photo is not None else None)
    if not items and not said:
        raise InputError("name an item, or give a phrase or a photo")
    rows = np.asarray([space.catalogue.ids.row(text) for text in items], dtype=np.int32)
    allowed = allowed_items(space, where)
    queries, subjects, notes = np.asarray(space.vectors[rows], dtype=np.float32), items, []
    listing = None
    if said:
        listing, place = listed(space, said)
        if not place.any():
            notes.append(f"no word of {said.subject!r} is known to the space")
        queries = unit_rows(queries + place) if items else place
        subjects = items or [said.subject]
    allowed, itself = _but_itself(rows, allowed)
    lists = Lists(space, "similar", k, diversity, diversify)
    known = None
    if space.near is not None and len(items) == 1 and not said:
        known = space.near.of(int(rows[0]), lists.at_least, allowed)
    found, scores = known or space.index.search(queries, lists.at_least, allowed=allowed, exclude=itself)
    titles, hits = space.titles, []
    joins = joins_of(space) if why else None
    for n, subject in enumerate(subjects):
        there, own = found[n] >= 0, rows[n] if items else None
        made = lists.near(subject, found[n][there], scores[n][there], allowed, own)
        values = made.scores
        if lists.arranges and not np.isfinite(values).all():  # what was pinned
            values = np.where(np.isfinite(values), values, space.vectors[made.rows] @ queries[n])
        others = list(zip(made.rows.tolist(), values.tolist(), strict=True))
        if not queries[n].any():
            notes.append(f"{subject!r} has neither behaviour nor content yet, so nothing is near it")
            others = []
        elif len(others) < k:
            notes.append(f"{len(others)} of {k}: no other item of the catalogue satisfies the filter")
        texts = space.catalogue.ids.texts(made.rows[: len(others)])
        asked = int(rows[n]) if items else None
        parts: Sequence[tuple[Why, ...]] = [()] * len(others)
        if why:
            near, cosines = [r for r, _ in others], [score for _, score in others]
            parts = reasons(space, Question(asked, listing), queries[n], near, cosines)
        for rank, ((r, score), text) in enumerate(zip(others, texts, strict=True), start=1):
            more: dict[str, Value] = dict(made.more[rank - 1])
            if joins is not None:
                more["paths"] = joins.told([asked] if asked is not None else [], r)
            hits.append(Hit(subject, rank, text, titles[r], score, parts[rank - 1], more))
    columns = {**lists.columns, **({"paths": TEXTS} if why else {})}
    return Hits.of(hits, [*notes, *lists.notes], why=why, more=columns)


def _but_itself(rows: npt.NDArray[np.int32], allowed: Mask) -> tuple[Mask, sparse.csr_array | None]:
    """Return what may be answered where no item is like itself; of one item in the mask: a list is costly to make."""
    if len(rows) == 1:
        others = allowed.copy()
        others[rows] = False
        return others, None
    if not len(rows):
        return allowed, None
    places = (np.arange(len(rows)), rows)
    return allowed, sparse.csr_array((np.ones(len(rows), bool), places), (len(rows), len(allowed)))


def checked_k(k: int) -> None:
    """Raise InputError unless 1 <= k <= 10,000."""
    if not 1 <= k <= MAX_K:
        raise InputError(f"k = {k} is out of range; give 1 to {MAX_K:,}")
