"""What is written is in the next answer."""

import time
from dataclasses import replace

import numpy as np
import pytest

import shelfspace as ss
from shelfspace.errors import SpaceError, UnknownIdError
from shelfspace.live.live import Live
from shelfspace.store.records import Write
from tests.live.conftest import event, kept, listing

LATE = 1_735_000_000.0
"""Seconds since 1970: after all that the small shop holds."""


def names(hits: ss.Hits) -> list[str]:
    return [hit.id for hit in hits]


@pytest.mark.parametrize("seen", ["exclude", "include", "only"])
def test_without_news_it_answers_as_the_space_does(live: Live, seen: str):
    plain = ss.open(live.run)
    for user in [*plain.users.array.to_pylist()[:40], "nobody"]:
        one, other = live.space.recommend(user, seen=seen), plain.recommend(user, seen=seen)
        assert [hit.score for hit in one] == pytest.approx([hit.score for hit in other], rel=1e-4)
        assert one.notes == other.notes
        assert len(set(names(one)) & set(names(other))) >= len(other) - 1, "but for what is alike"


def test_an_answer_reflects_the_event_before_it(live: Live):
    before = names(live.space.recommend("user-3", k=5))
    for n, item in enumerate(before):
        live.store.append([event("user-3", item, timestamp=LATE + n)])
        live.catch_up()
        now = names(live.space.recommend("user-3", k=5))
        assert item not in now, "what was just taken is not new any more"
    known = live.space.past.of(["user-3"])
    assert live.space.catalogue.ids.texts(known.item[-5:]) == before


def test_who_was_never_seen_has_a_past_after_one_event(live: Live):
    assert "popular" in live.space.recommend("newcomer").notes[0]
    kept(live, event("newcomer", "sku-003", timestamp=LATE))
    found = live.space.recommend("newcomer", k=5)
    assert found.notes == ()
    assert names(found) == names(live.space.recommend(history=["sku-003"], k=5))


def test_an_event_that_comes_late_is_put_in_its_place(live: Live):
    kept(live, event("a", "sku-003", timestamp=LATE + 9), event("b", "sku-003", timestamp=LATE))
    kept(live, event("a", "sku-009", timestamp=LATE), event("b", "sku-009", timestamp=LATE + 9))
    a, b = (live.space.past.of([user]) for user in "ab")
    assert a.item.tolist() == b.item.tolist()[::-1]
    assert (np.diff(a.time) >= 0).all()


def test_a_batch_answers_as_one_by_one(live: Live):
    kept(live, event("user-3", "sku-004", timestamp=LATE), event("user-5", "sku-001", timestamp=LATE + 1e7))
    users = ["user-3", "user-5", "user-7", "nobody"]
    together = list(live.space.recommend(users, k=5))
    for user in users:
        alone = list(live.space.recommend(user, k=5))
        ours = [hit for hit in together if hit.subject == user]
        assert [hit.score for hit in ours] == pytest.approx([hit.score for hit in alone], rel=1e-4)


def test_a_new_listing_is_found_and_answers(live: Live):
    with pytest.raises(UnknownIdError):
        live.space.similar("boot-9")
    kept(live, listing("boot-9", title="leather boot model 900", price=12.0, category=["boot"]))
    assert "boot-9" in names(live.space.similar("sku-000", k=60))
    near = live.space.similar("boot-9", k=5)
    assert all("boot" in hit.title for hit in near)
    assert live.space.similar("boot-9", k=60, where="price<6").table["item_id"].to_pylist()
    kept(live, event("user-3", "boot-9", timestamp=LATE))
    assert "boot-9" not in names(live.space.recommend("user-3", k=120))
    assert len(live.space_for("classify").catalogue) == live.space_for("people").history.num_items


def test_a_changed_listing_answers_by_what_it_says_now(live: Live):
    at = live.space.catalogue.ids.row("sku-000")
    before = live.space.vectors[at].copy()
    kept(live, Write("item", "patch", item_id="sku-000", body={"price": 99.0}))
    assert np.array_equal(live.space.vectors[at], before), "a price moves nobody"
    assert names(live.space.similar("sku-006", k=60, where="price>90")) == ["sku-000"]
    kept(live, listing("sku-000", title="desk lamp", category=["lamp"], price=5.0))
    assert not np.array_equal(live.space.vectors[at], before)
    assert live.space.titles[at] == "desk lamp"
    others = [row for row in range(len(live.space.catalogue)) if row != at]
    np.testing.assert_array_equal(live.space.vectors[others], ss.open(live.run).vectors[others])


@pytest.mark.parametrize(
    "write",
    [
        Write("item", "delete", item_id="sku-006"),
        Write("item", "patch", item_id="sku-006", body={"available": False}),
    ],
)
def test_what_is_gone_is_in_no_answer_at_once(live: Live, write: Write):
    asked = {"similar": "sku-000", "recommend": "nobody", "match": None, "bundle": "sku-000"}
    assert "sku-006" in names(live.space.similar("sku-000", k=60))
    live.store.append([write])
    live.catch_up()  # and nothing has been read anew
    for task, subject in asked.items():
        space = live.space_for(task)
        if task in ("similar", "recommend"):
            assert "sku-006" not in names(getattr(space, task)(subject, k=100))
        assert space.gone is not None
        assert space.gone[space.catalogue.ids.row("sku-006")]
    kept(
        live, listing("sku-006", title="leather boot model 6", price=11.0, category=["boot"], available=True)
    )
    assert "sku-006" in names(live.space.similar("sku-000", k=60))


