"""The trained item vectors, asked by what is near to each past item, as one of a run's models."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from shelfspace.config import Table, checked, settings_of
from shelfspace.encode.learnt import Learnt
from shelfspace.encode.neighbours import LearntKNN
from shelfspace.evaluation.models import Asked, change_all, left_open
from shelfspace.evaluation.search import Search, Settings, tune
from shelfspace.evaluation.weighing import learnable, mean_value
from shelfspace.folding.near import near_of
from shelfspace.learning.trained import TrainedModel
from shelfspace.shop.cases import Cases
from shelfspace.shop.catalogue import Catalogue
from shelfspace.shop.history import History

SEARCH_SHARE = 0.25
"""The part of the time for training that the search for settings of the neighbours takes on top."""


@dataclass(frozen=True)
class NeighboursModel:
    """`[learnt_knn]`: neighbours in the space of `towers`, whose training serves both."""

    towers: TrainedModel
    section: Table = field(default_factory=dict)
    name: str = "learnt_knn"
    part: type = LearntKNN
    trained: bool = True

    def __post_init__(self) -> None:
        checked(LearntKNN, self.section, self.name)

    def make(self, settings: Mapping[str, Any]) -> "ToFind":
        """Return what finds neighbours among the vectors of towers trained for `settings["epochs"]`."""
        return ToFind(self, dict(settings))

    def over(self, learnt: Learnt, **settings: Any) -> LearntKNN:
        """Return the neighbours among the vectors of towers as they are."""
        part = LearntKNN(**{**self.section, **settings})
        return near_of(part, learnt.vectors, np.expm1(learnt.prior), learnt.rising)

    def tuned(self, windows: Sequence[Cases], catalogue: Catalogue, asked: Asked) -> Search[Any]:
        """Look for what the file leaves open, on the towers' own window."""
        cases = windows[0]
        epochs = {"epochs": asked.chosen[self.towers.name]["epochs"]}
        near = self.make(epochs).fit(learnable(cases.fit), catalogue)
        space = left_open(LearntKNN, self.section, cases.fit.clock)
        sample = cases.sample(asked.max_cases, seed=asked.seed)
        found = tune(
            lambda settings: [self._changed(near, settings)],
            space,
            lambda parts: mean_value([sample], parts, asked.metric),
            budget_seconds=SEARCH_SHARE * asked.budget_seconds,
            max_trials=asked.max_trials,
            seed=asked.seed,
            start={name: value for name, value in settings_of(near).items() if name in space},
            refit_free=space.keys(),
            change=change_all,
        )
        trials = tuple(replace(trial, settings=trial.settings | epochs) for trial in found.trials)
        return Search(found.best | epochs, found.value, trials)

    def _changed(self, near: LearntKNN, settings: Settings) -> LearntKNN:
        for name, value in settings.items():
            change_all([near], name, value)
        return near


@dataclass(frozen=True)
class ToFind:
    """Settings on their way to a past."""

    model: NeighboursModel
    settings: Settings

    def fit(self, history: History, catalogue: Catalogue) -> LearntKNN:
        """Train the towers, or take them as they were trained for this past, and find each item's neighbours."""
        learnt = self.model.towers.learnt_on(history, catalogue, self.settings)
        own = {name: value for name, value in self.settings.items() if name != "epochs"}
        return self.model.over(learnt, **own)
