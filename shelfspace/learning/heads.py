"""The heads of an autoencoder: how a label and a number of users are learnt, and what that is worth.

U users with a name, B users of a batch, L latent_dim, C classes.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import torch
from torch import Tensor, nn
from torch.nn import functional

from shelfspace.encode.autoencoder import Autoencoded, rows_of
from shelfspace.encode.heads import Heads, LabelHead, NumberHead
from shelfspace.encoders.autoencoder import Autoencoder
from shelfspace.errors import JobError
from shelfspace.learning.autoencoder_settings import AutoencoderPlan
from shelfspace.learning.foretold import (
    NEXT,
    PARTS,
    Asking,
    Floats,
    labels_of,
    next_visits,
    parts_of,
    values_of,
    whole,
)
from shelfspace.learning.rows import read
from shelfspace.linear.counts import Rows as Items
from shelfspace.shop.history import History


@dataclass(frozen=True)
class Targets:
    """What a plan's heads foretell in a shop: of every user, whatever their past.

    label: int64 [U], -1 where it is not known;  classes: text [C];  number: float64 [U], NaN where it is not known;
    part: int8 [U], 0 where heads learn from a user.
    """

    plan: AutoencoderPlan
    part: npt.NDArray[np.int8]
    label: npt.NDArray[np.int64] | None = None
    classes: npt.NDArray[np.str_] = field(default_factory=lambda: np.zeros(0, np.str_))
    number: Floats | None = None

    @classmethod
    def of(
        cls, plan: AutoencoderPlan, users: pa.Table | None, history: History, num_named: int, seed: int
    ) -> "Targets":
        """Read them: from the table of users, row u for user u; `history` is looked at for what it lacks.

        Raises:
            ConfigError: there is no such column, or the log does not say what a visit brings.
            DataError: a column is empty, the same for all, or of a wrong type.
        """
        label, classes, number = None, np.zeros(0, np.str_), None
        if plan.label:
            label, classes = labels_of(users, plan.label)
        if plan.regress in NEXT:
            next_visits(history, plan.regress, num_named)
        elif plan.regress:
            number = values_of(users, plan.regress)
        return cls(plan, parts_of(num_named, seed), label, classes, number)

    def terms(self, history: History, items: Items) -> list["HeadTerm"]:
        """Return what learns them from a past, of the users that heads may learn from.

        Raises:
            JobError: the past has nothing to learn them from.
        """
        plan, found = self.plan, []

        def add(asking: Asking, loss: "LabelLoss | NumberLoss", weight: float) -> None:
            found.append(HeadTerm(history, items, plan.fit_half_life, asking, loss, weight))

        if self.label is not None:
            asking = self._of(self._labels(history), 0)
            add(asking, label_loss(asking, self.classes, plan.latent_dim, plan.label), plan.label_weight)
        if plan.regress:
            asking, log = self._numbers(history)
            asking = self._of(asking, 0)
            loss = number_loss(asking, plan.latent_dim, plan.regress, log=log)
            add(asking, loss, plan.regress_weight)
        return found

    def measured(self, part: Autoencoded, history: History) -> dict[str, Any]:
        """Return what the heads are worth on users they have not learnt from: of the number, at their last visit."""
        found: dict[str, Any] = {}
        label, number = part.heads.label, part.heads.number
        for name, which in PARTS.items():
            if label is not None:
                asking = self._of(self._labels(history), which)
                latent, known = _coded(part, asking.pasts(history))
                figures = measured_label(label.probability(latent, known), asking.target, label)
                found.setdefault("label", {"of": self.plan.label})[name] = figures
            if number is not None:
                asking = self._of(self._numbers(history)[0], which)
                asking = asking.take(np.append(asking.user[1:] != asking.user[:-1], True)[: len(asking)])
                latent, known = _coded(part, asking.pasts(history))
                of_number = measured_number(number.scaled(latent, known), asking.target, number)
                found.setdefault("regress", {"of": self.plan.regress})[name] = of_number
        return found

    def _of(self, asking: Asking, which: int) -> Asking:
        return asking.take(self.part[asking.user] == which)

    def _labels(self, history: History) -> Asking:
        assert self.label is not None
        return whole(history, self.label, self.label >= 0)

    def _numbers(self, history: History) -> tuple[Asking, bool]:
        """Return the numbers, and whether they are logarithms: what a visit is worth spreads over orders of size."""
        if self.number is not None:
            return whole(history, self.number, np.isfinite(self.number)), False
        asking = next_visits(history, self.plan.regress, len(self.part))
        log = self.plan.regress == "next_value" and bool((asking.target >= 0).all())
        return (Asking(asking.user, asking.stop, np.log1p(asking.target)) if log else asking), log


@dataclass(frozen=True)
class Batch:
    """What is read, and what is to be foretold of each row."""

    rows: Any
    target: Tensor


@dataclass
class HeadTerm:
    """Draws users, or moments of users, that a head learns from."""

    history: History
    items: Items
    half_life: float
    asking: Asking
    objective: nn.Module
    weight: float

    def __len__(self) -> int:
        return len(self.asking)

    def draw(self, rng: np.random.Generator, size: int) -> Batch:
        """Draw rows, each at most once. O(T + E)."""
        some = self.asking.take(rng.choice(len(self), min(size, len(self)), replace=False))
        past = some.pasts(self.history)
        rows = read(rows_of(past, self.items, self.half_life))
        return Batch(rows, torch.from_numpy(some.target))


class LabelLoss(nn.Module):
    """Cross-entropy of a class, from the latent. It begins at the classes' shares."""

    def __init__(self, latent_dim: int, classes: Sequence[str], shares: npt.NDArray[np.floating]) -> None:
        super().__init__()
        self.linear = nn.Linear(latent_dim, len(classes))
        self.classes, self.shares = np.asarray(classes, np.str_), np.asarray(shares, np.float32)
        nn.init.zeros_(self.linear.weight)
        with torch.no_grad():
            self.linear.bias.copy_(torch.from_numpy(np.log(np.maximum(self.shares, 1e-6))))

    def latent(self, model: Any, rows: Any) -> Tensor:
        """Return what it is told from, float [B, latent_dim]."""
        coded: Tensor = model(rows).latent
        return coded

    def forward(self, model: Any, batch: Batch) -> Tensor:
        """Return the loss, a tensor without axes."""
        logits = self.linear(self.latent(model, batch.rows))
        return functional.cross_entropy(logits.float(), batch.target)

    def head(self) -> LabelHead:
        """Return a copy of the weights, as numpy runs them."""
        weight, offset = (p.detach().numpy().copy() for p in (self.linear.weight, self.linear.bias))
        return LabelHead(np.ascontiguousarray(weight.T), offset, self.classes, self.shares)


