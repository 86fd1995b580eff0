"""A small catalogue whose words and meanings are known."""

from functools import cache

import numpy as np
import pyarrow as pa

from shelfspace.searching.fitted import FittedSearch, Search, fitted
from shelfspace.shop.catalogue import Catalogue
from shelfspace.shop.reading import read_shop
from shelfspace.shop.shop import Shop

ROWS = [
    ("a", "red wool scarf", "warm and soft, for winter", "Old Mill", ["clothes", "scarves"], 20.0),
    ("b", "blue wool scarf", "warm and soft", "Old Mill", ["clothes", "scarves"], 22.0),
    ("c", "red mug", "a mug of stone, holds tea", "Acme", ["kitchen"], 8.0),
    ("d", "laptop bag", "for notebooks of 15 inches", "Acme", ["bags"], 35.0),
    ("e", "wireless headset", "with a microphone", "Sono", ["audio"], 60.0),
    ("f", "红茶 礼盒", "云南红茶", "茶人", ["茶"], 30.0),
    ("g", "绿茶 礼盒", "龙井", "茶人", ["茶"], 28.0),
    ("h", "rtx 2060 graphics card", "6 GB", "Sono", ["computers"], None),
]


def table() -> pa.Table:
    names = ("item_id", "title", "description", "brand", "category", "price")
    return pa.table({name: list(values) for name, values in zip(names, zip(*ROWS, strict=True), strict=True)})


def shop(**tables: pa.Table) -> Shop:
    return read_shop({"items": {}} | {name: {} for name in tables}, frames={"items": table(), **tables})


@cache
def catalogue() -> Catalogue:
    return shop().catalogue


def searcher_of(**settings: object) -> FittedSearch:
    return fitted(Search(**settings), shop(), seed=0)  # type: ignore[arg-type]


def row(found: FittedSearch, item: str) -> int:
    return [r[0] for r in ROWS].index(item)


def ids(rows: np.ndarray) -> list[str]:
    return [ROWS[n][0] for n in rows.tolist()]
