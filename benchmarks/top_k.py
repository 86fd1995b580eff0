"""Top-10 for every user of Amazon Beauty from vectors, beside implicit's ALS `recommend`.

    python benchmarks/top_k.py --data DATA [--runs 9]

Both are given the user and item factors of one ALS fit, leave out what each user has, and must find the same
items. Runs alternate, so that both meet the same machine. Other ways to the same answer are measured too.
"""

import argparse
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # what implicit asks for; it has threads of its own

import implicit
import numpy as np
import pyarrow.parquet as pq
import usearch.index
from scipy import sparse

from shelfspace.index import HNSW, Exact

K = 10
Answer = tuple[np.ndarray, np.ndarray]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="the folder that holds amazon-beauty/")
    parser.add_argument("--runs", type=int, default=9)
    options = parser.parse_args()
    taken, users, items = factors(options.data)
    figures: dict[str, float] = {
        "users": users.shape[0],
        "items": items.shape[0],
        "dimensions": items.shape[1],
    }
    for threads in sorted({1, min(2, os.cpu_count() or 1)}):
        figures |= side_by_side(taken, users, items, threads, options.runs)
    figures |= other_ways(taken, users, items)
    result = {
        "command": "python benchmarks/top_k.py --data DATA" + f" --runs {options.runs}",
        "machine": {"processor": processor(), "cores": os.cpu_count(), "system": platform.system()},
        "versions": {"python": platform.python_version()}
        | {name: version(name) for name in ("numpy", "scipy", "implicit", "usearch")},
        "figures": {name: round(value, 4) for name, value in figures.items()},
    }
    path = Path(__file__).parent / "results" / "top_k.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(result, indent=1) + "\n")
    json.dump(result, sys.stdout, indent=1)
    print()


def factors(data: Path) -> tuple[sparse.csr_matrix, np.ndarray, np.ndarray]:
    """Return who took what, and the factors of ALS (64 dimensions) for users and items."""
    events = pq.read_table(data / "amazon-beauty" / "events.parquet")
    user = events["user_id"].combine_chunks().dictionary_encode().indices.to_numpy()
    item = events["item_id"].combine_chunks().dictionary_encode().indices.to_numpy()
    taken = sparse.csr_matrix((np.ones(len(user), np.float32), (user, item)))
    taken.data[:] = 1.0
    model = implicit.als.AlternatingLeastSquares(factors=64, iterations=10, num_threads=2, random_state=0)
    model.fit(taken, show_progress=False)
    return taken, np.asarray(model.user_factors), np.asarray(model.item_factors)


def side_by_side(
    taken: sparse.csr_matrix, users: np.ndarray, items: np.ndarray, threads: int, runs: int
) -> dict[str, float]:
    """Time both, by turns, and compare their answers."""
    model = implicit.als.AlternatingLeastSquares(factors=items.shape[1], num_threads=threads)
    model.user_factors, model.item_factors = users, items
    everyone, seen = np.arange(len(users)), sparse.csr_array(taken)
    index = Exact(items.shape[1], threads=threads)
    index.add(np.arange(len(items)), items)
    theirs: list[float] = []
    ours: list[float] = []
    for _ in range(runs + 1):
        spent, answer = timed(lambda: model.recommend(everyone, taken, N=K))
        theirs.append(spent)
        spent, found = timed(lambda: index.search(users, K, exclude=seen))
        ours.append(spent)
    theirs, ours = theirs[1:], ours[1:]
    same = np.mean(np.sort(found[0], axis=1) == np.sort(answer[0], axis=1))
    if not np.allclose(found[1], answer[1], rtol=1e-5, atol=1e-6):
        raise SystemExit("the scores differ")
    name = f"{threads}_thread" + "s" * (threads > 1)
    return {
        f"implicit_recommend_seconds_{name}": statistics.median(theirs),
        f"shelfspace_exact_seconds_{name}": statistics.median(ours),
        f"ratio_{name}": statistics.median(ours) / statistics.median(theirs),
        f"ratio_of_each_run_worst_{name}": max(a / b for a, b in zip(ours, theirs, strict=True)),
        f"same_items_{name}": float(same),
    }


