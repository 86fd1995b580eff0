"""What the rules of a shop do to answers: over random catalogues, and in every task."""

import datetime as dt
import importlib
import inspect
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import shelfspace as ss
from shelfspace.errors import ConfigError, InputError
from shelfspace.tasks import TASKS
from shelfspace.tasks.results import Hits
from tests.contracts.task_contract import TaskContract
from tests.tasks.random_shops import DAY, random_space

NOW = dt.datetime.fromtimestamp(DAY * 86_400, dt.UTC)
WHERES = ["price<30", "brand:acme", "not available", 'category:"room 1"', "price>=10 and brand:zed"]
FILTERS = [None, "price<40", "brand in (Acme, Zed)", "available"]


@st.composite
def ruled(draw):
    """Return rules that do not contradict each other."""
    names = [f"i-{n}" for n in range(20)]
    rules: dict[str, list[dict[str, object]]] = {"block": [], "pin": [], "exposure": []}
    for _ in range(draw(st.integers(0, 2))):
        rules["block"].append(
            {"where": draw(st.sampled_from(WHERES))}
            if draw(st.booleans())
            else {"items": draw(st.lists(st.sampled_from(names), min_size=1, max_size=5))}
        )
    pinned = draw(st.lists(st.sampled_from(names), max_size=3, unique=True))
    places = draw(st.permutations(range(1, 9)))
    rules["pin"] = [{"item": item, "place": places[n]} for n, item in enumerate(pinned)]
    if draw(st.booleans()):
        rules["exposure"].append({"by": "brand", "most": draw(st.sampled_from([0.2, 0.4, 0.5]))})
    if draw(st.booleans()):
        rules["exposure"].append({"by": "price", "edges": [10, 30], "most": 0.5})
    if draw(st.booleans()):
        rules["exposure"].append({"where": 'category:"room 2"', "least": draw(st.sampled_from([0.2, 0.4]))})
    if draw(st.booleans()):
        rules["boost"] = [{"where": "brand:zed", "by": draw(st.sampled_from([0.2, 1.0]))}]
    if draw(st.booleans()):
        rules["bury"] = [{"where": "price>40", "by": 0.5}]
    if draw(st.booleans()):
        rules["require"] = [draw(st.sampled_from([{"stock": True}, {"max_price": 45}, {"newer_than": 60}]))]
    ranked = ("pin", "exposure", "boost", "bury")
    for rule in (rule for kind in ranked for rule in rules.get(kind, [])):
        rule["tasks"] = ["recommend", "similar"]
    return rules


asked = given(
    seed=st.integers(0, 5_000),
    size=st.integers(12, 60),
    rules=ruled(),
    where=st.sampled_from(FILTERS),
    k=st.sampled_from([1, 5, 8, 10]),
    more=st.sampled_from([{}, {"diversity": 0.4}, {"diversity": 0.2, "diversify": "dpp"}]),
    explore=st.sampled_from([0.0, 0.5]),
)


def answers(space, where, k, more, explore):
    yield space.recommend("u-0", where=where, k=k, **more, explore=explore, seed=3)
    yield space.similar("i-11", where=where, k=k, **more)


@asked
@settings(max_examples=50)
def test_what_holds_for_every_answer(seed, size, rules, where, k, more, explore):
    space = random_space(seed, size)
    plain = list(answers(space, where, 500, {}, 0.0))
    kept = space.with_rules(rules, at=NOW)
    rows = {row["item_id"]: row for row in facts(space)}
    for hits, before, again in zip(
        answers(kept, where, k, more, explore), plain, answers(kept, where, k, more, explore), strict=True
    ):
        found = [hit.item_id for hit in hits]
        assert found == [hit.item_id for hit in again]
        may = {hit.item_id for hit in before if not refused(rules, rows[hit.item_id])}
        assert set(found) <= may  # the filter holds, nothing blocked or refused
        assert len(found) == len(set(found)) == min(k, len(may))
        said = " ".join(hits.notes)
        for n, pin in enumerate(rules["pin"], start=1):
            if pin["place"] <= len(found) and pin["item"] in may:
                assert found[pin["place"] - 1] == pin["item"]
            elif pin["place"] <= k and pin["item"] not in may:
                assert f"[[pin]] {n} gives way" in said
        for n, share in enumerate(rules["exposure"], start=1):
            counts = Counter(group(share, rows[item]) for item in found)
            counts.pop(None, None)
            told = f"[[exposure]] {n}" in said
            assert told or max(counts.values(), default=0) <= max(1, int(share.get("most", 1.0) * k + 1e-9))
            assert told or sum(counts.values()) >= np.ceil(share.get("least", 0.0) * k - 1e-9)


