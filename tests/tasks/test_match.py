"""Which listings are the same product: a shop of two sellers, with labels and without, and two real catalogues."""

import csv
import json
import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

import shelfspace as ss
from shelfspace.cli.app import app
from shelfspace.errors import ConfigError, InputError, SpaceError, UnknownIdError
from tests.matching.test_matcher import labels, two_writers

runner = CliRunner()

SETTINGS = """
[items]
path = "anzeigen.csv"
item_id = "Nr"
title = "Text"
price = "Preis"

[match]
between = "Haendler"
"""


def write_two_sellers(folder: Path, *, labelled: bool = True) -> Path:
    """Write a file of listings of two sellers, with odd column names, and what was said of some pairs."""
    listings, true = two_writers(150, seed=7)
    with (folder / "anzeigen.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["Nr", "Text", "Preis", "Haendler", "image"])
        for n, title in enumerate(listings.titles):
            writer.writerow([f"n-{n}", title, 5 + n % 7, "AB"[n >= 150], f"{n}.jpg" if n % 2 else ""])
    settings = SETTINGS
    if labelled:
        pairs, label = labels(listings, true)
        rows = zip(pairs.pairs.left, pairs.pairs.right, label, pairs.split, strict=True)
        lines = [f"n-{a},n-{b},{int(same)},{split}" for a, b, same, split in rows]
        (folder / "paare.csv").write_text("\n".join(["left_id,right_id,label,split", *lines]), "utf-8")
        settings += '\n[matches]\npath = "paare.csv"\n'
    (folder / "laden.toml").write_text(settings, "utf-8")
    return folder / "laden.toml"


def rows_of(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text("utf-8").splitlines()))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sellers")
    ss.train(write_two_sellers(folder), out=folder / "run")
    return folder / "run"


@pytest.fixture(scope="module")
def space(run: Path) -> ss.Space:
    return ss.open(run)


def test_partners_are_of_two_sellers_and_one_each(space: ss.Space):
    groups = list(space.match())
    assert len(groups) > 80
    for group in groups:
        sellers = {int(member.item_id[2:]) >= 150 for member in group}
        assert len(group) == 2
        assert sellers == {True, False}


def test_the_figures_are_those_of_the_held_out_pairs(run: Path, space: ss.Space):
    found = json.loads((run / "metrics.json").read_text("utf-8"))["match"]
    said = {
        tuple(sorted((p["left_id"], p["right_id"]))) for p in space.match().pairs.to_pylist() if p["same"]
    }
    rows = [row for row in rows_of(run.parent / "paare.csv") if row["split"] == "test"]
    label = np.array([row["label"] == "1" for row in rows])
    ours = np.array([tuple(sorted((row["left_id"], row["right_id"]))) in said for row in rows])
    f1 = 2 * (ours & label).sum() / (ours.sum() + label.sum())
    assert found["cases"] == len(rows)
    assert found["models"]["default"]["f1"]["value"] == pytest.approx(f1)
    assert f1 > 0.9
    assert f"{len(rows):,} labelled pairs" in (run / "card.md").read_text("utf-8")


def test_one_item_is_asked_for(space: ss.Space):
    group = next(iter(space.match()))
    for member in group:
        (found,) = space.match(member.item_id)
        assert {m.item_id for m in found} == {m.item_id for m in group}
    known = {m.item_id for g in space.match() for m in g}
    alone = next(f"n-{n}" for n in range(150) if f"n-{n}" not in known)
    answer = space.match(alone)
    assert len(answer) == 0
    assert any(alone in note for note in answer.notes)


def test_why_sums_to_the_log_odds(space: ss.Space):
    item = next(iter(space.match()))[0].item_id
    for pair in space.match(item, why=True).pairs.to_pylist():
        odds = np.log(pair["score"] / (1 - pair["score"]))
        assert sum(part["amount"] for part in pair["why"]) == pytest.approx(odds, abs=1e-3)


