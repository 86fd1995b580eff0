"""An autoencoder of rows of events as one of a run's models: how long it trains, validation decides.

U users, N items, M of them modelled.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from shelfspace.config import Table, refuse_unknown, settings_of
from shelfspace.encode.autoencoder import Autoencoded, Layer, Layers, rows_of
from shelfspace.encoders.autoencoder import Autoencoder
from shelfspace.errors import JobError
from shelfspace.evaluation.models import Asked, Told
from shelfspace.evaluation.search import Search, Settings, Trial
from shelfspace.evaluation.weighing import learnable, mean_value
from shelfspace.learning.afterwards import one_after_another, put
from shelfspace.learning.autoencoder_settings import AutoencoderPlan
from shelfspace.learning.factors import directions
from shelfspace.learning.heads import Targets, heads_of
from shelfspace.learning.rows import RowLoss, RowTerm
from shelfspace.learning.trained import profiles
from shelfspace.linear.counts import Rows, item_degree, most_taken
from shelfspace.linear.trending import rising
from shelfspace.shop.cases import Cases
from shelfspace.shop.catalogue import Catalogue
from shelfspace.shop.history import Clock, History
from shelfspace.shop.shop import Shop
from shelfspace.training.fit import fit
from shelfspace.training.heap import give_back_memory, keep_freed_memory
from shelfspace.training.logs import LOGS, Log
from shelfspace.training.optimisation import Optimisation
from shelfspace.training.terms import Direct, Trains

TRIED = {
    "history_half_life": (math.inf, 300.0, 100.0, 30.0, 10.0, 3.0, 1.0),
    "trend": (0.0, 0.3, 0.6, 0.9, 1.2, 1.5),
}
"""What is tried on what was trained, one after the other."""


@dataclass
class AutoencoderModel:
    """`[autoencoder]`; what was trained is kept for the past and the epochs it was made of."""

    plan: AutoencoderPlan
    targets: Targets
    seed: int = 0
    logs: tuple[Log, ...] = ()
    told: Told | None = None
    name: str = "autoencoder"
    section: Table = field(default_factory=dict)
    part: type = Autoencoded
    trained: bool = True
    kept: dict[tuple[int, float | None, int], Autoencoded] = field(default_factory=dict)

    def make(self, settings: Mapping[str, Any]) -> "ToTrain":
        """Return what trains for `settings["epochs"]`."""
        return ToTrain(self, dict(settings))

    def learnt_on(self, history: History, settings: Mapping[str, Any]) -> Autoencoded:
        """Return what was trained on this past for `settings["epochs"]`, or train it."""
        epochs = int(settings.get("epochs") or self.plan.epochs)
        key = (history.num_events, history.now, epochs)
        if key not in self.kept:
            self.kept[key], _ = self.learn(history, epochs=epochs)
        return self.kept[key]

    def learn(
        self,
        history: History,
        *,
        epochs: int | None = None,
        value: Callable[[Autoencoded], float] | None = None,
        budget_seconds: float = math.inf,
        file: Path | None = None,
    ) -> tuple[Autoencoded, list[dict[str, float]]]:
        """Train on a past, and return the model with the curve of its training.

        Args:
            history: what may be learnt from.
            epochs: train so long; else until `value` no longer rises.
            value: what a model is worth on validation.
            budget_seconds: wall clock.
            file: the checkpoint, gone on from where there is one.

        Raises:
            JobError: the past has no events, or the loss is no longer a number.
            ConfigError: the checkpoint was made with other settings.
        """
        keep_freed_memory()
        torch.manual_seed(self.seed)
        plan, degree = self.plan, item_degree(history)
        items = most_taken(degree, plan.max_items)
        if not len(items):
            raise JobError("[autoencoder] there is nothing to learn from: the past has no events")
        model = Autoencoder(
            len(items),
            kind=plan.kind,
            hidden=plan.hidden,
            decoder=plan.decoder,
            latent_dim=plan.latent_dim,
            dropout=plan.dropout,
        )
        terms, trend = self._terms(history, items), rising(history)
        if plan.task == "classify":
            model.start_at(torch.from_numpy(degree[items] / degree[items].sum()))
        if plan.start == "factors":
            taken = history.matrix()[:, items]
            model.start_from(torch.from_numpy(directions(taken, plan.latent_dim, seed=self.seed)))

        def answering(trained: Autoencoder) -> Autoencoded:
            part = Autoencoded(task=plan.task, history_half_life=plan.history_half_life, trend=plan.trend)
            return part.take(layers_of(trained), items, degree, trend, heads_of(terms))

        progress = fit(
            model,
            terms,
            self._optimisation(epochs),
            gradients=Direct(),
            seed=self.seed,
            value=(lambda trained: value(answering(trained))) if value is not None else None,
            budget_seconds=budget_seconds,
            file=file,
            resume=True,
            settings=plan.to_json() | {"seed": self.seed},
            logs=self.logs if value is not None else (),
            told=self.told,
        )
        give_back_memory()
        part = answering(model)
        part.foretold = self.targets.measured(part, history)
        return part, progress.curve

    def tuned(self, windows: Sequence[Cases], catalogue: Catalogue, asked: Asked) -> Search[Any]:
        """Train on the first window's past until its cases are answered no better; choose `TRIED` on the result.

        Where early stopping is off (`patience = 0`) all epochs are trained.
        """
        cases, early = windows[0], self.plan.patience > 0
        sample = cases.sample(asked.max_cases, seed=asked.seed)
        history = learnable(cases.fit)

        def value(part: Autoencoded) -> float:
            return mean_value([sample], [part], asked.metric)

        part, curve = self.learn(
            history,
            value=value if early else None,
            budget_seconds=asked.budget_seconds if early else math.inf,
            file=asked.folder / f"{self.name}.safetensors" if asked.folder is not None else None,
        )
        values = [entry["value"] for entry in curve]
        epochs = int(np.argmax(values)) + 1 if early else self.plan.epochs
        chosen: Settings = {"epochs": epochs, **{name: getattr(self.plan, name) for name in TRIED}}
        trials = [Trial({**chosen, "epochs": n + 1}, v, 0.0) for n, v in enumerate(values) if early]
        tried = {name: self._tried(name, cases.fit.clock) for name in TRIED}
        found = one_after_another(part, tried, chosen, value)
        self.kept[history.num_events, history.now, epochs] = part
        best = found[-1]
        return Search(best.settings, best.value, (*trials, *found))

    def _tried(self, name: str, clock: Clock) -> tuple[float, ...]:
        """Return the values to try of a setting that needs no training: one, where the file or the clock fixes it."""
        fixed = name in self.section or clock == "none" or (name == "trend" and clock != "calendar")
        return (getattr(self.plan, name),) if fixed else TRIED[name]

    def _terms(self, history: History, items: Rows) -> list[Trains]:
        plan = self.plan
        rows = rows_of(history, items, plan.fit_half_life)
        rows.data /= rows.data.max()
        loss = RowLoss(task=plan.task, zeros=plan.zeros, beta=plan.beta, anneal_steps=plan.anneal_steps)
        return [RowTerm(rows[np.diff(rows.indptr) > 0], loss), *self.targets.terms(history, items)]

    def _optimisation(self, epochs: int | None) -> Optimisation:
        own = {
            name: getattr(self.plan, name) for name in ("epochs", "patience", "batch_size", "learning_rate")
        }
        if epochs is not None:
            own |= {"epochs": epochs, "patience": 0}
        return Optimisation(**settings_of(self.plan.optimisation) | own | {"chunk_size": 0})


@dataclass
class ToTrain:
    """Settings on their way to a past."""

    model: AutoencoderModel
    settings: Settings

    def fit(self, history: History, catalogue: Catalogue) -> Autoencoded:
        """Train, or give back what was trained on this past for so long."""
        part = self.model.learnt_on(history, self.settings)
        put(part, self.settings, {name: getattr(self.model.plan, name) for name in TRIED})
        return part


def autoencoder_model(
    plan: AutoencoderPlan,
    shop: Shop,
    *,
    section: Table,
    seed: int = 0,
    told: Told | None = None,
    logs: Sequence[str] = (),
    out: Path | None = None,
) -> AutoencoderModel:
    """Return the autoencoder of a shop as a model of its run.

    Args:
        plan: the settings, `section` as the file has them.
        shop: the clean shop.
        section: what the file fixes.
        seed: of every draw.
        told: progress.
        logs: the names of `LOGS` that are told the curve.
        out: the run folder, where these lie.

    Raises:
        ConfigError: an unknown log; a column to foretell that is missing.
        DataError: a column that has nothing to foretell.
        MissingExtraError: a log that is not installed.
    """
    refuse_unknown(dict.fromkeys(logs), list(LOGS), "training.log")
    writers = tuple(LOGS[name](out / "logs" / "autoencoder") for name in logs) if out is not None else ()
    targets = Targets.of(plan, profiles(shop), shop.history, len(shop.users), seed)
    return AutoencoderModel(plan, targets, seed, writers, told, section=dict(section))


def layers_of(model: Autoencoder) -> Layers:
    """Return copies of the weights, as numpy runs them; of an uncertain latent, the mean."""
    mean = slice(0, model.latent_dim)
    encoder = [_layer(layer) for layer in model.encoder]
    table, offset = _array(model.table.weight), _array(model.offset)
    if encoder:
        weight, shift = encoder[-1]
        encoder[-1] = np.ascontiguousarray(weight[:, mean]), shift[mean]
    else:
        table, offset = np.ascontiguousarray(table[:, mean]), offset[mean]
    decoder = [_layer(layer) for layer in model.decoder]
    return Layers(table, offset, encoder, decoder, _array(model.vectors), _array(model.bias))


def _layer(layer: nn.Module) -> Layer:
    assert isinstance(layer, nn.Linear)
    return np.ascontiguousarray(_array(layer.weight).T), _array(layer.bias)


def _array(weight: Tensor) -> npt.NDArray[np.float32]:
    array: npt.NDArray[np.float32] = weight.detach().float().numpy().copy()
    return array
