"""A small shop of six tastes, and the towers that learn it; what a test may not change is made once.

60 items: 0 to 55 are taken, 56 to 58 never, of 59 nothing is known. 150 users with 4 to 12 events, nearly all of the
user's own taste, which is also the item's category and told by the user's town.
"""

from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
import torch

from shelfspace.encode.learnt import Learnt
from shelfspace.encode.towers import Towers
from shelfspace.inputs.fields import Records
from shelfspace.learning.learner import About, Learner
from shelfspace.learning.settings import LearningPlan
from shelfspace.learning.towers import Made, made_of
from shelfspace.shop.catalogue import Catalogue
from shelfspace.shop.history import History
from shelfspace.shop.ids import Ids
from shelfspace.training.checkpoint import Progress
from shelfspace.training.fit import fit
from shelfspace.training.optimisation import Optimisation

NUM_ITEMS, NUM_USERS, TASTES, TAKEN, NOW = 60, 150, 6, 56, 400.0
WORDS = ["鞋 leather boot", "wool scarf", "coffee bean 咖啡", "desk lamp", "garden rake", "茶 cup"]
TOWNS = ["Ulm", "Bath", "上海", "Lyon", "Graz", "Oslo"]

TABLE: dict[str, Any] = {
    "model": {"embedding_dim": 16},
    "encoders": {
        "ids": {"dropout": 0.2},
        "title": {"use": "hashed", "num_buckets": 300},
        "category": {"use": "attributes", "is_path": True},
        "brand": {"use": "attributes", "column": "brand"},
        "price": {"use": "numbers", "hidden": 4},
    },
    "profile": {"town": {"use": "attributes", "column": "town"}, "ids": {"dropout": 0.5}},
    "fusion": {"use": "mean"},
    "user": {"use": "recency", "length": 8},
    "objectives": [{"use": "infonce", "pairs": "next_item"}],
    "negatives": {"use": "uniform", "num_negatives": 16},
}


def taste_of(items: np.ndarray) -> np.ndarray:
    return np.asarray(items) % TASTES


@cache
def history() -> History:
    rng = np.random.default_rng(0)
    lengths = rng.integers(4, 13, NUM_USERS)
    user = np.repeat(np.arange(NUM_USERS), lengths)
    own = rng.integers(0, TAKEN // TASTES, len(user)) * TASTES + user % TASTES
    item = np.where(rng.random(len(user)) < 0.05, rng.integers(0, TAKEN, len(user)), own)
    return History.of(
        user,
        item,
        np.sort(rng.integers(0, 800, len(user))) / 2.0,
        basket=np.arange(len(user)) // 3,
        num_users=NUM_USERS,
        num_items=NUM_ITEMS,
        now=NOW,
    )


def listings(numbers: np.ndarray, *, known: bool = True) -> pa.Table:
    """What is said of items: some lack a brand or a price, and item 59 has nothing."""
    told = [int(n) for n in numbers]

    def column(values: list[Any]) -> list[Any]:
        return [None if known and n == NUM_ITEMS - 1 else v for n, v in zip(told, values, strict=True)]

    return pa.table(
        {
            "title": pa.array(column([f"{WORDS[n % TASTES]} {n // TASTES}" for n in told]), pa.string()),
            "category": pa.array(
                column([["home" if n % 2 else "wear", WORDS[n % TASTES]] for n in told]),
                pa.list_(pa.string()),
            ),
            "brand": pa.array(column([None if n % 4 == 0 else f"brand {n % 5}" for n in told]), pa.string()),
            "price": pa.array(column([None if n % 7 == 0 else 2.0 + n for n in told]), pa.float64()),
            "nobody": pa.array([None] * len(told), pa.string()),
        }
    )


@cache
def catalogue() -> Catalogue:
    table = listings(np.arange(NUM_ITEMS))
    ids = Ids([f"sku-{n}" for n in range(NUM_ITEMS)], "item")
    return Catalogue(ids, table, np.zeros(NUM_ITEMS), np.arange(NUM_ITEMS, dtype=np.int32))


@cache
def about() -> About:
    towns = [None if n % 9 == 0 else TOWNS[n % TASTES] for n in range(NUM_USERS)]
    return About(NUM_USERS, users=pa.table({"town": pa.array(towns, pa.string())}))


def plan(*, loop: dict[str, Any] | None = None, **sections: Any) -> LearningPlan:
    """The plan of TABLE with whole sections replaced, and settings of the loop."""
    optimisation = Optimisation(**{"epochs": 1, "batch_size": 128, "warm_up": 0, **(loop or {})})
    made = LearningPlan.of({**TABLE, **sections}, optimisation)
    assert made is not None
    return made


def learner(*, seed: int = 0, **changes: Any) -> Learner:
    return Learner(plan(**changes), about(), seed)


def learn(seed: int = 0, *, given: dict[str, Any] | None = None, **changes: Any) -> Learnt:
    return learner(seed=seed, **changes).learn(history(), catalogue(), **(given or {}))[0]


def records() -> dict[str, Records]:
    users = about().users
    assert users is not None
    events = np.bincount(history().item, minlength=NUM_ITEMS)
    return {
        "item": Records.of_catalogue(catalogue(), events),
        "user": Records.of_users(users, history().lengths()),
    }


def made(**changes: Any) -> Made:
    """Towers that have learnt nothing, in evaluation."""
    some = plan(**changes)
    given = records() if some.profile else {"item": records()["item"]}
    towers = made_of(some, given, np.ones(NUM_ITEMS, bool), history())
    towers.model.eval()
    return towers


@cache
def trained() -> tuple[Learnt, Towers]:
    """A model after 4 epochs, and its exported towers."""
    learnt = learn(loop={"epochs": 4, "learning_rate": 0.01})
    exported = learnt.export()
    learnt.export = lambda: exported
    return learnt, exported[0]


def weights_of(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    """A copy of the weights."""
    return {name: value.detach().clone() for name, value in model.state_dict().items()}


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    """Whether weights are the same bit for bit."""
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


class Loop:
    """A model and its terms, ready for `fit`; every Loop of the same settings starts from the same weights."""

    def __init__(self, *, seed: int = 0, **changes: Any) -> None:
        some = learner(seed=seed, **changes)
        torch.manual_seed(seed)
        given = records() if some.plan.profile else {"item": records()["item"]}
        self.made = made_of(some.plan, given, np.ones(NUM_ITEMS, bool), history())
        self.model = self.made.model
        self.terms = some._terms(history(), catalogue(), self.made.seen)
        self.optimisation, self.seed = some.plan.optimisation, seed
        self.settings = some.plan.to_json()

    def fit(self, **given: Any) -> Progress:
        return fit(
            self.model,
            self.terms,
            self.optimisation,
            **{"seed": self.seed, "settings": self.settings, **given},
        )

    def weights(self) -> dict[str, torch.Tensor]:
        return weights_of(self.model)
