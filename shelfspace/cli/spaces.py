"""What the shell says and reads of a study."""

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

from shelfspace.errors import ConfigError, did_you_mean
from shelfspace.evaluation.study import Pruning, Tried
from shelfspace.evaluation.tuned import said


def read(texts: Sequence[str]) -> dict[str, Any]:
    """Return a space from `path=where to look`, or from TOML files with a table [tune] or with nothing else.

    Raises:
        ConfigError: a text is neither, or a file cannot be read.
    """
    space: dict[str, Any] = {}
    for text in texts:
        path, equals, where = text.partition("=")
        space |= {path.strip(): where.strip()} if equals else _file(Path(text))
    return space


def pruning(name: str) -> Pruning:
    """Return what `--pruning` names.

    Raises:
        ConfigError: it is unknown.
    """
    for known in get_args(Pruning):
        if name == known:
            chosen: Pruning = known
            return chosen
    known_names = list(get_args(Pruning))
    raise ConfigError(f"--pruning {name!r} is unknown{did_you_mean(name, known_names)}; known: {known_names}")


def line(trial: Tried) -> str:
    """Return a trial that is over as a line."""
    if trial.value is not None:
        came = f"{trial.value:.4f}"
    elif trial.state == "pruned":
        came = f"stopped after {len(trial.curve)} epochs"
    else:
        came = f"failed: {trial.failure}"
    return f"trial {trial.number:>3}  {trial.seconds:6.1f} s  {came}  {said(trial.settings)}"


def _file(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise ConfigError(f"--space {str(path)!r} is neither path=where to look, nor a file")
    try:
        table = tomllib.loads(path.read_text("utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        raise ConfigError(f"{path} is not readable as TOML: {problem}") from None
    found: dict[str, Any] = table.get("tune", table)
    return found
