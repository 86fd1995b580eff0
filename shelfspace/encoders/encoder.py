"""What every encoder of a field does. B rows, D embedding_dim."""

from typing import Protocol

from torch import Tensor, nn

from shelfspace.errors import ConfigError
from shelfspace.inputs.readers import Reader


class FieldEncoder(Protocol):
    """A module that makes vectors of a field."""

    training: bool
    ragged: bool
    """Whether its inputs are as wide as the longest row, so that their second axis varies."""

    def padded(self, *parts: Tensor) -> Tensor:
        """Return float [B, D] from what a field's `inputs` gives."""
        ...

    def example(self, size: int) -> dict[str, Tensor]:
        """Return inputs of so many rows, by the names that a field's `inputs` gives them."""
        ...


class Encoder(Protocol):
    """The settings of one field: how it is read, and the module that makes vectors of it."""

    dropout: float
    """The chance that the whole field is hidden from a row in training."""

    def reader(self) -> Reader:
        """Return a reader that has learnt nothing yet."""
        ...

    def module(self, reader: Reader, embedding_dim: int) -> nn.Module:
        """Return an untrained `FieldEncoder` for what the reader, which has learnt, reads."""
        ...


def check_share(name: str, value: float) -> None:
    """Raise ConfigError unless 0 <= value < 1."""
    if not 0 <= value < 1:
        raise ConfigError(f"{name} = {value} must be at least 0 and below 1")


def check_count(name: str, value: int | None) -> None:
    """Raise ConfigError where a number is given that is below 1."""
    if value is not None and value < 1:
        raise ConfigError(f"{name} = {value} must be at least 1")
