"""Which offers a shopper is likeliest to take: sponsored items in lists, and a shop's coupons."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.special import logit
from typer.testing import CliRunner

import shelfspace as ss
from shelfspace.cli.app import app
from shelfspace.errors import ConfigError, InputError, SpaceError
from shelfspace.fitting import FITS
from shelfspace.responding.learning import Ads
from shelfspace.tasks.results import Hit
from tests.contracts.task_contract import TaskContract
from tests.responding.shops import KINDS, banners, shop_of, shop_tables

SETS = ["recipe.use=linear", "training.max_trials=1"]
RUNNING = "2024-10-05"


def trained(folder: Path, frames: dict[str, pd.DataFrame], **settings: float) -> ss.Space:
    sets = [*SETS, *(f"ads.{name}={value}" for name, value in settings.items())]
    return ss.train({"ads": {}}, out=folder, sets=sets, **frames)


@pytest.fixture(scope="module")
def coupons(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("coupons") / "run"
    trained(run, shop_tables())
    return run


@pytest.fixture(scope="module")
def coupon_space(coupons: Path) -> ss.Space:
    return ss.open(coupons)


@pytest.fixture(scope="module")
def sponsored(coupon_space: ss.Space) -> ss.Space:
    """The same shop with sponsored items instead of coupons."""
    shop = shop_of({"impressions": banners(shop_tables()["events"])})
    assert shop.catalogue.ids.array.equals(coupon_space.catalogue.ids.array)
    return replace(coupon_space, tasks={"ads": FITS["ads"](Ads(), shop, 0)})


class TestAds(TaskContract):
    task = "ads"
    subjects = ("u7", "u8")

    @pytest.fixture
    def space(self, sponsored: ss.Space) -> ss.Space:
        return sponsored

    def check_reasons(self, hit: Hit) -> None:
        """The score is a chance; its reasons sum to its log odds."""
        assert "base rate" in {part.part for part in hit.why}
        assert sum(part.amount for part in hit.why) == pytest.approx(logit(hit.score), rel=1e-3, abs=1e-3)


def learnt(space: ss.Space, **settings: float) -> ss.Space:
    """Return the space with other caps."""
    fitted = space.tasks["ads"]
    return replace(space, tasks={**space.tasks, "ads": replace(fitted, settings=Ads(**settings))})


def test_who_buys_a_kind_is_given_its_coupon(coupon_space: ss.Space):
    users = [f"u{n}" for n in range(60)]
    first = [hit for hit in coupon_space.ads(users, k=1, at=RUNNING) if hit.rank == 1]
    right = [hit.id.endswith(KINDS[int(hit.subject[1:]) % 6]) for hit in first]
    assert np.mean(right) > 0.9
    assert {hit.more["campaign"] for hit in first} == {"c9"}
    assert first[0].title.endswith("and 4 more")


def test_chances_come_true(coupon_space: ss.Space):
    """Of the last campaign, planted: three in ten of those who buy the kind, one in fifty of the others."""
    hits = coupon_space.ads([f"u{n}" for n in range(240)], k=6, at=RUNNING)
    fits = np.array([hit.id.endswith(KINDS[int(hit.subject[1:]) % 6]) for hit in hits])
    score = np.array([hit.score for hit in hits])
    assert score[fits].mean() == pytest.approx(0.3, abs=0.06)
    assert score[~fits].mean() == pytest.approx(0.02, abs=0.015)


def test_what_is_measured_is_above_popularity(coupons: Path):
    found = json.loads((coupons / "metrics.json").read_text("utf-8"))["ads"]
    assert found["cases"] > found["taken"] > 10
    assert set(found["models"]) == {"default", "popularity", "first category", "categories and brand"}
    assert found["models"]["default"]["auc"]["value"] > 0.75
    assert found["differences"]["popularity"]["auc"]["low"] > 0.05
    assert found["differences"]["popularity"]["log_loss"]["high"] < 0
    assert found["models"]["default"]["ece"]["value"] < 0.03


def test_only_offers_that_run_answer(coupon_space: ss.Space):
    assert {hit.more["campaign"] for hit in coupon_space.ads("u7", at="2024-03-05")} == {"c1"}
    assert (
        len(coupon_space.ads("u7", at="2024-02-20T23:00")) == 6
    )  # an end without an hour is the end of that day
    assert len(coupon_space.ads("u7", at="2024-02-21T01:00")) == 0
    nothing = coupon_space.ads("u7", at="2025-06-01")
    assert len(nothing) == 0
    assert "no offer runs at that moment" in nothing.notes
    other = coupon_space.ads("u7", at=RUNNING, campaign="c2")
    assert len(other) == 0
    assert "no offer of the campaign 'c2' runs at that moment" in other.notes
    with pytest.raises(InputError, match=r"campaign 'c99'; did you mean 'c9'"):
        coupon_space.ads("u7", campaign="c99")
    with pytest.raises(InputError, match="at 'soon' is not a time"):
        coupon_space.ads("u7", at="soon")


def test_an_offer_needs_one_item_that_is_allowed(coupon_space: ss.Space):
    hits = coupon_space.ads("u7", at=RUNNING, where="category:boot or category:lamp")
    assert {hit.id for hit in hits} == {"c9-boot", "c9-lamp"}
    assert "u7: 2 of 10" in hits.notes[-1]
    assert {hit.id for hit in coupon_space.ads("u7", at=RUNNING, where="item_id:i0")} == {"c9-boot"}
    nothing = coupon_space.ads("u7", at=RUNNING, where="price<0")
    assert any("none of 6 offers that run has an item" in note for note in nothing.notes)


def test_caps_count_what_the_log_has(coupon_space: ss.Space):
    log = coupon_space.tasks["ads"].shown
    user = int(np.flatnonzero(np.bincount(log.user[log.offer >= 54], minlength=240) == 4)[0])
    name, at = coupon_space.users.text(user), "2024-10-01T00:00"
    assert len(coupon_space.ads(name, at=at)) == 6
    once = learnt(coupon_space, offer_cap=1).ads(name, at=at)
    assert len(once) == 2
    assert f"{name}: 4 offers held back by offer_cap = 1 within cap_span = 7" in once.notes
    assert len(learnt(coupon_space, campaign_cap=5).ads(name, at=at)) == 1
    assert len(learnt(coupon_space, total_cap=4).ads(name, at=at)) == 0
    assert len(learnt(coupon_space, total_cap=4).ads(name, at="2024-10-10")) == 4
    assert len(learnt(coupon_space, total_cap=4).ads("stranger", at=at)) == 4


def test_nobody_and_somebody_unknown_are_answered_with_what_is_known_of_offers(coupon_space: ss.Space):
    nobody, unknown = coupon_space.ads(at=RUNNING), coupon_space.ads("u9999", at=RUNNING)
    assert [hit.id for hit in nobody] == [hit.id for hit in unknown]
    assert {hit.subject for hit in nobody} == {"anyone"}
    assert any("no user" in note for note in nobody.notes)
    assert any("user 'u9999' is not known; did you mean" in note for note in unknown.notes)
    early = coupon_space.ads("u7", at="2023-01-01")
    assert any("'u7' has no history" in note for note in early.notes)


def test_what_is_kept_answers_the_same(coupon_space: ss.Space, tmp_path: Path):
    coupon_space.save(tmp_path)
    again = ss.open(tmp_path)
    assert again.ads("u7", at=RUNNING, why=True).table.equals(
        coupon_space.ads("u7", at=RUNNING, why=True).table
    )
    folder = tmp_path / "spaces" / "1" / "tasks" / "ads"
    (folder / "arrays.npz").write_bytes((folder / "arrays.npz").read_bytes()[:1000])
    with pytest.raises(SpaceError, match="ads is damaged"):
        ss.open(tmp_path)


def test_the_command(coupons: Path, tmp_path: Path):
    runner = CliRunner()
    done = runner.invoke(app, ["ads", str(coupons), "u7", "--at", RUNNING, "--k", "2", "--why", "--json"])
    assert done.exit_code == 0, done.output
    assert [hit["rank"] for hit in json.loads(done.stdout)["hits"]] == [1, 2]
    everyone = ["ads", str(coupons), "--all", "--at", RUNNING, "--to", str(tmp_path / "all.csv")]
    assert runner.invoke(app, everyone).exit_code == 0
    assert len((tmp_path / "all.csv").read_text("utf-8").splitlines()) == 1 + 240 * 6


def test_a_space_without_it_says_how_to_fit_it(coupons: Path, coupon_space: ss.Space, tmp_path: Path):
    with pytest.raises(InputError, match=r"shelfspace fit .*run ads"):
        replace(coupon_space, tasks={}).ads("u7")
    with pytest.raises(ConfigError, match=r"half_life = 0\.0 must be more than 0"):
        ss.fit(coupons, "ads", sets=["ads.half_life=0.0"])
    with pytest.raises(ConfigError, match="offer_cap = -1 must not be negative"):
        ss.fit(coupons, "ads", sets=["ads.offer_cap=-1"])
    run = shutil.copytree(coupons, tmp_path / "run")
    again = ss.fit(run, "ads", sets=["ads.total_cap=2"], **shop_tables())
    assert [hit.id for hit in again.ads("u7", at="2024-10-15")] == [
        hit.id for hit in coupon_space.ads("u7", k=2, at="2024-10-15")
    ]


def test_listings_alone_have_offers_too(tmp_path: Path):
    frames = shop_tables()
    del frames["events"]
    space = trained(tmp_path / "run", frames)
    hits = space.ads("u7", k=2, at=RUNNING)
    assert len(hits) == 2
    assert any("'u7' has no history" in note for note in hits.notes)
