import gzip

import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlalchemy

from shelfspace.errors import ConfigError, DataError
from shelfspace.shop.sections import SourceSettings
from shelfspace.shop.sources import read_source
from shelfspace.shop.workbench import workbench


@pytest.fixture
def bench():
    with workbench("500MB") as opened:
        yield opened


def rows_of(bench, source):
    return bench.ibis.table(source.raw).to_pyarrow().to_pylist()


def read(bench, path, frame=None, **settings):
    said = SourceSettings(path=None if path is None else str(path), **settings)
    return read_source(bench, "events", said, frame)


def unreadable(bench):
    return bench.ibis.table("unreadable").order_by("row").to_pyarrow().to_pylist()


ROWS = [{"商品": "007", "name": "a, b"}, {"商品": "17850.0", "name": None}]
TEXT = '商品,name\n007,"a, b"\n17850.0,\n'


def write(path, text, encoding="utf-8"):
    data = text.encode(encoding)
    if path.suffix == ".gz":
        data = gzip.compress(data)
    if path.suffix == ".zst":
        data = pa.compress(data, codec="zstd", asbytes=True)
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz", "a.csv.zst"])
def test_csv_is_read_as_text_packed_or_not(bench, tmp_path, name):
    source = read(bench, write(tmp_path / name, TEXT))
    assert rows_of(bench, source) == ROWS
    assert source.format == "csv"


@pytest.mark.parametrize("delimiter", ["\t", ";", "|"])
def test_the_header_shows_the_delimiter(bench, tmp_path, delimiter):
    text = f"商品{delimiter}name\n1{delimiter}x,y\n"
    assert rows_of(bench, read(bench, write(tmp_path / "a.tsv", text))) == [{"商品": "1", "name": "x,y"}]


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "gbk", "utf-16", "utf-8-sig"])
def test_other_encodings_are_read_when_said(bench, tmp_path, encoding):
    word = "名" if encoding in ("gbk", "utf-16") else "é"
    path = write(tmp_path / "a.csv", f"item,name\n1,{word}\n", encoding)
    assert rows_of(bench, read(bench, path, encoding=encoding)) == [{"item": "1", "name": word}]


def test_utf_16_tells_itself(bench, tmp_path):
    path = write(tmp_path / "a.csv", "item,name\n1,名\n", "utf-16")
    assert rows_of(bench, read(bench, path)) == [{"item": "1", "name": "名"}]


def test_lines_that_are_no_rows_are_kept_aside_with_the_reason(bench, tmp_path):
    text = "id,name\n1,a\n2\n3,c,d\n4,caf\xe9\n5,e\n"
    source = read(bench, write(tmp_path / "a.csv", text, "latin-1"))
    assert [r["id"] for r in rows_of(bench, source)] == ["1", "5"]
    assert source.unreadable == 3
    assert [(r["row"], r["reason"]) for r in unreadable(bench)] == [
        (3, "too few columns"),
        (4, "too many columns"),
        (5, "bad encoding"),
    ]
    assert unreadable(bench)[1]["line"] == "3,c,d"


def test_a_quote_that_is_never_closed_loses_nothing_silently(bench, tmp_path):
    source = read(bench, write(tmp_path / "a.csv", 'id,name\n1,a\n2,"b\n3,c\n'))
    assert source.rows == 1
    assert "3,c" in unreadable(bench)[0]["line"]


def test_headers_blank_and_repeated_are_told_apart(bench, tmp_path):
    source = read(bench, write(tmp_path / "a.csv", "id,,ID\n1,2,3\n"))
    assert source.columns == ("id", "column_2", "ID_2")


def test_json_lines_have_the_keys_of_all_lines(bench, tmp_path):
    text = '{"商品": "007", "n": 1}\nnot json\n[1]\n\n{"商品": 8, "tags": ["a", "b"], "x y": null}\n'
    source = read(bench, write(tmp_path / "a.jsonl.gz", text))
    assert rows_of(bench, source) == [
        {"商品": "007", "n": "1", "tags": None, "x y": None},
        {"商品": "8", "n": None, "tags": '["a","b"]', "x y": None},
    ]
    assert [(r["row"], r["reason"]) for r in unreadable(bench)] == [
        (2, "not a JSON object"),
        (3, "not a JSON object"),
    ]


def test_one_big_json_array_is_refused(bench, tmp_path):
    with pytest.raises(DataError, match="one object a line"):
        read(bench, write(tmp_path / "a.json", '[{"a": 1},\n {"a": 2}]'))


def test_adjacency_lines_become_pairs_in_their_order(bench, tmp_path):
    source = read(bench, write(tmp_path / "a.txt", "u1 3 1 2\nu2\n\nu3 1 \n"), format="adjacency")
    pairs = [(r["user_id"], r["item_id"]) for r in rows_of(bench, source)]
    assert pairs == [("u1", "3"), ("u1", "1"), ("u1", "2"), ("u3", "1")]


def test_a_folder_or_glob_is_read_by_names_in_order(bench, tmp_path):
    write(tmp_path / "b.csv", "name,item\nx,2\n")
    write(tmp_path / "a.csv", "item,extra\n1,e\n")
    write(tmp_path / "_hidden.csv", "item\n9\n")
    source = read(bench, tmp_path)
    assert rows_of(bench, source) == [
        {"item": "1", "extra": "e", "name": None},
        {"item": "2", "extra": None, "name": "x"},
    ]
    assert source.place(0).endswith("a.csv, row 1")
    assert source.place(1).endswith("b.csv, row 1")


