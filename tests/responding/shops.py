"""A shop that hands out coupons: who buys a kind of thing takes coupons for it."""

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from shelfspace.shop.reading import read_shop
from shelfspace.shop.shop import Shop

START = np.datetime64("2024-01-01")
KINDS = ("boot", "scarf", "coffee", "lamp", "rake", "cup")
NUM_USERS, NUM_ITEMS = 240, 60


def shop_tables(*, seed: int = 0, sent: bool = True) -> dict[str, Any]:
    """Return events, items, users, offers and responses as data frames; without `sent` only what was taken is told."""
    rng = np.random.default_rng(seed)
    num = 5000
    user = rng.integers(0, NUM_USERS, num)
    item = (user % 6) + 6 * rng.integers(0, NUM_ITEMS // 6, num)
    stray = rng.random(num) < 0.2
    item[stray] = rng.integers(0, NUM_ITEMS, stray.sum())
    events = pd.DataFrame(
        {
            "user_id": [f"u{n}" for n in user],
            "item_id": [f"i{n}" for n in item],
            "timestamp": START + (rng.random(num) * 300 * 86_400).astype("timedelta64[s]"),
        }
    )
    items = pd.DataFrame(
        {
            "item_id": [f"i{n}" for n in range(NUM_ITEMS)],
            "title": [f"{KINDS[n % 6]} {n}" for n in range(NUM_ITEMS)],
            "category": [KINDS[n % 6] for n in range(NUM_ITEMS)],
            "brand": [f"b{n % 4}" for n in range(NUM_ITEMS)],
            "price": [5.0 + n % 20 for n in range(NUM_ITEMS)],
        }
    )
    users = pd.DataFrame(
        {
            "user_id": [f"u{n}" for n in range(NUM_USERS)],
            "size": [n % 5 for n in range(NUM_USERS)],
            "sex": [["f", "m"][n % 2] for n in range(NUM_USERS)],
        }
    )
    return {"events": events, "items": items, "users": users} | coupons(rng, sent=sent)


@cache
def read() -> Shop:
    """Return the shop with all its tables, read once."""
    return read_shop({"events": {}, "items": {}}, frames=shop_tables())


def shop_of(frames: dict[str, Any]) -> Shop:
    """Return the shop with these of its tables instead, typed as they are when they have been read."""
    tables = {name: typed(frame) for name, frame in frames.items() if name not in ("events", "items")}
    return replace(read(), tables=tables)


def typed(frame: pd.DataFrame) -> pa.Table:
    """Return a table with its times as days."""
    days = {
        name: (frame[name] - pd.Timestamp(0)) / pd.Timedelta(days=1)
        for name in frame.columns
        if pd.api.types.is_datetime64_any_dtype(frame[name])
    }
    return pa.Table.from_pandas(frame.assign(**days), preserve_index=False)


def coupons(rng: np.random.Generator, *, sent: bool) -> dict[str, Any]:
    """Return the coupons of ten campaigns, one a kind, and who took them: most often those who buy that kind."""
    offers, responses = [], []
    for number in range(10):
        starts = START + np.timedelta64(30 + 27 * number, "D")
        for kind in range(6):
            offer = f"c{number}-{KINDS[kind]}"
            about = {"offer_id": offer, "campaign": f"c{number}", "discount": 0.1 * (number % 3)}
            about |= {"starts": starts, "ends": starts + np.timedelta64(20, "D")}
            offers += [about | {"item_id": f"i{item}"} for item in range(kind, NUM_ITEMS, 12)]
            got = rng.random(NUM_USERS) < 0.7 if sent else np.ones(NUM_USERS, bool)
            chance = np.where(np.arange(NUM_USERS) % 6 == kind, 0.3, 0.02)
            taken = rng.random(NUM_USERS) < chance
            responses += [
                {"user_id": f"u{n}", "offer_id": offer, "timestamp": starts, "responded": bool(taken[n])}
                for n in np.flatnonzero(got)
            ]
    said = pd.DataFrame(responses)
    if not sent:
        said = said[said["responded"]].drop(columns="responded")
        said["timestamp"] += pd.Timedelta(days=3)
    return {"offers": pd.DataFrame(offers), "responses": said}


def banners(events: pd.DataFrame, *, seed: int = 0) -> pd.DataFrame:
    """Return impressions of sponsored items in lists of three, clicked most often by those who buy that kind."""
    rng = np.random.default_rng(seed)
    num = 900
    user = rng.integers(0, NUM_USERS, num)
    item = rng.integers(0, 24, num)
    chance = np.where(user % 6 == item % 6, 0.5, 0.05)
    return pd.DataFrame(
        {
            "list_id": [f"l{n // 3}" for n in range(num)],
            "item_id": [f"i{n}" for n in item],
            "user_id": [f"u{n}" for n in user],
            "timestamp": events["timestamp"].min()
            + (rng.random(num) * 290 * 86_400).astype("timedelta64[s]"),
            "clicked": rng.random(num) < chance,
        }
    )
