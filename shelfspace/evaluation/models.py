"""The models of a run: how each is tuned on validation, and made. N items."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from shelfspace.config import Search as Where
from shelfspace.config import Table, build, search_space, settings_of
from shelfspace.errors import ConfigError, did_you_mean
from shelfspace.evaluation.search import Search, Settings, Value, tune
from shelfspace.evaluation.weighing import learnable, mean_value, sampled
from shelfspace.linear.models import RETRIEVERS
from shelfspace.linear.retriever import Retriever
from shelfspace.shop.cases import Cases
from shelfspace.shop.catalogue import Catalogue
from shelfspace.shop.history import Clock, History

Told = Callable[[str, int, int], None]
"""Told what is being done, how much of it is done, and how much there is."""


@dataclass(frozen=True)
class Asked:
    """What a search is asked for.

    metric: what is maximised;  budget_seconds: wall clock;  max_trials, max_cases, max_events: see `choose`;
    seed: of every draw;  folder: where what is half done may be kept;
    chosen: the settings of the models tuned before.
    """

    metric: str
    budget_seconds: float
    max_trials: int
    max_cases: int
    max_events: int
    seed: int
    folder: Path | None = None
    chosen: Mapping[str, Settings] = field(default_factory=dict)


class Model(Protocol):
    """One of a run's models: how it is tuned, and made; of one that is trained, on a single window of validation."""

    @property
    def name(self) -> str:
        """What it is called."""
        ...

    @property
    def section(self) -> Table:
        """What the file fixes."""
        ...

    @property
    def part(self) -> type:
        """The class of what is made."""
        ...

    @property
    def trained(self) -> bool:
        """Whether it is slow to fit."""
        ...

    def make(self, settings: Mapping[str, Any]) -> Any:
        """Return the part with these settings, not yet fitted."""
        ...

    def tuned(self, windows: Sequence[Cases], catalogue: Catalogue, asked: Asked) -> Search[Any]:
        """Look on validation for the settings that the file leaves open."""
        ...


@dataclass(frozen=True)
class LinearModel:
    """One `[linear.NAME]`: a part, and the settings that the file fixes; the rest is for validation to choose."""

    name: str
    section: Table
    trained: bool = False

    @property
    def part(self) -> type:
        """The class, for what its signature says."""
        return type(self.make({}))

    def make(self, settings: Mapping[str, Any]) -> Retriever:
        """Build the part, not yet fitted."""
        retriever: Retriever = build(RETRIEVERS, {**self.section, **settings}, path=f"linear.{self.name}")
        return retriever

    def tuned(self, windows: Sequence[Cases], catalogue: Catalogue, asked: Asked) -> Search[Any]:
        """Search what the part's signature marks, for the mean over the windows."""
        space = left_open(self.part, self.section, windows[0].fit.clock)
        if not space:
            return Search({}, float("nan"), ())
        samples = [cases.sample(asked.max_cases, seed=asked.seed) for cases in windows]
        histories = [learnable(sampled(cases.fit, asked.max_events, asked.seed)) for cases in windows]
        return tune(
            lambda settings: [self.make(settings).fit(history, catalogue) for history in histories],
            space,
            lambda parts: mean_value(samples, parts, asked.metric),
            budget_seconds=asked.budget_seconds,
            max_trials=asked.max_trials,
            seed=asked.seed,
            start={name: value for name, value in settings_of(self.make({})).items() if name in space},
            refit_free=getattr(self.part, "REFIT_FREE", frozenset()) & space.keys(),
            change=change_all,
        )


def left_open(part: type, section: Table, clock: Clock) -> dict[str, Where]:
    """Return where to look for the settings that the file leaves open; without times no half-life is looked for."""
    return {
        name: where
        for name, where in search_space(part).items()
        if name not in section and (clock != "none" or "half_life" not in name)
    }


def change_all(parts: Sequence[object], name: str, value: Value) -> None:
    """Change a setting of every part."""
    for part in parts:
        setattr(part, name, value)


def models_of(sections: Mapping[str, Any]) -> list[LinearModel]:
    """Read `[linear.*]`: `use` is the section's own name where it is not given; `NAME = false` leaves a model out.

    Raises:
        ConfigError: an unknown model or setting.
    """
    models = []
    for name, section in sections.items():
        if section is False:
            continue
        if not isinstance(section, Mapping):
            raise ConfigError(
                f"linear.{name} = {section!r}: write a section [linear.{name}], or false to leave it out"
            )
        if "use" not in section and name not in RETRIEVERS:
            raise ConfigError(
                f"[linear.{name}] is unknown{did_you_mean(name, RETRIEVERS)}; known: {sorted(RETRIEVERS)}"
            )
        model = LinearModel(name, {"use": name, **section})
        model.make({})
        models.append(model)
    if not models:
        raise ConfigError("[linear] leaves no model; keep at least one")
    return models


def fit_all(
    models: Sequence[Model],
    settings: Mapping[str, Settings],
    history: History,
    catalogue: Catalogue,
    *,
    told: Told | None = None,
) -> dict[str, Retriever]:
    """Fit each model with its chosen settings, on the events that count."""
    fitted, history = {}, learnable(history)
    for n, model in enumerate(models):
        if told is not None:
            told(f"fitting {model.name}", n, len(models))
        fitted[model.name] = model.make(settings.get(model.name, {})).fit(history, catalogue)
    if told is not None:
        told("fitted", len(models), len(models))
    return fitted