@asked
@settings(max_examples=20)
def test_rules_that_expired_or_are_yet_to_come_change_nothing(seed, size, rules, where, k, more, explore):
    space = random_space(seed, size)
    for when in ({"until": NOW.date() - dt.timedelta(1)}, {"from": NOW.date() + dt.timedelta(1)}):
        later = {kind: [{**rule, **when} for rule in some] for kind, some in rules.items()}
        kept = space.with_rules(later, at=NOW)
        plain, ruled_ = (list(answers(one, where, k, more, explore)) for one in (space, kept))
        for one, other in zip(plain, ruled_, strict=True):
            columns = [name for name in other.table.column_names if name != "rule"]
            assert other.table.select(columns).equals(one.table)
            assert other.notes == one.notes


def facts(space):
    table = space.catalogue.table.to_pylist()
    ids = space.catalogue.ids.array.to_pylist()
    seen = space.catalogue.first_seen.tolist()
    return [{"item_id": i, "first_seen": s, **row} for i, s, row in zip(ids, seen, table, strict=True)]


def refused(rules, row):
    """Say whether rules refuse an item, read by hand."""
    price, brand = row["price"], (row["brand"] or "").lower()
    satisfied = {
        "price<30": price is not None and price < 30,
        "brand:acme": brand == "acme",
        "not available": not row["available"],
        'category:"room 1"': "room 1" in (row["category"] or []),
        "price>=10 and brand:zed": price is not None and price >= 10 and brand == "zed",
    }
    for rule in rules["block"]:
        if row["item_id"] in rule.get("items", []) or satisfied.get(rule.get("where"), False):
            return True
    for rule in rules.get("require", []):
        if "stock" in rule and row["available"] is False:
            return True
        if "max_price" in rule and not (price is not None and price <= 45):
            return True
        if "newer_than" in rule and not row["first_seen"] >= DAY - 60:
            return True
    return False


def group(share, row):
    if share.get("by") == "brand":
        return row["brand"]
    if share.get("by") == "price":
        return None if row["price"] is None else int(np.digitize(row["price"], [10, 30]))
    return "room 2" if "room 2" in (row["category"] or []) else None


def test_boosts_move_by_a_share_of_the_spread_and_leave_scores_alone():
    space = random_space(1, 40)
    scores = space.blend.retrievers["drawn"].scores[0].astype(float)
    plain = {hit.item_id: hit.score for hit in space.recommend("u-0", k=40)}
    kept = space.with_rules({"boost": [{"where": "brand:zed", "by": 0.3, "name": "season"}]})
    hits = list(kept.recommend("u-0", k=40, why=True))
    zed = {row["item_id"] for row in facts(space) if row["brand"] == "Zed"}
    among = np.array([scores[space.catalogue.ids.row(i)] for i in plain])
    moved = {i: s + 0.3 * (among.max() - among.min()) * (i in zed) for i, s in plain.items()}
    order = sorted(moved, key=lambda i: -moved[i])
    assert [moved[hit.item_id] for hit in hits] == pytest.approx([moved[i] for i in order])
    for hit in hits:
        assert hit.score == plain[hit.item_id]
        assert sum(part.amount for part in hit.why) == pytest.approx(hit.score)
        assert hit.more["rule"] == ("[[boost]] 1 (season)" if hit.item_id in zed else None)


def test_a_boost_of_one_brings_the_last_to_the_first():
    space = random_space(2, 30)
    last = list(space.recommend("u-0", k=30))[-1].item_id
    kept = space.with_rules({"boost": [{"items": [last], "by": 1}]})
    assert last in [hit.item_id for hit in kept.recommend("u-0", k=2)]
    first = next(iter(space.recommend("u-0"))).item_id
    kept = space.with_rules({"bury": [{"items": [first], "by": 1}]})
    assert first in [hit.item_id for hit in kept.recommend("u-0", k=30)][-2:]


def test_a_pinned_item_that_no_model_brought_has_its_own_score():
    space = random_space(3, 40)
    retriever = space.blend.retrievers["drawn"]
    retriever.scores[:, 5] = -0.25
    kept = space.with_rules({"pin": [{"item": "i-5", "place": 2, "reason": "launch"}]})
    hits = list(kept.recommend(["u-1", "u-2"], k=4, seen="include", why=True))
    for hit in (hit for hit in hits if hit.rank == 2):
        assert hit.item_id == "i-5"
        assert hit.score == pytest.approx(-0.25)
        assert sum(part.amount for part in hit.why) == pytest.approx(hit.score)
        assert hit.more["rule"] == "[[pin]] 1 (launch)"


