"""The service under load, on the space of a year of a grocer's purchases (The Complete Journey, 92 thousand products).

    shelfspace demo cj && shelfspace train cj/shop.toml --out RUN --set index.use=hnsw --set search.k1=1.2
    python benchmarks/serving.py --run RUN [--seconds 30] [--rates 1000] [--workers 2]

The load generator runs on the same machine and takes its share of it. Half of the questions are `GET /similar/ITEM`,
ITEM drawn uniformly from all products, half are `GET /recommend/SHOPPER`; before every second `recommend` an event of
that shopper is sent and acknowledged, which is on disk then (SQLite, `synchronous=FULL`). Shoppers are drawn uniformly
from the 2,469 households with their whole history, and from 3,000 visitors whom the space does not know: the server
was sent a basket of the year for each of them beforehand. Rates count `similar` and `recommend` alone, events come on
top. No answer is kept by the server: a question that comes again is answered anew. `distinct` is the share of questions
whose product, or shopper and last event, had not been asked before. Before it is measured every shopper is asked for
once on each worker, one after the other: what is kept of a past is made then, and later answers go on from it; the time
of these first answers is told by itself.

`throughput`: so many connections ask, each as soon as it is answered.  `speed`: questions begin at a steady rate,
whatever the answers take, over 32 connections; the time of a request counts from when it was due.

`search` asks for two words of the title of a product drawn uniformly. `ingest` posts batches of 500 events over four
connections. `memory` is that of the workers before and after so many requests of all these kinds.
"""

import argparse
import asyncio
import itertools
import json
import time
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from urllib.parse import quote

import numpy as np
import uvloop
from load import (
    Connection,
    Script,
    Taken,
    at_once,
    at_rate,
    connections,
    machine,
    memory,
    request,
    served,
    worker_pids,
    write,
)

import shelfspace as ss

VISITORS = 3_000
BATCH = 500
MOST_A_SECOND = 4_000
KINDS = ("similar", "recommend", "recommend, fresh")


class Load:
    """What is asked."""

    def __init__(self, run: Path, seed: int) -> None:
        space = ss.open(run)
        self.items = space.catalogue.ids.array.to_pylist()
        self.households = space.users.array.to_pylist()
        self.visitors = visitors(space, np.random.default_rng(seed))
        self.users = [*self.households, *self.visitors]
        self.titles = [title.split() for title in space.titles]
        self.last = float(space.history.now or 0.0) * 86_400
        self.rng = np.random.default_rng(seed)
        self.sent = itertools.count()
        self.taken, self.asked, self.state = Taken(), list[tuple[str, str, int]](), dict[str, int]()

    def any_item(self) -> str:
        """Return a product."""
        return self.items[int(self.rng.integers(len(self.items)))]

    def event(self, user: str, item: str | None = None) -> dict[str, object]:
        """Return an event of a shopper, after all that the space holds; of any product where none is named."""
        n = next(self.sent)
        return {
            "event_id": f"load-{time.time_ns()}-{n}",
            "user_id": user,
            "item_id": item or self.any_item(),
            "timestamp": self.last + n,
        }

    async def timed(self, kind: str, one: Connection, *what: object) -> bytes:
        """Ask, and note how long it took."""
        begun = time.perf_counter()
        status, body = await one.ask(*what)  # type: ignore[arg-type]
        self.taken.add(kind, (time.perf_counter() - begun) * 1e3, status)
        return body

    def similar(self) -> Script:
        """Return a question for what is like a product."""
        item = self.any_item()
        self._note("similar", item)
        return [("similar", request("GET", f"/similar/{quote(item, safe='')}"))]

    def recommend(self, *, fresh: bool) -> Script:
        """Return a question for what a shopper wants, after an event of theirs or not."""
        user = self.users[int(self.rng.integers(len(self.users)))]
        self.state[user] = self.state.get(user, 0) + fresh
        self._note("recommend", user)
        asked = request("GET", f"/recommend/{quote(user, safe='')}")
        if not fresh:
            return [("recommend", asked)]
        event = request("POST", "/events", json.dumps(self.event(user)).encode())
        return [("event", event), ("recommend, fresh", asked)]

    def search(self) -> Script:
        """Return a search for two words of a title."""
        words = self.titles[int(self.rng.integers(len(self.titles)))]
        phrase = " ".join(self.rng.permutation(words)[:2]) or "bread"
        return [("search", request("GET", f"/search/{quote(str(phrase), safe='')}"))]

    def mixed(self) -> Iterator[Script]:
        """Yield questions, as the page says."""
        while True:
            yield self.similar()
            yield self.recommend(fresh=True)
            yield self.similar()
            yield self.recommend(fresh=False)

    def _note(self, kind: str, subject: str) -> None:
        self.asked.append((kind, subject, self.state.get(subject, 0)))

    @property
    def questions(self) -> int:
        """How many were asked since they were counted last."""
        return sum(len(self.taken.times.get(kind, ())) for kind in KINDS)

    def begin(self, most: float) -> Iterator[Script]:
        """Count anew, and make so many scripts beforehand: it takes time that is the server's while it is measured."""
        self.taken, self.asked = Taken(), []
        return iter(list(itertools.islice(self.mixed(), int(most))))

    @property
    def distinct(self) -> float:
        """The share of the questions asked that had not been asked before."""
        asked = self.asked[: self.questions]
        return round(len(set(asked)) / len(asked), 3)


