"""What offers and responses teach, and what odd ones are answered with."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from shelfspace.errors import DataError
from shelfspace.responding.learning import Ads, Learnt, learnt_from
from tests.responding.shops import banners, read, shop_of, shop_tables


def learn(frames: dict[str, Any], **settings: float) -> Learnt:
    return learnt_from(Ads(**settings), shop_of(frames), seed=0)


def chances(learnt: Learnt, time: float = 20_006.0) -> np.ndarray:
    offers = np.flatnonzero(learnt.past.offers.running(time)).astype(np.int32)
    users = np.repeat(np.arange(240, dtype=np.int32), len(offers))
    table = learnt.past.table(users, np.tile(offers, 240), np.full(len(users), time))
    return learnt.model.chance(table)


def test_where_only_what_was_taken_is_told_chances_are_of_all_who_might_have():
    learnt = learn(shop_tables(sent=False))
    assert any("does not say what was put before whom and not taken" in note for note in learnt.notes)
    log = learnt.past.log
    assert log.weight.sum() == pytest.approx(240 * 60, rel=0.001)
    assert chances(learnt).mean() == pytest.approx(0.3 / 6 + 0.02 * 5 / 6, rel=0.25)
    starts = learnt.past.offers.starts[log.offer]
    assert np.array_equal(log.time, starts)


def test_what_is_measured_was_not_learnt_from_and_is_calibrated():
    learnt = learn(shop_tables())
    later = learnt.later
    assert later is not None
    assert set(later.chance) == {"popularity", "first category", "categories and brand", "default"}
    assert later.chance["default"].mean() == pytest.approx(later.taken.mean(), rel=0.2)
    likely = later.chance["default"] > 0.15
    assert later.taken[likely].mean() == pytest.approx(later.chance["default"][likely].mean(), rel=0.25)


def test_of_an_offer_that_still_runs_nothing_is_known():
    frames = shop_tables()
    frames["offers"].loc[frames["offers"]["campaign"] == "c9", "ends"] = pd.Timestamp("2026-01-01")
    learnt = learn(frames)
    assert any("offers whose end the log does not reach" in note for note in learnt.notes)
    waited = learn(frames, wait=10.0)
    assert not any("the log does not reach" in note for note in waited.notes)


def test_a_single_response_makes_a_chance_of_all():
    frames = shop_tables()
    frames["responses"] = frames["responses"].query("responded").head(1)
    learnt = learn(frames)
    assert learnt.later is None
    assert any("1 offers taken and 0 not are too few" in note for note in learnt.notes)
    assert np.allclose(chances(learnt), 0.75)


def test_where_all_were_put_before_them_at_once_nothing_is_measured():
    frames = shop_tables()
    frames["responses"]["timestamp"] = pd.Timestamp("2024-06-01")
    frames["offers"] = frames["offers"].drop(columns=["starts", "ends"])
    learnt = learn(frames)
    assert learnt.later is None
    assert any("too few responses to cut in time" in note for note in learnt.notes)
    assert np.ptp(chances(learnt)) > 0.05


def test_odd_offers_and_responses_are_counted_and_told():
    frames = shop_tables()
    odd = [
        {"offer_id": "ghost", "item_id": "no-such-item", "campaign": "c0"},
        {"offer_id": "empty", "item_id": None, "campaign": "c0"},
        {
            "offer_id": "backwards",
            "item_id": "i1",
            "starts": pd.Timestamp("2024-05-01"),
            "ends": pd.Timestamp("2024-04-01"),
        },
    ]
    frames["offers"] = pd.concat([frames["offers"], pd.DataFrame(odd)])
    strange = [
        {"user_id": "u1", "offer_id": "never heard of", "timestamp": "2024-05-01", "responded": True},
        {"user_id": "stranger", "offer_id": "c1-boot", "timestamp": "2024-05-01", "responded": True},
        {"user_id": "u1", "offer_id": "ghost", "timestamp": None, "responded": True},
    ]
    more = pd.DataFrame(strange).assign(timestamp=lambda t: pd.to_datetime(t["timestamp"]))
    frames["responses"] = pd.concat([frames["responses"], more])
    notes = "\n".join(learn(frames).notes)
    for told in (
        "2 rows of offers name no item of the catalogue",
        "2 of 63 offers have no item of the catalogue and are never answered",
        "1 offers end before they start and never run",
        "[responses]: 1 rows are of offers that [offers] does not name, and are left out",
        "[responses]: 1 rows have no time, and are left out",
        "[responses]: 1 rows are of shoppers who have neither an event nor a profile",
    ):
        assert told in notes


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda f: f.pop("responses"), r"\[ads\] needs a table \[responses\]"),
        (
            lambda f: (f.pop("responses"), f.pop("offers")),
            r"\[offers\] and \[responses\], or \[impressions\]",
        ),
        (
            lambda f: f.update(responses=f["responses"].head(0)),
            r"no row of \[responses\] can be used: it is empty",
        ),
        (lambda f: f.update(offers=f["offers"].head(0)), r"\[offers\] has no rows"),
        (
            lambda f: f.update(responses=f["responses"].assign(offer_id="x")),
            r"no row of \[responses\] can be used: .* that \[offers\] does not name",
        ),
        (
            lambda f: f.update(
                responses=f["responses"].drop(columns="timestamp"), offers=f["offers"].drop(columns="starts")
            ),
            "has no timestamp and the offers have no starts",
        ),
        (
            lambda f: (f.pop("responses"), f.pop("offers"), f.update(impressions=_lists(f["events"]))),
            r"\[impressions\] lacks user_id, clicked",
        ),
    ],
)
def test_what_cannot_be_learnt_from_says_what_is_missing(change, told):
    frames = shop_tables()
    change(frames)
    with pytest.raises(DataError, match=told):
        learn(frames)


def _lists(events: pd.DataFrame) -> pd.DataFrame:
    return banners(events).drop(columns=["user_id", "clicked"])


def test_without_a_time_of_each_response_it_is_that_at_which_its_offer_starts():
    frames = shop_tables()
    frames["responses"] = frames["responses"].drop(columns="timestamp")
    log = learn(frames).past.log
    assert len(log) > 9000
    assert set(np.unique(log.time)) == set(np.unique(learn(shop_tables()).past.log.time))


def test_without_times_of_events_nothing_can_be_learnt():
    shop = read()
    with pytest.raises(DataError, match="needs events with a timestamp"):
        learnt_from(Ads(), replace(shop, history=replace(shop.history, clock="none")), seed=0)


def test_steps_are_a_time_as_well():
    """An end is that step, not the end of a day."""
    shop = read()
    learnt = learnt_from(Ads(), replace(shop, history=replace(shop.history, clock="steps")), seed=0)
    ends = learnt.past.offers.ends
    assert np.array_equal(ends, learn(shop_tables()).past.offers.ends - 1)
    assert learnt.later is not None


def test_users_without_a_profile_are_no_crash():
    frames = shop_tables()
    frames["users"] = frames["users"].head(0)
    assert learn(frames).past.profile.values.shape == (240, 0)
