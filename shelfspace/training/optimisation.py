"""`[training]`'s part about the loop."""

from dataclasses import dataclass
from typing import Literal

from shelfspace.errors import ConfigError


@dataclass(kw_only=True)
class Optimisation:
    """How weights are moved.

    Args:
        epochs: at most so many; validation may stop earlier.
        epoch_steps: an epoch is at most so many steps; 0: all pairs once.
        min_epoch_steps: and at least so many, where there are few pairs.
        patience: stop after so many measurements without a better one; 0: never.
        batch_size: pairs of a step, for each objective.
        learning_rate: of AdamW, after the warm-up.
        weight_decay: of AdamW.
        warm_up: steps in which the rate rises from 0.
        schedule: the rate then stays, or falls to 0 over `epochs` along a line or a cosine.
        clip: the gradient's norm is at most this; 0: not clipped.
        ema: the decay of the moving average of the weights, which is what is measured and kept; 0: none.
        precision: `bfloat16` multiplies matrices in it: faster where the processor can (AVX-512 BF16, AMX), elsewhere
            many times slower.
        accumulate: so many batches make one step; the pool of negatives stays that of one batch.
        chunk_size: rows encoded at once under GradCache, so that a batch may be larger than memory allows; 0: all.
        uncertainty: what each objective counts for, beside its weight, is learnt; see `Uncertain`.
        checkpoint_seconds: at most so much is lost when the job is killed.
    """

    epochs: int = 20
    epoch_steps: int = 0
    min_epoch_steps: int = 1
    patience: int = 3
    batch_size: int = 1024
    learning_rate: float = 0.003
    weight_decay: float = 0.0
    warm_up: int = 50
    schedule: Literal["constant", "linear", "cosine"] = "constant"
    clip: float = 1.0
    ema: float = 0.0
    precision: Literal["float32", "bfloat16"] = "float32"
    accumulate: int = 1
    chunk_size: int = 0
    uncertainty: bool = False
    checkpoint_seconds: float = 30.0

    def __post_init__(self) -> None:
        for name in ("epochs", "min_epoch_steps", "batch_size", "accumulate"):
            if getattr(self, name) < 1:
                raise ConfigError(f"[training] {name} = {getattr(self, name)} must be at least 1")
        for name in (
            "patience",
            "epoch_steps",
            "weight_decay",
            "warm_up",
            "clip",
            "chunk_size",
            "checkpoint_seconds",
        ):
            if getattr(self, name) < 0:
                raise ConfigError(f"[training] {name} = {getattr(self, name)} must not be below 0")
        if self.learning_rate <= 0:
            raise ConfigError(f"[training] learning_rate = {self.learning_rate} must be above 0")
        if not 0 <= self.ema < 1:
            raise ConfigError(f"[training] ema = {self.ema} must be at least 0 and below 1")