def test_an_event_of_an_item_that_comes_later_counts(live: Live):
    kept(live, event("user-3", "boot-9", timestamp=LATE))
    assert live.space.past.of(["user-3"]).time[-1] < LATE / 86_400
    kept(live, listing("boot-9", title="leather boot"))
    assert live.space.past.of(["user-3"]).time[-1] == LATE / 86_400


def test_who_is_forgotten_is_as_nobody(live: Live):
    kept(live, event("user-3", "sku-003", timestamp=LATE), event("other", "sku-003", timestamp=LATE))
    taken = live.space.past.taken().copy()
    live.store.forget("user-3")
    live.catch_up()
    assert not live.space.past.of(["user-3"]).num_events
    assert live.space.past.of(["other"]).num_events
    assert live.space.past.of(["user-3"]).who.tolist() == [-1]
    live.renew()
    row = live.space.users.row("user-3")
    assert not live.space_for("people").history.lengths()[row], "nor do the other tasks know them"
    assert names(live.space.recommend("user-3")) == names(live.space.recommend("nobody"))
    kept(live, event("user-3", "sku-009", timestamp=LATE + 5))
    assert live.space.catalogue.ids.texts(live.space.past.of(["user-3"]).item) == ["sku-009"]
    assert len(taken) == len(live.space.past.taken())


def test_popularity_moves(live: Live):
    [last] = names(live.space.recommend("nobody", k=120))[-1:]
    before = live.space.past.taken()[live.space.catalogue.ids.row(last)]
    kept(live, *(event(f"new-{n}", last, timestamp=LATE + n) for n in range(500)))
    assert live.space.past.taken()[live.space.catalogue.ids.row(last)] == before + 500
    assert names(live.space.recommend("nobody", k=1)) == [last]


def test_it_follows_the_version_of_the_run(live: Live):
    kept(live, event("newcomer", "sku-003", timestamp=LATE))
    assert not live.follow_version()
    ss.open(live.run).save(live.run)
    assert live.follow_version()
    assert live.version == 2
    assert live.space.past.of(["newcomer"]).num_events == 1, (
        "what the version does not hold is taken in again"
    )
    (live.run / "current").write_text("77", "utf-8")
    assert not live.follow_version(), "a version that is not there is told, and this one answers"
    assert live.version == 2


def test_another_process_opens_where_this_one_stands(live: Live):
    kept(live, event("newcomer", "sku-003", timestamp=LATE), listing("boot-9", title="leather boot"))
    again = Live.open(live.run, live.store)
    assert again.seq == live.seq
    assert names(again.space.recommend("newcomer")) == names(live.space.recommend("newcomer"))
    assert names(again.space.similar("boot-9")) == names(live.space.similar("boot-9"))


def test_what_the_space_was_made_with_does_not_count_twice(live: Live):
    before = live.space.past.of(["user-3"])
    time = float(before.time[-1]) * 86_400
    kept(live, event("user-3", live.space.catalogue.ids.text(int(before.item[-1])), timestamp=time))
    assert live.space.past.of(["user-3"]).num_events == before.num_events


def test_returns_and_unknown_kinds_do_not_count(live: Live):
    kept(
        live,
        event("a", "sku-003", timestamp=LATE, quantity=-1),
        event("a", "sku-003", timestamp=LATE, event="nix"),
    )
    assert not live.space.past.of(["a"]).num_events


def test_nobody_is_told_who_else_is_known(live: Live):
    assert ss.open(live.run).recommend("user-3x").notes[0].count("user-3") > 1
    assert "did you mean" not in live.space.recommend("user-3x").notes[0]
    with pytest.raises(UnknownIdError) as told:
        live.space_for("people").people("user-3x")
    assert "did you mean" not in str(told.value)


def test_following_goes_on_after_a_failure(live: Live, monkeypatch, caplog):
    failing = iter([True])
    monkeypatch.setattr("shelfspace.live.live.PATIENCE", 0.01)
    monkeypatch.setattr(live, "follow_version", lambda: 1 / 0 if next(failing, False) else False)
    live.start()
    until = time.monotonic() + 10
    live.store.append([event("newcomer", "sku-003", timestamp=LATE)])
    while not live.seq and time.monotonic() < until:
        time.sleep(0.01)
    live.close()
    assert live.seq == 1
    assert "following failed" in caplog.text


def test_a_store_that_ends_before_the_space_is_refused(live: Live):
    replace(ss.open(live.run), seq=7).save(live.run)
    with pytest.raises(SpaceError, match="ends at write 0"):
        Live.open(live.run, live.store)
