"""Tasks that a photo sets by itself: which way is up, and how its pieces go together.

B photos drawn, S their side, K features of the network, P permutations, T tiles of a photo.
"""

import itertools
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from shelfspace.encoders.encoder import check_count
from shelfspace.encoders.photo import PhotoModule, floats
from shelfspace.errors import ConfigError
from shelfspace.model.model import Model
from shelfspace.training.terms import Direct

CANDIDATES = 5_000
"""Permutations that the set is chosen from, where there are more."""


@dataclass(frozen=True)
class Drawn:
    """Rows int64 [B] whose photos are shown, and the field that holds them."""

    field: str
    rows: Tensor

    def photos(self, model: Model) -> tuple[PhotoModule, Tensor]:
        """Return the field's encoder and a view of each photo, float [B, 3, S, S] between 0 and 1."""
        encoder = model.item.encoder(self.field)
        assert isinstance(encoder, PhotoModule)
        (pixels,) = model.item.held[self.field].inputs(self.rows)
        return encoder, encoder.view(floats(pixels))


class Pretext(nn.Module):
    """The base of both: built as `Pretext(num_features, *, settings)`, called with the model and what was drawn.

    The network is trained with a head of its own, which nothing but this task uses.
    """

    shown: ClassVar[int] = 1
    """How often a photo passes through the network: so many fewer are drawn."""
    field: str | None

    def forward(self, model: Model, drawn: Drawn) -> Tensor:
        """Return the loss, a tensor without axes."""
        encoder, photos = drawn.photos(model)
        logits, label = self.answers(encoder, photos)
        return functional.cross_entropy(logits.float(), label)

    def answers(self, encoder: PhotoModule, photos: Tensor) -> tuple[Tensor, Tensor]:
        """Return the logits of the answers, float [n, classes], and which is right, int64 [n]."""
        raise NotImplementedError


class Rotation(Pretext):
    """Each photo is turned by 0, 90, 180 and 270 degrees; which it was is to be told. It needs to know what things are.

    Args:
        num_features: K.
        field: the field of photos; None: the only one there is.

    Cost: the network four times a photo.

    Source: Gidaris, Singh and Komodakis 2018.

    When: photos have an up and a down, which shelves have and what lies on a table has not.
    """

    shown: ClassVar[int] = 4

    def __init__(self, num_features: int, *, field: str | None = None) -> None:
        super().__init__()
        self.field = field
        self.head = nn.Linear(num_features, self.shown)

    def answers(self, encoder: PhotoModule, photos: Tensor) -> tuple[Tensor, Tensor]:
        """Return which turn it was thought to be, float [4 B, 4], and which it was."""
        turned = torch.cat([torch.rot90(photos, quarters, (2, 3)) for quarters in range(self.shown)])
        label = torch.arange(self.shown).repeat_interleave(len(photos))
        return self.head(encoder.features(turned)), label


class Jigsaw(Pretext):
    """A photo is cut into tiles, shuffled by one of P permutations; which it was is to be told from their features.

    Between tiles a random gap is left, and each is brought to one mean and deviation, so that edges and colour do not
    tell. P permutations are chosen far apart, the same in every run.

    Args:
        num_features: K.
        field: the field of photos; None: the only one there is.
        side: tiles along a side, T = side².
        permutations: P; of 2 x 2 there are 24.
        hidden: hidden units of the head.

    Cost: the network once for each tile, of the photo's pixels together; the head B T K hidden.

    Raises:
        ConfigError: a number below 1, or one tile.

    Source: Noroozi and Favaro 2016.
    """

    order: Tensor

    def __init__(
        self,
        num_features: int,
        *,
        field: str | None = None,
        side: int = 3,
        permutations: int = 30,
        hidden: int = 256,
    ) -> None:
        super().__init__()
        if side < 2:
            raise ConfigError(f"side = {side} must be at least 2: one tile has one order")
        check_count("permutations", permutations)
        check_count("hidden", hidden)
        self.field, self.side, self.permutations, self.hidden = field, side, permutations, hidden
        order = far_apart(side**2, permutations)
        self.register_buffer("order", torch.from_numpy(order), persistent=False)
        self.head = nn.Sequential(
            nn.Linear(num_features * side**2, hidden), nn.ReLU(), nn.Linear(hidden, len(order))
        )

    def answers(self, encoder: PhotoModule, photos: Tensor) -> tuple[Tensor, Tensor]:
        """Return which order it was thought to be, float [B, P], and which it was."""
        tiles = self.tiles(photos)
        label = torch.randint(len(self.order), (len(photos),))
        shuffled = tiles.gather(1, self.order[label][:, :, None, None, None].expand_as(tiles))
        features = encoder.features(shuffled.flatten(0, 1))
        return self.head(features.view(len(photos), -1)), label

    def tiles(self, photos: Tensor) -> Tensor:
        """Return float [B, T, 3, s, s], the tiles row by row; s is seven eighths of a T-th of the area's root."""
        cell = photos.shape[2] // self.side
        size = max(1, cell - max(1, cell // 8))
        found = []
        for down, across in itertools.product(range(self.side), repeat=2):
            y, x = (int(torch.randint(cell - size + 1, ())) + n * cell for n in (down, across))
            found.append(photos[:, :, y : y + size, x : x + size])
        tiles = torch.stack(found, dim=1)
        deviation, mean = torch.std_mean(tiles, dim=(3, 4), keepdim=True)
        return 0.5 + 0.25 * (tiles - mean) / deviation.clamp(min=1e-3)


def far_apart(size: int, number: int) -> npt.NDArray[np.int64]:
    """Return up to `number` permutations of `size`, int64 [P, T], each as far from those before it as can be found.

    Far is the number of places that differ; the first is the order as it is.

    Example:
        >>> far_apart(3, 3).tolist()
        [[0, 1, 2], [1, 2, 0], [2, 0, 1]]
    """
    if size <= 7:
        every = np.array(list(itertools.permutations(range(size))), np.int64)
    else:
        rng = np.random.default_rng(0)
        drawn = rng.permuted(np.tile(np.arange(size), (CANDIDATES, 1)), axis=1)
        every = np.unique(np.concatenate([np.arange(size)[None], drawn]), axis=0).astype(np.int64)
    chosen = [0]
    nearest = (every != every[0]).sum(axis=1)
    while len(chosen) < min(number, len(every)):
        chosen.append(int(nearest.argmax()))
        nearest = np.minimum(nearest, (every != every[chosen[-1]]).sum(axis=1))
    return every[chosen]


@dataclass
class PretextTerm:
    """Draws photos, each at most once in a batch, and sets the task.

    field: the field of photos;  rows: int64, those that have one;  shown: how often the task shows a photo;
    batch_size: photos that pass through the network in a step, in place of the loop's.
    """

    objective: nn.Module
    field: str
    rows: npt.NDArray[np.int64]
    shown: int = 1
    weight: float = 1.0
    batch_size: int | None = None
    gradients: ClassVar[Direct] = Direct()

    def __len__(self) -> int:
        """Return how many photos pass through the network in an epoch."""
        return len(self.rows) * self.shown

    def draw(self, rng: np.random.Generator, size: int) -> Drawn:
        """Draw photos. O(N)."""
        number = max(1, (self.batch_size or size) // self.shown)
        drawn = rng.choice(self.rows, min(number, len(self.rows)), replace=False)
        return Drawn(self.field, torch.from_numpy(drawn))


PRETEXTS: dict[str, type] = {"rotation": Rotation, "jigsaw": Jigsaw}
"""The tasks by the names that a settings file uses."""
