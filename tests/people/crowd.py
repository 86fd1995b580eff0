"""A shop whose shoppers have tastes, profiles that go with them, and friends of the same taste."""

from typing import Any

import numpy as np
import pyarrow as pa

NUM_USERS, NUM_NEWCOMERS, NUM_TASTES, NUM_ITEMS = 240, 24, 4, 80
WORDS = ["wool scarf", "coffee bean", "desk lamp", "garden rake"]


def tables(seed: int = 0) -> dict[str, pa.Table]:
    """Return events, items, users and relations; users from `u-240` on have no events.

    A user of taste t takes items of taste t; `region` says the taste of nine in ten, `age` says nothing; four friends
    in five are of the same taste. The last user has neither profile nor friends. `guest`, whom no table of users has,
    is a friend of `u-3` and `u-4`; some rows join a user to themselves, or to nobody known.
    """
    rng = np.random.default_rng(seed)
    people = NUM_USERS + NUM_NEWCOMERS
    taste = rng.integers(NUM_TASTES, size=people)
    popular = 1 / np.arange(1, NUM_ITEMS // NUM_TASTES + 1)
    user, item = [], []
    for row in range(NUM_USERS):
        fitting = np.arange(taste[row], NUM_ITEMS, NUM_TASTES)
        for one in rng.choice(fitting, 6, replace=False, p=popular / popular.sum()):
            user.append(f"u-{row}")
            item.append(f"i-{one}")
    days = rng.integers(0, 300, size=len(user))
    said = np.where(rng.random(people) < 0.9, taste, rng.integers(NUM_TASTES, size=people))
    region = [None if row == people - 1 else f"region {t}" for row, t in enumerate(said.tolist())]
    head, tail = [], []
    for row in range(people - 1):
        alike = rng.random(5) < 0.8
        same = rng.choice(np.flatnonzero(taste[: people - 1] == taste[row]), 5)
        for one in np.where(alike, same, rng.integers(people - 1, size=5)).tolist():
            head.append(f"u-{row}")
            tail.append(f"u-{one}")
    kinds: list[str | None] = ["user"] * len(head) + ["user"] * 3 + [None] * 2
    head += ["guest", "guest", "u-1", "u-2", "x"]
    tail += ["u-3", "u-4", "u-1", "x", "y"]
    return {
        "events": pa.table(
            {
                "user_id": user,
                "item_id": item,
                "timestamp": pa.array(np.datetime64("2024-01-01") + days.astype("timedelta64[D]")),
            }
        ),
        "items": pa.table(
            {
                "item_id": [f"i-{n}" for n in range(NUM_ITEMS)],
                "title": [f"{WORDS[n % NUM_TASTES]} no {n}" for n in range(NUM_ITEMS)],
            }
        ),
        "users": pa.table(
            {
                "user_id": [f"u-{n}" for n in range(people)],
                "region": pa.array(region, pa.string()),
                "age": pa.array(
                    [None if n == people - 1 else 20 + n % 50 for n in range(people)], pa.int64()
                ),
            }
        ),
        "relations": pa.table(
            {
                "head": head,
                "relation": ["friend"] * len(head),
                "tail": tail,
                "head_type": kinds,
                "tail_type": kinds,
            }
        ),
    }


def tastes(seed: int = 0) -> list[int]:
    """Return the taste of every user of `tables`."""
    rng = np.random.default_rng(seed)
    return rng.integers(NUM_TASTES, size=NUM_USERS + NUM_NEWCOMERS).tolist()


def settings(**more: Any) -> dict[str, Any]:
    """Return the settings of a run that takes a second or two."""
    linear = {"content": False, "vectors": {"embedding_dim": 16}}
    return {"recipe": {"use": "quick"}, "linear": linear, **more}
