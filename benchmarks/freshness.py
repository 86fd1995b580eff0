"""How soon what was told is in the answers, with two workers: events, new listings, what is sold out, a new version.

    python benchmarks/freshness.py --run RUN [--repeats 300] [--workers 2]

On the space of `serving.py`, one server with two workers, all of them asked over connections of their own.

`event`: from `POST /events` being sent until an answer of *another* connection differs: the first `recommend` of that
shopper after the acknowledgement is looked at, on every worker in turn; `stale` counts those that did not know.
`listing`: from `PUT /items/ID` being sent, with a word that no listing has, until `search` for the word answers with
it, on every worker.  `sold out`: from `PATCH /items/ID {"available": false}` being sent until no worker's `similar`
names it; `deleted` the same.  `swap`: requests go on at a steady rate while another version of the space is written
and taken, and while `current` goes back to the one before: requests that failed, the longest answer.
"""

import argparse
import asyncio
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from urllib.parse import quote

import numpy as np
import uvloop
from load import Connection, Taken, at_rate, connections, machine, served, write
from serving import Load, warm

from shelfspace import disk

SAVE = """
import shutil, sys
import shelfspace as ss
run = sys.argv[1]
space = ss.open(run)
now = open(f"{run}/current").read()
space.save(run, ready=lambda n: shutil.copytree(f"{run}/serving/{now}", f"{run}/serving/{n}"))
"""
"""Makes another version in a process of its own, with what serving needs beside it, as `shelfspace update` does."""

LIMIT = 10.0
"""Seconds that are waited at most."""


PARTS = ["event", "listing", "sold out", "deleted", "swap"]


def quantiles(milliseconds: list[float]) -> dict[str, float]:
    """Return the quantiles of some times."""
    return {
        "number": len(milliseconds),
        **{f"p{q}_ms": round(float(np.percentile(milliseconds, q)), 1) for q in (50, 90, 99)},
        "max_ms": round(max(milliseconds), 1),
    }


def named(body: bytes) -> list[str]:
    """Return the items of an answer."""
    return [hit["item_id"] for hit in json.loads(body)["hits"]]


async def until(one: Connection, path: str, holds: Callable[[list[str]], bool]) -> None:
    """Ask again until an answer is as it should be."""
    begun = time.perf_counter()
    while time.perf_counter() - begun < LIMIT:
        status, body = await one.ask("GET", path)
        if status == 200 and holds(named(body)):
            return
        await asyncio.sleep(0.002)
    raise TimeoutError(f"{path} did not change within {LIMIT:g} s")


async def events(load: Load, made: list[Connection], repeats: int) -> dict[str, object]:
    """Measure how soon an event is in the next answer of any connection."""
    times, stale = [], 0
    for n in range(repeats):
        user = load.users[int(load.rng.integers(len(load.users)))]
        path = f"/recommend/{quote(user, safe='')}?k=1"
        first = named((await made[0].ask("GET", path))[1])[0]
        body = json.dumps(load.event(user) | {"item_id": first}).encode()
        begun = time.perf_counter()
        status, _ = await made[n % len(made)].ask("POST", "/events", body)
        assert status == 200, status
        found = await asyncio.gather(*(one.ask("GET", path) for one in made))
        times.append((time.perf_counter() - begun) * 1e3)
        stale += sum(first in named(said) for _, said in found)
    return {**quantiles(times), "answers": repeats * len(made), "stale": stale}


async def listings(load: Load, made: list[Connection], repeats: int) -> dict[str, object]:
    """Measure how soon a new listing is found by its words, by every worker."""
    times = []
    for n in range(repeats):
        word = f"zq{n:05d}x"
        body = json.dumps({"title": f"{word} cheese, 8 oz", "brand": "National", "price": 3.5}).encode()
        begun = time.perf_counter()
        status, _ = await made[n % len(made)].ask("PUT", f"/items/new-{n}", body)
        assert status == 200, status
        wanted = f"new-{n}"
        await asyncio.gather(*(until(one, f"/search/{word}", lambda ids: wanted in ids) for one in made))  # noqa: B023
        times.append((time.perf_counter() - begun) * 1e3)
    return quantiles(times)


