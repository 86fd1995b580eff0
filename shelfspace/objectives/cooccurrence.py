"""Regression of cosines on how often two items go together.

B batch, M candidates, D embedding_dim.
"""

import math
from typing import Annotated, ClassVar, Literal

import torch
from torch import Tensor, nn

from shelfspace.config import Range
from shelfspace.errors import ConfigError
from shelfspace.objectives.averaging import shares, weighted_mean
from shelfspace.objectives.checks import above, at_least
from shelfspace.objectives.contrast import Contrast
from shelfspace.objectives.objective import Objective, needed
from shelfspace.objectives.similarity import cosine, unit

Regressed = Literal["count", "log_count", "ppmi"]


class CosineRegression(Objective):
    """f(X) (ŷ - y)² for a pair seen X times, plus negative_weight · mean of ŷ² over negatives; ŷ = scale · cos + bias.

    y = log(1 + X), or the pair's PPMI; f(X) = min(1, (X / x_max)^power), 1 for PPMI. Vectors are brought to
    unit length here.

    The loss as articles have it, Σ (cos - log X)² over the pairs seen, cannot be met and does not need to be. A
    cosine lies in [-1, 1] and log X does not, so that every pair seen more than twice is driven to the same
    vector and the loss has no zero. Pairs never seen have no log and are left out, so that all vectors being
    one costs nothing. And with a term for each event, what is sold most decides everything. Here scale and bias
    are learnt, so that a cosine can reach y; the candidates that an anchor was not seen with are regressed to
    0, which is log(1 + 0); and f levels off at x_max.

    Args:
        embedding_dim: D.
        value: what a pair's value is: `count`, X; `log_count`, log(1 + X); `ppmi`, regressed as it is.
        x_max: the count from which on a pair counts whole.
        power: how fast a pair with fewer counts less.
        negative_weight: what all negatives of a pair together count for; 0 gives back the loss that collapses.
        scale: where the learnt scale starts.
        bias: where the learnt bias starts.
        correct_log_q: negatives count 1 / q, as if drawn uniformly; false is for measuring what this does.
        mask_false_negatives: false takes `also` for negatives; for measuring what the mask does.

    Cost: O(B M D) time, O(B M) memory.

    Raises:
        ConfigError: a setting out of its range, or the pairs come without a value.

    Sources: Pennington et al. 2014 (GloVe: f, log counts); Levy and Goldberg 2014 (PPMI).

    When: a cosine is to say how often two items go together, rather than which goes best.

    Example:
        >>> pair = Contrast(torch.eye(2), torch.eye(2), torch.arange(2), value=torch.ones(2))
        >>> CosineRegression(2, value="ppmi", scale=1.0)(pair).item()
        0.0
    """

    needs_value: ClassVar[bool] = True

    def __init__(
        self,
        embedding_dim: int,
        *,
        value: Regressed = "count",
        x_max: Annotated[float, Range(3.0, 300.0, log=True)] = 100.0,
        power: float = 0.75,
        negative_weight: Annotated[float, Range(0.1, 10.0, log=True)] = 1.0,
        scale: float = 5.0,
        bias: float = 0.0,
        correct_log_q: bool = True,
        mask_false_negatives: bool = True,
    ) -> None:
        super().__init__(embedding_dim)
        if value not in ("count", "log_count", "ppmi"):
            raise ConfigError(f"value = {value!r} must be count, log_count or ppmi")
        above(0, x_max=x_max, scale=scale)
        at_least(0, power=power, negative_weight=negative_weight)
        self.log_factor = nn.Parameter(torch.tensor(math.log(scale)))
        self.offset = nn.Parameter(torch.tensor(float(bias)))
        self.value: Regressed = value
        self.x_max = x_max
        self.power = power
        self.negative_weight = negative_weight
        self.scale = scale
        self.bias = bias
        self.correct_log_q = correct_log_q
        self.mask_false_negatives = mask_false_negatives

    def loss(self, contrast: Contrast) -> Tensor:
        """Return the loss of vectors in full precision."""
        given = needed(contrast.value, "cosine_regression", "pairs with a value: co-occurrences")
        wanted, counted = self._regressed(given.to(contrast.anchor.dtype))
        own = self._foretold(cosine(contrast.anchor, contrast.positives()))
        rows = counted * (own - wanted).square()
        if self.negative_weight:
            scores = self._foretold(unit(contrast.anchor) @ unit(contrast.candidate).T)
            negative = contrast.negatives(masked=self.mask_false_negatives)
            share = shares(negative, contrast.corrections(correct=self.correct_log_q), scores)
            rows = rows + self.negative_weight * (share * scores.square()).sum(dim=1)
        return weighted_mean(rows, contrast.weight)

    def _regressed(self, value: Tensor) -> tuple[Tensor, Tensor]:
        """Return y and f, [B]."""
        if self.value == "ppmi":
            return value, torch.ones_like(value)
        count = value if self.value == "count" else value.expm1()
        return count.log1p(), (count / self.x_max).clamp(max=1.0) ** self.power

    def _foretold(self, cosines: Tensor) -> Tensor:
        return self.log_factor.exp() * cosines + self.offset
