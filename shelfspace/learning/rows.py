"""Rows of events in batches, and the loss of what an autoencoder makes of them.

B users, M items modelled, E events of them all, L latent_dim.
"""

from dataclasses import dataclass

import numpy as np
import torch
from scipy import sparse
from torch import Tensor, nn

from shelfspace.encode.autoencoder import unit
from shelfspace.encoders.autoencoder import Autoencoder, Code, Rows
from shelfspace.objectives.rows import Taken, kl_to_normal, multinomial, squared_error


@dataclass(frozen=True)
class Whole:
    """A batch of rows: what is read of them, and what is to be rebuilt."""

    rows: Rows
    taken: Taken


@dataclass
class RowTerm:
    """Draws rows of users, each at most once in a batch, and rebuilds them.

    matrix: float32 csr [U, M], what each user took counts for; no row is empty.
    """

    matrix: sparse.csr_array
    objective: nn.Module
    weight: float = 1.0

    def __len__(self) -> int:
        return int(self.matrix.shape[0])

    def draw(self, rng: np.random.Generator, size: int) -> Whole:
        """Draw rows. O(U + E)."""
        drawn = rng.choice(len(self), min(size, len(self)), replace=False)
        chosen = self.matrix[drawn]
        rows = read(chosen)
        return Whole(rows, Taken(rows.item, rows.start, torch.from_numpy(chosen.data)))


class RowLoss(nn.Module):
    """How badly rows are rebuilt, by the event: (Σ_b loss_b + β Σ_b KL_b) / Σ_e w_e.

    β rises along a line from 0 to `beta` over the first `anneal_steps` batches. Batches are counted in a buffer, so
    that what goes on from a checkpoint goes on from the same β.

    Args:
        task: `classify`, the likelihood of what was taken among all items; `reconstruct`, the squared error over all.
        zeros: what an item that was not taken counts for in the squared error.
        beta: what the distance of the latent from a normal counts for, where it is uncertain.
        anneal_steps: 0: β is `beta` at once.

    Source: Liang et al. 2018 (annealing to β < 1).
    """

    batches: Tensor

    def __init__(self, *, task: str, zeros: float, beta: float, anneal_steps: int) -> None:
        super().__init__()
        self.task, self.zeros, self.beta, self.anneal_steps = task, zeros, beta, anneal_steps
        self.register_buffer("batches", torch.zeros((), dtype=torch.int64))

    def now(self) -> float:
        """Return β as it is."""
        return self.beta * min(1.0, int(self.batches) / self.anneal_steps) if self.anneal_steps else self.beta

    def forward(self, model: Autoencoder, batch: Whole) -> Tensor:
        """Return the loss, a tensor without axes."""
        code = model(batch.rows)
        hidden = model.decode(code.latent)
        with torch.autocast(hidden.device.type, enabled=False):
            loss = self.rebuilt(model, hidden.float(), batch.taken).sum() + self.uncertain(code)
            self.batches += 1
            return loss / batch.taken.weight.sum()

    def rebuilt(self, model: Autoencoder, hidden: Tensor, taken: Taken) -> Tensor:
        """Return the loss of each row, [B]."""
        if self.task == "classify":
            return multinomial(hidden, model.vectors, model.bias, taken)
        return squared_error(hidden, model.vectors, model.bias, taken, zeros=self.zeros)

    def uncertain(self, code: Code) -> Tensor:
        """Return β times the distance of the latents from a normal, a tensor without axes."""
        if code.log_variance is None:
            return torch.zeros(())
        return self.now() * kl_to_normal(code.mean.float(), code.log_variance.float()).sum()


def read(rows: sparse.csr_array) -> Rows:
    """Return rows as the encoder reads them, at unit length."""
    scaled = unit(rows)
    return Rows(
        item=torch.from_numpy(scaled.indices.astype(np.int64)),
        start=torch.from_numpy(scaled.indptr[:-1].astype(np.int64)),
        value=torch.from_numpy(scaled.data),
    )
