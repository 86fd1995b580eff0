"""A run's settings: every section of the file that is not the data's own, checked before anything is read."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from shelfspace import config as settings
from shelfspace.bundling.bundle import Bundle
from shelfspace.classifying.classifier import Classify
from shelfspace.encode.neighbours import LearntKNN
from shelfspace.errors import ConfigError, did_you_mean
from shelfspace.evaluation.blending import Mixing
from shelfspace.evaluation.choosing import Chosen
from shelfspace.evaluation.metrics import parse
from shelfspace.evaluation.models import LinearModel, models_of
from shelfspace.explaining.graph import Explain
from shelfspace.index import open_index
from shelfspace.matching.matcher import Match
from shelfspace.newcomers.fitted import Newcomers
from shelfspace.people.fitted import People
from shelfspace.responding.learning import Ads
from shelfspace.ruling.rules import Rules
from shelfspace.searching.fitted import Search
from shelfspace.shop.schema import TABLES
from shelfspace.shop.shop import Shop
from shelfspace.shop.splits import PROTOCOLS, possible_protocols
from shelfspace.training.optimisation import Optimisation

if TYPE_CHECKING:
    from shelfspace.learning.autoencoder_settings import AutoencoderPlan
    from shelfspace.learning.settings import LearningPlan

LEARNING = (
    "model",
    "encoders",
    "fusion",
    "user",
    "profile",
    "graph",
    "heads",
    "pairs",
    "objectives",
    "negatives",
)
"""The sections of what is learnt; read where there are `[[objectives]]`."""

TASKS: dict[str, type] = {
    "ads": Ads,
    "bundle": Bundle,
    "classify": Classify,
    "explain": Explain,
    "match": Match,
    "newcomers": Newcomers,
    "people": People,
    "search": Search,
}
"""The sections of tasks that learn something of their own: what holds the settings of each."""


@dataclass(kw_only=True)
class Evaluation:
    """`[evaluation]`: how the space is measured."""

    protocol: str | None = None
    metric: str = "ndcg@10"
    ks: list[int] = field(default_factory=lambda: [10, 20])
    baselines: list[str] = field(default_factory=list)
    max_cases: int = 20_000
    test: str | None = None


@dataclass(kw_only=True)
class Training(Optimisation):
    """`[training]`: how long, from which seed, and the loop's own settings; `watch`: what early stopping measures."""

    budget: str = "3m"
    training_share: float = 0.25
    watch: Literal["learnt", "learnt_knn"] = "learnt"
    max_trials: int = 40
    tune_cases: int = 2_000
    tune_events: int = 2_000_000
    tune_weights: bool = True
    anonymous: float = 1.0
    log: list[str] = field(default_factory=list)
    seed: int = 0


@dataclass(kw_only=True)
class Indexing:
    """`[index]`: where the vectors are looked up."""

    use: str = "exact"


@dataclass(frozen=True)
class Plan:
    """A run's settings, every section of them checked."""

    table: settings.Table
    models: list[LinearModel]
    learning: "LearningPlan | None"
    neighbours: settings.Table | None
    autoencoder: "AutoencoderPlan | None"
    evaluation: Evaluation
    training: Training
    mixing: Mixing
    indexing: Indexing
    tasks: Mapping[str, object]
    members: "dict[str, LearningPlan]"
    rules: Rules | None

    @classmethod
    def of(cls, table: settings.Table) -> "Plan":
        """Check the sections that are not the data's own.

        Raises:
            ConfigError: an unknown section or setting, or a value of the wrong type.
        """
        settings.refuse_unknown(
            table,
            [
                *TABLES,
                "clean",
                "recipe",
                "linear",
                "learnt_knn",
                "autoencoder",
                "tune",
                "rules",
                *TASKS,
                "members",
                *LEARNING,
                *_SECTIONS,
            ],
        )
        parts = {
            name: part(**settings.checked(part, table.get(name, {}), name))
            for name, part in _SECTIONS.items()
        }
        models = models_of(table.get("linear", {}))
        learning = _learning(table, parts["training"])
        neighbours = _neighbours(table, learning is not None)
        autoencoder = _autoencoder(table, parts["training"])
        members = _members(table, parts["training"])
        learnt = {
            "learnt": learning is not None,
            **dict.fromkeys(members, True),
            "learnt_knn": neighbours is not None,
            "autoencoder": autoencoder is not None,
        }
        for name in members.keys() & {model.name for model in models}:
            raise ConfigError(f"[members.{name}]: there is a model of that name already")
        known = [model.name for model in models] + [name for name, is_there in learnt.items() if is_there]
        for name in [*parts["evaluation"].baselines, *parts["blend"].models]:
            settings.refuse_unknown({name: None}, known, "linear")
        settings.seconds(parts["training"].budget, "training.budget")
        if parts["training"].watch == "learnt_knn" and neighbours is None:
            raise ConfigError('[training] watch = "learnt_knn" needs the section [learnt_knn]')
        open_index(parts["index"].use, 1)
        evaluation = parts["evaluation"]
        _, k = parse(evaluation.metric)
        evaluation.ks = sorted({*evaluation.ks, k})
        if evaluation.protocol is not None and evaluation.protocol not in PROTOCOLS:
            near = did_you_mean(evaluation.protocol, PROTOCOLS)
            raise ConfigError(
                f"[evaluation] protocol = {evaluation.protocol!r} is unknown{near}; known: {list(PROTOCOLS)}"
            )
        return cls(
            table,
            models,
            learning,
            neighbours,
            autoencoder,
            parts["evaluation"],
            parts["training"],
            parts["blend"],
            parts["index"],
            {name: _task(table, name) for name in TASKS if table.get(name, False) is not False},
            members,
            _rules(table),
        )


