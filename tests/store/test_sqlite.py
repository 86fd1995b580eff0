import os
import random
import resource
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from shelfspace.errors import SpaceError, StoreError
from shelfspace.store import Store, Write
from tests.contracts.store_contract import StoreContract, view

WRITER = """
import sys
from shelfspace.store import Store, Write
with Store.open(sys.argv[1]) as store:
    sys.stdin.readline()
    store.append([Write("event", "add", "tea", "ann")])
    print("done", flush=True)
"""
WRITERS = """
import os, sys
from shelfspace.store import Store, Write
address, each, *names = sys.argv[1:]
wait, go = os.pipe()
opened, told = os.pipe()
for name in names:
    if not os.fork():
        os.close(go)
        with Store.open(address) as store:
            os.write(told, b".")
            os.read(wait, 1)
            for n in range(int(each)):
                store.append([Write("event", "add", "tea", "ann", f"{name}-{n}")])
        os._exit(0)
for name in names:
    os.read(opened, 1)
os.close(go)
sys.exit(max(os.waitstatus_to_exitcode(os.wait()[1]) for _ in names))
"""


class TestSqlite(StoreContract):
    @pytest.fixture
    def address(self, tmp_path: Path) -> str:
        return f"sqlite:///{tmp_path / 'shop.db'}"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of two megabytes."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = shutil.which("mount")
    command = [str(mount), "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)]
    if mount is None or subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("a disk can be mounted by root alone")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_run_has_its_own(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        store.append([view()])
    with Store.open(str(tmp_path)) as store:
        assert store.latest() == 1
    assert (tmp_path / "store.db").is_file()
    assert not (tmp_path / "store.db-wal").exists()


def test_it_waits_for_the_disk(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        store.append([view()])
        for connection in (store._journal._writer, store._journal._reader):
            said = [
                connection.execute(f"PRAGMA {name}").fetchone()[0]
                for name in ("journal_mode", "synchronous", "secure_delete")
            ]
            assert said == ["wal", 2, 1]


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "store.db").write_bytes(b"not a database, but long enough to be taken for one" * 100)
    with pytest.raises(SpaceError, match=r"store\.db is damaged"):
        Store.open(tmp_path)


def test_a_folder_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(SpaceError, match="is no folder"):
        Store.open(f"sqlite:///{tmp_path}/nowhere/shop.db")


def test_what_a_store_may_not_write_it_can_read(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        store.append([view()])
        holder = sqlite3.connect(tmp_path / "store.db", isolation_level=None)
        holder.execute("PRAGMA query_only")
        store._journal._writer.execute("PRAGMA query_only = ON")
        with pytest.raises(StoreError, match="cannot be written just now"):
            store.append([view()])
        assert len(store.since(0)) == 1
        store._journal._writer.execute("PRAGMA query_only = OFF")
        assert store.append([view()]).num_added == 1
        holder.close()


def test_a_program_that_holds_the_file_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shelfspace.store.sqlite.PATIENCE", 0.05)
    holder = sqlite3.connect(tmp_path / "store.db", isolation_level=None)
    with Store.open(tmp_path) as store:
        holder.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="another program holds it"):
            store.append([view()])
        assert store.since(0) == []
        holder.execute("ROLLBACK")
        store.append([view()])
    holder.close()


def test_processes_write_at_full_speed_and_take_turns(tmp_path: Path) -> None:
    names, each = ("a", "b", "c"), 60
    address = f"sqlite:///{tmp_path / 'shop.db'}"
    with Store.open(address) as store:
        command = [sys.executable, "-c", WRITERS, address, str(each), *names]
        done = subprocess.run(command, capture_output=True, timeout=60, check=False)
        assert (done.returncode, done.stderr) == (0, b"")
        ids = [str(record.event_id) for record in store.since(0)]
    assert len(ids) == len(names) * each
    by_writer = [[place for place, event_id in enumerate(ids) if event_id[0] == name] for name in names]
    first_end = min(places[-1] for places in by_writer)
    for name, places in zip(names, by_writer, strict=True):
        assert [ids[place] for place in places] == [f"{name}-{n}" for n in range(each)]
        assert sum(place <= first_end for place in places) > each / 3


def test_the_log_stays_small_beside_a_reader(tmp_path: Path) -> None:
    ended = threading.Event()
    with Store.open(tmp_path) as store, Store.open(tmp_path) as other:

        def read() -> None:
            while not ended.is_set():
                other.changed()
                other.since(0, limit=10)
                time.sleep(0.001)

        reader = threading.Thread(target=read)
        reader.start()
        for _ in range(30):
            store.append([view(event=str(n)) for n in range(500)])
        ended.set()
        reader.join()
        assert (tmp_path / "store.db-wal").stat().st_size < 10e6


def test_who_is_forgotten_is_nowhere_in_the_files(tmp_path: Path) -> None:
    """With rows of many lengths, whose pages SQLite would join when rows are deleted, leaving copies behind."""
    rng = random.Random(0)
    users = [f"shopper-{n:05}-of-the-shop" for n in range(200)]
    rows = [user for user in users for _ in range(rng.randint(1, 60))]
    rng.shuffle(rows)
    writes = [view(u, f"for {u}", f"{u}/{n}", query=f"{u} " * rng.randrange(30)) for n, u in enumerate(rows)]
    with Store.open(tmp_path) as store, Store.open(tmp_path) as other:
        for start in range(0, len(writes), 500):
            store.append(writes[start : start + 500])
        store.append([Write("user", "put", user_id=users[0], body={"name": users[0] * 5_000})])
        other.since(0)
        gone, left = users[:60], users[60:]
        for user in gone:
            store.forget(user)
        files = b"".join(path.read_bytes() for path in tmp_path.iterdir())
        assert [user for user in gone if user.encode() in files] == []
        assert (tmp_path / "store.db-wal").stat().st_size == 0
        assert [len(other.of_user(user)) for user in left] == [rows.count(user) for user in left]
        assert {record.user_id for record in other.since(0, limit=10**6)} == {*left, None}
    checking = sqlite3.connect(tmp_path / "store.db")
    assert checking.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    checking.close()


def test_a_reader_that_stays_keeps_the_log_and_is_told_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shelfspace.store.sqlite.PATIENCE", 0.05)
    with Store.open(tmp_path) as store:
        store.append([view()])
        holder = sqlite3.connect(tmp_path / "store.db", isolation_level=None)
        holder.execute("BEGIN")
        holder.execute("SELECT count(*) FROM journal").fetchone()
        with pytest.raises(StoreError, match="close it and forget the user again"):
            store.forget("ann")
        assert store.of_user("ann") == []
        holder.close()
        store.forget("ann")
        assert (tmp_path / "store.db-wal").stat().st_size == 0


def fill(store: Store) -> list[str]:
    """Append until the disk is full; return what was acknowledged."""
    kept: list[str] = []
    for n in range(2_000):
        ids = [f"{n}-{m}" for m in range(20)]
        try:
            store.append([view(event_id=event_id, query="x" * 200) for event_id in ids])
        except StoreError:
            return kept
        kept += ids
    raise AssertionError("the disk did not fill up")


def check_after(store: Store, kept: list[str]) -> None:
    store.append([view(event_id="after")])
    assert [record.event_id for record in store.since(0, limit=10**6)] == [*kept, "after"]


def test_a_full_disk(small_disk: Path) -> None:
    ballast = small_disk / "ballast"
    ballast.write_bytes(b"x" * 500_000)
    with Store.open(small_disk) as store, Store.open(small_disk) as other:
        kept = fill(store)
        for _ in range(3):
            with pytest.raises(StoreError, match=r"the disk is full|disk I/O error"):
                store.append([view(query="x" * 100_000)])
        assert [record.event_id for record in other.since(0, limit=10**6)] == kept
        assert other.of_user("ann")
        ballast.unlink()
        check_after(store, kept)


def test_files_that_may_not_grow(tmp_path: Path) -> None:
    """As a full disk, where no disk can be mounted."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with Store.open(tmp_path) as store:
        resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, hard))
        try:
            kept = fill(store)
            assert [record.event_id for record in store.since(0, limit=10**6)] == kept
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        check_after(store, kept)


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
def test_the_disk_is_waited_for_before_a_write_is_acknowledged(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    command = ["strace", "-f", "-y", "-o", str(trace), "-e", "trace=read,write,fsync,fdatasync,pwrite64"]
    command += [sys.executable, "-c", WRITER, f"sqlite:///{tmp_path / 'shop.db'}"]
    done = subprocess.run(
        command,
        input="go\n",
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    if "ptrace" in done.stderr:
        pytest.skip("strace may not trace here")
    assert done.returncode == 0, done.stderr
    calls = trace.read_text("utf-8", "replace").splitlines()
    asked = next(n for n, call in enumerate(calls) if "read(0" in call and "go" in call)
    told = next(n for n, call in enumerate(calls) if "write(1" in call and "done" in call)
    written = [n for n in range(asked, told) if "pwrite64(" in calls[n] and "shop.db-wal>" in calls[n]]
    synced = [n for n in range(asked, told) if "sync(" in calls[n] and "shop.db-wal>" in calls[n]]
    assert asked < written[0] <= written[-1] < synced[-1] < told
