"""Photos by a small residual network, learnt from nothing. B photos, S their side, W width, D embedding_dim."""

import math
from dataclasses import dataclass
from typing import Annotated

from torch import Tensor, nn
from torch.nn import functional

from shelfspace.config import Range
from shelfspace.encoders.encoder import check_count, check_share
from shelfspace.encoders.photo import PhotoModule, begun_from
from shelfspace.encoders.photo_views import Strengths
from shelfspace.inputs.photos import Photos
from shelfspace.inputs.readers import Reader

STAGES = 4
GROUPS = 8


@dataclass(kw_only=True)
class ResNet(Strengths):
    """A photo by a residual network that is trained here, from nothing or from where another run left it.

    Every photo is decoded once for all runs, by what is in the file; one that cannot be read is as none.

    Args:
        column, fetch: see PhotoColumn.
        size: S, a multiple of 16 wastes none.
        width: W, channels of the first of four stages; each has twice those of the one before.
        depth: blocks of a stage, of two convolutions each.
        start: where the network begins: a run's folder or a `model.safetensors`, as seen from where the command runs;
            None: at random.
        hidden: hidden units of the projection, see DenseEncoder.
        crop, flip, jitter, grey, blur, cutout: what makes another view in training, see Strengths.
        dropout: see the top of `fields.py`.

    Cost: some 0.06 Gflop a photo of 64 pixels at width 32 and depth 1, thrice that in training; in proportion to S²,
    W² and depth.

    Raises:
        ConfigError: a setting that cannot be, or no network to begin from.

    Source: He et al. 2016; Wu and He 2018 (groups are normalised, so that a photo's vector does not hang on its batch).
    """

    column: str = "image"
    fetch: bool = True
    size: int = 64
    width: int = 32
    depth: int = 1
    start: str | None = None
    hidden: int | None = None
    dropout: Annotated[float, Range(0.0, 0.5)] = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_share("dropout", self.dropout)
        for name in ("width", "depth", "hidden"):
            check_count(name, getattr(self, name))
        self.reader()

    def reader(self) -> Reader:
        """Return a reader of the column's photos."""
        return Photos(column=self.column, fetch=self.fetch, size=self.size)

    def module(self, reader: Reader, embedding_dim: int) -> PhotoModule:
        """Return the network and its projection."""
        network = ResidualNetwork(width=self.width, depth=self.depth)
        if self.start is not None:
            begun_from(network, self.start)
        return PhotoModule(
            network,
            network.num_features,
            embedding_dim,
            size=reader.num_features,
            strengths=self,
            hidden=self.hidden,
        )


class ResidualNetwork(nn.Module):
    """Four stages of residual blocks, each at half the side of the one before, and the mean over places."""

    def __init__(self, *, width: int = 32, depth: int = 1) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, width, 3, stride=2, padding=1, bias=False)
        blocks: list[nn.Module] = []
        before = width
        for stage in range(STAGES):
            wide = width * 2**stage
            for n in range(depth):
                blocks.append(_Block(before, wide, stride=2 if stage and not n else 1))
                before = wide
        self.blocks = nn.Sequential(*blocks)
        self.norm = _norm(before)
        self.num_features = before

    def forward(self, photos: Tensor) -> Tensor:
        """Return float [B, 8 W] from float [B, 3, S, S]."""
        features: Tensor = functional.relu(self.norm(self.blocks(self.stem(photos))))
        return features.mean(dim=(2, 3))


class _Block(nn.Module):
    """Two convolutions, added to what came in; each after its norm (He et al. 2016, "Identity Mappings")."""

    def __init__(self, before: int, width: int, *, stride: int) -> None:
        super().__init__()
        self.first_norm, self.second_norm = _norm(before), _norm(width)
        self.first = nn.Conv2d(before, width, 3, stride=stride, padding=1, bias=False)
        self.second = nn.Conv2d(width, width, 3, padding=1, bias=False)
        plain = before == width and stride == 1
        self.shortcut = None if plain else nn.Conv2d(before, width, 1, stride=stride, bias=False)

    def forward(self, given: Tensor) -> Tensor:
        ready = functional.relu(self.first_norm(given))
        kept = given if self.shortcut is None else self.shortcut(ready)
        inner = self.second(functional.relu(self.second_norm(self.first(ready))))
        total: Tensor = kept + inner
        return total


def _norm(channels: int) -> nn.GroupNorm:
    return nn.GroupNorm(math.gcd(GROUPS, channels), channels)
