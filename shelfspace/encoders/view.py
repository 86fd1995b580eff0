"""What makes another view of the same row, at random, in training."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class View(nn.Module):
    """Alters what an encoder is given in training, and nothing in evaluation, unless `seen` says otherwise.

    A subclass gives `altered`. It draws from torch's generator, which the loop seeds and checkpoints keep, as drop-out
    does; it has no weights.
    """

    always: bool = False

    def forward(self, given: Tensor) -> Tensor:
        """Return the same, or another view of it."""
        if not (self.training or self.always):
            return given
        with torch.autocast(
            given.device.type, enabled=False
        ):  # 256 shades are more than bfloat16 tells apart
            return self.altered(given)

    def altered(self, given: Tensor) -> Tensor:
        """Return another view."""
        raise NotImplementedError


@contextmanager
def seen(model: nn.Module) -> Iterator[None]:
    """Let every view of a model alter what it is given, whatever the mode.

    So the slow copy of BYOL and MoCo, which is in evaluation, is shown a view of its own.
    """
    views = [part for part in model.modules() if isinstance(part, View)]
    for view in views:
        view.always = True
    try:
        yield
    finally:
        for view in views:
            view.always = False