def visitors(space: ss.Space, rng: np.random.Generator) -> dict[str, list[str]]:
    """Return shoppers whom a space does not know, and what is in the basket of each: one of those in its history."""
    history, ids = space.history, space.catalogue.ids.array.to_pylist()
    order = np.argsort(history.basket, kind="stable")
    starts = np.flatnonzero(np.diff(history.basket[order], prepend=-1))
    baskets = np.split(history.item[order], starts)[1:]
    drawn = rng.choice(len(baskets), VISITORS, replace=False)
    return {f"visitor-{n}": [ids[row] for row in baskets[basket]] for n, basket in enumerate(drawn)}


async def arrive(load: Load, port: int) -> dict[str, object]:
    """Send what the visitors did."""
    load.taken = Taken()
    events = [load.event(user, item) for user, items in load.visitors.items() for item in items]
    async with connections(port, 1) as [one]:
        for start in range(0, len(events), BATCH):
            body = json.dumps(events[start : start + BATCH]).encode()
            await load.timed("visits", one, "POST", "/events", body)
    return {"visitors": len(load.visitors), "events": len(events), "failed": load.taken.failed}


async def warm(load: Load, port: int, workers: int) -> dict[str, object]:
    """Ask for every shopper once on each worker: the first answer makes what the later ones go on from."""
    load.taken = Taken()

    async def ask(one: Connection) -> None:
        for kind, users in (("households", load.households), ("visitors", load.visitors)):
            for user in users:
                await load.timed(kind, one, "GET", f"/recommend/{quote(user, safe='')}")

    async with connections(port, workers) as made:  # they are handed to the workers in turn
        await asyncio.gather(*map(ask, made))
    return {kind: load.taken.figures(kind) for kind in load.taken.times}


async def speed(load: Load, port: int, rate: float, seconds: float) -> dict[str, object]:
    """Measure the mixture at a rate."""
    scripts = load.begin(1.01 * rate * seconds + 100)
    async with connections(port, 32) as made:
        reached = await at_rate(made, scripts, load.taken, rate=rate, seconds=seconds)
    taken = load.taken
    return {
        "asked per second": rate,
        "answered per second": round(reached, 1),
        "distinct": load.distinct,
        "similar and recommend": taken.figures(*KINDS),
        **{kind: taken.figures(kind) for kind in taken.times},
        "not answered with 200": taken.failed,
    }


async def throughput(load: Load, port: int, number: int, seconds: float) -> dict[str, object]:
    """Measure the mixture on connections that ask as soon as they are answered; an event is of its `recommend`."""
    scripts = load.begin(MOST_A_SECOND * seconds)
    async with connections(port, number) as made:
        reached = await at_once(made, scripts, load.taken, seconds=seconds)
    taken = load.taken
    return {
        "connections": number,
        "answered per second": round(reached, 1),
        "distinct": load.distinct,
        "similar and recommend": taken.figures(*KINDS),
        **{kind: taken.figures(kind) for kind in taken.times},
        "not answered with 200": taken.failed,
    }


