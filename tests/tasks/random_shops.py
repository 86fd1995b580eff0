"""Spaces of random catalogues, made without training: scores and vectors are drawn."""

import numpy as np
import pyarrow as pa

import shelfspace as ss
from shelfspace.blend import Blend
from shelfspace.index.exact import Exact
from shelfspace.linear.retriever import Reason
from shelfspace.shop.catalogue import Catalogue
from shelfspace.shop.history import History
from shelfspace.shop.ids import Ids

BRANDS = ["Acme", "Old Mill", "Zed", None]
DAY = 20_000.0
"""Some day, counted from 1970: 2024-10-04."""


class Drawn:
    """A retriever whose scores are given, a row for each user; the last is anybody's."""

    def __init__(self, scores):
        self.scores = scores.astype(np.float32)

    def score(self, queries):
        return self.scores[queries.who]

    def reasons(self, query, items):
        return [[Reason(-1, float(self.scores[query.who[0], item]))] for item in items]


def random_space(seed: int, size: int, users: int = 3) -> ss.Space:
    rng = np.random.default_rng(seed)

    def some(values, missing=0.2):
        return [None if rng.random() < missing else v for v in values]

    table = pa.table(
        {
            "title": [f"thing {n}" for n in range(size)],
            "brand": [BRANDS[n] for n in rng.integers(0, len(BRANDS), size)],
            "category": pa.array(
                some([["home", f"room {n}"] for n in rng.integers(0, 3, size)]), pa.list_(pa.string())
            ),
            "price": pa.array(some(rng.integers(1, 60, size).astype(float).tolist()), pa.float64()),
            "margin": pa.array(some(rng.random(size).tolist()), pa.float64()),
            "available": pa.array(some((rng.random(size) < 0.7).tolist()), pa.bool_()),
        }
    )
    first_seen = DAY - rng.integers(0, 100, size).astype(float)
    first_seen[rng.random(size) < 0.2] = -np.inf
    vectors = rng.normal(size=(size, 6)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    index = Exact(6)
    index.add(np.arange(size), vectors)
    events = rng.integers(0, size, 2 * users)
    return ss.Space(
        catalogue=Catalogue(
            Ids([f"i-{n}" for n in range(size)], "item"), table, first_seen, np.arange(size, dtype=np.int32)
        ),
        users=Ids([f"u-{n}" for n in range(users)], "user"),
        history=History.of(
            np.repeat(np.arange(users), 2), events, np.full(2 * users, DAY), num_users=users, num_items=size
        ),
        kinds={"purchase": 1.0},
        vectors=vectors,
        blocks={"behaviour": 6},
        index=index,
        blend=Blend(
            {"drawn": Drawn(np.round(rng.random((users + 1, size)), 2) + 0.01)},
            {"drawn": 1.0},
            {"new": {"drawn": 1.0}, "any": {"drawn": 1.0}},
        ),
    )
