from collections import defaultdict

import ibis
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shelfspace.shop import clean, columns
from shelfspace.shop.cleaning import CleanSettings
from shelfspace.shop.times import recognise


def run(expression):
    return expression.to_pyarrow().to_pylist()


def memory(**values):
    return ibis.memtable(pa.table(values))


def naive_returns(events):
    """Each cancellation takes from the latest purchases before it, one after the other."""
    stacks, left = defaultdict(list), {}
    for seq, event in enumerate(events):
        user, item, _, amount, cancels = event
        left[seq] = amount
        if not cancels:
            stacks[user, item].append(seq)
            continue
        for purchase in reversed(stacks[user, item]):
            taken = min(left[purchase], left[seq])
            left[purchase] -= taken
            left[seq] -= taken
    return left


EVENT = st.tuples(
    st.sampled_from("uv"), st.sampled_from("ab"), st.integers(0, 3), st.integers(1, 5), st.booleans()
)


@settings(deadline=None, max_examples=40)
@given(st.lists(EVENT, min_size=1, max_size=25))
def test_cancellations_take_back_the_latest_purchases(events):
    events = sorted(events, key=lambda e: e[2])
    user, item, time, amount, cancels = zip(*events, strict=True)
    table = memory(
        _seq=pa.array(range(len(events)), pa.int64()),
        user_id=user,
        item_id=item,
        time=pa.array(time, pa.float64()),
        amount=pa.array(amount, pa.float64()),
        cancels=cancels,
    )
    found = {row["_seq"]: row["left"] for row in run(clean.settle_returns(table))}
    assert found == pytest.approx(naive_returns(events))


def products(titles, ids=None, **said):
    ids = ids or [f"{n:05}" for n in range(len(titles))]
    ones = pa.array([1] * len(ids), pa.int64())
    table = memory(item_id=ids, events=ones, title=pa.array(titles, pa.string()))
    return {row["item_id"] for row in run(clean.non_products(table, CleanSettings(**said)))}


@pytest.mark.parametrize(
    "title",
    [
        *("POSTAGE", "DOTCOM POSTAGE", "CARRIAGE", "Bank Charges", "AMAZON FEE", "CRUK Commission", "Manual"),
        *("Discount", "SAMPLES", "Adjust bad debt", "Adjustment by john on 26/01/2010 16"),
        "Shipping & Handling Fee",
        *("Dotcomgiftshop Gift Voucher £20.00", "gift card", "运费补差价", "补差价专用"),
    ],
)
def test_services_are_not_products(title):
    assert products([title]) == {"00000"}


@pytest.mark.parametrize(
    "title",
    [
        *("BOYS PARTY BAG", "POSTAGE STAMP NECKLACE", "GIFT BAG", "MANUAL COFFEE GRINDER"),
        "FEELING STRESSED MUG",
        *("SAMPLER KIT", "COFFEE", "TOFFEE", "TEST TUBE VASE", "礼品盒", None),
    ],
)
def test_products_stay_products(title):
    assert products([title]) == set()


