"""What an objective counts for, learnt: the less sure it is, the less."""

from typing import Any

import torch
from torch import Tensor, nn

LOWEST, HIGHEST = -5.0, 5.0


class Uncertain(nn.Module):
    """exp(-s) · loss + s, with s = log σ² learnt: losses of unlike scales are weighed against each other.

    At the optimum of s alone the weight is 1 / loss. It stays within [-5, 5], so that a loss that becomes 0 does not
    run away with it.

    Args:
        objective: any, whatever it is called with.

    Source: Kendall, Gal and Cipolla 2018.

    Example:
        >>> double = Uncertain(nn.Identity())
        >>> float(double(torch.tensor(2.0)).detach())
        2.0
    """

    def __init__(self, objective: nn.Module) -> None:
        super().__init__()
        self.objective = objective
        self.log_variance = nn.Parameter(torch.zeros(()))

    @property
    def needs_target(self) -> bool:
        """Whether the objective looks at the slower copy."""
        return bool(getattr(self.objective, "needs_target", False))

    @property
    def divisor(self) -> Any:
        """The objective's temperature; None where it has none."""
        return getattr(self.objective, "divisor", None)

    def forward(self, *given: Any) -> Tensor:
        """Return the weighed loss, a tensor without axes."""
        with torch.no_grad():
            self.log_variance.clamp_(LOWEST, HIGHEST)
        loss: Tensor = self.objective(*given)
        return torch.exp(-self.log_variance) * loss + self.log_variance
