from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
import torch

from shelfspace.inputs.fields import Records
from shelfspace.learning.listings import HeldOut, needing_events, ranks
from shelfspace.learning.photos import Photos
from shelfspace.learning.towers import made_of
from shelfspace.shop.ids import Ids
from tests.learning.photographed import photo
from tests.learning.tastes import catalogue, plan

TEXT_PHOTO = [{"use": "infonce", "pairs": "text_photo"}]


def test_a_tenth_is_held_out_the_same_whatever_the_seed_and_only_what_is_asked_for():
    some = plan(objectives=TEXT_PHOTO)
    held = HeldOut.of(some, 500, 90)
    assert (held.items.sum(), held.photos.sum()) == (50, 0)
    np.testing.assert_array_equal(held.items, HeldOut.of(some, 500, 90).items)
    assert HeldOut.of(some, 90_000, 0).items.sum() == 2_000
    both = plan(objectives=[*TEXT_PHOTO, {"use": "infonce", "pairs": "photos"}])
    assert HeldOut.of(both, 500, 90).photos.sum() == 9
    assert not HeldOut.of(plan(objectives=[{"use": "vicreg", "pairs": "two_views"}]), 500, 90).any()
    assert not HeldOut.of(both, 4, 4).any()


def test_sources_that_need_events_are_told_by_what_they_are_not_by_their_name():
    some = plan(
        objectives=[{"use": "infonce", "pairs": {"brands": 1.0, "bought": 1.0, "two_views": 1.0}}],
        pairs={"brands": {"use": "attribute"}, "bought": {"use": "basket"}},
    )
    assert needing_events(some) == ["bought"]


def test_ranks_count_what_is_nearer_and_half_of_what_is_as_near():
    rng = np.random.default_rng(0)
    asked, candidates = rng.integers(-2, 3, (7, 3)), rng.integers(-2, 3, (30, 3))
    wanted = rng.integers(0, 30, 7)
    found = ranks(*(torch.from_numpy(a).float() for a in (asked, candidates)), wanted, size=3)
    for row, own in enumerate(wanted):
        scores = candidates @ asked[row]
        nearer = sum(score > scores[own] for score in scores)
        alike = sum(score == scores[own] for score in scores) - 1
        assert found[row] == nearer + alike / 2


def test_further_photos_are_those_of_known_items_that_are_to_be_learnt_from():
    table = pa.table(
        {
            "item_id": ["b", "a", "nobody", "a", "b"],
            "image": ["1", "2", "3", "4", "5"],
            "split": ["train", None, "train", "test", "TRAIN"],
        }
    )
    photos = Photos.of(table, Ids(["a", "b"], "item"))
    assert photos is not None
    assert (photos.item.tolist(), photos.path) == ([1, 0, 1], ["1", "2", "5"])
    assert photos.without(np.array([False, True, False])).item.tolist() == [1, -1, 1]
    assert Photos.of(None, Ids(["a"], "item")) is None
    whole = Photos.of(table.drop_columns(["split"]), Ids(["a", "b"], "item"))
    assert whole is not None
    assert len(whole) == 4


def test_photos_stand_after_the_items_and_say_nothing_else():
    table = pa.table({"title": ["x", "y"], "price": [1.0, None], "tags": [["p"], None]})
    vectors = {"clip": np.ones((2, 3), np.float32)}
    photos = Photos(np.array([1], np.int32), ["p.jpg"])
    found = photos.after(Records(table, np.array([4, 0]), vectors), ["image"])
    assert found.table.to_pylist() == [
        {"title": "x", "price": 1.0, "tags": ["p"], "image": None},
        {"title": "y", "price": None, "tags": None, "image": None},
        {"title": None, "price": None, "tags": None, "image": "p.jpg"},
    ]
    assert found.num_events.tolist() == [4, 0, 0]
    assert np.isnan(found.vectors["clip"][2]).all()


def test_photos_are_rows_of_the_tower_but_no_items(tmp_path):
    pytest.importorskip("efficientnet_lite_pytorch", reason="the extra [image] is not installed")
    path = photo(tmp_path, "red.png", "red", "mug", 1)
    table = catalogue().table.append_column("image", pa.array([path if n < 9 else None for n in range(60)]))
    records = {"item": Records.of_catalogue(replace(catalogue(), table=table), np.ones(60))}
    some = plan(
        encoders={"title": {"use": "hashed", "num_buckets": 300}, "photo": {"use": "image"}}, profile={}
    )
    further = Photos(np.array([0, 5], np.int32), [path, str(tmp_path / "none.png")])
    towers = made_of(some, records, np.ones(60, bool), photos=further)
    assert len(towers.model.all_items()) == 60
    assert towers.seen["photo"].present.tolist() == [True] * 9 + [False] * 51 + [True, False]
    assert not towers.seen["title"].present[60:].any()
    towers.model.eval()
    with torch.no_grad():
        alone = towers.model.items(torch.tensor([60]))
        torch.testing.assert_close(alone, towers.model.items(torch.tensor([3]), ["photo"]))
        assert not torch.allclose(alone, towers.model.items(torch.tensor([3])))