def test_few_letters_are_a_code_only_where_codes_have_digits():
    digits = [f"{n:05}" for n in range(40)]
    assert products([None] * 41, [*digits, "PADS"]) == {"PADS"}
    words = [chr(97 + n // 26) + chr(97 + n % 26) for n in range(40)]
    assert products([None] * 40, words) == set()


def test_a_person_has_the_last_word():
    assert products(["Postage", "Mug"], drop_items=["00001"], keep_items=["00000"]) == {"00001"}
    assert products(["Postage"], non_products=False) == set()


def test_items_without_events_are_judged_too():
    titles = memory(item_id=["a", "b"], title=["Mug", None])
    events = memory(item_id=["a", "a", "c"], reason=pa.array([None, "no user", None], pa.string()))
    rows = sorted(run(clean.item_table(events, titles)), key=lambda r: r["item_id"])
    assert [tuple(r.values()) for r in rows] == [("a", 1, "Mug"), ("b", 0, None), ("c", 1, None)]
    assert {r["events"] for r in run(clean.item_table(None, titles))} == {0}


def test_a_reason_is_never_overwritten():
    events = memory(item_id=["a", "b"], reason=pa.array(["first", None], pa.string()))
    marked = clean.mark_items(events, memory(item_id=["a", "b", "b"]), "second")
    assert sorted(r["reason"] for r in run(marked)) == ["first", "second"]
    absent = clean.mark_items(events, memory(item_id=["a"]), "absent", absent=True)
    assert sorted(r["reason"] for r in run(absent)) == ["absent", "first"]


def test_busy_users_are_told_by_their_average_day():
    events = memory(
        user_id=["bot"] * 30 + ["person"] * 30 + [None] * 50,
        time=pa.array([1.5] * 30 + [float(n) for n in range(30)] + [1.0] * 50),
        reason=pa.array([None] * 110, pa.string()),
    )
    busy = run(clean.busy_users(events, 20))
    assert [(r["user_id"], r["events"], r["days"]) for r in busy] == [("bot", 30, 1)]


def values(expression):
    return [row["v"] for row in run(expression)]


def test_ids_are_text_and_never_numbers():
    table = memory(v=["007", " 17850.0 ", "", "NaN", "名", "null", None])
    assert values(table.select(v=columns.text(table.v))) == ["007", "17850.0", None, None, "名", None, None]
    table = memory(v=[17850.0, 1.5, float("nan"), None, 1e20])
    assert values(table.select(v=columns.text(table.v)))[:4] == ["17850", "1.5", None, None]
    table = memory(v=pa.array([7, None], pa.int64()))
    assert values(table.select(v=columns.text(table.v))) == ["7", None]


def test_numbers_as_people_write_them():
    table = memory(v=["2.55", "£1,234.50", "2,55", "-3", "1 200", "", "abc", "1e3", "inf", None])
    expected = [2.55, 1234.5, 2.55, -3.0, 1200.0, None, None, 1000.0, None, None]
    assert values(table.select(v=columns.number(table.v))) == expected


def test_flags_as_people_write_them():
    table = memory(v=["Yes", "0", "in stock", "否", "maybe", None])
    assert values(table.select(v=columns.flag(table.v))) == [True, False, True, False, None, None]


@pytest.mark.parametrize(
    ("written", "clock", "days"),
    [
        (["2011-01-01", "2011-01-02T12:00:00"], "calendar", [14975.0, 14976.5]),
        (["2011-01-01T02:00:00+02:00", "2011-01-01T00:00:00Z"], "calendar", [14975.0, 14975.0]),
        (["20110101", "20110102"], "calendar", [14975.0, 14976.0]),
        (pa.array([20110101, 20110102], pa.int32()), "calendar", [14975.0, 14976.0]),
        (["1293840000", "1293926400"], "calendar", [14975.0, 14976.0]),
        (pa.array([1293840000000]), "calendar", [14975.0]),
        (pa.array([1293840000000000]), "calendar", [14975.0]),
        (pa.array([1293840000000000000]), "calendar", [14975.0]),
        (pa.array([0, 1, 203]), "steps", [0.0, 1.0, 203.0]),
        (["0", "7", ""], "steps", [0.0, 7.0, None]),
        (pa.array([14975], pa.date32()), "calendar", [14975.0]),
        (pa.array([1293840000], pa.timestamp("s")), "calendar", [14975.0]),
        (pa.array([1293840000000000], pa.timestamp("us", "Asia/Shanghai")), "calendar", [14975.0]),
        (["2011-01-01", "yesterday"], "calendar", [14975.0, None]),
    ],
)
def test_times_are_recognised(written, clock, days):
    table = memory(v=written)
    times = recognise(table.v, None)
    assert times.clock == clock
    assert values(table.select(v=times.read(table.v))) == days


def test_other_times_are_read_as_said():
    table = memory(v=["31/12/2010 06:00", "x"])
    times = recognise(table.v, "%d/%m/%Y %H:%M")
    assert values(table.select(v=times.read(table.v))) == [14974.25, None]
