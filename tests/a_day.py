"""What a small shop writes in a day, for the tests of what is made of it."""

from pathlib import Path

import shelfspace as ss
from shelfspace.store.records import Write
from shelfspace.store.store import Store

DAY = 86_400.0
NEW = {"title": "leather boot of suede", "price": 12.0, "category": ["boot"]}


def event(item: str, user: str | None, time: float, **body: object) -> Write:
    return Write("event", "add", item, user, body={"timestamp": time, "event": "purchase", **body})


def fill(run: Path) -> None:
    """Put into a run's store what a shop does in a day."""
    space = ss.open(run)
    start = (space.history.now or 0.0) * DAY
    store = Store.open(run)
    store.append(
        [
            Write("item", "put", "suede", body=NEW),
            Write("item", "patch", "sku-005", body={"title": "tea boot model 5"}),
            Write("item", "delete", "sku-006"),
            *(event("suede", f"user-{n}", start + 60 * n, basket_id=f"n{n}") for n in (0, 12, 18)),
            event("sku-012", "visitor", start + 900),
            event("suede", None, start + 960, session_id="s1"),
            event("sku-018", None, start + 960, session_id="s1"),
            event("nothing", "user-1", start + 1000),
        ]
    )
    store.forget("user-2")
    store.close()