def test_a_glob_reads_what_it_names(bench, tmp_path):
    for name in ("p1.parquet", "p2.parquet"):
        pq.write_table(pa.table({"item": [name]}), tmp_path / name)
    source = read(bench, tmp_path / "p*.parquet")
    assert [r["item"] for r in rows_of(bench, source)] == ["p1.parquet", "p2.parquet"]
    assert source.place(1).endswith("p2.parquet, row 1")


@pytest.mark.parametrize("kind", [pd.DataFrame, pl.DataFrame, pa.table])
def test_data_frames_come_by_the_arrow_stream(bench, kind):
    source = read(bench, None, frame=kind({"商品": ["007", "b"], "n": [1.5, None]}))
    assert (
        rows_of(bench, source) == [{"商品": "007", "n": 1.5}, {"商品": "b", "n": None}]
        or kind is pd.DataFrame
    )
    assert source.rows == 2


def test_a_pandas_index_is_not_a_column(bench):
    frame = pd.DataFrame({"item": ["a", "b"]}, index=["x", "y"])
    assert read(bench, None, frame=frame).columns == ("item",)


def test_what_is_no_frame_is_refused(bench):
    with pytest.raises(ConfigError, match="list"):
        read(bench, None, frame=[1, 2])
    with pytest.raises(DataError, match="mixed types"):
        read(bench, None, frame=pd.DataFrame({"item": ["a", 1]}))


def test_a_table_behind_an_address_is_read_as_text(bench, tmp_path):
    address = f"sqlite:///{tmp_path / 'shop.db'}"
    engine = sqlalchemy.create_engine(address)
    with engine.begin() as connection:
        connection.execute(sqlalchemy.text("CREATE TABLE orders (item TEXT, customer REAL, name TEXT)"))
        values = "('007', 17850.0, '名'), ('8', NULL, NULL)"
        connection.execute(sqlalchemy.text(f"INSERT INTO orders VALUES {values}"))
    engine.dispose()
    source = read(bench, address, table="orders")
    assert rows_of(bench, source) == [
        {"item": "007", "customer": "17850", "name": "名"},
        {"item": "8", "customer": None, "name": None},
    ]
    with pytest.raises(DataError, match="did you mean 'orders'"):
        read_source(bench, "items", SourceSettings(path=address, table="order"))
    with pytest.raises(ConfigError, match="table"):
        read_source(bench, "items", SourceSettings(path=address))


def test_addresses_that_lead_nowhere_say_so(bench, tmp_path):
    with pytest.raises(ConfigError, match="unknown"):
        read(bench, "nosuchdb://x", table="t")
    with pytest.raises(DataError, match=r"x\.db"):
        read(bench, f"sqlite:///{tmp_path}/none/x.db", table="t")


def test_what_is_not_there_is_named_with_its_neighbour(bench, tmp_path):
    write(tmp_path / "events.csv", "a\n1\n")
    with pytest.raises(DataError, match=r"did you mean 'events.csv'"):
        read(bench, tmp_path / "event.csv")
    with pytest.raises(DataError, match="does not exist"):
        read(bench, tmp_path / "no" / "event.csv")
    with pytest.raises(ConfigError, match="needs 'path'"):
        read(bench, None)


def test_files_that_are_not_what_they_say_are_named(bench, tmp_path):
    with pytest.raises(DataError, match="empty"):
        read(bench, write(tmp_path / "a.csv", "\n\n"))
    with pytest.raises(DataError, match="not readable as Parquet"):
        read(bench, write(tmp_path / "a.parquet", "PAR1 it is not"))
    with pytest.raises(DataError, match="no ending that is known"):
        read(bench, write(tmp_path / "a.xlsx", "x"))
    with pytest.raises(DataError, match="header"):
        read(bench, write(tmp_path / "b.csv", "caf\xe9\n1\n", "latin-1"))
    with pytest.raises(ConfigError, match="encoding"):
        read(bench, write(tmp_path / "c.csv", "a\n1\n"), encoding="klingon")
    with pytest.raises(DataError, match="gbk"):
        read(bench, write(tmp_path / "d.csv", "a\n\xff\xff\n", "latin-1"), encoding="gbk")


def test_rows_keep_the_order_of_the_file(bench, tmp_path):
    numbers = [str(n) for n in range(300_000)]
    pq.write_table(pa.table({"n": numbers}), tmp_path / "a.parquet", row_group_size=10_000)
    source = read(bench, tmp_path / "a.parquet")
    table = bench.ibis.table(source.raw)
    assert table.order_by(table.rowid()).to_pyarrow()["n"].to_pylist() == numbers


def test_a_file_larger_than_memory_is_read_within_it(tmp_path):
    path = tmp_path / "big.csv"
    line = "user-{0},item-{0}," + "x" * 180 + "\n"
    with path.open("w") as file:
        file.write("user,item,text\n")
        for block in range(60):
            file.write("".join(line.format(block * 10_000 + n) for n in range(10_000)))
    assert path.stat().st_size > 110 * 2**20
    with workbench("60MB") as small:
        source = read(small, path)
        assert source.rows == 600_000
        used = small.duckdb.execute("SELECT sum(memory_usage_bytes) FROM duckdb_memory()").fetchall()[0][0]
        assert used <= 60 * 2**20


def test_a_memory_that_is_no_size_is_refused():
    with pytest.raises(ConfigError, match="memory"), workbench("lots"):
        pass