def other_ways(taken: sparse.csr_matrix, users: np.ndarray, items: np.ndarray) -> dict[str, float]:
    """Time what else was tried, one thread each; each must give the scores of the exact index."""
    seen = sparse.csr_array(taken)
    exact, graph = Exact(items.shape[1], threads=1), HNSW(items.shape[1], threads=1)
    exact.add(np.arange(len(items)), items)
    graph.add(np.arange(len(items)), items)
    wanted = exact.search(users, K, exclude=seen)
    ways: dict[str, Callable[[], Answer]] = {
        "argpartition_of_whole_rows": lambda: by_argpartition(users, items, seen),
        "threshold_from_a_sample": lambda: by_threshold(users, items, seen),
        "products_alone": lambda: products(users, items),
    }
    figures = {}
    for name, way in ways.items():
        times = [timed(way) for _ in range(3)]
        figures[f"{name}_seconds_1_thread"] = statistics.median(spent for spent, _ in times)
        if name != "products_alone" and not np.allclose(times[0][1][1], wanted[1], rtol=1e-5, atol=1e-6):
            raise SystemExit(f"{name}: the scores differ")
    spent, found = timed(lambda: graph.search(users, K, exclude=seen))
    hits = [len(set(a) & set(b)) / K for a, b in zip(found[0], wanted[0], strict=True)]
    figures |= {"hnsw_seconds_1_thread": spent, "hnsw_recall": float(np.mean(hits))}
    part = users[: len(users) // 10]
    metric = usearch.index.MetricKind.IP
    spent, _ = timed(lambda: usearch.index.search(items, part, K, metric, exact=True, threads=1))
    figures["usearch_exact_unmasked_seconds_1_thread"] = spent * len(users) / len(part)
    return figures


def by_argpartition(users: np.ndarray, items: np.ndarray, seen: sparse.csr_array, block: int = 256) -> Answer:
    """Partition whole rows of scores."""
    rows, best = [], []
    for start in range(0, len(users), block):
        scores = masked(users[start : start + block] @ items.T, seen, start)
        top = np.argpartition(scores, len(items) - K, axis=1)[:, -K:]
        rows.append(top)
        best.append(np.take_along_axis(scores, top, axis=1))
    return sorted_answer(np.concatenate(rows), np.concatenate(best))


def by_threshold(users: np.ndarray, items: np.ndarray, seen: sparse.csr_array, block: int = 256) -> Answer:
    """Estimate a threshold for each user from every eighth item, and look only at what is above it."""
    rows, best = [], []
    for start in range(0, len(users), block):
        scores = masked(users[start : start + block] @ items.T, seen, start)
        sample = scores[:, ::8]
        border = np.partition(sample, sample.shape[1] - K, axis=1)[:, -K]
        line, place = np.nonzero(scores >= border[:, None])
        values = scores[line, place]
        order = np.lexsort((-values, line))
        first = np.searchsorted(line, np.arange(len(scores)))
        chosen = order[first[:, None] + np.arange(K)]
        rows.append(place[chosen])
        best.append(values[chosen])
    return sorted_answer(np.concatenate(rows), np.concatenate(best))


def products(users: np.ndarray, items: np.ndarray, block: int = 256) -> Answer:
    """The matrix products without any search: no exact way that uses them can be faster."""
    buffer = np.empty((block, len(items)), np.float32)
    for start in range(0, len(users), block):
        some = users[start : start + block]
        np.matmul(some, items.T, out=buffer[: len(some)])
    return buffer, buffer


def masked(scores: np.ndarray, seen: sparse.csr_array, start: int) -> np.ndarray:
    ends = seen.indptr[start : start + len(scores) + 1]
    scores[np.repeat(np.arange(len(scores)), np.diff(ends)), seen.indices[ends[0] : ends[-1]]] = -np.inf
    return scores


def sorted_answer(rows: np.ndarray, scores: np.ndarray) -> Answer:
    order = np.argsort(-scores, axis=1)
    return np.take_along_axis(rows, order, axis=1), np.take_along_axis(scores, order, axis=1)


def timed(way: Callable[[], Answer]) -> tuple[float, Answer]:
    begun = time.perf_counter()
    answer = way()
    return time.perf_counter() - begun, answer


def processor() -> str:
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


if __name__ == "__main__":
    main()