def test_another_catalogue_is_compared(space: ss.Space, tmp_path: Path):
    title = space.titles[3]
    (tmp_path / "other.csv").write_text(f"sku,name\nx1,{title.upper()}\nx2,garden rake\n", "utf-8")
    (group,) = list(space.match(against=str(tmp_path / "other.csv"), least=0.5))
    assert [(m.item_id, m.catalogue) for m in group] == [("n-3", "own"), ("x1", "other")]
    (tmp_path / "odd.csv").write_text(f"Nr.,Was\nx1,{title}\n", "utf-8")
    (tmp_path / "odd.toml").write_text('[items]\npath = "odd.csv"\nitem_id = "Nr."\ntitle = "Was"\n', "utf-8")
    assert len(space.match(against=str(tmp_path / "odd.toml"), least=0.5)) == 2
    with pytest.raises(InputError, match=r"odd\.csv has no column 'item_id'"):
        space.match(against=str(tmp_path / "odd.csv"))
    with pytest.raises(InputError, match=r"nowhere\.csv"):
        space.match(against=str(tmp_path / "nowhere.csv"))


def test_a_lower_threshold_says_more_and_a_wrong_one_is_refused(space: ss.Space):
    assert len(space.match(least=0.06)) >= len(space.match(least=0.9))
    with pytest.raises(InputError, match=r"least = 1\.5"):
        space.match(least=1.5)
    with pytest.raises(UnknownIdError, match="n-33333"):
        space.match("n-33333")


def test_without_labels_it_says_so(tmp_path: Path):
    space = ss.train(write_two_sellers(tmp_path, labelled=False), out=tmp_path / "run")
    answer = space.match()
    assert len(answer) > 80
    assert any("no labelled pairs" in note for note in answer.notes)
    assert "models" not in json.loads((tmp_path / "run/metrics.json").read_text("utf-8"))["match"]
    parts = space.match("n-3", why=True).pairs.to_pylist()
    assert all(part["part"] != "every pair" for pair in parts for part in pair["why"])


def test_a_space_of_listings_alone_has_nothing_to_recommend_by(run: Path, space: ss.Space):
    assert len(space.similar("n-3", k=4)) == 4
    with pytest.raises(InputError, match="listings alone"):
        space.recommend("somebody")
    with pytest.raises(ConfigError, match="listings alone"):
        ss.evaluate(run)


def test_a_space_without_it_says_how_to_fit_it_and_fitting_keeps_the_rest(small_shop: Path, tmp_path: Path):
    run = tmp_path / "run"
    before = ss.train(small_shop, sets=["recipe.use=linear"], out=run)
    with pytest.raises(InputError, match=r"shelfspace fit .*run match"):
        before.match()
    after = ss.fit(run, "match")
    assert any("no labelled pairs" in note for note in after.match().notes)
    assert after.recommend("user-7").table.equals(before.recommend("user-7").table)
    assert "match" in json.loads((run / "metrics.json").read_text("utf-8"))
    with pytest.raises(ConfigError, match=r"'mach'.*did you mean 'match'"):
        ss.fit(run, "mach")
    (tmp_path / "artikel.csv").write_text("Artikel,Bezeichnung,Preis,Gruppe\nsku-001,mug,1,cup\n", "utf-8")
    with pytest.raises(SpaceError, match="train it again"):
        ss.fit(run, "match")


def test_what_was_reviewed_is_masked_in_the_next_run(tmp_path: Path):
    settings = write_two_sellers(tmp_path)
    shop = ss.train(settings, out=tmp_path / "run").catalogue
    for row in rows_of(tmp_path / "paare.csv"):
        a, b = (shop.duplicates[shop.ids.row(row[name])] for name in ("left_id", "right_id"))
        if row["label"] == "1" and row["split"] != "test":
            assert a == b