class NumberLoss(nn.Module):
    """Squared error of a number in units of its deviation, from the latent. It begins at the mean."""

    def __init__(self, latent_dim: int, *, mean: float, deviation: float, log: bool) -> None:
        super().__init__()
        self.linear = nn.Linear(latent_dim, 1)
        self.mean, self.deviation, self.log = mean, deviation, log
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)

    def forward(self, model: Autoencoder, batch: Batch) -> Tensor:
        """Return the loss, a tensor without axes."""
        found = self.linear(model(batch.rows).latent)[:, 0].float()
        return functional.mse_loss(found, ((batch.target - self.mean) / self.deviation).float())

    def head(self) -> NumberHead:
        """Return a copy of the weights, as numpy runs them."""
        weight = self.linear.weight.detach().numpy()[0].copy()
        return NumberHead(weight, float(self.linear.bias.detach()), self.mean, self.deviation, self.log)


def label_loss(asking: Asking, classes: npt.NDArray[np.str_], latent_dim: int, name: str) -> LabelLoss:
    """Return what learns the label of these users.

    Raises:
        JobError: they have fewer than two classes.
    """
    counts = np.bincount(asking.target, minlength=len(classes))
    if (counts > 0).sum() < 2:
        raise JobError(f"[autoencoder] label = {name!r}: the users with events have fewer than two classes")
    return LabelLoss(latent_dim, classes.tolist(), counts / counts.sum())


def number_loss(asking: Asking, latent_dim: int, name: str, *, log: bool) -> NumberLoss:
    """Return what learns the number of these users.

    Raises:
        JobError: there are none, or it is the same for all.
    """
    if not len(asking) or asking.target.std() <= 0:
        raise JobError(
            f"[autoencoder] regress = {name!r}: the past has no two users or visits that differ in it"
        )
    return NumberLoss(
        latent_dim, mean=float(asking.target.mean()), deviation=float(asking.target.std()), log=log
    )


def measured_label(
    chance: npt.NDArray[np.floating], code: npt.NDArray[np.integer], head: LabelHead
) -> dict[str, Any]:
    """Return accuracy and log loss of users' labels, beside those of the classes' shares."""
    row = np.arange(len(code))
    of_shares = np.log(np.maximum(head.shares[code], 1e-7))
    return {
        "users": len(code),
        "accuracy": _mean(chance.argmax(axis=1) == code),
        "accuracy_of_majority": _mean(head.shares.argmax() == code),
        "log_loss": _mean(-np.log(np.maximum(chance[row, code], 1e-7))),
        "log_loss_of_shares": _mean(-of_shares),
    }


def measured_number(found: Floats, target: Floats, head: NumberHead) -> dict[str, Any]:
    """Return R² and mean absolute error on the scale that was learnt, beside the error of the mean."""
    spread = ((target - target.mean()) ** 2).sum() if len(target) else 0.0
    return {
        "users": len(target),
        "scale": "log(1 + x)" if head.log else "x",
        "r2": float(1 - ((target - found) ** 2).sum() / spread) if spread > 0 else None,
        "mae": _mean(np.abs(target - found)),
        "mae_of_mean": _mean(np.abs(target - head.mean)),
    }


def _mean(values: npt.NDArray[Any]) -> float | None:
    return float(values.mean()) if len(values) else None


def heads_of(terms: Sequence[Any]) -> Heads:
    """Return copies of the heads that were trained."""
    label = [term.objective.head() for term in terms if isinstance(term.objective, LabelLoss)]
    number = [term.objective.head() for term in terms if isinstance(term.objective, NumberLoss)]
    return Heads(next(iter(label), None), next(iter(number), None))


def _coded(part: Autoencoded, pasts: History) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
    return part.encode(pasts), part.knows(pasts)
