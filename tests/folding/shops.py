"""A small shop in which every task learnt something, without towers."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from shelfspace.deciding import decided, models_of
from shelfspace.fitting import fit_tasks
from shelfspace.making import space_of_events
from shelfspace.pipeline import loaded, read
from shelfspace.plan import Plan

KINDS = ("boot", "scarf", "lamp", "cup")
START = 18_000.0
DAY = 86_400.0
NUM_ITEMS, NUM_USERS = 40, 60


def item(n: int) -> str:
    """Return the id of an item; those with the same rest of 4 are of one kind."""
    return f"i{n:02}"


def user(n: int) -> str:
    """Return the id of a shopper, who likes one kind."""
    return f"u{n:02}"


def frames(seed: int = 0) -> dict[str, pa.Table]:
    """Return the tables of the shop."""
    rng = np.random.default_rng(seed)
    events = list(_events(rng))
    items = [
        {
            "item_id": item(n),
            "title": f"{KINDS[n % 4]} of {'wool' if n % 3 else 'iron'} number {n}",
            "category": KINDS[n % 4] if n % 7 else None,
            "price": 5.0 + n,
        }
        for n in range(NUM_ITEMS)
    ]
    users = [{"user_id": user(n), "taste": KINDS[n % 4], "age": 20 + n % 5} for n in range(NUM_USERS)]
    friends = [
        {
            "head": user(n),
            "relation": "friend",
            "tail": user((n + step) % NUM_USERS),
            "head_type": "user",
            "tail_type": "user",
        }
        for n in range(NUM_USERS)
        for step in (4, 8, 12)
    ]
    made = [
        {
            "head": item(n),
            "relation": "made of",
            "tail": "wool" if n % 3 else "iron",
            "head_type": "item",
            "tail_type": "thing",
        }
        for n in range(NUM_ITEMS)
    ]
    shown = [
        {
            "list_id": f"l{n}",
            "user_id": user(int(who)),
            "item_id": item(int(what)),
            "place": 1,
            "propensity": 0.5,
            "clicked": bool(who % 4 == what % 4),
            "timestamp": (START + n / 20) * DAY,
        }
        for n, (who, what) in enumerate(rng.integers(0, NUM_ITEMS, (600, 2)))
    ]
    rows = {
        "events": events,
        "items": items,
        "users": users,
        "relations": friends + made,
        "impressions": shown,
    }
    return {name: pa.Table.from_pylist(table) for name, table in rows.items()}


def _events(rng: np.random.Generator) -> Iterator[dict[str, Any]]:
    for n in range(500):
        who = int(rng.integers(NUM_USERS))
        day = START + n / 10
        for _ in range(2):
            what = int(rng.integers(NUM_ITEMS // 4)) * 4 + who % 4
            yield {
                "user_id": user(who) if n % 10 else None,
                "item_id": item(what),
                "basket_id": f"b{n}",
                "timestamp": day * DAY,
                "event": "view" if rng.random() < 0.3 else "purchase",
            }


SETTINGS: dict[str, Any] = {
    "recipe": {"use": "linear"},
    "training": {"max_trials": 1},
    "linear": dict.fromkeys(("popularity_recent", "ease", "low_rank", "item_knn", "past_future"), False),
    "evaluation": {"baselines": ["popularity", "repeat"]},
    "search": {},
    "bundle": {"tune_cases": 10, "test_cases": 10},
    "classify": {"columns": ["category"], "encoders": ["words"]},
    "match": {},
    "people": {"max_cases": 20},
    "newcomers": {"max_cases": 20},
    "explain": {},
    "ads": {},
}


def trained(out: Path) -> Path:
    """Train the shop and keep its space; the report that `train` writes beside it is not needed here."""
    tables = frames()
    plan = Plan.of(loaded(SETTINGS, (), tables))
    shop = read(plan, tables, None)
    models = models_of(plan, shop)
    chosen, _ = decided(plan, shop, models, None, None)
    space = space_of_events(plan, shop, models, chosen, None)
    replace(space, tasks=fit_tasks(plan, shop)).save(out)
    return out
