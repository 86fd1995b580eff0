"""Everything that the loop needs to go on as if it had never stopped. Tensors as safetensors, the rest as JSON."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn

from shelfspace.errors import ConfigError, SpaceError

State = dict[str, Tensor]


@dataclass
class Progress:
    """Where the loop is: steps done, seconds spent, losses since the last measurement, and what was measured."""

    step: int = 0
    seconds: float = 0.0
    losses: list[float] = field(default_factory=list)
    curve: list[dict[str, float]] = field(default_factory=list)


def write(
    path: Path,
    settings: Mapping[str, Any],
    progress: Progress,
    rng: np.random.Generator,
    parts: Mapping[str, nn.Module],
    optimizer: torch.optim.Optimizer,
    kept: Mapping[str, State],
) -> None:
    """Write a checkpoint beside the old one and put it in its place when it is whole."""
    state = {f"{name}/{key}": t for name, part in parts.items() for key, t in part.state_dict().items()}
    moved = optimizer.state_dict()
    for number, values in moved["state"].items():
        state |= {f"optimizer/{number}/{key}": torch.as_tensor(value) for key, value in values.items()}
    state |= {f"kept/{name}/{key}": t for name, tensors in kept.items() for key, t in tensors.items()}
    state["rng"] = torch.get_rng_state()
    about = {"settings": settings, "progress": vars(progress), "rng": rng.bit_generator.state}
    data = save({k: v.detach().contiguous().clone() for k, v in state.items()}, {"about": json.dumps(about)})
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(path.name + ".new")
    beside.write_bytes(data)
    beside.replace(path)


def read(
    path: Path,
    settings: Mapping[str, Any],
    rng: np.random.Generator,
    parts: Mapping[str, nn.Module],
    optimizer: torch.optim.Optimizer,
) -> tuple[Progress, State]:
    """Put everything back as it was; return where the loop was, and what was kept, as `NAME/key`.

    Raises:
        ConfigError: the checkpoint was made with other settings; it says which differ.
        SpaceError: the file is damaged.
    """
    data = path.read_bytes()
    try:
        header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
        about = json.loads(header["__metadata__"]["about"])
        then, state = dict(about["settings"]), load(data)
        progress = Progress(**about["progress"])
    except (ValueError, KeyError, TypeError, SafetensorError) as problem:
        raise SpaceError(f"{path} is damaged: {problem}") from None
    before, now = _by_path(then), _by_path(settings)
    differing = [path for path in sorted({*before, *now}) if before.get(path) != now.get(path)]
    if differing:
        said = ", ".join(f"{path} ({before.get(path)} then, {now.get(path)} now)" for path in differing)
        raise ConfigError(
            f"{path} was made with other settings: {said}; train without --resume, or with the old ones"
        )
    try:
        for name, part in parts.items():
            part.load_state_dict(under(state, name))
    except RuntimeError:
        raise ConfigError(
            f"{path} is of another past, whose towers had another shape; train without --resume"
        ) from None
    moved: dict[int, dict[str, Tensor]] = {}
    for key, value in under(state, "optimizer").items():
        number, _, name = key.partition("/")
        moved.setdefault(int(number), {})[name] = value
    optimizer.load_state_dict({"state": moved, "param_groups": optimizer.state_dict()["param_groups"]})
    rng.bit_generator.state = about["rng"]
    torch.set_rng_state(state["rng"])
    return progress, under(state, "kept")


def under(state: Mapping[str, Tensor], name: str) -> State:
    """Return the tensors whose names begin with `name/`, without it."""
    return {k.removeprefix(f"{name}/"): v for k, v in state.items() if k.startswith(f"{name}/")}


def _by_path(settings: Mapping[str, Any], path: str = "") -> dict[str, Any]:
    """Return the settings of all sections by their path: `training.learning_rate`."""
    found: dict[str, Any] = {}
    for key, value in settings.items():
        found |= _by_path(value, f"{path}{key}.") if isinstance(value, Mapping) else {f"{path}{key}": value}
    return found
