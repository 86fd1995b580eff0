"""What is held of a shopper: given to them, or forgotten."""

from collections import defaultdict
from datetime import UTC, datetime
from functools import partial
from typing import Any

import anyio.to_thread
import orjson
from scipy import sparse
from starlette.requests import Request
from starlette.responses import Response

from shelfspace.newcomers.fitted import FittedNewcomers
from shelfspace.people.fitted import FittedPeople
from shelfspace.service.asking import Living
from shelfspace.service.reading import checked_id
from shelfspace.shop.history import History
from shelfspace.space import Space
from shelfspace.store.store import Store

DAY = 86_400.0

WEIGHTS_FORGET = (
    "events, history and profile are gone; weights that were learnt from them among many others' forget at the next "
    "training"
)


class Persons:
    """What answers for a shopper's own data."""

    def __init__(self, live: Living, store: Store) -> None:
        self.live, self.store = live, store

    async def forget(self, request: Request) -> Response:
        """Take `DELETE /users/USER`."""
        user = checked_id(request.path_params["user_id"], "user")
        done = await anyio.to_thread.run_sync(self.store.forget, user)
        self.live.catch_up()
        reply = {"forgotten": True, "seq": done.seq, "note": WEIGHTS_FORGET}
        return Response(orjson.dumps(reply), media_type="application/json")

    async def export(self, request: Request) -> Response:
        """Take `GET /users/USER/export`."""
        user = checked_id(request.path_params["user_id"], "user")
        self.live.catch_up()
        space = self.live.space_for("recommend")
        content = await anyio.to_thread.run_sync(partial(self._exported, space, user))
        return Response(content, media_type="application/json")

    def _exported(self, space: Space, user: str) -> bytes:
        records = [
            {
                "seq": record.seq,
                "at": datetime.fromtimestamp(record.at, UTC).isoformat(),
                "kind": record.kind,
                "action": record.action,
                "item_id": record.item_id,
                "event_id": record.event_id,
                "body": dict(record.body),
            }
            for record in self.store.of_user(user)
        ]
        found = {
            "user_id": user,
            "history": history_of(space, user),
            "profile": profile_of(space, user),
            "records": records,
        }
        return orjson.dumps(found)


def history_of(space: Space, user: str) -> list[dict[str, Any]]:
    """Return what a shopper did as the space knows it, the earliest first."""
    past: History = space.past.of([user])
    kinds, ids = list(space.kinds), space.catalogue.ids
    rows = zip(
        ids.texts(past.item), past.time.tolist(), past.kind.tolist(), past.weight.tolist(), strict=True
    )
    return [
        {
            "item_id": item,
            "timestamp": _said(time, past),
            "event": kinds[kind] if kind < len(kinds) else None,
            "weight": weight,
        }
        for item, time, kind, weight in rows
    ]


def profile_of(space: Space, user: str) -> dict[str, list[str]]:
    """Return the segments that a shopper was counted in, and their friends, by column."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for fitted in space.tasks.values():
        if not isinstance(fitted, FittedPeople | FittedNewcomers) or user not in fitted.graph.people:
            continue
        row = fitted.graph.people.row(user)
        for column in _row(fitted.profiles.member, row):
            name, value = fitted.profiles.segments[column]
            found[name].append(value)
        found["friends"] += fitted.graph.people.texts(_row(fitted.graph.edges, row))
    return {name: list(dict.fromkeys(values)) for name, values in found.items() if values}


def _row(matrix: sparse.csr_array, row: int) -> list[int]:
    columns: list[int] = matrix.indices[matrix.indptr[row] : matrix.indptr[row + 1]].tolist()
    return columns


def _said(time: float, past: History) -> str | float | None:
    if past.clock == "none":
        return None
    return datetime.fromtimestamp(time * DAY, UTC).isoformat() if past.clock == "calendar" else time
