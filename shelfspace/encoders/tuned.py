"""A network that others trained, trained on: gently, and the more so the nearer a block is to the input."""

from typing import Any

from torch import nn

from shelfspace.encoders.encoder import check_count
from shelfspace.errors import ConfigError


class Tuned(nn.Module):
    """The network as it is, with the share of the learning rate that each of its weights moves at.

    Its blocks are the longest list of modules in it; what stands before them is the first layer, what stands behind
    them moves as the last block does. The statistics of batch norms stay as they were learnt, so that a row's vector
    does not hang on its batch.

    Args:
        network: given what `forward` is.
        rate: the share of the learning rate for the last block.
        rate_decay: each block before it moves at so much of that.
        blocks: only so many of the last blocks move; what is before them needs no backward pass. None: all.

    Raises:
        ConfigError: a setting out of range.

    Sources: Howard and Ruder 2018 (ULMFiT: discriminative rates); Clark et al. 2020 (layer-wise decay).
    """

    def __init__(
        self, network: nn.Module, *, rate: float = 0.1, rate_decay: float = 0.9, blocks: int | None = None
    ) -> None:
        super().__init__()
        check_rates(rate, rate_decay, blocks)
        self.network, self.rate, self.rate_decay, self.blocks = network, rate, rate_decay, blocks
        layers = layers_of(network)
        still = 0 if blocks is None else max(0, len(layers) - blocks)
        for layer in layers[:still]:
            for weight in layer:
                weight.requires_grad_(False)

    def forward(self, *given: Any) -> Any:
        """Return what the network does."""
        return self.network(*given)

    def train(self, mode: bool = True) -> "Tuned":
        """Set the mode, of all but batch norms."""
        super().train(mode)
        for part in self.modules():
            if isinstance(part, nn.modules.batchnorm._BatchNorm):
                part.eval()
        return self

    def rates(self) -> list[tuple[nn.Parameter, float]]:
        """Return the share of the learning rate of each weight; the loop asks for it."""
        layers = layers_of(self.network)
        return [
            (weight, self.rate * self.rate_decay ** (len(layers) - 1 - depth))
            for depth, layer in enumerate(layers)
            for weight in layer
        ]


def layers_of(network: nn.Module) -> list[list[nn.Parameter]]:
    """Return the weights by depth: what stands before the blocks, then each block; the last with what is behind them.

    Example:
        >>> blocks = nn.ModuleList(nn.Linear(1, 1) for _ in range(3))
        >>> network = nn.ModuleDict({"first": nn.Linear(1, 1), "blocks": blocks, "last": nn.Linear(1, 1)})
        >>> [len(layer) for layer in layers_of(network)]
        [2, 2, 2, 4]
    """
    lists = [part for part in network.modules() if isinstance(part, nn.ModuleList)]
    blocks = max(lists, key=len, default=nn.ModuleList())
    depth = {id(w): n + 1 for n, block in enumerate(blocks) for w in block.parameters()}
    layers: list[list[nn.Parameter]] = [[] for _ in range(len(blocks) + 1)]
    at = 0
    for weight in network.parameters():  # in the order in which they were made, that of the forward pass
        inside = depth.get(id(weight))
        at = inside if inside is not None else (len(blocks) if at else 0)
        layers[at].append(weight)
    return [layer for layer in layers if layer]


def check_rates(rate: float, rate_decay: float, blocks: int | None) -> None:
    """Raise ConfigError for shares of the learning rate that cannot be."""
    for name, value in (("rate", rate), ("rate_decay", rate_decay)):
        if not 0 < value <= 1:
            raise ConfigError(f"{name} = {value} must be above 0 and at most 1")
    check_count("tuned_blocks", blocks)
