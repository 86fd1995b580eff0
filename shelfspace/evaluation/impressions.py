"""A space's own lists against a log of impressions: what they would have been clicked."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from shelfspace.errors import DataError
from shelfspace.evaluation.offpolicy import Estimates, Logged, Rows, estimates
from shelfspace.reranking.diversity import Diversify
from shelfspace.shop.sections import section
from shelfspace.shop.tables import read_table
from shelfspace.shop.workbench import workbench
from shelfspace.space import Space
from shelfspace.tasks.recommend import Seen

NEEDED = ("place", "propensity", "clicked")

_MEMORY = "1GB"


def offpolicy(
    space: Space | str | Path,
    impressions: Any,
    *,
    seen: Seen = "exclude",
    where: str | None = None,
    diversity: float = 0.0,
    diversify: Diversify = "mmr",
    clip: float | None = None,
    resamples: int = 1000,
    seed: int = 0,
) -> Estimates:
    """Estimate the clicks that the space's recommendations would have had, from a log of lists with propensities.

    The space must not have learnt from what came after the lists: train it on the events before the log.

    Args:
        space: an open space, or a run folder.
        impressions: a file or a data frame: `list_id`, `item_id`, `place` (from 1), `propensity`, `clicked` and, where
            lists were a shopper's own, `user_id`; `recommend` with `explore` writes all but `clicked`.
        seen: what would be shown, as for `recommend`.
        where: likewise.
        diversity: likewise.
        diversify: likewise.
        clip: weights above it are cut; None: none is.
        resamples: of the lists, for the intervals.
        seed: of the resamples.

    Raises:
        DataError: a column is missing, or the log says no propensity.
        InputError: a setting is out of range.

    Example:
        >>> ss.offpolicy("runs/shop", "impressions.parquet").to_json()  # doctest: +SKIP
    """
    space = space if isinstance(space, Space) else Space.open(space)
    table = _read(impressions)
    users = table["user_id"] if "user_id" in table.column_names else pa.chunked_array([[None] * len(table)])
    texts, lists = _numbered(table["list_id"])
    users_of = dict(zip(table["list_id"].to_pylist(), users.to_pylist(), strict=True))
    log = Logged(
        lists=lists,
        place=table["place"].to_numpy().astype(np.int64) - 1,
        item=space.catalogue.ids.rows(table["item_id"]).astype(np.int64),
        propensity=pc.fill_null(table["propensity"], 0.0).to_numpy(),
        clicked=pc.fill_null(table["clicked"], False).to_numpy().astype(np.float64),
    )
    settings = {"seen": seen, "where": where, "diversity": diversity, "diversify": diversify}
    target, notes = _shown(space, [users_of[text] for text in texts], int(log.place.max()) + 1, settings)
    notes += _of_later(space, table)
    found = estimates(log, target, clip=clip, resamples=resamples, seed=seed)
    return Estimates(**{**vars(found), "notes": (*found.notes, *notes)})


def _read(impressions: Any) -> pa.Table:
    frame = None if isinstance(impressions, str | Path) else impressions
    source = {"path": str(impressions)} if frame is None else {}
    with workbench(_MEMORY) as bench:
        table = read_table(bench, section("impressions", source), frame).table
    missing = [name for name in NEEDED if name not in table.column_names]
    if missing:
        raise DataError(
            f"impressions have no column {missing[0]!r}; needed: list_id, item_id, {', '.join(NEEDED)}"
        )
    if table["place"].null_count:
        raise DataError(f"{table['place'].null_count:,} rows of impressions have no place")
    return table


def _numbered(texts: pa.ChunkedArray) -> tuple[list[str], Rows]:
    encoded = texts.combine_chunks().dictionary_encode()
    return encoded.dictionary.to_pylist(), encoded.indices.to_numpy().astype(np.int64)


def _shown(space: Space, users: list[str | None], k: int, settings: dict[str, Any]) -> tuple[Rows, list[str]]:
    """Return what the space would show in each list, int64 [L, K], -1 where nothing, and what it notes of it."""
    named = sorted({user for user in users if user is not None})
    answers = [space.recommend(named, k=k, **settings)] if named else []
    if None in users:
        answers.append(space.recommend(k=k, **settings))
    row_of = {user: n for n, user in enumerate(named)}
    shown = np.full((len(named) + 1, k), -1, np.int64)
    for answer in answers:
        at = [row_of.get(subject, len(named)) for subject in answer.table["subject"].to_pylist()]
        shown[at, answer.table["rank"].to_numpy() - 1] = space.catalogue.ids.rows(answer.table["item_id"])
    unknown = sum(text is not None and text not in space.users for text in named)
    notes = [f"{unknown:,} of {len(named):,} users of the log are not known to the space"] if unknown else []
    return shown[[row_of.get(user, len(named)) if user is not None else len(named) for user in users]], notes


def _of_later(space: Space, table: pa.Table) -> list[str]:
    times = table["timestamp"] if "timestamp" in table.column_names else None
    known = space.history.time
    if times is None or space.history.clock != "calendar" or not len(known) or times.null_count == len(times):
        return []
    after = float(known.max()) > pc.min(times).as_py()
    said = "the space knows events from after the first list: what was clicked may have been learnt, and is left out"
    return [said] if after else []
