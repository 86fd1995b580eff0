"""What tasks learn of their own, in training or by `shelfspace fit RUN TASK`."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import Any

from shelfspace import config
from shelfspace.bundling.bundle import Bundle, FittedBundle
from shelfspace.bundling.learning import learnt_from as bundles_of
from shelfspace.classifying.classifier import Classify
from shelfspace.classifying.fitted import FittedClassify
from shelfspace.classifying.learning import learnt_from as classifier_of
from shelfspace.errors import ConfigError, MissingExtraError
from shelfspace.evaluation.befriended import befriended
from shelfspace.evaluation.bundled import bundled
from shelfspace.evaluation.classified import classified
from shelfspace.evaluation.matched import matched
from shelfspace.evaluation.models import Told
from shelfspace.evaluation.responded import responded
from shelfspace.evaluation.welcomed import judge, welcomed
from shelfspace.explaining.graph import Explain, FittedExplain
from shelfspace.holding import Holding
from shelfspace.inputs.pretrained import PhotoVectors, TextVectors
from shelfspace.linear.vectors import ItemVectors
from shelfspace.matching.fitted import FittedMatch, kept, learnt_from
from shelfspace.matching.labelled import Labelled
from shelfspace.matching.matcher import Match
from shelfspace.newcomers.elsewhere import Elsewhere
from shelfspace.newcomers.evidence import Evidence
from shelfspace.newcomers.fitted import FittedNewcomers, Newcomers
from shelfspace.newcomers.learning import chosen_strengths, popular_half_life, split
from shelfspace.people.fitted import FittedPeople, People
from shelfspace.people.friends import Closeness
from shelfspace.people.graph import SocialGraph
from shelfspace.people.learning import hidden, learnt_weights
from shelfspace.people.profiles import Profiles
from shelfspace.people.tastes import Tastes, placed
from shelfspace.plan import Plan
from shelfspace.responding.fitted import FittedAds
from shelfspace.responding.learning import Ads
from shelfspace.responding.learning import learnt_from as chances_of
from shelfspace.searching.fitted import FittedSearch, Search
from shelfspace.searching.fitted import fitted as searcher_of
from shelfspace.shop.history import History
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


def _bundling(settings: Bundle, shop: Shop, seed: int) -> FittedBundle:
    learnt = bundles_of(settings, shop.catalogue, shop.history, num_named=len(shop.users), seed=seed)
    return FittedBundle(learnt.complements, learnt.next_basket, bundled(learnt, seed=seed), learnt.notes)


def _classifying(settings: Classify, shop: Shop, seed: int) -> FittedClassify:
    frozen, notes = _encoders(settings, shop)
    learnt = classifier_of(settings, shop.catalogue, frozen, seed=seed)
    figures = classified(learnt, seed=seed)
    return FittedClassify(
        learnt.classifier, learnt.answers, learnt.suspects, figures, (*learnt.notes, *notes)
    )


def _explaining(settings: Explain, shop: Shop, seed: int) -> FittedExplain:
    return FittedExplain.of(settings, shop.tables.get("relations"), shop.catalogue.ids)


def _searching(settings: Search, shop: Shop, seed: int) -> FittedSearch:
    if settings.encoder is None:
        return searcher_of(settings, shop, seed=seed)
    given = {name: getattr(settings, name) for name in ("max_tokens", "int8")}
    reader = _encoder(
        "Transformer", "'shelfspace[text]'", model=settings.encoder, columns=list(settings.read), **given
    )
    return searcher_of(settings, shop, reader if isinstance(reader, TextVectors) else None, seed=seed)


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


def _people(settings: People, shop: Shop, seed: int) -> FittedPeople:
    graph = SocialGraph.of(shop.tables.get("relations"), shop.users, shop.catalogue.ids)
    profiles = Profiles.of(shop.tables.get("users"), graph.people)
    tastes = placed(Tastes.of(shop.history, len(shop.users)).items, shop.users.rows(graph.people.array))
    taught, asked = hidden(graph, settings.hidden, seed=seed)
    whole, most = Closeness.of(graph, tastes, profiles.member, seed=seed), settings.max_cases
    known = Closeness.of(taught.graph, tastes, profiles.member, seed=seed)
    weights = learnt_weights(known, taught, most=most, seed=seed)
    known = Closeness.of(asked.graph, tastes, profiles.member, seed=seed)
    figures = befriended(known, asked, weights, most=most, seed=seed)
    return FittedPeople(settings, graph, profiles, whole.embedding, weights, figures, graph.notes)


def _newcomers(settings: Newcomers, shop: Shop, seed: int) -> FittedNewcomers:
    graph = SocialGraph.of(shop.tables.get("relations"), shop.users, shop.catalogue.ids)
    profiles = Profiles.of(shop.tables.get("users"), graph.people)
    history = shop.history
    if history.clock == "calendar" and history.num_events:
        history = replace(history, now=float(history.time.max()))
    other = Holding.open(settings.other_run) if settings.other_run else None
    apart = split(
        settings, graph, profiles, None if other is None else other.users, history, shop.users, seed=seed
    )
    elsewhere = _elsewhere(other, apart.taught, shop)

    def evidence(popular_half_life: float) -> Evidence:
        return Evidence.of(
            graph,
            profiles,
            elsewhere,
            apart.taught,
            shop.users,
            half_life=settings.half_life,
            popular_half_life=popular_half_life,
        )

    half_life = popular_half_life(evidence, apart.valid, judge, history.clock)
    known = evidence(half_life)
    strengths = chosen_strengths(known, apart.valid, judge)
    figures = welcomed(known, strengths, apart.test, seed=seed)
    elsewhere = _elsewhere(other, history, shop)  # anew: what was hidden is known now
    return FittedNewcomers(settings, graph, profiles, elsewhere, strengths, half_life, figures, graph.notes)


def _elsewhere(other: Holding | None, history: History, shop: Shop) -> Elsewhere | None:
    """Read the listings of another shop as this one's space reads those that come later."""
    if other is None:
        return None
    made = ItemVectors().learn(history, shop.catalogue)
    if made.listed is None:
        raise ConfigError(
            "[newcomers] other_run: this shop's items have no titles to compare with those of the other"
        )
    listed = made.listed.vectors(other.catalogue)
    return Elsewhere.of(other.users, other.tastes.items, other.tastes.vectors, listed, made.vectors)


def measured(tasks: Mapping[str, Fitted]) -> dict[str, Any]:
    """Return what `metrics.json` says of tasks, by their names."""
    return {name: dict(fitted.measured) for name, fitted in tasks.items()}


FITS: dict[str, Callable[[Any, Shop, int], Fitted]] = {
    "ads": _responding,
    "bundle": _bundling,
    "classify": _classifying,
    "explain": _explaining,
    "match": _matching,
    "newcomers": _newcomers,
    "people": _people,
    "search": _searching,
}
"""Tasks that learn something: what fits each by the settings of its section, the shop and a seed."""