def test_pins_are_for_whom_and_while_they_say():
    space = random_space(4, 40)
    pin = {"item": "i-7", "place": 1, "users": ["u-1"], "where": "price>0"}
    kept = space.with_rules({"pin": [pin]})
    first = [hit.item_id for hit in kept.recommend(["u-0", "u-1"], k=3, seen="include") if hit.rank == 1]
    dear = space.catalogue.table["price"][7].as_py() is not None
    assert (first[1] == "i-7") == dear
    plain = next(iter(space.recommend("u-0", k=3, seen="include"))).item_id
    assert first[0] == plain


def test_notes_name_the_rules_that_meet():
    space = random_space(5, 40)
    kept = space.with_rules(
        {
            "block": [{"items": ["i-1"], "reason": "recalled"}],
            "pin": [{"item": "i-1", "place": 1, "name": "launch"}, {"item": "gone", "place": 2}],
            "boost": [{"where": "price>5"}],
            "bury": [{"where": "brand:acme"}],
        }
    )
    notes = kept.recommend("u-0").notes
    assert "[[pin]] 1 (launch) gives way: [[block]] 1 (recalled) blocks 'i-1'" in notes
    assert "[[pin]] 2 gives way: 'gone' is not in the catalogue" in notes
    assert any(note.startswith("[[boost]] 1 and [[bury]] 1 are both of") for note in notes)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"block": [{"where": "brnad:acme"}]}, "[[block]] 1: where: the catalogue has no field 'brnad'"),
        ({"block": [{"where": "price<"}]}, "[[block]] 1: where: cannot read the filter"),
        ({"exposure": [{"by": "brnad", "most": 0.2}]}, "which the items lack; did you mean 'brand'?"),
        ({"exposure": [{"by": "price", "most": 0.2}]}, "give edges, such as [10, 50]"),
        ({"exposure": [{"by": "brand", "edges": [1], "most": 0.2}]}, "edges are of numbers"),
        ({"require": [{"min_margin": 0.2, "margin": "profit"}]}, "needs a column 'profit'"),
    ],
)
def test_what_the_catalogue_cannot_answer_is_refused_at_once(table, message):
    with pytest.raises(ConfigError) as told:
        random_space(0, 12).with_rules(table)
    assert message in str(told.value)


@pytest.mark.parametrize(
    "wrong",
    [{"diversity": 1.5}, {"diversity": -0.1}, {"explore": 2.0}, {"diversity": 0.5, "k": 501}, {"seed": -1}],
)
def test_settings_out_of_range(wrong):
    with pytest.raises(InputError):
        random_space(0, 12).recommend("u-0", **wrong)


def test_draws_are_a_shoppers_own_and_logged():
    space = random_space(6, 50)
    together = space.recommend(["u-0", "u-1"], k=5, explore=0.6, seed=9).table.to_pylist()
    for user in ("u-0", "u-1"):
        single = space.recommend(user, k=5, explore=0.6, seed=9).table.to_pylist()
        assert [row for row in together if row["subject"] == user] == single
    assert len({row["list_id"] for row in together}) == 2
    assert all(0 < row["propensity"] <= 1 for row in together)
    other = space.recommend(["u-0", "u-1"], k=5, explore=0.6, seed=10).table.to_pylist()
    assert [row["item_id"] for row in other] != [row["item_id"] for row in together]


def test_every_task_is_held_to_what_is_blocked():
    """A task's test is a `TaskContract`, or has a test of its own of that name."""
    for name, task in TASKS.items():
        module = importlib.import_module(f"tests.tasks.test_{name}")
        if inspect.signature(task.ask).return_annotation is Hits:
            found = [c for _, c in inspect.getmembers(module, inspect.isclass) if issubclass(c, TaskContract)]
            assert any(getattr(c, "task", None) == name for c in found), name
        else:
            assert hasattr(module, "test_what_is_blocked_never_comes"), name


def test_rules_of_a_run_are_read_and_checked_when_it_is_opened(small_run: Path, tmp_path: Path):
    run = tmp_path / "run"
    run.mkdir()
    for part in ("current", "spaces"):
        (run / part).symlink_to(small_run / part)
    best = next(iter(ss.open(run).recommend("user-7"))).item_id
    (run / "rules.toml").write_text(f'[[block]]\nitems = ["{best}"]\n', "utf-8")
    assert best not in [hit.item_id for hit in ss.open(run).recommend("user-7", k=50)]
    (run / "rules.toml").write_text('[[block]]\nwhere = "prcie<3"\n', "utf-8")
    with pytest.raises(ConfigError, match=r"rules.toml: \[\[block\]\] 1: where: .*did you mean 'price'"):
        ss.open(run)
