"""`[autoencoder]`, checked before anything is read."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from shelfspace.config import Table, checked, settings_of
from shelfspace.errors import ConfigError
from shelfspace.training.optimisation import Optimisation


@dataclass(kw_only=True)
class AutoencoderPlan:
    """`[autoencoder]`.

    Args:
        kind: `denoising` hides some of what is read; `variational` makes the latent uncertain as well.
        task: what is rebuilt: `classify`, which items were taken, among all; `reconstruct`, the row, by squared error.
        hidden: widths of the layers before the middle; [] makes it linear.
        decoder: widths of the layers after it.
        latent_dim: of a user's vector, and, without `decoder`, of an item's.
        dropout: the part of the events that is hidden while training.
        start: what the weights begin from: `random`, or `factors`, the singular vectors of who took what.
        beta: what the uncertainty of the latent counts for.
        anneal_steps: batches over which it comes to that.
        zeros: what an item that was not taken counts for in `reconstruct`.
        fit_half_life: the age at which an event counts half in training, in days or steps.
        history_half_life: the same when asked; chosen on validation where it is not given.
        trend: how much a score gains with what is rising; chosen on validation where it is not given.
        max_items: only the most taken items are modelled; the others score 0.
        label: a column of users: a class of each, foretold from the same vector.
        label_weight: what that counts for beside the rows.
        regress: a number to foretell: `next_value`, what the next visit brings in; `rating`, its mean rating; or
            a column of users.
        regress_weight: what that counts for beside the rows.
        epochs, patience, batch_size, learning_rate: as in `[training]`, whose other settings hold here too.

    Raises:
        ConfigError: a value that cannot be.
    """

    kind: Literal["denoising", "variational"] = "denoising"
    task: Literal["classify", "reconstruct"] = "classify"
    hidden: list[int] = field(default_factory=lambda: [600])
    decoder: list[int] = field(default_factory=list)
    latent_dim: int = 200
    dropout: float = 0.5
    start: Literal["random", "factors"] = "random"
    beta: float = 0.2
    anneal_steps: int = 1000
    zeros: float = 0.1
    fit_half_life: float = math.inf
    history_half_life: float = math.inf
    trend: float = 0.0
    max_items: int = 50_000
    label: str = ""
    label_weight: float = 0.1
    regress: str = ""
    regress_weight: float = 0.1
    epochs: int = 60
    patience: int = 4
    batch_size: int = 256
    learning_rate: float = 0.001

    def __post_init__(self) -> None:
        for name in ("latent_dim", "max_items", "epochs", "batch_size"):
            if getattr(self, name) < 1:
                raise ConfigError(f"[autoencoder] {name} = {getattr(self, name)} must be at least 1")
        for name in ("hidden", "decoder"):
            if any(width < 1 for width in getattr(self, name)):
                raise ConfigError(f"[autoencoder] {name} = {getattr(self, name)}: a width must be at least 1")
        for name in ("beta", "anneal_steps", "zeros", "trend", "label_weight", "regress_weight", "patience"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ConfigError(f"[autoencoder] {name} = {getattr(self, name)} must be a number from 0")
        for name in ("fit_half_life", "history_half_life", "learning_rate"):
            if not getattr(self, name) > 0:
                raise ConfigError(f"[autoencoder] {name} = {getattr(self, name)} must be above 0")
        if not 0 <= self.dropout < 1:
            raise ConfigError(f"[autoencoder] dropout = {self.dropout} must be at least 0 and below 1")

    @classmethod
    def of(cls, section: Mapping[str, Any], optimisation: Optimisation) -> "AutoencoderPlan":
        """Check the section; `optimisation` is what `[training]` says."""
        plan = cls(**checked(cls, section, "autoencoder"))
        plan.optimisation = optimisation
        return plan

    def to_json(self) -> Table:
        """Return every setting: what a checkpoint must have been made with to be gone on from."""
        return {"autoencoder": settings_of(self), "training": settings_of(self.optimisation)}

    optimisation: Optimisation = field(init=False, repr=False, default_factory=Optimisation)
