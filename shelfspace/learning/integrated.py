"""Which past items make a learnt cosine, by integrated gradients: offline, with torch and captum.

T history length, A answers, D embedding_dim.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt
import torch
from captum.attr import IntegratedGradients
from safetensors.torch import load
from torch import Tensor, nn

from shelfspace import config
from shelfspace.encode.learnt import Learnt
from shelfspace.encoders.history import HISTORIES
from shelfspace.errors import SpaceError
from shelfspace.holding import Holding
from shelfspace.inputs.pasts import recent
from shelfspace.learning.settings import LearningPlan
from shelfspace.shop.history import History
from shelfspace.training.optimisation import Optimisation

HISTORY = "user.history."
"""What the weights of the module that pools histories begin with."""


@dataclass(frozen=True)
class Attributed:
    """What each past event brings to the cosine of a history and each answer.

    item: int64 [T], the events that the tower reads, the earliest first;  amounts: float64 [A, T];
    cosine: float64 [A];  missing: float64 [A], the cosine less what the amounts sum to: what the steps leave out.
    """

    item: npt.NDArray[np.int64]
    amounts: npt.NDArray[np.float64]
    cosine: npt.NDArray[np.float64]
    missing: npt.NDArray[np.float64]


@dataclass(frozen=True)
class PastGradients:
    """The module of a run that pools histories, with its weights, ready to be differentiated.

    Gradients are of h(x) · v / |h(X)|, h the pooled history, v an answer's vector and X the history as it is: at X that
    is the cosine, and without any past item, where its vectors are 0, it is what the module says of nobody. What a
    profile brings is left out.

    Needs a run whose user tower reads histories, and `pip install 'shelfspace[explain]'`.

    Sources: Sundararajan, Taly, Yan. Axiomatic attribution for deep networks. 2017; Kokhlikyan et al. Captum. 2020.

    Example:
        >>> gradients = PastGradients.of_run("runs/shop")  # doctest: +SKIP
        >>> gradients.of(space.history.of_users([7]), answers).amounts  # doctest: +SKIP
    """

    pool: nn.Module
    learnt: Learnt

    @classmethod
    def of_run(cls, run: str | Path) -> Self:
        """Rebuild the module from a run's settings and weights.

        Raises:
            SpaceError: the run is missing or damaged, or has no towers that read histories.
        """
        space = Holding.open(run)
        plan = LearningPlan.of(config.load(Path(run) / "config.toml"), Optimisation())
        found = {name: part for name, part in space.blend.retrievers.items() if isinstance(part, Learnt)}
        learnt = found.get("learnt")
        if plan is None or not plan.pasts.length or learnt is None:
            raise SpaceError(f"{run} has no towers that read histories: there is nothing to differentiate")
        number = (Path(run) / "current").read_text("utf-8").strip()
        weights = load(
            (Path(run) / "spaces" / number / "encoders" / "learnt" / "model.safetensors").read_bytes()
        )
        own = {
            name.removeprefix(HISTORY): value for name, value in weights.items() if name.startswith(HISTORY)
        }
        pool = config.build(
            HISTORIES, plan.history, plan.shape.embedding_dim, max(1, len(space.kinds)), path="user"
        )
        pool.load_state_dict(own)
        return cls(pool.eval(), learnt)

    def of(self, past: History, answers: npt.NDArray[np.integer], *, steps: int = 64) -> Attributed:
        """Return what each past event brings to the cosine of one user's history and each answer.

        Args:
            past: the history of one user.
            answers: [A], rows of items.
            steps: points along the way from no past to this one; more leave less missing.

        Cost: the pooling of `steps` histories, forwards and backwards, for each answer.
        """
        towers = self.learnt.towers
        assert towers is not None  # the run has them
        seen = recent(past, np.zeros(1, np.int64), past.indptr[1:2], towers.length, age=towers.age)
        about = [torch.from_numpy(np.ascontiguousarray(part)) for part in (seen.age, seen.mask, seen.kind)]
        items = torch.from_numpy(np.asarray(self.learnt.vectors[seen.item], np.float32))
        targets = torch.from_numpy(np.asarray(self.learnt.vectors[answers], np.float32))
        with torch.no_grad():
            length = self.pool(items, *about).norm().clamp(min=1e-12)

        def cosine(x: Tensor, target: Tensor) -> Tensor:
            there = [part.expand(len(x), -1) for part in about]
            found: Tensor = (self.pool(x, *there) * target).sum(dim=1) / length
            return found

        method = IntegratedGradients(cosine)
        amounts = [
            method.attribute(
                items, torch.zeros_like(items), additional_forward_args=target[None], n_steps=steps
            )
            for target in targets
        ]
        shares = np.stack([a.sum(dim=2)[0].detach().double().numpy() for a in amounts])
        with torch.no_grad():
            whole = cosine(items.expand(len(targets), -1, -1), targets).double().numpy()
        kept = seen.mask[0]
        return Attributed(seen.item[0][kept], shares[:, kept], whole, whole - shares.sum(axis=1))
