"""What each task answers after folding: of what was there as before, of what is new as far as it can."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import shelfspace as ss
from shelfspace.folding.folded import Folded, folded
from shelfspace.folding.gathered import gathered
from shelfspace.searching.fitted import FittedSearch
from shelfspace.store.records import Write
from tests.folding.journals import Journal, event
from tests.folding.shops import DAY, NUM_ITEMS, NUM_USERS, START, item, user

LATER = (START + 60) * DAY
LISTING = {"title": "lamp of brass number 99", "category": ["lamp"], "price": 20.0}


def journal() -> Any:
    found = Journal(
        Write("item", "put", "new", body=LISTING),
        Write("item", "put", "bare", body={"title": "cup of tin"}),
        Write("item", "patch", item(8), body={"title": "boot of velvet number 8"}),
        Write("item", "delete", item(4)),
        Write("user", "put", user_id="fresh", body={"taste": "lamp", "age": 22}),
        event("new", user(2), timestamp=LATER, event="purchase", basket_id="n1"),
        event(item(2), user(2), timestamp=LATER, event="purchase", basket_id="n1"),
        event("new", "visitor", timestamp=LATER, event="purchase", basket_id="n2"),
        event(item(6), "visitor", timestamp=LATER, event="purchase", basket_id="n2"),
    )
    found.forget(user(5))
    return found


@pytest.fixture(scope="module")
def before(whole_run: Path) -> ss.Space:
    return ss.open(whole_run)


@pytest.fixture(scope="module")
def made(before: ss.Space) -> Folded:
    store = journal()
    found = gathered(store, 0, before.catalogue, list(before.kinds), before.history.clock)
    return folded(before, found, None, store.fingerprint)


@pytest.fixture(scope="module")
def after(made: Folded, tmp_path_factory: pytest.TempPathFactory) -> ss.Space:
    run = tmp_path_factory.mktemp("folded")
    made.space.save(run)
    return ss.open(run)


def ids(hits: ss.Hits) -> list[str]:
    found: list[str] = hits.table[hits.named].to_pylist()
    return found


def test_what_did_not_change_lies_where_it_lay(before: ss.Space, after: ss.Space):
    same = np.delete(np.arange(NUM_ITEMS), 8)
    assert np.array_equal(after.vectors[same], before.vectors[same])
    assert not np.array_equal(after.vectors[8], before.vectors[8])
    assert after.vectors.shape[0] == NUM_ITEMS + 2
    assert np.allclose(np.linalg.norm(after.vectors[-2:], axis=1), 1.0, atol=1e-5)


def test_new_and_changed_listings_are_found_by_words_and_deleted_ones_are_not(after: ss.Space):
    assert ids(after.search("brass lamp", k=3))[0] == "new"
    assert ids(after.search("velvet", k=1)) == [item(8)]
    assert item(4) not in ids(after.search("boot", k=40))


def test_search_keeps_the_weights_that_it_learnt(before: ss.Space, after: ss.Space):
    was, now = before.tasks["search"], after.tasks["search"]
    assert isinstance(was, FittedSearch)
    assert isinstance(now, FittedSearch)
    assert now.searcher.ranking == was.searcher.ranking
    assert now.searcher.taken[-2:].tolist() == [2.0, 0.0]


def test_what_is_bought_together_since_goes_together(after: ss.Space):
    found = after.bundle("new", k=5)
    assert {item(2), item(6)} <= set(ids(found)[:5])
    assert item(4) not in ids(after.bundle(item(8), k=40))
    assert ids(after.bundle(user="visitor", k=5))


def test_new_and_changed_listings_are_told_their_labels_and_the_others_keep_theirs(
    before: ss.Space, after: ss.Space
):
    assert after.classify("bare", k=2).table["label"].to_pylist()[0] == "cup"
    same = [item(n) for n in range(NUM_ITEMS) if n not in (4, 8)]
    was, now = before.classify(same, why=True), after.classify(same, why=True)
    assert was.table.equals(now.table)


def test_listings_are_matched_again(after: ss.Space):
    groups = after.match()
    known = set(after.catalogue.ids.array.to_pylist())
    assert set(groups.pairs["left_id"].to_pylist()) <= known
    assert after.match("new") is not None


def test_paths_name_the_right_things(after: ss.Space):
    told = 0
    for row in after.similar(item(2), k=10, why=True).table.to_pylist():
        if row["item_id"] in ("new", "bare"):
            continue
        stuff, other = ("wool", "iron") if int(row["item_id"][1:]) % 3 else ("iron", "wool")
        made = [path for path in row["paths"] if "made of" in path]
        told += len(made)
        assert all(stuff in path and other not in path for path in made)
    assert told


def test_shoppers_are_those_who_are_left(before: ss.Space, after: ss.Space):
    assert user(5) in ids(before.people(user(1), kind="friends", k=59)) + ids(before.people(user(1), k=59))
    for kind in ("alike", "friends"):
        assert user(5) not in ids(after.people(user(1), kind=kind, k=59))
    with pytest.raises(ss.InputError, match="unknown user"):
        after.people(user(5))
    assert len(after.users) == NUM_USERS - 1 + 2


def test_a_new_shopper_is_like_those_with_the_profile_they_gave(after: ss.Space):
    found = ids(after.people("fresh", k=3))
    assert len(found) == 3
    assert {int(text[1:]) % 4 for text in found} == {2}


def test_offers_are_those_of_the_right_items_and_shoppers(before: ss.Space, after: ss.Space):
    was, now = before.ads(user(3), k=5), after.ads(user(3), k=5)
    assert [row["title"] for row in now.table.to_pylist()] == [
        after.titles[after.catalogue.ids.row(text)] for text in ids(now)
    ]
    assert set(ids(was)) & set(ids(now))
    assert ids(after.ads("visitor", k=3))


def test_what_could_not_be_brought_up_to_date_is_told(made: Folded):
    assert any("ads" in note for note in made.notes)
    assert any("explain" in note for note in made.notes)


def test_nothing_names_who_was_forgotten(after: ss.Space):
    for path in Path(after.folder or "").rglob("*"):
        if path.suffix in (".json", ".parquet") and path.is_file():
            assert user(5).encode() not in path.read_bytes(), path
