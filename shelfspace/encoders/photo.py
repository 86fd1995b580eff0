"""From pixels to vectors, by a network that is trained here. B photos, S their side, K features, D embedding_dim."""

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import torch
from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor, nn

from shelfspace.encoders.modules import DenseEncoder
from shelfspace.encoders.photo_views import PhotoView, Strengths
from shelfspace.errors import ConfigError

LEAST = 8
"""Channels of the narrowest convolution of a network that is given photos with channels last."""


class PhotoModule(nn.Module):
    """A view of each photo in training, the network, and a projection.

    Args:
        network: from float [B, 3, S, S] to its features [B, K].
        num_features: K.
        embedding_dim: D.
        size: S.
        strengths: how far apart views are.
        mean, deviation: of the pixels that the network knows, between 0 and 1, for each colour.
        hidden: hidden units of the projection, see DenseEncoder; None: there are none.

    Cost: the network's; its activations stay in memory for all photos of a batch in training.
    """

    ragged: ClassVar[bool] = False
    mean: Tensor
    deviation: Tensor

    def __init__(
        self,
        network: nn.Module,
        num_features: int,
        embedding_dim: int,
        *,
        size: int,
        strengths: Strengths,
        mean: Sequence[float] = (0.5, 0.5, 0.5),
        deviation: Sequence[float] = (0.25, 0.25, 0.25),
        hidden: int | None = None,
    ) -> None:
        super().__init__()
        self.network, self.num_features, self.size = network, num_features, size
        self.layout = layout_of(network)
        self.view = PhotoView(strengths)
        self.out = DenseEncoder(num_features, embedding_dim, hidden=hidden)
        for name, values in (("mean", mean), ("deviation", deviation)):
            self.register_buffer(name, torch.tensor(values)[:, None, None], persistent=False)

    def forward(self, pixels: Tensor) -> Tensor:
        """Return float [B, D] from uint8 [B, S, S, 3]."""
        vectors: Tensor = self.out(self.features(self.view(floats(pixels))))
        return vectors

    def features(self, photos: Tensor) -> Tensor:
        """Return what the network makes of photos float [B, 3, S, S] between 0 and 1: float [B, K]."""
        given = ((photos - self.mean) / self.deviation).contiguous(memory_format=self.layout)
        features: Tensor = self.network(given)
        return features

    def padded(self, pixels: Tensor) -> Tensor:
        """Return the same: photos are of one size."""
        vectors: Tensor = self(pixels)
        return vectors

    def example(self, size: int) -> dict[str, Tensor]:
        """Return inputs of so many rows."""
        return {"pixels": torch.zeros((size, self.size, self.size, 3), dtype=torch.uint8)}


def layout_of(network: nn.Module) -> torch.memory_format:
    """Return the order in which a network is given photos: channels last is a third faster.

    Not of a network with a convolution to fewer than eight channels: its gradient in that order writes beyond its
    memory where the processor has AVX2 and no more (torch 2.13).

    Example:
        >>> layout_of(nn.Conv2d(3, 8, 3)), layout_of(nn.Conv2d(3, 4, 3))
        (torch.channels_last, torch.contiguous_format)
    """
    channels = [part.out_channels for part in network.modules() if isinstance(part, nn.Conv2d)]
    return torch.channels_last if min(channels, default=LEAST) >= LEAST else torch.contiguous_format


def floats(pixels: Tensor) -> Tensor:
    """Return uint8 [B, S, S, 3] as float [B, 3, S, S] between 0 and 1."""
    return pixels.permute(0, 3, 1, 2).float() / 255.0


def begun_from(network: nn.Module, start: str) -> None:
    """Put the weights of a network trained before into one of the same shape.

    Args:
        network: takes them.
        start: the folder of a run whose item tower has such a network, or a `model.safetensors` itself.

    Raises:
        ConfigError: there is no such file, or no network of that shape in it; it says which weights are missing.
    """
    path = Path(start)
    number = path / "current"
    if number.is_file():
        path = path / "spaces" / number.read_text("utf-8").strip()
    files = sorted(path.glob("encoders/*/model.safetensors")) if path.is_dir() else [path]
    try:
        held = [load(file.read_bytes()) for file in files]
    except (OSError, SafetensorError) as problem:
        raise ConfigError(f"start = {start!r} cannot be read: {problem}") from None
    wanted = network.state_dict()
    for weights in held:
        for prefix in dict.fromkeys(
            name.partition(".network.")[0] for name in weights if ".network." in name
        ):
            found = {n: weights.get(f"{prefix}.network.{n}") for n in wanted}
            own = {n: w for n, w in found.items() if w is not None and w.shape == wanted[n].shape}
            if len(own) == len(wanted):
                network.load_state_dict(own)
                return
    raise ConfigError(
        f"start = {start!r} holds no photo network of this shape: train one with the same use, width and depth"
    )
