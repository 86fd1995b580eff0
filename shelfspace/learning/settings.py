"""The sections of a run's learning, checked before anything is read."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from scipy import sparse

from shelfspace.config import Table, build, checked, refuse_unknown, settings_of
from shelfspace.encoders.encoder import Encoder
from shelfspace.encoders.fusion import FUSIONS
from shelfspace.encoders.history import HISTORIES
from shelfspace.encoders.names import ENCODERS
from shelfspace.encoders.propagation import Propagation
from shelfspace.errors import ConfigError
from shelfspace.inputs.pasts import Age
from shelfspace.objectives.names import OBJECTIVES
from shelfspace.objectives.negatives import NEGATIVES
from shelfspace.pairs.hidden_item import HiddenItem
from shelfspace.pairs.names import PAIR_SOURCES
from shelfspace.pairs.photos import Photos
from shelfspace.pairs.text_photo import TextPhoto
from shelfspace.training.optimisation import Optimisation
from shelfspace.training.pretexts import PRETEXTS


@dataclass(kw_only=True)
class Shape:
    """`[model]`.

    Args:
        embedding_dim: D.
        unit: vectors of unit length; else raw, and scores are inner products.
    """

    embedding_dim: int = 64
    unit: bool = True

    def __post_init__(self) -> None:
        if self.embedding_dim < 1:
            raise ConfigError(f"[model] embedding_dim = {self.embedding_dim} must be at least 1")


@dataclass(kw_only=True)
class Pasts:
    """The part of `[user]` that is not the history encoder's.

    Args:
        length: the latest events of a history that are read; 0: the user is their profile alone.
        age: what ages count: events since, or days.
    """

    length: int = 50
    age: Age = "steps"

    def __post_init__(self) -> None:
        if self.length < 0:
            raise ConfigError(f"[user] length = {self.length} must not be below 0")


@dataclass(kw_only=True)
class Aim:
    """The part of an `[[objectives]]` that is not the objective's own.

    Args:
        pairs: a source of `[pairs.*]` or of `PAIR_SOURCES`, or several with their weights.
        weight: of the objective in the sum.
        propensity: the exponent by which pairs with popular items count less, against exposure bias; 0: not at all.
        batch_size: pairs of a step; None: `training.batch_size`.
        perturb: how far item vectors are moved along the gradient of the loss, for a loss once more; 0: not at all.
        perturb_weight: what that loss counts for beside the first.
    """

    pairs: str | dict[str, float] = "next_item"
    weight: float = 1.0
    propensity: float = 0.0
    batch_size: int | None = None
    perturb: float = 0.0
    perturb_weight: float = 1.0

    def __post_init__(self) -> None:
        for name in ("weight", "propensity", "perturb", "perturb_weight"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ConfigError(f"[[objectives]] {name} = {getattr(self, name)} must be a number from 0")
        if self.batch_size is not None and self.batch_size < 1:
            raise ConfigError(f"[[objectives]] batch_size = {self.batch_size} must be at least 1")


@dataclass(kw_only=True)
class Label:
    """`[heads.NAME]`: a class of each item, foretold from the rest of its listing while the towers learn.

    Args:
        column: of the items; of a path the narrowest step; empty: NAME. Items without a value are left out.
        weight: in the sum, beside the weight that is learnt.
    """

    column: str = ""
    weight: float = 1.0

    def __post_init__(self) -> None:
        if not 0 < self.weight < math.inf:
            raise ConfigError(f"[heads] weight = {self.weight} must be a number above 0")


@dataclass(frozen=True)
class LearningPlan:
    """What is to be learnt, and how; every section checked."""

    shape: Shape
    encoders: dict[str, Encoder]
    profile: dict[str, Encoder]
    fusion: Table
    history: Table
    pasts: Pasts
    objectives: list[tuple[Aim, Table]]
    pairs: dict[str, Table]
    negatives: Table
    optimisation: Optimisation = field(default_factory=Optimisation)
    graph: Table | None = None
    pretexts: list[tuple[Aim, Table]] = field(default_factory=list)
    heads: dict[str, Label] = field(default_factory=dict)

    @classmethod
    def of(cls, table: Mapping[str, Any], optimisation: Optimisation) -> "LearningPlan | None":
        """Check the sections; None where a run has no `[[objectives]]`.

        Raises:
            ConfigError: an unknown part or setting, a value of the wrong type, a part that is missing.
        """
        if not table.get("objectives"):
            return None
        shape = Shape(**checked(Shape, table.get("model", {}), "model"))
        pairs = {name: {"use": name, **section} for name, section in table.get("pairs", {}).items()}
        user = dict(table.get("user", {}))
        pasts = {key: user.pop(key) for key in ("length", "age") if key in user}
        aims = [_aim(n, given, pairs) for n, given in enumerate(table["objectives"])]
        objectives = [(aim, section) for aim, section in aims if section.get("use") not in PRETEXTS]
        plan = cls(
            shape=shape,
            encoders=_encoders(table.get("encoders", {}), "encoders"),
            profile=_encoders(table.get("profile", {}), "profile"),
            fusion={"use": "gated", **table.get("fusion", {})},
            history={"use": "recency", **user},
            pasts=Pasts(**checked(Pasts, pasts, "user")),
            objectives=objectives,
            pairs=pairs,
            negatives={"use": "in_batch", **table.get("negatives", {})},
            optimisation=optimisation,
            graph=_graph(table.get("graph", False)),
            pretexts=[(aim, section) for aim, section in aims if section.get("use") in PRETEXTS],
            heads=_heads(table.get("heads", {})),
        )
        if not plan.encoders:
            raise ConfigError("[encoders] is empty: name what an item is known by, such as [encoders.title]")
        if not plan.pasts.length and not plan.profile:
            raise ConfigError("[user] length = 0 needs a [profile.*]: nothing else says who a user is")
        if optimisation.chunk_size and any(aim.perturb for aim, _ in objectives):
            raise ConfigError("[[objectives]] perturb looks at whole batches: leave training.chunk_size at 0")
        if plan.graph is not None and optimisation.chunk_size:
            raise ConfigError(
                f"[training] chunk_size = {optimisation.chunk_size} saves nothing with a [graph]: every chunk would "
                "encode the whole catalogue. Set it to 0"
            )
        plan.parts()
        plan.check_histories()
        plan.check_fields()
        return plan

    def parts(self) -> None:
        """Build every part once, so that a wrong setting is told before the shop is read."""
        dim = self.shape.embedding_dim
        build(FUSIONS, self.fusion, len(self.encoders), dim, path="fusion")
        build(HISTORIES, self.history, dim, path="user")
        build(NEGATIVES, self.negatives, path="negatives")
        if self.graph is not None:
            Propagation(sparse.csr_array((0, 0)), **self.graph)
        for name, section in self.pairs.items():
            build(PAIR_SOURCES, section, path=f"pairs.{name}")
        for _, section in self.objectives:
            build(OBJECTIVES, section, dim, path="objectives")
        for _, section in self.pretexts:
            build(PRETEXTS, section, 1, path="objectives")

    def check_histories(self) -> None:
        """Refuse pairs that the user tower cannot read as they are meant."""
        history = build(HISTORIES, self.history, self.shape.embedding_dim, path="user")
        both_ways = self.packs() and not history.causal
        for name in self.sources():
            section = self.pairs.get(name, {"use": name})
            source = build(PAIR_SOURCES, section, path=f"pairs.{name}")
            if isinstance(source, HiddenItem) and not both_ways:
                raise ConfigError(
                    f'[pairs.{name}] hides events among others, which needs [user] use = "transformer" with '
                    "causal = false"
                )
            if both_ways and getattr(source, "stretch", 1) > 1 and not isinstance(source, HiddenItem):
                raise ConfigError(
                    f"[pairs.{name}] stretch = {source.stretch} shows each event what it is to foretell, where "
                    "[user] causal = false; leave stretch at 1, or learn from hidden_item"
                )

    def check_fields(self) -> None:
        """Refuse pairs of fields that the item tower does not have, or cannot be asked for."""
        for name in self.sources():
            source = build(PAIR_SOURCES, self.pairs.get(name, {"use": name}), path=f"pairs.{name}")
            if isinstance(source, TextPhoto):
                for side in ("anchor", "positive"):
                    asked = dict.fromkeys(getattr(source, side))
                    refuse_unknown(asked, list(self.encoders), f"pairs.{name}] {side} [encoders")
            if isinstance(source, TextPhoto | Photos) and self.graph is not None:
                raise ConfigError(
                    f"[pairs.{name}] shows single fields of items, where a [graph] mixes whole ones: leave one out"
                )

    def sources(self) -> list[str]:
        """Return the names of the sources of pairs that the objectives draw from."""
        return [
            n
            for aim, _ in self.objectives
            for n in ([aim.pairs] if isinstance(aim.pairs, str) else aim.pairs)
        ]

    def packs(self) -> bool:
        """Return whether the user tower reads histories packed."""
        part = HISTORIES.get(str(self.history["use"]))
        return bool(self.pasts.length) and bool(getattr(part, "reads_runs", False))

    def to_json(self) -> Table:
        """Return every setting: what a checkpoint must have been made with to be gone on from."""
        return {
            "model": settings_of(self.shape),
            "encoders": {n: {"use": type(e).__name__, **settings_of(e)} for n, e in self.encoders.items()},
            "profile": {n: {"use": type(e).__name__, **settings_of(e)} for n, e in self.profile.items()},
            "fusion": self.fusion,
            "user": {**self.history, **settings_of(self.pasts)},
            "objectives": [
                {**settings_of(aim), **section} for aim, section in [*self.objectives, *self.pretexts]
            ],
            "pairs": self.pairs,
            "negatives": self.negatives,
            "training": settings_of(self.optimisation),
            "graph": self.graph,
            "heads": {name: settings_of(label) for name, label in self.heads.items()},
        }


def _encoders(sections: Mapping[str, Any], path: str) -> dict[str, Encoder]:
    found: dict[str, Encoder] = {}
    for name, section in sections.items():
        if section is False:
            continue
        if not isinstance(section, Mapping):
            raise ConfigError(f"{path}.{name} = {section!r}: write a section, or false to leave it out")
        if "." in name or "/" in name:
            raise ConfigError(
                f"[{path}] {name!r}: a field's name has no dot and no slash; they part it in files"
            )
        found[name] = build(ENCODERS, {"use": name, **section}, path=f"{path}.{name}")
    return found


def _heads(sections: Mapping[str, Any]) -> dict[str, Label]:
    found = {}
    for name, section in sections.items():
        if section is False:
            continue
        if not isinstance(section, Mapping):
            raise ConfigError(f"heads.{name} = {section!r}: write a section, or false to leave it out")
        found[name] = Label(**checked(Label, section, f"heads.{name}"))
    return found


def _graph(section: Any) -> Table | None:
    if section is False:
        return None
    if not isinstance(section, Mapping):
        raise ConfigError(f"graph = {section!r}: write a section [graph], or false to leave it out")
    return checked(Propagation, section, "graph")


def _aim(number: int, given: Any, pairs: Mapping[str, Table]) -> tuple[Aim, Table]:
    path = f"objectives.{number}"
    if not isinstance(given, Mapping):
        raise ConfigError(f"[[objectives]] number {number + 1} is not a section")
    section = dict(given)
    own = {key: section.pop(key) for key in settings_of(Aim()) if key in section}
    aim = Aim(**checked(Aim, own, path))
    if section.get("use") in PRETEXTS and (extra := sorted({*own} - {"weight", "batch_size"})):
        raise ConfigError(f"[{path}] {extra[0]}: {section['use']} is a task of photos alone, without pairs")
    names = [aim.pairs] if isinstance(aim.pairs, str) else list(aim.pairs)
    for name in names:
        refuse_unknown({name: None}, sorted({*pairs, *PAIR_SOURCES}), f"{path}] [pairs")
    return aim, section