def test_the_command_and_its_page(run: Path, tmp_path: Path):
    page = tmp_path / "review.html"
    done = runner.invoke(app, ["match", str(run), "--why", "--to", str(page)])
    assert done.exit_code == 0, done.output
    text = page.read_text("utf-8")
    assert "Download reviewed.csv" in text
    assert re.search(rf'src="{run.parent.as_uri()}/\d+\.jpg"', text)
    for name in ("groups.csv", "groups.parquet", "groups.json"):
        assert runner.invoke(app, ["match", str(run), "--to", str(tmp_path / name)]).exit_code == 0
    assert pq.read_table(tmp_path / "groups.parquet").schema.names[:2] == ["group", "item_id"]
    shown = runner.invoke(app, ["match", str(run), "n-3", "--json"])
    assert set(json.loads(shown.stdout)) == {"groups", "pairs", "notes"}
    assert "--all" not in runner.invoke(app, ["match", "--help"]).stdout
    fitted = runner.invoke(app, ["fit", str(run), "match", "--set", "match.context=false"])
    assert fitted.exit_code == 0, fitted.output


def test_in_a_tiny_catalogue_only_what_is_alike_is_one(tmp_path: Path):
    titles = ["Bosch Kaffeemaschine TAS-1402 rot", "BOSCH tas1402 Kaffeemaschine", "Gartenschlauch 20m"]
    items = pa.table({"item_id": ["a1", "a2", "a3"], "title": titles})
    (group,) = list(ss.train(items=items, sets=["match.num_candidates=2"], out=tmp_path / "run").match())
    assert [member.item_id for member in group] == ["a1", "a2"]


def test_hostile_titles_are_text_on_the_page(tmp_path: Path):
    evil = "<script>alert(1)</script> x100y"
    items = pa.table({"item_id": ["a", "b", "c"], "title": [evil, evil + " new", "lamp"]})
    space = ss.train(items=items, sets=["match.num_candidates=2"], out=tmp_path / "run")
    from shelfspace.cli.review import write_review

    write_review(tmp_path / "page.html", space.match(least=0.01))
    assert "<script>alert" not in (tmp_path / "page.html").read_text("utf-8")


def test_abt_and_buy_as_published(data: Path):
    """F1 on the published test pairs, of what is said without labels, and with them; every figure beside its bar."""
    folder = data / "abt-buy"
    tables = []
    for split in ("train", "valid", "test"):
        part = pq.read_table(folder / f"pairs-{split}.parquet")
        tables.append(part.append_column("split", pa.array([split] * len(part))))
    from shelfspace.matching.blocking import Pairs, pairs_of
    from shelfspace.matching.fitted import learnt_from
    from shelfspace.matching.labelled import Labelled
    from shelfspace.matching.matcher import Match, Matcher
    from shelfspace.shop.reading import read_shop

    shop = read_shop({"items": {"path": str(folder / "items.parquet")}})
    ids = shop.catalogue.ids
    labelled = Labelled.of(pa.concat_tables(tables), ids)
    matcher, compared = learnt_from(Match(between="source"), shop.catalogue, labelled, seed=0)
    test = tables[-1]
    ends = np.sort(
        np.stack([ids.rows(test[name].combine_chunks()) for name in ("left_id", "right_id")], 1), axis=1
    )
    compared = matcher.compared(compared.listings, pairs_of(ends))
    place = compared.places(Pairs(ends[:, 0].astype(np.int64), ends[:, 1].astype(np.int64)))
    label = test["label"].to_numpy().astype(bool)
    for asked, bar in ((matcher, 0.94), (Matcher(Match(between="source")), 0.92)):
        said = asked.found(compared).said[place]
        assert 2 * (said & label).sum() / (said.sum() + label.sum()) > bar


def test_what_is_blocked_never_comes(run):
    space = ss.open(run)
    first = next(iter(space.match()))
    gone, left = first[0].item_id, first[1].item_id
    kept = space.with_rules({"block": [{"items": [gone], "reason": "recalled"}]})
    for groups in (kept.match(), kept.match(left), kept.match(gone), kept.match(why=True)):
        assert f'"{gone}"' not in groups.to_json().split('"notes"')[0]
        assert "1 blocked listings are left out" in groups.notes
    assert len(kept.match()) < len(space.match())
