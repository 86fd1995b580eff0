"""The towers as one of a run's models: how long they train, validation decides."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from shelfspace.config import Table, refuse_unknown, settings_of
from shelfspace.encode.learnt import Learnt
from shelfspace.evaluation.models import Asked
from shelfspace.evaluation.search import Search, Settings, Trial
from shelfspace.evaluation.weighing import learnable, mean_value
from shelfspace.learning.afterwards import one_after_another, put
from shelfspace.learning.learner import About, Learner
from shelfspace.learning.photos import Photos
from shelfspace.learning.settings import LearningPlan
from shelfspace.learning.start import Start
from shelfspace.learning.towers import Made
from shelfspace.linear.retriever import Scoring
from shelfspace.shop.cases import Cases
from shelfspace.shop.catalogue import Catalogue
from shelfspace.shop.history import History
from shelfspace.shop.shop import Shop
from shelfspace.training.fit import Told
from shelfspace.training.logs import LOGS, Log

TRIED = {"popular": (0.0, 0.1, 0.2, 0.35, 0.5, 0.75, 1.0), "trend": (0.0, 0.3, 0.6, 0.9, 1.2, 1.5)}
"""What is tried on the trained towers, one after the other; `trend` where there is a calendar."""

UNTRIED: Settings = {"popular": 0.0, "trend": 0.0, "power": 0.35}
"""`power` does not change the order in which the towers answer alone; blends were better with 0.35 (LOG.md)."""

GENTLE = 0.1
"""The share of the learning rate at which a shop's own towers are trained on, so that old vectors move little."""

Past = tuple[int, float | None, int]


@dataclass
class TrainedModel:
    """Two towers, named `learnt` among the models, or as a further member is called.

    A training is kept for the past and the epochs it was made of, so that a protocol whose blocks share a past trains
    once for both. `watched` makes of the towers what early stopping measures; they answer themselves where it is None.
    """

    learner: Learner
    name: str = "learnt"
    section: Table = field(default_factory=dict)
    part: type = Learnt
    trained: bool = True
    kept: dict[Past, Learnt] = field(default_factory=dict)
    start: Callable[[Made], object] | None = None
    watched: Callable[[Learnt], Scoring] | None = None
    logs: tuple[Log, ...] = ()
    told: Told | None = None

    def make(self, settings: Mapping[str, Any]) -> "ToTrain":
        """Return what trains for `settings["epochs"]`."""
        return ToTrain(self, dict(settings))

    def learnt_on(self, history: History, catalogue: Catalogue, settings: Mapping[str, Any]) -> Learnt:
        """Return what was trained on this past for `settings["epochs"]`, or train it."""
        epochs = int(settings.get("epochs") or self.learner.plan.optimisation.epochs)
        key = _past(history, epochs)
        if key not in self.kept:
            self.kept[key], _ = self.learner.learn(
                history, catalogue, epochs=epochs, start=self.start, told=self.told
            )
        return self.kept[key]

    def tuned(self, windows: Sequence[Cases], catalogue: Catalogue, asked: Asked) -> Search[Any]:
        """Train on the first window's past until its cases are answered no better; choose `TRIED` on the result.

        Where early stopping is off (`training.patience = 0`) all epochs are trained.
        """
        cases = windows[0]
        sample = cases.sample(asked.max_cases, seed=asked.seed)
        history, most = learnable(cases.fit), self.learner.plan.optimisation.epochs
        early = self.learner.plan.optimisation.patience > 0

        def value(learnt: Learnt) -> float:
            return mean_value([sample], [learnt], asked.metric)

        def watched(learnt: Learnt) -> float:
            answering = learnt if self.watched is None else self.watched(learnt)
            return mean_value([sample], [answering], asked.metric)

        learnt, curve = self.learner.learn(
            history,
            catalogue,
            value=watched if early else None,
            start=self.start,
            budget_seconds=asked.budget_seconds if early else math.inf,
            file=asked.folder / f"{self.name}.safetensors" if asked.folder is not None else None,
            resume=True,
            logs=self.logs,
            told=self.told,
        )
        values = [entry["value"] for entry in curve]
        epochs = int(np.argmax(values)) + 1 if early else most
        trials = [Trial({"epochs": n + 1, **UNTRIED}, v, 0.0) for n, v in enumerate(values) if early]
        tried = TRIED if cases.fit.clock == "calendar" else {**TRIED, "trend": (0.0,)}
        found = one_after_another(learnt, tried, {"epochs": epochs, **UNTRIED}, value)
        self.kept[_past(history, epochs)] = learnt
        return Search(found[-1].settings, found[-1].value, (*trials, *found))


@dataclass
class ToTrain:
    """Settings on their way to a past."""

    model: TrainedModel
    settings: Settings

    def fit(self, history: History, catalogue: Catalogue) -> Learnt:
        """Train, or give back what was trained on this past for so long."""
        learnt = self.model.learnt_on(history, catalogue, self.settings)
        put(learnt, self.settings, UNTRIED)
        return learnt


def trained_model(
    plan: LearningPlan,
    shop: Shop,
    *,
    name: str = "learnt",
    seed: int = 0,
    told: Told | None = None,
    start: Start | None = None,
    logs: Sequence[str] = (),
    out: Path | None = None,
) -> TrainedModel:
    """Return the towers of a shop as a model of its run, begun from another run's where there is one.

    Raises:
        ConfigError: an unknown log.
        MissingExtraError: a log that is not installed.
    """
    refuse_unknown(dict.fromkeys(logs), list(LOGS), "training.log")
    writers = tuple(LOGS[name](out / "logs") for name in logs) if out is not None else ()
    about = About(
        num_named=len(shop.users),
        num_kinds=len(shop.kinds),
        users=profiles(shop),
        relations=shop.tables.get("relations"),
        matches=shop.tables.get("matches"),
        photos=Photos.of(shop.tables.get("photos"), shop.catalogue.ids),
    )
    if start is not None and start.items is not None:
        slow = settings_of(plan.optimisation) | {"learning_rate": GENTLE * plan.optimisation.learning_rate}
        plan = replace(plan, optimisation=type(plan.optimisation)(**slow))
    carry = partial(_carry, start, shop) if start is not None else None
    return TrainedModel(Learner(plan, about, seed), name=name, start=carry, logs=writers, told=told)


def profiles(shop: Shop) -> pa.Table | None:
    """Return the table of users with row u for user u, empty where the table lacks them; None without a table."""
    table = shop.tables.get("users")
    if table is None:
        return None
    row = shop.users.rows(table["user_id"])
    place = np.full(len(shop.users), -1, np.int64)
    place[row[row >= 0]] = np.flatnonzero(row >= 0)
    return table.drop_columns(["user_id"]).take(pa.array(place, mask=place < 0))


def _carry(start: Start, shop: Shop, made: Made) -> None:
    start.carry(made, shop.catalogue.ids, shop.users)


def _past(history: History, epochs: int) -> Past:
    return history.num_events, history.now, epochs
