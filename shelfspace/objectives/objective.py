"""What is minimised: a number from a batch's embeddings."""

from typing import ClassVar

import torch
from torch import Tensor, nn

from shelfspace.errors import ConfigError
from shelfspace.objectives.contrast import Contrast


class Objective(nn.Module):
    """The base of all objectives: built as `Objective(embedding_dim, *, settings)`, called with a `Contrast`.

    Vectors come as the model made them, raw or of unit length; similarity is their inner product divided by
    `temperature`. An objective that needs unit length makes it, and says so. The result is the mean over the
    batch by `weight`. It is computed outside autocast, vectors of half precision in float32: a logit of 14 in
    bfloat16 is off by up to 0.03.

    A subclass gives `loss`, and says what it needs: `needs_target`, the embeddings of the loop's EMA copy;
    `needs_value`, a value for each pair.

    Raises:
        ConfigError: embedding_dim is below 1.
    """

    needs_target: ClassVar[bool] = False
    needs_value: ClassVar[bool] = False

    def __init__(self, embedding_dim: int) -> None:
        super().__init__()
        if embedding_dim < 1:
            raise ConfigError(f"embedding_dim = {embedding_dim} must be at least 1")
        self.embedding_dim = embedding_dim

    def forward(self, contrast: Contrast) -> Tensor:
        """Return the loss, a tensor without axes."""
        with torch.autocast(contrast.anchor.device.type, enabled=False):
            return self.loss(contrast.in_full_precision())

    def loss(self, contrast: Contrast) -> Tensor:
        """Return the loss of vectors in full precision."""
        raise NotImplementedError


def needed(tensor: Tensor | None, objective: str, what: str) -> Tensor:
    """Return the tensor.

    Raises:
        ConfigError: it is not there, which says that the pairs or the loop are not those the objective needs.
    """
    if tensor is None:
        raise ConfigError(f"{objective} needs {what}")
    return tensor
