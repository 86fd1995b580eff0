"""Several objectives of one batch as one."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from shelfspace.errors import ConfigError
from shelfspace.objectives.checks import at_least
from shelfspace.objectives.contrast import Contrast
from shelfspace.objectives.objective import Objective


class WeightedSum(nn.Module):
    """Σ weight · objective, and each objective by name, before its weight, for the log.

    Cost: that of the objectives.

    Raises:
        ConfigError: there is no objective, or a weight is below 0.

    Example:
        >>> from shelfspace.objectives.bpr import BPR
        >>> same = torch.eye(2)
        >>> total, parts = WeightedSum({"one": (BPR(2), 1.0), "two": (BPR(2), 0.5)})(
        ...     Contrast(same, same, torch.arange(2))
        ... )
        >>> round(total.item(), 4), {name: round(part.item(), 4) for name, part in parts.items()}
        (0.4699, {'one': 0.3133, 'two': 0.3133})
    """

    def __init__(self, parts: Mapping[str, tuple[Objective, float]]) -> None:
        super().__init__()
        if not parts:
            raise ConfigError("a sum of objectives needs at least one")
        at_least(0, **{f"the weight of {name}": weight for name, (_, weight) in parts.items()})
        self.names = list(parts)
        self.weights = [weight for _, weight in parts.values()]
        self.objectives = nn.ModuleList(objective for objective, _ in parts.values())
        self.needs_target = any(objective.needs_target for objective, _ in parts.values())
        self.needs_value = any(objective.needs_value for objective, _ in parts.values())

    def forward(self, contrast: Contrast) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the sum, and the parts without gradient."""
        values = [objective(contrast) for objective in self.objectives]
        total = torch.stack([w * v for w, v in zip(self.weights, values, strict=True)]).sum()
        return total, {name: value.detach() for name, value in zip(self.names, values, strict=True)}
