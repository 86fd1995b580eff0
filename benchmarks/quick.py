"""Whether the answers of a server are those of the space, and what one of them costs without HTTP.

    python benchmarks/quick.py --run RUN [--users 300] [--events 20]

A server answers one shopper from the best items of each model and from sums that it keeps of a past; a batch of more
than eight is scored over every item, as `Space.recommend` does. Households are drawn at random, and as many visitors of
one basket are made as in `serving.py`. Each is asked for by itself and in such a batch, first with the past that is
known, then after so many events of theirs, one at a time, of what others took, drawn from the log, each followed by a
question (so that sums go on from kept ones). `same` is the share of lists of ten that are alike in every place,
`overlap` the share of the items.
"""

import argparse
import itertools
import json
import shutil
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np
from load import machine, write
from serving import visitors

from shelfspace.live.live import Live
from shelfspace.space import Space
from shelfspace.store.records import Write
from shelfspace.store.store import Store

K, BATCH = 10, 50
MODES = ("exclude", "include")


def singly(space: Space, users: list[str], seen: str) -> tuple[list[list[str]], list[float]]:
    """Return the lists of users asked for one at a time, and the milliseconds of each."""
    lists, taken = [], []
    for user in users:
        begun = time.perf_counter()
        hits = space.recommend(user, k=K, seen=seen)  # type: ignore[arg-type]
        taken.append((time.perf_counter() - begun) * 1e3)
        lists.append([hit.id for hit in hits])
    return lists, taken


def together(space: Space, users: list[str], seen: str) -> list[list[str]]:
    """Return the lists of users asked for in batches, over every item."""
    found: dict[str, list[str]] = {user: [] for user in users}
    for start in range(0, len(users), BATCH):
        for hit in space.recommend(users[start : start + BATCH], k=K, seen=seen):  # type: ignore[arg-type]
            found[hit.subject].append(hit.id)
    return [found[user] for user in users]


def compared(live: Live, users: list[str]) -> dict[str, object]:
    """Compare both ways of asking."""
    said: dict[str, object] = {}
    for seen in MODES:
        space = live.space_for("recommend")
        first, first_ms = singly(space, users, seen)
        _, again_ms = singly(space, users, seen)
        exact = together(space, users, seen)
        overlaps = [len({*a} & {*b}) / max(1, len(b)) for a, b in zip(first, exact, strict=True)]
        said[seen] = {
            "same": round(float(np.mean([a == b for a, b in zip(first, exact, strict=True)])), 4),
            "overlap": round(float(np.mean(overlaps)), 4),
            "ms, median": round(float(np.median(first_ms)), 3),
            "ms asked again, median": round(float(np.median(again_ms)), 3),
        }
    return said


def event(user: str, item: str, when: float) -> Write:
    """Return an event."""
    return Write("event", "add", item, user, body={"timestamp": when})


def main() -> None:
    """Compare and write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--users", type=int, default=300)
    parser.add_argument("--events", type=int, default=20)
    args = parser.parse_args()
    rng, folder = np.random.default_rng(0), Path(tempfile.mkdtemp(prefix="quick-"))
    store = Store.open(f"sqlite:///{folder / 'store.db'}")
    try:
        live = Live.open(args.run, store)
        space = live.space
        items, last = space.catalogue.ids.array.to_pylist(), float(space.history.now or 0.0) * 86_400
        known = sorted(rng.choice(space.users.array.to_pylist(), args.users, replace=False).tolist())
        baskets = dict(itertools.islice(visitors(space, rng).items(), args.users))
        store.append([event(u, item, last) for u, basket in baskets.items() for item in basket])
        live.catch_up()
        figures, taken = {}, space.history.item
        for name, users in (("households", known), ("visitors", list(baskets))):
            figures[name] = compared(live, users)
            for n in range(args.events):
                store.append([event(u, items[taken[rng.integers(len(taken))]], last + n) for u in users])
                live.catch_up()
                singly(live.space, users, "exclude")
            figures[f"{name}, after {args.events} events each"] = compared(live, users)
    finally:
        store.close()
        shutil.rmtree(folder)
    result = {
        "command": f"python benchmarks/quick.py --run RUN --users {args.users} --events {args.events}",
        "machine": machine(),
        "versions": {name: version(name) for name in ("numpy", "usearch")},
        "items": len(items),
        "figures": figures,
    }
    write(Path(__file__).parent / "results" / "quick.json", result)
    json.dump(result, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