async def gone(load: Load, made: list[Connection], repeats: int, *, deleted: bool) -> dict[str, object]:
    """Measure how soon what is sold out or deleted is in no answer of any worker."""
    times = []
    for n in range(repeats):
        asked = load.any_item()
        path = f"/similar/{quote(asked, safe='')}?k=5"
        _, body = await made[0].ask("GET", path)
        item = named(body)[0]
        method, said = ("DELETE", b"") if deleted else ("PATCH", b'{"available": false}')
        begun = time.perf_counter()
        status, _ = await made[n % len(made)].ask(method, f"/items/{quote(item, safe='')}", said)
        assert status == 200, status
        await asyncio.gather(*(until(one, path, lambda ids: item not in ids) for one in made))  # noqa: B023
        times.append((time.perf_counter() - begun) * 1e3)
    return quantiles(times)


async def swap(load: Load, run: Path, made: list[Connection], rate: float) -> dict[str, object]:
    """Let requests go on while another version is taken, and the one before again."""
    load.taken, seen = Taken(), set()
    before = (run / "current").read_text()

    async def change() -> None:
        await asyncio.sleep(2)
        await asyncio.to_thread(subprocess.run, [sys.executable, "-c", SAVE, str(run)], check=True)
        await asyncio.sleep(10)
        disk.replace(run / "current", before)

    async def look() -> None:
        one = Connection(made[0].port)
        for _ in range(170):
            _, body = await one.ask("GET", "/")
            seen.add(json.loads(body)["space_version"])
            await asyncio.sleep(0.2)
        one.close()

    changing = asyncio.gather(change(), look())
    await at_rate(made, load.mixed(), load.taken, rate=rate, seconds=34)
    await changing
    kinds = list(load.taken.times)
    return {"versions seen": sorted(seen), "failed": load.taken.failed, **load.taken.figures(*kinds)}


async def measured(args: argparse.Namespace, run: Path, port: int) -> dict[str, object]:
    """Measure it all."""
    load = Load(run, seed=1)
    load.users, load.visitors = load.households, {}
    found: dict[str, object] = {}
    async with connections(port, 2 * args.workers) as made:  # handed to the workers in turn
        parts = {
            "event": lambda: events(load, made, args.repeats),
            "listing": lambda: listings(load, made, args.repeats),
            "sold out": lambda: gone(load, made, args.repeats, deleted=False),
            "deleted": lambda: gone(load, made, args.repeats, deleted=True),
        }
        for name in [name for name in parts if name in args.parts]:
            found[name] = await parts[name]()
            print(name, json.dumps(found[name]))
    if "swap" in args.parts:
        async with connections(port, 32) as many:
            await warm(load, port, args.workers)
            found["swap"] = await swap(load, run, many, args.rate)
            print("swap", json.dumps(found["swap"]))
    return found


def main() -> None:
    """Serve a copy of the run, tell it things, and write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--repeats", type=int, default=200)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rate", type=float, default=300)
    parser.add_argument("--parts", nargs="*", default=PARTS, choices=PARTS)
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    run = args.run.with_name(args.run.name + "-fresh")
    shutil.rmtree(run, ignore_errors=True)
    shutil.copytree(args.run, run, ignore=shutil.ignore_patterns("store.db*"))
    with served(run, args.workers) as (port, _):
        figures = uvloop.run(measured(args, run, port))
    about = {
        "command": f"python benchmarks/freshness.py --run RUN --repeats {args.repeats} --workers {args.workers} "
        f"--rate {args.rate:g}",
        "machine": machine(),
        "versions": {n: version(n) for n in ("fastapi", "uvicorn", "sqlalchemy", "numpy")},
    }
    if args.write:
        path = Path(__file__).parent / "results" / "freshness.json"
        before = json.loads(path.read_text("utf-8"))["figures"] if path.is_file() else {}
        write(path, about | {"figures": before | figures})


if __name__ == "__main__":
    main()
