"""Another view of the same photo: cut, turned, coloured, blurred, covered; a batch at once.

B photos, S their side. Pixels are float [B, 3, S, S] between 0 and 1.

Sources: Chen et al. 2020 (SimCLR: crop and colour); DeVries and Taylor 2017 (cut-out).
"""

import math
from dataclasses import dataclass
from typing import Annotated

import torch
from torch import Tensor
from torch.nn import functional

from shelfspace.config import Range
from shelfspace.encoders.encoder import check_share
from shelfspace.encoders.view import View
from shelfspace.errors import ConfigError

ASPECT = 4 / 3
"""The most that a crop is wider than high, or higher than wide."""

SIGMA = (0.1, 2.0)
"""The deviation of a blur, at 64 pixels; in proportion at others."""

_YIQ = torch.tensor([[0.299, 0.587, 0.114], [0.596, -0.274, -0.322], [0.211, -0.523, 0.312]])


@dataclass(kw_only=True)
class Strengths:
    """How far apart two views of a photo are; 0 turns each off, and in evaluation all are.

    Args:
        crop: the share of a photo's area that may be cut away.
        flip: the share of photos that are turned left to right.
        jitter: how far brightness, contrast and saturation change, as a share; hue by a quarter of it, of a turn.
        grey: the share of photos without colour.
        blur: the share of photos that are blurred.
        cutout: the side of a square that is covered, as a share of the photo's.
    """

    crop: Annotated[float, Range(0.0, 0.9)] = 0.6
    flip: float = 0.5
    jitter: Annotated[float, Range(0.0, 0.8)] = 0.4
    grey: float = 0.1
    blur: float = 0.0
    cutout: float = 0.0

    def __post_init__(self) -> None:
        for name in ("crop", "jitter", "cutout"):
            check_share(name, getattr(self, name))
        for name in ("flip", "grey", "blur"):
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(f"{name} = {getattr(self, name)} must be a share between 0 and 1")


class PhotoView(View):
    """Photos as they might have been taken, each drawn anew. Cost: O(B S²), a few passes over the pixels."""

    def __init__(self, strengths: Strengths) -> None:
        super().__init__()
        self.strengths = strengths

    def altered(self, given: Tensor) -> Tensor:
        """Return other photos, float [B, 3, S, S]."""
        by, size, side = self.strengths, len(given), given.shape[2]
        if by.crop or by.flip:
            given = cropped(given, *_boxes(by.crop, size), torch.rand(size) < by.flip)
        if by.jitter:
            brightness, contrast, saturation = (1 + by.jitter * (2 * torch.rand(3, size) - 1)).unbind()
            given = coloured(
                given, brightness, contrast, saturation, by.jitter / 4 * (2 * torch.rand(size) - 1)
            )
        if by.grey:
            given = torch.where(_chosen(by.grey, size), _grey(given), given)
        if by.blur:
            sigma = (SIGMA[0] + torch.rand(size) * (SIGMA[1] - SIGMA[0])) * side / 64
            given = torch.where(_chosen(by.blur, size), blurred(given, sigma), given)
        return covered(given, torch.rand(size, 2), by.cutout) if by.cutout else given


def cropped(photos: Tensor, extent: Tensor, centre: Tensor, flip: Tensor) -> Tensor:
    """Return what is in a box of each photo, stretched to the whole square.

    Args:
        photos: float [B, 3, S, S].
        extent: float [B, 2], the box's width and height as shares of the side.
        centre: float [B, 2], where it is in the room that it has, between 0 (left, top) and 1.
        flip: bool [B], left to right.
    """
    shift = (1 - extent) * (2 * centre - 1)
    zero = torch.zeros(len(photos))
    across = torch.stack([torch.where(flip, -1.0, 1.0) * extent[:, 0], zero, shift[:, 0]], dim=1)
    down = torch.stack([zero, extent[:, 1], shift[:, 1]], dim=1)
    grid = functional.affine_grid(torch.stack([across, down], dim=1), list(photos.shape), align_corners=False)
    return functional.grid_sample(photos, grid, padding_mode="border", align_corners=False)


def coloured(photos: Tensor, brightness: Tensor, contrast: Tensor, saturation: Tensor, hue: Tensor) -> Tensor:
    """Return photos in another light: brightness, contrast and saturation [B] times, the hue [B] turned by so much."""
    found = photos * _each(brightness)
    middle = _grey(found).mean(dim=(2, 3), keepdim=True)
    found = middle + (found - middle) * _each(contrast)
    grey = _grey(found)
    found = grey + (found - grey) * _each(saturation)
    return (_turned(hue) @ found.flatten(2)).view_as(found).clamp(0, 1)


def blurred(photos: Tensor, sigma: Tensor) -> Tensor:
    """Return photos, each under a Gaussian of its own deviation [B], in pixels, cut off at a tenth of the side."""
    size, channels, side, _ = photos.shape
    reach = max(1, side // 10)
    away = torch.arange(-reach, reach + 1)
    kernel = torch.exp(-0.5 * (away / sigma[:, None]) ** 2)
    kernel = (kernel / kernel.sum(dim=1, keepdim=True)).repeat_interleave(channels, dim=0)
    flat = functional.pad(photos.reshape(1, size * channels, side, side), [reach] * 4, mode="replicate")
    flat = functional.conv2d(flat, kernel[:, None, None, :], groups=size * channels)
    flat = functional.conv2d(flat, kernel[:, None, :, None], groups=size * channels)
    return flat.view_as(photos)


def covered(photos: Tensor, centre: Tensor, share: float) -> Tensor:
    """Return photos with a square about `centre` [B, 2] (x, y, between 0 and 1) at the photo's mean colour."""
    at = (torch.arange(photos.shape[2]) + 0.5) / photos.shape[2]
    inside = (at - centre[..., None]).abs() < share / 2
    square = inside[:, 1, :, None] & inside[:, 0, None, :]
    return torch.where(square[:, None], photos.mean(dim=(2, 3), keepdim=True), photos)


def _boxes(crop: float, size: int) -> tuple[Tensor, Tensor]:
    """Draw boxes of the area that is left, their proportions and their places; [B, 2] each."""
    area = 1 - crop * torch.rand(size)
    aspect = torch.exp((2 * torch.rand(size) - 1) * math.log(ASPECT)) if crop else torch.ones(size)
    extent = torch.stack([(area * aspect).sqrt(), (area / aspect).sqrt()], dim=1).clamp(max=1.0)
    return extent, torch.rand(size, 2)


def _turned(hue: Tensor) -> Tensor:
    """Return the matrices [B, 3, 3] that turn colours about the grey axis by `hue` turns."""
    angle = 2 * math.pi * hue
    turn = torch.eye(3).repeat(len(hue), 1, 1)
    turn[:, 1, 1], turn[:, 2, 2] = angle.cos(), angle.cos()
    turn[:, 1, 2], turn[:, 2, 1] = -angle.sin(), angle.sin()
    back: Tensor = torch.linalg.inv(_YIQ)
    return back @ turn @ _YIQ


def _grey(photos: Tensor) -> Tensor:
    return (photos * _YIQ[0][:, None, None]).sum(dim=1, keepdim=True)


def _each(values: Tensor) -> Tensor:
    return values[:, None, None, None]


def _chosen(share: float, size: int) -> Tensor:
    return _each(torch.rand(size) < share)
