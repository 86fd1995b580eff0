"""Events from files."""

import gzip
import json

import pytest

from shelfspace.client import Event
from shelfspace.client.bulk import events_of
from shelfspace.client.writes import bodies
from shelfspace.errors import DataError, InputError

CSV = (
    'user_id,item_id,event,timestamp,price\nu1,"a,1",view,2024-05-01T10:00,\nu2,鞋,purchase,1714557600,3.5\n'
)


@pytest.mark.parametrize("name", ["log.csv", "log.tsv", "log.csv.gz", "log.jsonl", "log.ndjson.gz"])
def test_each_kind_of_file_says_the_same(tmp_path, name):
    rows = [
        {"user_id": "u1", "item_id": "a,1", "event": "view", "timestamp": "2024-05-01T10:00"},
        {
            "user_id": "u2",
            "item_id": "鞋",
            "event": "purchase",
            "timestamp": 1714557600.0,
            "price": 3.5,
        },
    ]
    text = CSV if ".csv" in name else CSV.replace('"a,1"', "a;1").replace(",", "\t").replace("a;1", "a,1")
    text = "\n".join(map(json.dumps, rows)) + "\n\n" if "json" in name else text
    data = ("\ufeff" + text).encode()
    (tmp_path / name).write_bytes(gzip.compress(data) if name.endswith("gz") else data)
    found = list(events_of(tmp_path / name))
    assert [{k: v for k, v in e.to_json().items() if k != "event_id"} for e in found] == rows
    assert len({e.event_id for e in found}) == 2


def test_columns_are_mapped_and_a_named_load_has_the_same_ids_again(tmp_path):
    (tmp_path / "l.csv").write_text("Kunde,Artikel,Lager\nu,a,3\nu,b,4\n")
    columns = {"Kunde": "user_id", "Artikel": "item_id"}
    found = list(events_of(tmp_path / "l.csv", columns=columns, load="day-1"))
    assert [(e.user_id, e.item_id, e.event_id) for e in found] == [
        ("u", "a", "day-1:1"),
        ("u", "b", "day-1:2"),
    ]
    given = [{"item_id": "a", "event_id": "own"}, {"item_id": "b"}]
    assert [e.event_id for e in events_of(given, load="x")] == ["own", "x:2"]


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("l.csv", "user_id,item\nu,a\n", "line 2: an event has no field 'item'; did you mean 'item_id'"),
        ("l.csv", "user_id,item_id\nu,\n", "line 2: an event needs 'item_id'"),
        ("l.csv", "user_id,item_id\nu,a,b\n", "line 2: 2 columns are named"),
        ("l.csv", "item_id,price\na,cheap\n", "line 2, price: 'cheap' is no number"),
        ("l.csv", 'item_id\n"a\n', "cannot be read"),
        ("l.jsonl", '{"item_id": "a"}\n{"item_id"\n', "line 2 is no JSON"),
        ("l.jsonl", "[1]\n", "an event is an object, not list"),
        ("l.parquet", "", "events come from"),
        ("l.csv.gz", "no gzip", "cannot be read"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path, name, text, said):
    (tmp_path / name).write_text(text)
    with pytest.raises((DataError, InputError), match=said):
        list(events_of(tmp_path / name))


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(DataError, match="cannot be read"):
        list(events_of(tmp_path / "none.csv"))


def test_batches_hold_so_many_and_so_much_and_nothing_is_read_ahead():
    read = []

    def stream():
        for n in range(25):
            read.append(n)
            yield {"item_id": f"i{n}", "query": "x" * 100}

    made = bodies(Event, stream(), most=10)
    assert len(json.loads(next(made))) == 10
    assert len(read) == 11
    assert [len(json.loads(body)) for body in made] == [10, 5]
    small = list(bodies(Event, stream(), most_bytes=1000))
    assert all(len(body) <= 1000 for body in small)
    assert [row["item_id"] for body in small for row in json.loads(body)] == [f"i{n}" for n in range(25)]
    assert list(bodies(Event, [])) == []
