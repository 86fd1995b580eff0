"""From a shop's past to two towers.

N items, U users, D embedding_dim.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import torch
from torch import nn

from shelfspace.config import Table, build, settings_of
from shelfspace.encode.learnt import Learnt
from shelfspace.errors import JobError
from shelfspace.inputs.fields import Records
from shelfspace.learning.factors import begin_from_factors
from shelfspace.learning.labels import heads_of_items
from shelfspace.learning.photos import Photos
from shelfspace.learning.pretexts import pretext_terms
from shelfspace.learning.settings import Aim, LearningPlan
from shelfspace.learning.towers import Made, made_of
from shelfspace.linear.trending import rising
from shelfspace.model.model import Model
from shelfspace.objectives.names import OBJECTIVES
from shelfspace.objectives.negatives import NEGATIVES
from shelfspace.objectives.uncertainty import Uncertain
from shelfspace.pairs.mix import Mix
from shelfspace.pairs.names import PAIR_SOURCES
from shelfspace.pairs.pairs import Seen, Sources
from shelfspace.pairs.propensity import Propensity
from shelfspace.shop.catalogue import Catalogue
from shelfspace.shop.history import History
from shelfspace.training.batches import Term
from shelfspace.training.fit import Told, fit
from shelfspace.training.gradients import Perturbed
from shelfspace.training.heap import give_back_memory, keep_freed_memory
from shelfspace.training.logs import Log

Value = Callable[[Learnt], float]
Watch = Callable[[Made], Callable[[Model], float]]


@dataclass(frozen=True)
class About:
    """What a shop tells beside events and items.

    num_named: how many history rows are users;  num_kinds: how many kinds of event there are;  photos: further ones of
    the items;  the rest: tables of the contract.
    """

    num_named: int
    num_kinds: int = 1
    users: pa.Table | None = None
    relations: pa.Table | None = None
    matches: pa.Table | None = None
    photos: Photos | None = None


@dataclass
class Learner:
    """Builds the towers for a past, trains them, and makes of them a model that answers."""

    plan: LearningPlan
    about: About
    seed: int = 0

    def learn(
        self,
        history: History,
        catalogue: Catalogue,
        *,
        epochs: int | None = None,
        value: Value | None = None,
        watch: Watch | None = None,
        start: Callable[[Made], object] | None = None,
        budget_seconds: float = math.inf,
        file: Path | None = None,
        resume: bool = False,
        logs: tuple[Log, ...] = (),
        told: Told | None = None,
    ) -> tuple[Learnt, list[dict[str, float]]]:
        """Train on a past, and return the model with the curve of its training.

        Args:
            history: what may be learnt from.
            catalogue: the items; words and scales are learnt from those known at `history.now`.
            epochs: train so long; else until `value` no longer rises.
            value: what a model is worth on validation.
            watch: makes of the towers what measures them instead, where no model has to answer for that.
            start: puts earlier weights into the towers before they train.
            budget_seconds: wall clock.
            file: the checkpoint.
            resume: go on from it.
            logs: where the curve goes.
            told: progress.

        Raises:
            JobError: no pair can be drawn, or the loss is no longer a number.
            ConfigError: the checkpoint was made with other settings.
        """
        keep_freed_memory()
        torch.manual_seed(self.seed)
        events = np.bincount(history.item, minlength=len(catalogue))
        records, known = self._records(history, catalogue, events), catalogue.known_at(history.now)
        made = made_of(
            self.plan,
            records,
            known,
            history,
            num_kinds=self.about.num_kinds,
            photos=self.about.photos,
            told=told,
        )
        if told is not None:
            told(f"learning from {', '.join(made.readers['item'])}", 0, 1)
        begin_from_factors(made, self.plan, history, seed=self.seed)
        if start is not None:
            start(made)
        terms = self._terms(history, catalogue, made.seen)
        made.heads = heads_of_items(self.plan.heads, made, catalogue, known)
        photos = self.about.photos
        pretexts = pretext_terms(self.plan, made, photos.known(known) if photos is not None else known)
        taken, trend = _taken(terms, events), rising(history)
        optimisation = self.plan.optimisation
        if epochs is not None:
            optimisation = type(optimisation)(**settings_of(optimisation) | {"epochs": epochs, "patience": 0})

        def answering(model: Model) -> Learnt:
            learnt = Learnt(temperature=_temperature(terms))
            vectors = model.all_items()
            return learnt.take(
                vectors.numpy(), taken, lambda queries: made.users(model, vectors, queries), trend
            )

        def answered(model: Model) -> float:
            assert value is not None
            return value(answering(model))

        asked = answered if value is not None else None
        progress = fit(
            made.model,
            [*terms, *pretexts, *made.heads.values()],
            optimisation,
            seed=self.seed,
            value=watch(made) if watch is not None else asked,
            budget_seconds=budget_seconds,
            file=file,
            resume=resume,
            settings=self.plan.to_json() | {"seed": self.seed},
            logs=logs,
            told=told,
        )
        give_back_memory()
        learnt = answering(made.model)
        learnt.export, learnt.profiles = made.exported, made.profiles
        return learnt, progress.curve

    def _records(
        self, history: History, catalogue: Catalogue, events: npt.NDArray[np.integer]
    ) -> Mapping[str, Records]:
        records = {"item": Records.of_catalogue(catalogue, events)}
        if self.plan.profile:
            taken = history.lengths()[: self.about.num_named]
            users = self.about.users
            if users is None:
                users = pa.table({"row": pa.array(np.arange(self.about.num_named))})
            records["user"] = Records.of_users(users, taken)
        return records

    def _terms(
        self, history: History, catalogue: Catalogue, seen: Mapping[str, Seen] | None = None
    ) -> list[Term]:
        photos = self.about.photos
        sources = Sources(
            history,
            catalogue,
            self.about.relations,
            self.about.matches,
            seen or {},
            photos.item if photos is not None else np.zeros(0, np.int32),
        )
        terms = []
        for aim, section in self.plan.objectives:
            mix = self._mix(aim, sources)
            if not len(mix):  # such as relations, in a shop that has none
                continue
            counts = mix.counts()
            taken = sources.known() & (
                counts > 0
            )  # what is never a positive would only be pushed away, for being new
            negatives = build(NEGATIVES, self.plan.negatives, path="negatives").learn(counts, taken)
            propensity = Propensity(power=aim.propensity).learn(counts) if aim.propensity else None
            terms.append(
                Term(
                    name=str(section["use"]),
                    objective=self._objective(section),
                    mix=mix,
                    negatives=negatives,
                    weight=aim.weight,
                    known={name: source.positives() for name, source in mix.sources.items()},
                    history=history,
                    length=self.plan.pasts.length,
                    age=self.plan.pasts.age,
                    num_named=self.about.num_named,
                    propensity=propensity,
                    packs=self.plan.packs(),
                    batch_size=aim.batch_size,
                    gradients=Perturbed(aim.perturb, aim.perturb_weight) if aim.perturb else None,
                )
            )
        if not terms and not self.plan.pretexts:
            names = [str(aim.pairs) for aim, _ in self.plan.objectives]
            raise JobError(f"there is nothing to learn from: no pair in {', '.join(names)}")
        return terms

    def _objective(self, section: Table) -> nn.Module:
        objective: nn.Module = build(OBJECTIVES, section, self.plan.shape.embedding_dim, path="objectives")
        return Uncertain(objective) if self.plan.optimisation.uncertainty else objective

    def _mix(self, aim: Aim, sources: Sources) -> Mix:
        weights = {aim.pairs: 1.0} if isinstance(aim.pairs, str) else aim.pairs
        parts = {}
        for name in weights:
            section: Table = self.plan.pairs.get(name, {"use": name})
            parts[name] = build(PAIR_SOURCES, section, path=f"pairs.{name}").learn(sources, seed=self.seed)
        return Mix(parts, weights)


def _taken(terms: list[Term], events: npt.NDArray[np.integer]) -> npt.NDArray[np.floating]:
    """Return how often each item is taken, as pairs of users are drawn where there are some: old events may fade."""
    of_users = [t for t in terms if all(source.kind == "user" for source in t.mix.sources.values())]
    return of_users[0].mix.counts() if of_users else events.astype(np.float64)


def _temperature(terms: list[Term]) -> float:
    """Return the temperature of the first objective that has one, as it is now."""
    for term in terms:
        divisor = getattr(term.objective, "divisor", None)
        if divisor is not None:
            with torch.no_grad():
                return float(divisor())
    return 1.0
