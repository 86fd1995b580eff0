"""Similar products by a photo, and a catalogue that learns from its words and photos."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from typer.testing import CliRunner

import shelfspace as ss
from shelfspace.cli.app import app
from shelfspace.errors import ConfigError, InputError, UnknownIdError
from shelfspace.explaining.regions import Hidden
from shelfspace.searching.fitted import Search, fitted
from shelfspace.shop.reading import read_shop
from shelfspace.tasks.reasons import towers_of
from tests.learning.photographed import COLOURS, QUICK, THINGS, photo, shop

pytest.importorskip("efficientnet_lite_pytorch", reason="the extra [image] is not installed")


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> dict[str, pd.DataFrame]:
    return shop(tmp_path_factory.mktemp("photos"))


@pytest.fixture(scope="module")
def space(tables, tmp_path_factory: pytest.TempPathFactory) -> ss.Space:
    folder = tmp_path_factory.mktemp("run")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SHELFSPACE_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
        return ss.train(**tables, sets=QUICK, out=folder)


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHELFSPACE_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


def ids(hits: ss.Hits) -> list[str]:
    return [hit.item_id for hit in hits]


def test_what_was_held_out_is_found_and_the_card_says_how_often(space):
    found = json.loads((space.folder / "metrics.json").read_text("utf-8"))["learnt"]
    assert found["epochs"] == 8
    assert found["photos"]["of"] == "mrr"
    assert found["photos"]["cases"] == 8  # a tenth of the eighty that are not for the test
    assert found["photos"]["value"] > 4 * found["photos"]["chance"]
    assert found["text_photo"]["cases"] in (3, 4)
    assert found["value"] == pytest.approx((found["photos"]["value"] + found["text_photo"]["value"]) / 2)
    assert "| photos | mrr |" in (space.folder / "card.md").read_text("utf-8")


def test_a_photo_finds_its_item(space, tables):
    test = tables["photos"][tables["photos"]["split"] == "test"].iloc[::3]
    answers = [ids(space.similar(photo=image, k=3)) for image in test["image"]]
    found = [item in answer for item, answer in zip(test["item_id"], answers, strict=True)]
    assert len(found) == 14
    assert np.mean(found) > 0.6


def test_words_find_what_they_say_though_a_listing_has_no_photo_or_no_such_words(space):
    assert all("scarf" in item for item in ids(space.similar(phrase="scarf", k=4)))
    assert "green-lamp" in ids(space.similar(phrase="green lamp", k=3))


def test_a_photo_and_a_phrase_are_one_listing_and_an_item_counts_beside_it(space, tables, tmp_path):
    red = photo(tmp_path, "asked.png", "red", "mug", 5)
    both = space.similar(photo=red, phrase="red mug", k=40)
    assert both.table["subject"][0].as_py() == "red mug + asked.png"
    assert ids(both)[0] == "red-mug"
    alone, beside = space.similar(photo=red, k=40), space.similar("blue-rake", photo=red, k=40)
    item = {hit.item_id: hit.score for hit in space.similar("blue-rake", k=40)}
    sums = {hit.item_id: hit.score + item.get(hit.item_id, -9.0) for hit in alone}
    assert ids(beside) == [i for i in sorted(sums, key=lambda i: -sums[i]) if i in item]
    assert space.similar(photo=Path(red), k=3).to_json() == space.similar(photo=red, k=3).to_json()


def test_it_answers_without_torch(space, tables, tmp_path):
    red = photo(tmp_path, "asked.png", "red", "mug", 5)
    code = (
        "import sys, shelfspace as ss; "
        f"hits = ss.open({str(space.folder)!r}).similar(photo={red!r}, k=3); "
        f"ss.open({str(space.folder)!r}).heat_map({red!r}); "
        f"ss.open({str(space.folder)!r}).similar(photo={red!r}, k=3, why=True); "
        "assert 'torch' not in sys.modules; print([h.item_id for h in hits])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(ids(space.similar(photo=red, k=3)))


def test_what_a_photo_and_a_phrase_are_worth_is_told(space, tables, tmp_path):
    red = photo(tmp_path, "asked.png", "red", "mug", 5)
    for hit in space.similar(photo=red, phrase="red mug", k=3, why=True):
        asked = {part.part: part.amount for part in hit.why if part.item_id is None}
        assert set(asked) <= {"image", "title: red", "title: mug"}
        assert sum(part.amount for part in hit.why) == pytest.approx(hit.score, abs=1e-5)
    alone = next(iter(space.similar(photo=red, k=1, why=True)))
    half = {part.part: part.amount for part in alone.why if part.item_id is None}
    assert half == {"image": pytest.approx(alone.score / 2, abs=1e-5)}


def test_an_item_without_a_photo_has_no_part_of_one(space):
    bare = space.catalogue.ids.text(7)
    for hit in space.similar(bare, k=2, why=True):
        assert not [part for part in hit.why if part.part == "image" and part.item_id == bare]
        assert [part for part in hit.why if part.part == "image" and part.item_id == hit.item_id]


def test_a_heat_map_says_what_to_hide(space, tmp_path):
    asked = Path(photo(tmp_path, "asked.png", "blue", "mug", 5))
    found = space.heat_map(asked, item="blue-mug", to=tmp_path / "why.png")
    assert found.amounts.shape == (8, 8)
    with Image.open(tmp_path / "why.png") as picture:
        assert picture.size == (448, 448)
    hidden, vector = Hidden(towers_of(space), asked), space.vectors[space.catalogue.ids.row("blue-mug")]
    ordered = np.sort(found.amounts.ravel())
    masks = [found.amounts < ordered[-8], found.amounts > ordered[7], np.ones((8, 8))]
    without_hottest, without_coldest, whole = hidden.vectors(np.stack(masks).astype(float)) @ vector
    assert without_hottest < without_coldest
    assert whole == pytest.approx(found.score, abs=1e-5)


def test_a_photo_of_one_pixel_has_a_heat_map_that_says_nothing(space, tmp_path):
    Image.new("RGB", (1, 1), "red").save(tmp_path / "one.png")
    found = space.heat_map(tmp_path / "one.png", to=tmp_path / "why.jpg")
    assert found.amounts == pytest.approx(np.zeros((8, 8)), abs=1e-6)
    asked = next(iter(space.similar(photo=tmp_path / "one.png", k=1, why=True)))
    assert asked.item_id == found.item_id
    assert asked.score == pytest.approx(found.score, abs=1e-4)
    assert asked.why


def test_what_has_no_heat_map_says_why(space, tables, tmp_path):
    red = photo(tmp_path, "asked.png", "red", "mug", 5)
    for asked, error, why in (
        ({"photo": tmp_path / "none.jpg"}, InputError, "cannot be read: No such file"),
        ({"photo": red, "item": "red-mugg"}, UnknownIdError, "did you mean 'red-mug'"),
        ({"photo": red, "to": tmp_path / "why.svg"}, InputError, "must end in .png or .jpg"),
        ({"photo": red, "to": tmp_path / "no" / "why.png"}, InputError, "there is no folder"),
    ):
        with pytest.raises(error, match=why):
            space.heat_map(**asked)
    linear = ss.train(items=tables["items"].drop(columns=["image"]), out=tmp_path / "linear")
    with pytest.raises(InputError, match="reads no photos"):
        linear.heat_map(red)
    ran = CliRunner().invoke(app, ["heat-map", str(space.folder), red, "--to", str(tmp_path / "why.png")])
    assert ran.exit_code == 0, ran.output
    assert "why.png" in ran.output.replace("\n", "")


def test_a_large_photo_is_read_and_what_is_none_says_why(space, tmp_path):
    rng = np.random.default_rng(0)
    large = tmp_path / "large.bmp"
    Image.fromarray(rng.integers(0, 256, (1900, 1800, 3), np.uint8)).save(large)
    assert large.stat().st_size > 10_000_000
    assert len(space.similar(photo=large, k=3)) == 3
    text = tmp_path / "text.jpg"
    text.write_text("this is no photo", "utf-8")
    for asked, why in (
        (text, "text.jpg': not a photo of a known format"),
        (tmp_path / "none.jpg", "cannot be read: No such file"),
        (tmp_path, "cannot be read: Is a directory"),
        (f"{tmp_path}/a\0b.jpg", "cannot be read"),
    ):
        with pytest.raises(InputError, match=why):
            space.similar(photo=asked)
    cut = tmp_path / "cut.png"
    cut.write_bytes(Path(photo(tmp_path, "whole.png", "red", "mug", 1)).read_bytes()[:900])
    with pytest.raises(InputError, match=r"cut.png': broken"):
        space.similar(phrase="mug", photo=cut)


def test_a_space_without_photos_says_what_to_train_with(tables, tmp_path):
    items = tables["items"].drop(columns=["image"])
    linear = ss.train(items=items, out=tmp_path / "linear")
    assert "learnt" not in linear.blocks
    with pytest.raises(InputError, match=r"\[encoders.photo\] use = \"image\""):
        linear.similar(photo=tables["items"]["image"][0])
    words = ss.train(items=items, sets=QUICK, out=tmp_path / "words")
    assert set(words.blocks) == {"learnt"}
    assert ids(words.similar(phrase="green lamp", k=1)) == ["green-lamp"]
    with pytest.raises(InputError, match="reads no photos"):
        words.similar(photo=tables["items"]["image"][0])


def test_listings_alone_have_nothing_to_recommend_by_and_no_pairs_of_events(space, tables, tmp_path):
    with pytest.raises(InputError, match="listings alone"):
        space.recommend()
    with pytest.raises(ConfigError, match=r"pairs = 'basket' needs events.*text_photo"):
        ss.train(items=tables["items"], sets=[*QUICK, "objectives.0.pairs=basket"], out=tmp_path / "run")
    assert len(COLOURS) * len(THINGS) == len(space.catalogue)


def test_search_by_a_photo_and_by_a_phrase_with_it(space, tables, tmp_path):
    shop_read = read_shop({"items": {}}, frames={"items": tables["items"]})
    asking = replace(space, tasks={"search": fitted(Search(), shop_read, seed=0)})
    red = photo(tmp_path, "asked.png", "red", "mug", 5)
    hits = asking.search(photo=red, k=5, why=True)
    assert [hit.subject for hit in hits] == ["asked.png"] * 5
    assert all(hit.more["found"] == "photo" for hit in hits)
    assert "photo" in {part.part for hit in hits for part in hit.why}
    assert ids(hits) == ids(space.similar(photo=red, k=5))
    both = list(asking.search("mug", photo=red, k=8))
    assert all("mug" in hit.title for hit in both)
    assert all(hit.more["found"].startswith("words") for hit in both)
