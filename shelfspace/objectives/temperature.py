"""The temperature that a similarity is divided by, given or learnt."""

import math

import torch
from torch import Tensor, nn

from shelfspace.errors import ConfigError

LOWEST, HIGHEST = 0.01, 1.0


class Temperature(nn.Module):
    """A number above 0; learnt, it is the exponential of a parameter and stays within [0.01, 1].

    The parameter is put back into its range when it is read, so that it never drifts to where it has no gradient.

    Raises:
        ConfigError: the temperature is not above 0, or a learnt one starts outside its range.

    Source: Radford et al. 2021 (CLIP).

    Example:
        >>> round(Temperature(0.07, learn=True)().detach().item(), 4)
        0.07
    """

    def __init__(self, temperature: float, *, learn: bool) -> None:
        super().__init__()
        if not 0 < temperature < math.inf:
            raise ConfigError(f"temperature = {temperature} must be above 0")
        if learn and not LOWEST <= temperature <= HIGHEST:
            raise ConfigError(
                f"temperature = {temperature} must be in [{LOWEST}, {HIGHEST}] for learn_temperature = true"
            )
        self.start = temperature
        self.log_scale = nn.Parameter(torch.tensor(-math.log(temperature))) if learn else None

    def forward(self) -> Tensor | float:
        """Return the temperature; a tensor without axes if it is learnt."""
        if self.log_scale is None:
            return self.start
        with torch.no_grad():
            self.log_scale.clamp_(-math.log(HIGHEST), -math.log(LOWEST))
        return torch.exp(-self.log_scale)