async def searching(load: Load, port: int, rate: float, seconds: float) -> dict[str, object]:
    """Measure search at a rate."""
    load.taken = Taken()
    async with connections(port, 8) as made:
        scripts = (load.search() for _ in itertools.count())
        reached = await at_rate(made, scripts, load.taken, rate=rate, seconds=seconds)
    return {
        "answered per second": round(reached, 1),
        **load.taken.figures("search"),
        "failed": load.taken.failed,
    }


async def ingest(load: Load, port: int, seconds: float) -> dict[str, object]:
    """Measure how many events are acknowledged a second."""
    load.taken = Taken()
    until = time.perf_counter() + seconds

    async def send(one: Connection) -> int:
        number = 0
        while time.perf_counter() < until:
            users = load.rng.integers(len(load.users), size=BATCH)
            body = json.dumps([load.event(load.users[int(u)]) for u in users]).encode()
            said = json.loads(await load.timed("batch", one, "POST", "/events", body))
            number += said["accepted"]
        return number

    async with connections(port, 4) as made:
        begun = time.perf_counter()
        accepted = sum(await asyncio.gather(*map(send, made)))
        taken = time.perf_counter() - begun
    return {"events per second": round(accepted / taken), "batch": BATCH, **load.taken.figures("batch")}


async def measured(args: argparse.Namespace, port: int) -> dict[str, object]:
    """Measure it all on one server."""
    load = Load(args.run, seed=0)
    found: dict[str, object] = {"arrived before": await arrive(load, port)}
    found["first answers, one at a time"] = await warm(load, port, args.workers)
    print(json.dumps(found, indent=1))
    await speed(load, port, max(args.rates) / 2, 8)
    steady = found["speed"] = dict[str, object]()
    for rate in args.rates:
        steady[f"{rate:g}"] = await speed(load, port, rate, args.seconds)
        print(json.dumps(steady[f"{rate:g}"], indent=1))
    found["throughput"] = {str(n): await throughput(load, port, n, args.seconds) for n in (8, 12, 16)}
    print(json.dumps(found["throughput"], indent=1))
    found["search"] = {f"{rate:g}": await searching(load, port, rate, args.seconds / 2) for rate in (20, 50)}
    print(json.dumps(found["search"], indent=1))
    if args.memory:
        before = memory(worker_pids(port))
        asked = 0
        while asked < args.memory:
            await throughput(load, port, 12, 20)
            asked += load.questions
        after = memory(worker_pids(port))
        found["memory"] = {
            "requests": asked,
            "MiB before": before,
            "MiB after": after,
            "growth of Pss": round(after["Pss"] / before["Pss"] - 1, 4),
        }
        print(json.dumps(found["memory"], indent=1))
    found["ingest"] = await ingest(load, port, args.seconds / 2)
    print(json.dumps(found["ingest"], indent=1))
    return found


def main() -> None:
    """Serve, load and write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--rates", type=float, nargs="+", default=[1000.0])
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--memory", type=int, default=0, help="measure memory over so many requests")
    parser.add_argument("--write", action="store_true", help="write benchmarks/results/serving.json")
    args = parser.parse_args()
    with served(args.run, args.workers) as (port, _):
        figures = uvloop.run(measured(args, port))
    about = {
        "command": "python benchmarks/serving.py --run RUN "
        f"--seconds {args.seconds:g} --rates {' '.join(f'{rate:g}' for rate in args.rates)} "
        f"--workers {args.workers} --memory {args.memory}",
        "machine": machine(),
        "versions": {
            n: version(n) for n in ("fastapi", "uvicorn", "uvloop", "usearch", "numpy", "sqlalchemy")
        },
        "workers": args.workers,
    }
    if args.write:
        write(Path(__file__).parent / "results" / "serving.json", about | {"figures": figures})


if __name__ == "__main__":
    main()
