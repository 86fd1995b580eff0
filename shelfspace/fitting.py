"""What tasks learn of their own, in training or by `shelfspace fit RUN TASK`."""

from collections.abc import Callable, Collection, Mapping
from typing import Any

from shelfspace import config
from shelfspace.classifying.classifier import Classify
from shelfspace.classifying.fitted import FittedClassify
from shelfspace.classifying.learning import learnt_from as classifier_of
from shelfspace.errors import MissingExtraError
from shelfspace.evaluation.classified import classified
from shelfspace.evaluation.matched import matched
from shelfspace.evaluation.models import Told
from shelfspace.evaluation.responded import responded
from shelfspace.inputs.pretrained import PhotoVectors, TextVectors
from shelfspace.matching.fitted import FittedMatch, kept, learnt_from
from shelfspace.matching.labelled import Labelled
from shelfspace.matching.matcher import Match
from shelfspace.plan import Plan
from shelfspace.responding.fitted import FittedAds
from shelfspace.responding.learning import Ads
from shelfspace.responding.learning import learnt_from as chances_of
from shelfspace.shop.shop import Shop
from shelfspace.stored import Fitted


def fit_tasks(
    plan: Plan, shop: Shop, told: Told | None = None, *, only: Collection[str] | None = None
) -> dict[str, Fitted]:
    """Fit the tasks that have a section in the settings.

    Args:
        plan: the settings.
        shop: its data.
        told: progress.
        only: of these tasks; None: of all.

    Raises:
        ConfigError: a section names a column that the items lack.
        DataError: there is nothing to learn from.
        MissingExtraError: there are labelled pairs, and LightGBM is not installed.
    """
    found: dict[str, Fitted] = {}
    for name, fit in FITS.items():
        if name in plan.tasks and (only is None or name in only):
            if told is not None:
                told(f"fitting {name}", 0, 1)
            found[name] = fit(plan.tasks[name], shop, plan.training.seed)
    return found


def _matching(settings: Match, shop: Shop, seed: int) -> FittedMatch:
    labelled = Labelled.of(shop.tables.get("matches"), shop.catalogue.ids)
    matcher, compared = learnt_from(settings, shop.catalogue, labelled, seed=seed)
    found = matcher.found(compared)
    figures = matched(matcher, compared, found, labelled, seed=seed)
    return FittedMatch(matcher, kept(found), figures, labelled.notes)


def _classifying(settings: Classify, shop: Shop, seed: int) -> FittedClassify:
    frozen, notes = _encoders(settings, shop)
    learnt = classifier_of(settings, shop.catalogue, frozen, seed=seed)
    figures = classified(learnt, seed=seed)
    return FittedClassify(
        learnt.classifier, learnt.answers, learnt.suspects, figures, (*learnt.notes, *notes)
    )


def _responding(settings: Ads, shop: Shop, seed: int) -> FittedAds:
    learnt = chances_of(settings, shop, seed=seed)
    past, later = learnt.past, learnt.later
    figures = responded(later, seed=seed) if later is not None else {}
    return FittedAds(
        settings,
        learnt.model,
        past.offers,
        past.log,
        learnt.shown,
        past.profile,
        past.snapshots[-1],
        past.snapshots[-1].time,
        figures,
        tuple(learnt.notes),
    )


def _encoders(settings: Classify, shop: Shop) -> tuple[dict[str, PhotoVectors | TextVectors], list[str]]:
    """Return the frozen encoders that the settings name; without photos, or what reads them, none for photos."""
    found: dict[str, PhotoVectors | TextVectors] = {}
    notes = []
    if "photo" in settings.encoders and shop.catalogue.column("image") is not None:
        try:
            found["photo"] = _encoder("Image", "'shelfspace[image]'")
        except MissingExtraError as problem:
            notes.append(f"photos are not looked at: {problem}")
    if "transformer" in settings.encoders:
        found["transformer"] = _encoder("Transformer", "'shelfspace[text]'", columns=list(settings.read))
    return found, notes


def _encoder(name: str, install: str, **given: Any) -> PhotoVectors | TextVectors:
    module = config.extra("shelfspace.encoders.pretrained", "torch", install)
    reader: PhotoVectors | TextVectors = getattr(module, name)(**given).reader()
    return reader


def measured(tasks: Mapping[str, Fitted]) -> dict[str, Any]:
    """Return what `metrics.json` says of tasks, by their names."""
    return {name: dict(fitted.measured) for name, fitted in tasks.items()}


FITS: dict[str, Callable[[Any, Shop, int], Fitted]] = {
    "ads": _responding,
    "classify": _classifying,
    "match": _matching,
}
"""Tasks that learn something: what fits each by the settings of its section, the shop and a seed."""
