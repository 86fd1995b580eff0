"""A shop whose baskets are planned: pasta goes with sauce, and one pasta replaces another."""

import numpy as np
import pyarrow as pa

from shelfspace.shop.catalogue import Catalogue
from shelfspace.shop.history import History
from shelfspace.shop.ids import Ids

KINDS = ("pasta", "sauce", "soap", "towel")
GOES_WITH = {"pasta": "sauce", "sauce": "pasta", "soap": "towel", "towel": "soap"}


def planned(
    num_baskets: int = 600, *, of_each: int = 6, num_users: int = 20, seed: int = 0, categories: bool = True
) -> tuple[Catalogue, History]:
    """Return a shop: a basket holds an item of a kind and the like-numbered one of the kind that goes with it; some
    hold two of one kind as well. The last item of each kind is never sold. Baskets are a day apart."""
    rng = np.random.default_rng(seed)
    names = [f"{kind}-{n}" for kind in KINDS for n in range(of_each)]
    user, item, time, basket = [], [], [], []
    for b in range(num_baskets):
        kind = KINDS[rng.integers(4)]
        n = int(rng.integers(of_each - 1))
        held = {f"{kind}-{n}", f"{GOES_WITH[kind]}-{n}"}
        if rng.random() < 0.7:
            held.add(f"{kind}-{rng.integers(of_each - 1)}")
            held.add(f"{kind}-{rng.integers(of_each - 1)}")
        if rng.random() < 0.3:
            held.add(f"{KINDS[rng.integers(4)]}-0")
        for name in sorted(held):
            user.append(b % num_users)
            item.append(names.index(name))
            time.append(float(b))
            basket.append(b)
    columns = {"title": pa.array([name.replace("-", " no ") for name in names])}
    if categories:
        columns["category"] = pa.array([[name.split("-")[0]] for name in names], pa.list_(pa.string()))
    catalogue = Catalogue(
        Ids(names, "item"),
        pa.table(columns),
        np.full(len(names), -np.inf),
        np.arange(len(names), dtype=np.int32),
    )
    history = History.of(user, item, time, basket=basket, num_users=num_users, num_items=len(names))
    return catalogue, history
