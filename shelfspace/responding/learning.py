"""From a shop's offers and responses to chances: what is learnt, and what later responses say of it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from shelfspace.errors import ConfigError, DataError
from shelfspace.responding.features import Past
from shelfspace.responding.model import Features, Model, of_names
from shelfspace.responding.offers import Offers
from shelfspace.responding.profile import Profile
from shelfspace.responding.responses import Responses, Shown, read_log
from shelfspace.responding.snapshots import snapshots

if TYPE_CHECKING:
    from shelfspace.shop.shop import Shop

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

FEWEST = 10
"""So many cases of either kind it takes to learn, to calibrate or to measure."""

SHARE = 0.7
"""What part of the offers taken lies before a cut in time."""

STRENGTHS = (0.001, 0.01, 0.1, 1.0)

BASELINES: dict[str, tuple[str, ...]] = {
    "popularity": ("responses of all", "the offer: popularity"),
    "first category": ("its category: category 1",),
    "categories and brand": ("its category", "its brand"),
}
"""What stands beside the model: the same regression, chosen and calibrated alike, of some of its features."""


@dataclass(kw_only=True)
class Ads:
    """`[ads]`: how likely shoppers take what is put before them, and how often it may be.

    Args:
        half_life: the age at which a purchase counts half, in days or steps.
        wait: what became of an offer that has an end is known when it ends, but after so many days or steps at most.
        offer_cap: a shopper is answered with one offer so often within `cap_span`, what the log has and the answer
            itself; 0: always.
        campaign_cap: the same for all offers of a campaign.
        total_cap: the same for all offers.
        cap_span: in days or steps.
    """

    half_life: float = 30.0
    wait: float = 90.0
    offer_cap: int = 0
    campaign_cap: int = 0
    total_cap: int = 0
    cap_span: float = 7.0

    def __post_init__(self) -> None:
        for name in ("half_life", "wait", "cap_span"):
            if not 0.0 < getattr(self, name) < np.inf:
                raise ConfigError(f"[ads] {name} = {getattr(self, name)} must be more than 0")
        for name in ("offer_cap", "campaign_cap", "total_cap"):
            if getattr(self, name) < 0:
                raise ConfigError(f"[ads] {name} = {getattr(self, name)} must not be negative; 0 is no cap")


@dataclass(frozen=True)
class Later:
    """The cases that nothing was learnt from, and what was foretold of them.

    user: int32 [C];  taken: bool [C];  weight: float64 [C], for how many each stands;
    chance: float64 [C] by model, `default` the one that answers.
    """

    user: npt.NDArray[np.int32]
    taken: Flags
    weight: Floats
    chance: dict[str, Floats]


@dataclass(frozen=True)
class Learnt:
    """What answers, what it knows of the past, and what it was worth on later cases, None where there are too few."""

    model: Model
    past: Past
    shown: Shown
    later: Later | None
    notes: list[str]


def learnt_from(settings: Ads, shop: "Shop", *, seed: int) -> Learnt:
    """Learn from what was put before whom.

    Three parts of the cases by their time: from the first is learnt, on the second strength and calibration are
    chosen, on the last it is measured; of the first two only what was known when the next began. What answers is
    learnt in the same way from the first two and calibrated on the last.

    Raises:
        DataError: the tables are missing or empty, or the events have no times.
    """
    history = shop.history
    if history.clock == "none" and history.num_events:
        raise DataError(
            "[ads] needs events with a timestamp: what came after an offer must not be learnt from"
        )
    offers, notes = Offers.of(shop.tables, shop.catalogue, history.clock)
    shown, responded, odd = read_log(shop.tables, offers, shop.users)
    log = Responses.of(shown, responded, offers, len(shop.users), wait=settings.wait, seed=seed)
    notes += odd
    end = max(float(history.time.max(initial=-np.inf)), float(shown.time.max()))
    known = log.known <= end
    if not known.all():
        notes.append(
            f"{int((~known).sum()):,} of {len(log):,} responses are to offers whose end the log does not reach: "
            "nothing is learnt from them"
        )
    now = float(np.nextafter(end, np.inf))
    profile = Profile.of(shop.tables.get("users"), shop.users)
    ticks = snapshots(history, shop.catalogue, log.time, now, seed=seed)
    past = Past(history, shop.catalogue, offers, log, profile, ticks, settings.half_life)
    cases = log.take(known)
    if not _both(cases, np.ones(len(cases), bool)):
        notes.append(_too_few(cases))
        return Learnt(Model.constant(cases.taken, cases.weight), past, shown, None, notes)
    features = past.table(cases.user, cases.offer, cases.time)
    model, later, odd = _models(features, cases, seed)
    return Learnt(model, past, shown, later, notes + odd)


def _models(features: Features, cases: Responses, seed: int) -> tuple[Model, Later | None, list[str]]:
    train, valid, test = in_time(cases)
    if not all(_both(cases, part) for part in (train, valid, test)):
        model = Model.fit(features, cases.taken, cases.weight, strength=STRENGTHS[1], seed=seed)
        told = "there are too few responses to cut in time: chances are neither calibrated nor measured"
        return model, None, [told]
    chance, strength = {}, STRENGTHS[0]
    for name, starts in {**BASELINES, "default": ("",)}.items():
        used = of_names(features, starts)
        if not used:
            continue
        model, strength = chosen(used, cases, train, valid, seed)
        chance[name] = model.chance(_taken(used, test))
    asked = cases.take(test)
    later = Later(asked.user, asked.taken, asked.weight, chance)
    model = _fitted(features, cases, ~test, strength, seed)
    return model.calibrated(_taken(features, test), asked.taken, asked.weight), later, []


def chosen(
    features: Features, cases: Responses, train: Flags, valid: Flags, seed: int
) -> tuple[Model, float]:
    """Return the model of the regularisation with the least log loss on later cases, calibrated on them, and that."""
    tried = []
    for strength in STRENGTHS:
        model = _fitted(features, cases, train, strength, seed)
        model = model.calibrated(_taken(features, valid), cases.taken[valid], cases.weight[valid])
        tried.append((_loss(model.chance(_taken(features, valid)), cases.take(valid)), strength, model))
    _, strength, model = min(tried, key=lambda one: one[0])
    return model, strength


def in_time(cases: Responses) -> tuple[Flags, Flags, Flags]:
    """Return which cases are learnt from, which choose, and which measure, each later than the one before.

    Of the first two, what was not known yet when the next began is in none.
    """
    last = _cut(cases, np.ones(len(cases), bool))
    early, test = (cases.known <= last) & (cases.time < last), cases.time >= last
    first = _cut(cases, early)
    return early & (cases.known <= first) & (cases.time < first), early & (cases.time >= first), test


def _fitted(features: Features, cases: Responses, part: Flags, strength: float, seed: int) -> Model:
    some = cases.take(part)
    return Model.fit(_taken(features, part), some.taken, some.weight, strength=strength, seed=seed)


def _cut(cases: Responses, among: Flags) -> float:
    """Return the moment from which the later of the offers taken lie."""
    times = cases.time[among & cases.taken]
    if not len(times):
        return np.inf
    return float(times[min(int(SHARE * len(times)), len(times) - 1)])


def _both(cases: Responses, part: Flags) -> bool:
    return min(int(cases.taken[part].sum()), int((~cases.taken[part]).sum())) >= FEWEST


def _too_few(cases: Responses) -> str:
    taken = int(cases.taken.sum())
    return (
        f"{taken:,} offers taken and {len(cases) - taken:,} not are too few to learn from ({FEWEST} of either kind are "
        "needed): every chance is the share that was taken"
    )


def _taken(features: Features, rows: Flags) -> dict[str, Floats]:
    return {name: values[rows] for name, values in features.items()}


def _loss(chance: Floats, cases: Responses) -> float:
    inside = np.clip(np.where(cases.taken, chance, 1.0 - chance), 1e-12, 1.0)
    return float(np.average(-np.log(inside), weights=cases.weight))
