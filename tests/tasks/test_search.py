"""Search, from a shop to answers in Python and the shell."""

import json
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import shelfspace as ss
from shelfspace.cli.app import app
from shelfspace.errors import InputError
from tests.contracts.task_contract import TaskContract
from tests.searching.shops import table

runner = CliRunner()


@pytest.fixture(scope="module")
def run(small_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("search") / "run"
    shutil.copytree(small_run, folder)
    ss.fit(folder, "search")
    return folder


@pytest.fixture(scope="module")
def space(run: Path) -> ss.Space:
    return ss.open(run)


@pytest.fixture(scope="module")
def listings(tmp_path_factory: pytest.TempPathFactory) -> ss.Space:
    """A shop of listings alone."""
    folder = tmp_path_factory.mktemp("listings")
    ss.train({"items": {}, "search": {}}, items=table(), out=folder / "run")
    return ss.open(folder / "run")


def ids(hits: ss.Hits) -> list[str]:
    return [hit.item_id for hit in hits]


class TestSearch(TaskContract):
    task = "search"
    subjects = ("leather boot", "garden rake model 4")


def test_the_words_come_first(space):
    for text, word in (("coffee beans", "coffee"), ("tea cup", "tea"), ("鞋", "鞋")):
        hits = list(space.search(text, k=10))
        assert len(hits) == 10
        assert all(word in hit.title for hit in hits), text


def test_chinese_without_spaces(listings):
    assert ids(listings.search("红茶", k=2)) == ["f", "g"]
    assert ids(listings.search("紅茶禮盒", k=1)) == ["f"]
    assert ids(listings.search("云南红茶 mug", k=5))[0] == "f"


def test_slips_are_corrected_and_told(listings):
    hits = listings.search("laptpo bag", k=1)
    assert ids(hits) == ["d"]
    assert hits.beside["corrected"] == {"laptpo": "laptop"}
    assert "no product has 'laptpo': looked for 'laptop' instead" in hits.notes
    known = listings.search("wireless headset", k=1)
    assert known.beside["corrected"] == {}
    assert not [note for note in known.notes if "instead" in note]


def test_a_shopper_shifts_the_order_a_little(space):
    plain = {hit.item_id: hit.score for hit in space.search("model", k=200)}
    own = list(space.search("model", user="user-1", k=200, why=True))
    assert {hit.item_id for hit in own} == set(plain)
    assert [hit.item_id for hit in own] != list(plain)
    bought = space.search("model", user="user-1", k=200)
    shift = {hit.item_id: hit.score - plain[hit.item_id] for hit in bought}
    assert 0 <= min(shift.values()) <= max(shift.values()) == pytest.approx(0.1, abs=1e-4)
    assert any(part.part == "shopper" for hit in own for part in hit.why)


def test_a_shopper_nobody_knows(space):
    hits = space.search("tea cup", user="user-10000", k=3)
    assert "user 'user-10000' is not known; did you mean 'user-100" in hits.notes[0]
    assert ids(hits) == ids(space.search("tea cup", k=3))


def test_past_queries_shift_the_order(space):
    plain = list(space.search("model", k=60))
    after = list(space.search("model", queries=["", "garden rake", "garden rake"], k=60))
    of_rakes = [np.mean([h.rank for h in hits if "rake" in h.title] or [60]) for hits in (plain, after)]
    assert of_rakes[1] < of_rakes[0]


def test_facets_count_all_that_matches(listings):
    hits = listings.search("scarf mug", k=1, facets="brand, category")
    assert hits.beside["facets"]["brand"]["Old Mill"] == 2
    assert hits.beside["facets"]["category"]["clothes"] == 2
    cheap = listings.search("scarf mug", k=1, where="price<21", facets="brand")
    assert cheap.beside["facets"]["brand"]["Old Mill"] == 1
    with pytest.raises(InputError, match="no column 'brnd'; did you mean 'brand'"):
        listings.search("scarf", facets="brnd")
    with pytest.raises(InputError, match="price is a number"):
        listings.search("scarf", facets="price")


def test_what_is_similar_is_marked(space):
    hits = list(space.search("wool scarf", k=3, expand=4, why=True))
    assert len(hits) == 7
    assert all(hit.more["found"].startswith("words") for hit in hits[:3])
    assert all(hit.more["found"].startswith("similar to sku-") for hit in hits[3:])
    assert len({hit.item_id for hit in hits}) == 7
    scores = [hit.score for hit in hits]
    assert scores == sorted(scores, reverse=True)
    for hit in hits:
        assert sum(part.amount for part in hit.why) == pytest.approx(hit.score, abs=1e-5)
    allowed = space.search("wool scarf", k=3, expand=4, where="price<12")
    prices = dict(
        zip(space.catalogue.ids.array.to_pylist(), space.catalogue.table["price"].to_pylist(), strict=True)
    )
    assert all(prices[item] < 12 for item in ids(allowed))


def test_each_word_has_its_part(space):
    hit = next(iter(space.search("tea cup", k=1, why=True)))
    parts = {part.part: part.amount for part in hit.why}
    assert parts["word 'tea'"] + parts["word 'cup'"] == pytest.approx(1.0, abs=1e-5)
    assert {"meaning", "like the first", "popularity"} >= set(parts) - {"word 'tea'", "word 'cup'"}


@pytest.mark.parametrize(
    ("phrase", "message"),
    [
        (None, "give words to look for, or a photo"),
        ([], "give words to look for, or a photo"),
        ("", "the phrase is blank"),
        (" \n\t ", "the phrase is blank"),
        ("x" * 10_001, "10,001 characters is too long"),
        ([None], "a phrase must be text, not None"),
        ([3], "a phrase must be text, not 3"),
    ],
)
def test_phrases_that_cannot_be(listings, phrase, message):
    with pytest.raises(InputError, match=message):
        listings.search(phrase)


@pytest.mark.parametrize(
    ("phrase", "note"),
    [
        ("🎧🎧", "there is no word in it"),
        ("!!! ???", "there is no word in it"),
        ("xyzzy", "no product has 'xyzzy'"),
        ("Ελληνικά кириллица עברית", "no product has"),
    ],
)
def test_phrases_that_find_nothing_say_why(listings, phrase, note):
    hits = listings.search(phrase)
    assert any(note in said for said in hits.notes)
    assert any("0 of 10" in said for said in hits.notes)
    assert len(hits) == 0


@pytest.mark.parametrize(
    "phrase",
    [
        '") OR 1=1 --',
        "title:mug AND (price:[* TO 5])",
        "mug^100 ~2 -red +",
        "'; DROP TABLE items; --",
        "%_\\*",
    ],
)
def test_no_syntax_is_read(listings, phrase):
    words = "".join(c if c.isalnum() else " " for c in phrase).strip()
    hits = listings.search(phrase)
    assert ids(hits) == (ids(listings.search(words)) if words else [])


def test_words_that_many_products_have(space):
    assert "'model' has only words that many products have" in space.search("model").notes


def test_a_phrase_of_ten_thousand_characters_takes_a_moment(space):
    phrase = " ".join(f"lether{chr(97 + n % 26)}{chr(97 + n // 26 % 26)}" for n in range(1_100))[:10_000]
    begun = time.process_time()
    hits = space.search(phrase)
    assert time.process_time() - begun < 5.0
    assert any("only the first 64 words are looked for" in note for note in hits.notes)


def test_a_filter_that_nothing_satisfies_and_one_that_no_match_does(listings):
    assert "no product satisfies the filter" in listings.search("mug", where="price>1000").notes
    [note] = listings.search("mug", where="brand:Sono and price>50", k=8).notes
    assert "no other product matches" in note


def test_a_batch_says_of_each_phrase(listings):
    hits = listings.search(["laptpo", "mug"], k=1, facets="brand")
    assert [hit.subject for hit in hits] == ["laptpo", "mug"]
    assert hits.beside["corrected"] == {"laptpo": {"laptpo": "laptop"}, "mug": {}}
    assert set(hits.beside["facets"]) == {"laptpo", "mug"}


def test_trees_put_the_best_in_order_and_say_why(listings):
    pytest.importorskip("lightgbm")
    from shelfspace.searching.searcher import FEATURES
    from shelfspace.searching.trees import Trees

    features = np.random.default_rng(0).random((400, len(FEATURES)))
    cheap = features[:, FEATURES.index("words")]
    trees = Trees.learnt(features, (5 * cheap).astype(int), cheap, [20] * 20, 0)
    fitted = listings.tasks["search"]
    ranking = replace(fitted.searcher.ranking, trees=trees.text)
    asking = replace(
        listings, tasks={"search": replace(fitted, searcher=replace(fitted.searcher, ranking=ranking))}
    )
    hits = list(asking.search("red scarf", k=3, why=True))
    assert hits[0].item_id == "a"
    for hit in hits:
        assert sum(part.amount for part in hit.why) == pytest.approx(hit.score, abs=1e-5)
    assert "trees: words" in {part.part for part in hits[0].why}


def test_what_is_out_of_range(listings, tmp_path):
    with pytest.raises(InputError, match="expand = -1 is out of range"):
        listings.search("mug", expand=-1)
    with pytest.raises(InputError, match="this space reads no photos"):
        listings.search(photo=tmp_path / "no.jpg")
    with pytest.raises(InputError, match="a photo goes with one phrase"):
        listings.search(["mug", "scarf"], photo=tmp_path / "no.jpg")


def test_a_space_in_which_it_was_not_fitted(small_run):
    with pytest.raises(InputError, match=r"run `shelfspace fit .* search`"):
        ss.open(small_run).search("mug")


def test_in_the_shell(run):
    found = runner.invoke(
        app,
        [
            "search",
            str(run),
            "tea cup",
            "--k",
            "2",
            "--queries",
            "wool scarf",
            "--queries",
            "lamp",
            "--facets",
            "category",
            "--json",
        ],
    )
    assert found.exit_code == 0, found.output
    said = json.loads(found.stdout)
    assert len(said["hits"]) == 2
    assert said["facets"]["category"]
    nothing = runner.invoke(app, ["search", str(run)])
    assert isinstance(nothing.exception, InputError)
    assert "give words to look for" in str(nothing.exception)


def test_asking_needs_no_torch(run):
    code = (
        "import sys, shelfspace as ss; "
        f"assert len(ss.open({str(run)!r}).search('tea cup', user='user-1', why=True)) == 10; "
        "assert 'torch' not in sys.modules and 'duckdb' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
