"""What the loop asks of a part of the loss, whatever module it trains."""

from typing import Any, Protocol

import numpy as np
from torch import Tensor, nn


class Trains(Protocol):
    """A part of the loss: what it draws, what it makes of it, and what it counts for in the sum."""

    objective: nn.Module
    weight: float

    def draw(self, rng: np.random.Generator, size: int) -> Any:
        """Return a batch of about `size`."""
        ...

    def __len__(self) -> int:
        """Return how much of what it draws makes an epoch."""
        ...


class Adds(Protocol):
    """Adds the gradient of `scale` times the loss of a batch to the parameters' own; gives the loss."""

    def add(self, model: Any, batch: Any, loss: Any, target: Any, scale: float) -> Tensor:
        """Return the loss, detached."""
        ...


class Direct:
    """The objective is given the module and the batch, and makes of them what it likes."""

    def add(self, model: Any, batch: Any, loss: Any, target: Any, scale: float) -> Tensor:
        """Return the loss, detached."""
        value: Tensor = loss(model, batch)
        (scale * value).backward()  # type: ignore[no-untyped-call]
        return value.detach()
