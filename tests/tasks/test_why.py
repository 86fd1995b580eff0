"""What answers are made of: fields and words, paths, and what would take them off the list."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.csv
import pytest
from typer.testing import CliRunner

import shelfspace as ss
from shelfspace.cli.app import app
from shelfspace.tasks.reasons import REST
from tests.conftest import write_small_shop


@pytest.fixture(scope="module")
def space(small_run: Path) -> ss.Space:
    return ss.open(small_run)


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> ss.Space:
    """Listings alone, in closed form; one without a title, one without anything."""
    colours, things = ["red", "blue", "green", "black"], ["mug", "scarf", "lamp", "boot", "rake"]
    items = pd.DataFrame(
        [
            {"item_id": f"{c}-{t}", "title": f"{c} {t}", "brand": f"Brand {n % 3}", "category": t}
            for c in colours
            for n, t in enumerate(things)
        ]
        + [
            {"item_id": "untitled", "title": None, "brand": "Brand 1", "category": "mug"},
            {"item_id": "bare", "title": None, "brand": None, "category": None},
        ]
    )
    return ss.train(items=items, sets=["recipe.use=linear"], out=tmp_path_factory.mktemp("closed"))


def parts(hit: ss.Hit) -> dict[tuple[str, str | None], float]:
    found = {(part.part, part.item_id): part.amount for part in hit.why}
    assert len(found) == len(hit.why), "a part is told once"
    assert sum(found.values()) == pytest.approx(hit.score, abs=1e-5)
    return found


def test_words_that_both_say_count_most(closed):
    found = parts(next(iter(closed.similar("red-mug", k=1, where="item_id in (blue-mug)", why=True))))
    assert max(found, key=found.__getitem__) == ("title: mug", "red-mug")
    assert found["title: mug", "blue-mug"] > 5 * abs(found["title: blue", "blue-mug"])
    both = [sum(v for (_, item), v in found.items() if item == i) for i in ("red-mug", "blue-mug")]
    assert both == pytest.approx([sum(found.values()) / 2] * 2, abs=1e-5)


def test_a_phrase_is_told_word_by_word(closed):
    for hit in closed.similar(phrase="red wool mug", k=5, why=True):
        found = parts(hit)
        asked = {part for part, item in found if item is None}
        assert asked <= {"title: red", "title: mug"}, "what is not known says nothing"
    beside = parts(next(iter(closed.similar("blue-lamp", phrase="red", k=1, why=True))))
    assert {item for _, item in beside} >= {None, "blue-lamp"}
    assert len(closed.similar(phrase="zzz", why=True)) == 0


def test_listings_that_say_little_or_nothing(closed):
    found = parts(next(iter(closed.similar("untitled", k=1, why=True))))
    assert {part for part, item in found if item == "untitled"} == {"brand: brand 1", "category: mug"}
    nothing = closed.similar("bare", why=True)
    assert len(nothing) == 0
    assert "neither behaviour nor content" in nothing.notes[0]


def test_of_a_batch_each_has_its_own(closed):
    """But for the order of what is alike to the last digit."""
    both = [
        hit for hit in closed.similar(["red-mug", "blue-boot"], k=21, why=True) if hit.subject == "blue-boot"
    ]
    single = {hit.item_id: parts(hit) for hit in closed.similar("blue-boot", k=21, why=True)}
    assert len(both) == len(single)
    for hit in both:
        assert parts(hit) == pytest.approx(single[hit.item_id], abs=1e-6)


def test_of_a_long_list_the_question_tells_the_rest(space):
    hits = list(space.similar("sku-003", k=52, why=True))
    for hit in hits:
        assert sum(part.amount for part in hit.why) == pytest.approx(hit.score, abs=1e-5)
    assert {part.item_id for part in hits[49].why} == {"sku-003", hits[49].item_id}
    assert {part.item_id for part in hits[50].why} == {"sku-003"}


def test_towers_tell_words_columns_and_behaviour(space):
    for hit in space.similar("sku-003", k=5, why=True):
        found = parts(hit)
        assert ("behaviour", "sku-003") in found
        assert (REST, None) not in found
        assert any(part.startswith("title: ") and item == hit.item_id for part, item in found)
    new = parts(next(iter(space.similar("sku-new", k=1, why=True))))
    assert ("behaviour", "sku-new") not in new, "nobody has had it"
    said = parts(next(iter(space.similar(phrase="leather boot", k=1, why=True))))
    assert {part for part, item in said if item is None} <= {"title: leather", "title: boot"}


def test_a_past_item_that_is_left_out_takes_the_answer_off_the_list(space):
    """The list is asked for again, without the items and with them kept off the list."""
    checked = 0
    for taste in range(6):
        past = [f"sku-{taste + 6 * n:03}" for n in (0, 3, 9)] + [f"sku-{(taste + 1) % 6 + 60:03}"]
        hits = list(space.recommend(history=past, k=5, why=True))
        for hit in hits:
            gone = hit.more["unless"]
            assert set(gone) <= set(past)
            assert len(gone) <= 3
            if gone:
                rest = [item for item in past if item not in gone]
                again = space.recommend(history=rest, k=5, where=f"not item_id in ({', '.join(past)})")
                assert hit.item_id not in {other.item_id for other in again}
                checked += 1
    assert checked >= 6


def test_what_has_no_past_has_nothing_to_leave_out(space):
    for hits in (space.recommend(k=3, why=True), space.recommend("nobody", k=3, why=True)):
        assert [hit.more for hit in hits] == [{"unless": [], "paths": []}] * 3
    one = space.recommend(history=["sku-002"], k=5, why=True)
    assert {tuple(hit.more["unless"]) for hit in one} <= {(), ("sku-002",)}
    many = list(space.recommend("user-7", k=30, why=True))
    assert many[19].more["unless"] is not None
    assert [hit.more["unless"] for hit in many[20:]] == [None] * (len(many) - 20)


def test_what_both_are_joins_them(space):
    for hit in space.similar("sku-003", k=30, why=True):
        assert len(hit.more["paths"]) == ("lamp" in hit.title)
    hit = next(iter(space.recommend(history=["sku-003"], k=1, where="category:lamp", why=True)))
    [path] = hit.more["paths"]
    assert path == f"desk lamp model 3 -category-> lamp <-category- {hit.title}"
    assert all(hit.more["paths"] == [] for hit in space.similar(phrase="lamp", k=2, why=True))


def test_relations_are_kept_by_fitting_and_told(small_run, tmp_path):
    write_small_shop(tmp_path)
    run = tmp_path / "run"
    shutil.copytree(small_run, run)
    edges = ["head,relation,tail", "sku-003,made_by,Ann", "sku-009,made_by,Ann"]
    edges += ["sku-003,goes_with,sku-003", "sku-003,goes_with,no-sku"]
    (tmp_path / "relations.csv").write_text("\n".join(edges) + "\n", "utf-8")
    settings = (run / "config.toml").read_text("utf-8")
    (run / "config.toml").write_text(settings.replace(str(small_run.parent), str(tmp_path)), "utf-8")
    space = ss.fit(run, "explain", sets=[f"relations.path={tmp_path / 'relations.csv'}"])
    assert json.loads((run / "metrics.json").read_text("utf-8"))["explain"]["edges"] == {
        "goes_with": 1,
        "made_by": 2,
    }
    hit = next(iter(ss.open(run).similar("sku-003", k=1, where="item_id in (sku-009)", why=True)))
    assert hit.more["paths"][0] == "desk lamp model 3 -made_by-> Ann <-made_by- desk lamp model 9"
    assert space.recommend(history=["sku-003"], k=2, why=True).table["paths"][0].as_py() is not None


def test_on_the_screen_in_a_file_and_as_json(space, closed, tmp_path):
    ran = CliRunner().invoke(app, ["similar", str(closed.folder), "red-mug", "--k", "2", "--why"])
    assert ran.exit_code == 0
    assert "title:" in ran.output
    to = tmp_path / "hits.csv"
    ran = CliRunner().invoke(
        app, ["recommend", str(space.folder), "user-7", "--why", "--k", "2", "--to", str(to)]
    )
    assert ran.exit_code == 0, ran.output
    row = pyarrow.csv.read_csv(to).to_pylist()[0]
    assert isinstance(json.loads(row["unless"]), list)
    assert json.loads(row["why"])[0]["amount"]
    said = json.loads(closed.similar("red-mug", k=1, why=True).to_json())["hits"][0]
    assert said["paths"]
    assert np.isclose(sum(part["amount"] for part in said["why"]), said["score"], atol=1e-5)
    assert "why" not in closed.similar("red-mug", k=1).table.column_names
    assert "paths" not in closed.similar("red-mug", k=1).table.column_names
