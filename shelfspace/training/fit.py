"""The loop: batch, embeddings, objective, backward, step.

Every objective and every encoder go through it. B pairs of a step, D embedding_dim.
"""

import copy
import math
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from shelfspace.errors import JobError
from shelfspace.training import checkpoint
from shelfspace.training.checkpoint import Progress, State
from shelfspace.training.gradients import Cached, Plain
from shelfspace.training.logs import Log
from shelfspace.training.optimisation import Optimisation
from shelfspace.training.rates import grouped
from shelfspace.training.terms import Adds, Trains

Told = Callable[[str, int, int], None]

M = TypeVar("M", bound=nn.Module)


def fit(
    model: M,
    terms: Sequence[Trains],
    optimisation: Optimisation,
    *,
    gradients: Adds | None = None,
    seed: int = 0,
    value: Callable[[M], float] | None = None,
    budget_seconds: float = math.inf,
    file: Path | None = None,
    resume: bool = False,
    settings: Mapping[str, Any] | None = None,
    logs: Sequence[Log] = (),
    told: Told | None = None,
) -> Progress:
    """Train a model; it ends with the best weights that were measured, or the last where nothing is measured.

    Args:
        model: what is trained: the towers, their fields held, or any module that the terms and gradients know.
        terms: the objectives with what they draw; their weighted sum is minimised, an epoch is that of the first.
        optimisation: how weights are moved.
        gradients: how a batch becomes gradients; None: as that of two towers, as the optimisation says.
        seed: of every draw; the same seed on the same machine ends in the same weights.
        value: what the model is worth on validation, measured after each epoch; higher is better.
        budget_seconds: wall clock; no epoch is begun that would not end in time, and a schedule ends with the time.
        file: where checkpoints are written.
        resume: go on from that file, mid-epoch and bit for bit.
        settings: what a checkpoint must have been made with to be gone on from.
        logs: told the loss and the value after each epoch.
        told: progress.

    Returns:
        The steps, the seconds and the curve: one entry an epoch.

    Raises:
        JobError: the loss is no longer a number; the model keeps the best weights measured, or those it began with.
        ConfigError: the checkpoint was made with other settings.
    """
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    objectives = nn.ModuleList(term.objective for term in terms)
    target = copy.deepcopy(model).eval() if optimisation.ema or _needs_target(terms) else None
    weights = [*model.parameters(), *objectives.parameters()]
    optimizer = torch.optim.AdamW(
        grouped(model, weights),
        lr=optimisation.learning_rate,
        weight_decay=optimisation.weight_decay,
        fused=True,
    )
    parts: dict[str, nn.Module] = {"model": model, "objectives": objectives}
    parts |= {"target": target} if target is not None else {}
    progress, kept = Progress(), State()
    if resume and file is not None and file.is_file():
        progress, kept = checkpoint.read(file, settings or {}, rng, parts, optimizer)
    best, mined = (
        checkpoint.under(kept, "best") or _copied(model, objectives),
        checkpoint.under(kept, "mined"),
    )
    _mine(terms, mined)
    decks = _decks(terms, kept)

    def saved() -> None:
        if file is not None:
            progress.seconds = spent()
            dealt = {name: torch.tensor(deck.dealt) for name, deck in decks.items()}
            now = {"best": best, "mined": mined, "dealt": dealt}
            checkpoint.write(file, settings or {}, progress, rng, parts, optimizer, now)

    def spent() -> float:
        return before + time.monotonic() - begun

    begun, before, last = time.monotonic(), progress.seconds, time.monotonic()
    epoch_steps = math.ceil(len(terms[0]) / (optimisation.batch_size * optimisation.accumulate))
    epoch_steps = max(epoch_steps, optimisation.min_epoch_steps)
    epoch_steps = min(epoch_steps, optimisation.epoch_steps or epoch_steps)
    steps = planned = optimisation.epochs * epoch_steps
    gradients = gradients or (Cached(optimisation.chunk_size) if optimisation.chunk_size else Plain())
    model.train()
    while progress.step < steps and not _enough(progress, optimisation.patience, spent(), budget_seconds):
        rate = _rate(optimisation, progress.step, planned)
        for group in optimizer.param_groups:
            group["lr"] = rate * group["scale"]
        fresh = _due(model, terms, progress.step)
        _mine(terms, fresh)
        mined |= fresh
        loss = _step(model, terms, optimisation, gradients, optimizer, weights, target, rng)
        if not math.isfinite(loss):
            _back(model, objectives, best)
            raise JobError(
                f"the loss is {loss} at step {progress.step}, learning rate {rate:.3g}; the weights are again "
                "the best that were measured. Lower training.learning_rate, or raise the temperature"
            )
        progress.step += 1
        progress.losses.append(loss)
        if told is not None:
            told("training", progress.step, steps)
        if progress.step % epoch_steps == 0:
            best = _measured(
                model,
                target if target is not None and optimisation.ema else model,
                objectives,
                progress,
                value,
                best,
            )
            planned = _within(steps, progress.step, spent(), budget_seconds)
            for log in logs:
                log.write(progress.step, progress.curve[-1])
            saved()
        elif time.monotonic() - last > optimisation.checkpoint_seconds:
            last = time.monotonic()
            saved()
    progress.seconds = spent()
    _back(model, objectives, best)
    return progress


