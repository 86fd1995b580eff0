"""Which settings of a run a study may change, and the plan under changed ones."""

import json
from collections.abc import Mapping
from typing import Any

from shelfspace import config as settings
from shelfspace.errors import ConfigError, did_you_mean
from shelfspace.evaluation.places import Place
from shelfspace.plan import LEARNING, Plan
from shelfspace.shop.schema import TABLES
from shelfspace.training.optimisation import Optimisation

BLEND = "default"
"""What the blend is called among the models."""

_DATA = "it says what the shop is, which a study reads once; train with each and compare the runs"
_MEASURING = "it says what is measured, so that values could not be compared"
_REFUSED = {
    **dict.fromkeys((*TABLES, "clean"), _DATA),
    "recipe": "tune one recipe at a time, and compare the runs",
    "evaluation": _MEASURING,
    "training.seed": _MEASURING,
    "training.tune_cases": _MEASURING,
    "training.log": "it changes no value",
    "ads": "it is fitted after what a study measures",
    "match": "it is fitted after what a study measures",
    "classify": "it is fitted after what a study measures",
    "training.checkpoint_seconds": "it changes no value",
    "index": "validation scores every item, so it changes no value",
}


def checked(table: settings.Table, places: Mapping[str, Place], model: str) -> Plan:
    """Return the plan as it is; refuse what cannot be tuned, and values that no part would take.

    Raises:
        ConfigError: naming the path, with the nearest spelling.
    """
    plan = Plan.of(table)
    for path, place in places.items():
        section = path.partition(".")[0]
        reason = _REFUSED.get(path, _REFUSED.get(section))
        if reason is not None:
            raise ConfigError(f"tune: {path} cannot be tuned: {reason}")
        if section in LEARNING and plan.learning is None:
            raise ConfigError(
                f"tune: {path} is not read: nothing is trained, since the recipe {table['recipe']['use']!r} "
                "has no [[objectives]]"
            )
        for value in place.values:
            try:
                planned(table, {path: value})
            except ConfigError as problem:
                raise ConfigError(f"tune: {path} = {value!r}: {problem}") from None
    known = [BLEND, *(m.name for m in plan.models)]
    known += ["learnt"] if plan.learning is not None else []
    known += list(plan.members)
    known += ["learnt_knn"] if plan.neighbours is not None else []
    known += ["autoencoder"] if plan.autoencoder is not None else []
    if model not in known:
        raise ConfigError(f"there is no model {model!r}{did_you_mean(model, known)}; known: {known}")
    return plan


def planned(table: settings.Table, chosen: Mapping[str, Any]) -> Plan:
    """Return the plan of a run whose settings are changed at some paths."""
    return Plan.of(changed(table, chosen))


def changed(table: settings.Table, chosen: Mapping[str, Any]) -> settings.Table:
    """Return the settings with others at some paths."""
    table = settings.merged({}, table)
    for path, value in chosen.items():
        settings.put(table, path, value)
    return table


def start_of(plan: Plan, places: Mapping[str, Place]) -> dict[str, Any]:
    """Return the values that settings have in the file or by default; a default within a part of the towers lacks."""
    default: settings.Table = {
        "training": settings.settings_of(plan.training),
        "blend": settings.settings_of(plan.mixing),
        "linear": {m.name: settings.settings_of(m.make({})) for m in plan.models},
    }
    learning = plan.learning.to_json() if plan.learning is not None else {}
    table = settings.merged(settings.merged(default, learning), plan.table)
    found = {path: settings.get(table, path) for path in places}
    return {path: value for path, value in found.items() if value is not None}


def linear_digest(plan: Plan) -> str:
    """Name what the searches of linear models depend on, so that equal ones need not be made twice."""
    loop = settings.settings_of(Optimisation())
    told = {name: value for name, value in settings.settings_of(plan.training).items() if name not in loop}
    return settings.digest(json.dumps([plan.table.get("linear"), told], sort_keys=True, default=str))
