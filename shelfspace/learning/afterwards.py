"""Settings of something trained that only scoring reads: chosen after the training, one after the other."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from shelfspace.evaluation.search import Settings, Trial, Value

Part = TypeVar("Part")


def one_after_another(
    part: Part, tried: Mapping[str, Sequence[Value]], chosen: Settings, value: Callable[[Part], float]
) -> list[Trial]:
    """Try the values of each setting, those before it as they were chosen; leave the best in the part.

    Args:
        part: what was trained; its attributes are set.
        tried: the values of each setting, at least one.
        chosen: settings as they are, to which each trial's belong.
        value: the part's value on validation.

    Returns:
        The trials; the last one is the best of the last setting once more, so that it has all that was chosen.
    """
    trials = list[Trial]()
    best = Trial(chosen, float("nan"), 0.0)
    for name, values in tried.items():
        own = list[Trial]()
        for each in values:
            setattr(part, name, each)
            own.append(Trial({**best.settings, name: each}, value(part), 0.0))
        best = max(own, key=lambda trial: trial.value)
        setattr(part, name, best.settings[name])
        trials += own
    return [*trials, best]


def put(part: Any, settings: Settings, defaults: Mapping[str, Value]) -> None:
    """Set those of a part's settings that were chosen, the others as by default."""
    for name, value in defaults.items():
        setattr(part, name, settings.get(name, value))