def _learning(table: settings.Table, training: Training) -> "LearningPlan | None":
    """Check what is to be learnt; without the extra `[train]` only runs that learn nothing can be planned."""
    if not table.get("objectives"):
        return None
    learning = settings.extra(
        "shelfspace.learning.settings", "torch", "'shelfspace[train]' (or train with the recipe linear)"
    )
    plan: LearningPlan = learning.LearningPlan.of(table, _loop(training))
    return plan


def _members(table: settings.Table, training: Training) -> "dict[str, LearningPlan]":
    """Check `[members.NAME]`: further towers beside `learnt`, each with what it has otherwise."""
    found: dict[str, LearningPlan] = {}
    for name, section in table.get("members", {}).items():
        if section is False:
            continue
        if not isinstance(section, dict):
            raise ConfigError(f"members.{name} = {section!r}: write a section, or false to leave it out")
        if name in ("learnt", "learnt_knn", "autoencoder", "default"):
            raise ConfigError(f"[members.{name}]: that name is taken; choose another")
        settings.refuse_unknown(section, [*LEARNING, "training"], f"members.{name}")
        own = settings.checked(Optimisation, section.get("training", {}), f"members.{name}.training")
        base = {key: table[key] for key in LEARNING if key in table}
        changed = settings.merged(base, {key: value for key, value in section.items() if key != "training"})
        plan = _learning(changed, replace(training, **own))
        if plan is None:
            raise ConfigError(f"[members.{name}] is a tower beside others, but there are no [[objectives]]")
        found[name] = plan
    return found


def _autoencoder(table: settings.Table, training: Training) -> "AutoencoderPlan | None":
    """Check `[autoencoder]`; None where the file has none, or `false`."""
    section = table.get("autoencoder", False)
    if section is False:
        return None
    if not isinstance(section, dict):
        raise ConfigError(
            f"autoencoder = {section!r}: write a section [autoencoder], or false to leave it out"
        )
    module = settings.extra(
        "shelfspace.learning.autoencoder", "torch", "'shelfspace[train]' (or leave [autoencoder] out)"
    )
    plan: AutoencoderPlan = module.AutoencoderPlan.of(section, _loop(training))
    return plan


def _task(table: settings.Table, name: str) -> object:
    """Check the section of a task that learns."""
    section = table[name]
    if not isinstance(section, dict):
        raise ConfigError(f"{name} = {section!r}: write a section [{name}], or false to leave it out")
    return TASKS[name](**settings.checked(TASKS[name], section, name))


def _rules(table: settings.Table) -> Rules | None:
    """Check `[rules]`: a path, or the rules themselves; None where the file says nothing of them."""
    rules = table.get("rules")
    if rules is None:
        return None
    if not isinstance(rules, dict):
        raise ConfigError(
            f"rules = {rules!r}: write a section [rules], with path = a file, or [[rules.block]] …"
        )
    if "path" not in rules:
        return Rules.of(rules)
    settings.refuse_unknown(rules, ["path"], "rules")
    return Rules.read(Path(rules["path"]))


def _loop(training: Training) -> Optimisation:
    return Optimisation(**{name: getattr(training, name) for name in settings.settings_of(Optimisation())})


def _neighbours(table: settings.Table, learns: bool) -> settings.Table | None:
    """Check `[learnt_knn]`, the neighbours in the learnt space; None where the file has none, or `false`."""
    section = table.get("learnt_knn", False)
    if section is False:
        return None
    if not isinstance(section, dict):
        raise ConfigError(f"learnt_knn = {section!r}: write a section [learnt_knn], or false to leave it out")
    if not learns:
        raise ConfigError(
            "[learnt_knn] looks for neighbours in a learnt space, but there are no [[objectives]]"
        )
    return settings.checked(LearntKNN, section, "learnt_knn")


_SECTIONS = {"evaluation": Evaluation, "training": Training, "blend": Mixing, "index": Indexing}


def filled(plan: Plan, chosen: Chosen, shop: Shop) -> settings.Table:
    """Return the settings with everything in them, defaults and what validation chose."""
    table = settings.merged({}, plan.table)
    table.pop("rules", None)  # they lie beside, where they may be changed
    for name, part in _SECTIONS.items():
        filled = settings.settings_of(part(**table.get(name, {})))
        table[name] = {key: value for key, value in filled.items() if value is not None}
    table["training"] |= {"tune_weights": False, "anonymous": chosen.weights.anonymous}
    table["evaluation"]["protocol"] = plan.evaluation.protocol or possible_protocols(shop)[0]
    table["linear"] = {
        model.name: {
            "use": model.section["use"],
            **settings.settings_of(model.make(chosen.settings[model.name])),
        }
        for model in plan.models
    }
    if plan.neighbours is not None:
        own = {name: value for name, value in chosen.settings["learnt_knn"].items() if name != "epochs"}
        table["learnt_knn"] = settings.settings_of(LearntKNN(**{**plan.neighbours, **own}))
    if plan.autoencoder is not None:
        own = {"patience": 0, **chosen.settings["autoencoder"]}
        table["autoencoder"] = settings.settings_of(plan.autoencoder) | own
    if "learnt" in chosen.settings:
        epochs = int(chosen.settings["learnt"]["epochs"] or plan.training.epochs)
        table["training"] |= {"epochs": epochs, "patience": 0}
    for name in plan.members:
        epochs = int(chosen.settings[name]["epochs"] or plan.training.epochs)
        own = table["members"][name]
        table["members"][name] = own | {
            "training": own.get("training", {}) | {"epochs": epochs, "patience": 0}
        }
    if len(chosen.weights.kinds) > 1 and "events" in table:
        table["events"]["weights"] = chosen.weights.kinds
    return table