def _step(
    model: M,
    terms: Sequence[Trains],
    optimisation: Optimisation,
    gradients: Adds,
    optimizer: torch.optim.Optimizer,
    weights: Sequence[Tensor],
    target: M | None,
    rng: np.random.Generator,
) -> float:
    """Move the weights once; return the loss. Weights stay where they are if it is not a number."""
    optimizer.zero_grad(set_to_none=True)
    low = optimisation.precision == "bfloat16"
    total = 0.0
    for _ in range(optimisation.accumulate):
        for term in terms:
            batch = term.draw(rng, optimisation.batch_size)
            with torch.autocast("cpu", torch.bfloat16) if low else nullcontext():
                scale = term.weight / optimisation.accumulate
                way = getattr(term, "gradients", None) or gradients
                loss = way.add(model, batch, term.objective, target if _wants(term) else None, scale)
            total += scale * float(loss)
    norm = torch.nn.utils.clip_grad_norm_(weights, optimisation.clip or math.inf)
    if not math.isfinite(total) or not bool(torch.isfinite(norm)):
        return total if not math.isfinite(total) else math.nan
    optimizer.step()
    if target is not None:
        _follow(target, model, optimisation.ema or 0.99)
    return total


def _due(model: Any, terms: Sequence[Trains], step: int) -> State:
    """Return the vectors, for each term whose negatives are mined and due to look at them again."""
    due = [
        n
        for n, term in enumerate(terms)
        if step and step % int(getattr(_negatives(term), "refresh_steps", step + 1)) == 0
    ]
    vectors = model.all_items() if due else torch.empty(0)
    return {str(n): vectors for n in due}


def _mine(terms: Sequence[Trains], vectors: State) -> None:
    for name, seen in vectors.items():
        _negatives(terms[int(name)]).update(seen.numpy())


def _decks(terms: Sequence[Trains], kept: State) -> dict[str, Any]:
    """Return what the terms deal from, as far as the checkpoint says; most terms draw, and have none."""
    found = {
        f"{n}/{name}": deck
        for n, term in enumerate(terms)
        for name, deck in getattr(term, "decks", dict)().items()
    }
    for name, deck in found.items():
        deck.dealt = int(kept.get(f"dealt/{name}", 0))
    return found


def _negatives(term: Trains) -> Any:
    """Return what the term draws negatives from; None where it has none."""
    return getattr(term, "negatives", None)


def _within(steps: int, done: int, spent: float, budget_seconds: float) -> int:
    """Return how many steps there will be, as time goes: the learning rate falls over those."""
    return steps if math.isinf(budget_seconds) else min(steps, int(done * budget_seconds / max(spent, 1e-9)))


def _rate(optimisation: Optimisation, step: int, steps: int) -> float:
    risen = min(1.0, (step + 1) / optimisation.warm_up) if optimisation.warm_up else 1.0
    share = min(1.0, step / max(1, steps))
    kept = {"constant": 1.0, "linear": 1.0 - share, "cosine": 0.5 * (1 + math.cos(math.pi * share))}
    return optimisation.learning_rate * risen * kept[optimisation.schedule]


def _measured(
    model: M,
    measured: M,
    objectives: nn.Module,
    progress: Progress,
    value: Callable[[M], float] | None,
    best: State,
) -> State:
    """Write the epoch into the curve; return the best weights so far."""
    found = value(measured.eval()) if value is not None else math.nan
    model.train()
    loss = float(np.mean(progress.losses))
    better = value is None or not progress.curve or found > max(c["value"] for c in progress.curve)
    progress.curve.append({"loss": loss, "value": found})
    progress.losses.clear()
    return _copied(measured, objectives) if better else best


def _enough(progress: Progress, patience: int, spent: float, budget_seconds: float) -> bool:
    """Return whether no other epoch is to be begun: the last ones were no better, or time would run out in it."""
    epochs = len(progress.curve)
    if not epochs or progress.losses:
        return False
    values = [c["value"] for c in progress.curve]
    stale = not math.isnan(values[-1]) and epochs - 1 - int(np.argmax(values)) >= patience
    return (bool(patience) and stale) or spent * (epochs + 1) / epochs > budget_seconds


def _copied(model: nn.Module, objectives: nn.Module) -> State:
    parts = {"model": model, "objectives": objectives}
    return {f"{n}/{k}": v.detach().clone() for n, part in parts.items() for k, v in part.state_dict().items()}


def _back(model: nn.Module, objectives: nn.Module, best: State) -> None:
    model.load_state_dict(checkpoint.under(best, "model"))
    objectives.load_state_dict(checkpoint.under(best, "objectives"))
    model.eval()


@torch.no_grad()
def _follow(target: nn.Module, model: nn.Module, decay: float) -> None:
    for slow, fast in zip(target.parameters(), model.parameters(), strict=True):
        slow.lerp_(fast, 1.0 - decay)


def _wants(term: Trains) -> bool:
    return bool(getattr(term.objective, "needs_target", False))


def _needs_target(terms: Sequence[Trains]) -> bool:
    return any(_wants(term) for term in terms)
