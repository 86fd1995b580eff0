"""The nearest of a million vectors: our HNSW, USearch called directly on the same graph, and faiss.

    python benchmarks/retrieval.py --folder FOLDER [--size 1000000] [--rounds 40] [--queries 2000]

Vectors are made with a seed: 10,000 centres of 128 dimensions with noise around them, of unit length; queries
are made likewise and are none of them. Graphs are built once by one thread and kept in the folder. The three
take turns of some queries each, so that all meet the same machine; figures are medians over the rounds. Each is
asked with the smallest expansion that finds 95 % of the ten nearest.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "2")

import faiss
import numpy as np
import psutil
from usearch.compiled import MetricKind
from usearch.index import Index as Graph

from shelfspace.index import HNSW, Exact

DIM, K, CENTRES, NOISE, RECALL = 128, 10, 10_000, 0.7, 0.95
CONNECTIVITY, EXPANSION_ADD = 16, 128
EXPANSIONS = (16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512)
TURN, BATCH = 50, 256
Search = Callable[[np.ndarray], np.ndarray]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, required=True, help="where vectors and graphs are kept")
    parser.add_argument("--size", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--queries", type=int, default=2_000)
    parser.add_argument("--held", choices=["ours", "direct", "faiss"], help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.held:
        print(json.dumps(held(options.folder, options.held)))
        return
    options.folder.mkdir(parents=True, exist_ok=True)
    queries = prepared(options.folder, options.size, options.queries)
    figures: dict[str, float] = {"vectors": options.size, "dimensions": DIM, "queries": len(queries)}
    built = json.loads((options.folder / "built.json").read_text())
    figures |= {f"{name}_build_seconds_1_thread": seconds for name, seconds in built.items()}
    truth = np.load(options.folder / "truth.npy")
    expansions = {
        name: smallest(options.folder, name, queries, truth, figures) for name in ("ours", "direct", "faiss")
    }
    for threads, height in ((1, 1), (2, BATCH)):
        ways = {name: opened(options.folder, name, e, threads) for name, e in expansions.items()}
        figures |= by_turns(ways, queries, height, threads, options.rounds)
    for name in expansions:
        figures |= measured(options.folder, name)
    result = {
        "command": "python benchmarks/retrieval.py --folder FOLDER"
        f" --size {options.size} --rounds {options.rounds} --queries {options.queries}",
        "machine": {"processor": processor(), "cores": os.cpu_count(), "system": platform.system()},
        "versions": {"python": platform.python_version()}
        | {name: version(name) for name in ("numpy", "usearch", "faiss-cpu")},
        "figures": {name: round(value, 4) for name, value in figures.items()},
    }
    path = Path(__file__).parent / "results" / "retrieval.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(result, indent=1) + "\n")
    json.dump(result, sys.stdout, indent=1)
    print()


def prepared(folder: Path, size: int, num_queries: int) -> np.ndarray:
    """Make what is missing in the folder, and return the queries."""
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(CENTRES, DIM)).astype(np.float32)
    vectors, queries = around(centres, size, rng), around(centres, num_queries, rng)
    path = folder / "made.json"
    made = {"size": size, "queries": num_queries}
    if not path.exists() or json.loads(path.read_text()) != made:
        exact = Exact(DIM)
        exact.add(np.arange(size), vectors)
        np.save(folder / "truth.npy", exact.search(queries, K)[0])
        seconds = {
            "ours": timed(lambda: build_ours(folder, vectors)),
            "faiss": timed(lambda: build_faiss(folder, vectors)),
        }
        (folder / "built.json").write_text(json.dumps(seconds))
        path.write_text(json.dumps(made))
    return queries


def around(centres: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
    """Return unit vectors around random centres."""
    made = centres[rng.integers(0, len(centres), size)]
    made += np.float32(NOISE) * rng.normal(size=made.shape).astype(np.float32)
    return made / np.linalg.norm(made, axis=1, keepdims=True)


def build_ours(folder: Path, vectors: np.ndarray) -> None:
    index = HNSW(DIM, connectivity=CONNECTIVITY, expansion_add=EXPANSION_ADD, threads=1)
    index.add(np.arange(len(vectors)), vectors)
    index.save(folder / "ours")


def build_faiss(folder: Path, vectors: np.ndarray) -> None:
    faiss.omp_set_num_threads(1)
    index = faiss.IndexHNSWFlat(DIM, CONNECTIVITY, faiss.METRIC_INNER_PRODUCT)
    index.hnsw.efConstruction = EXPANSION_ADD
    index.add(vectors)
    faiss.write_index(index, str(folder / "faiss.index"))


def opened(folder: Path, name: str, expansion: int, threads: int) -> Search:
    """Return a search of float32 [B, D] that gives rows [B, K]."""
    if name == "ours":
        index = HNSW(
            DIM,
            connectivity=CONNECTIVITY,
            expansion_add=EXPANSION_ADD,
            expansion_search=expansion,
            threads=threads,
        )
        index.load(folder / "ours")
        return lambda queries: index.search(queries, K)[0]
    if name == "direct":
        graph = Graph(
            ndim=DIM,
            metric=MetricKind.IP,
            dtype="f32",
            connectivity=CONNECTIVITY,
            expansion_add=EXPANSION_ADD,
            expansion_search=expansion,
        )
        graph.view(str(folder / "ours" / "graph.usearch"))
        return lambda queries: graph.search(queries, K, threads=threads).keys
    other = faiss.read_index(str(folder / "faiss.index"))
    other.hnsw.efSearch = expansion
    faiss.omp_set_num_threads(threads)
    return lambda queries: other.search(queries, K)[1]


def smallest(
    folder: Path, name: str, queries: np.ndarray, truth: np.ndarray, figures: dict[str, float]
) -> int:
    """Return the smallest expansion that reaches the recall, one query at a time."""
    for expansion in EXPANSIONS:
        search = opened(folder, name, expansion, 1)
        found = np.concatenate([np.atleast_2d(search(queries[n : n + 1])) for n in range(len(queries))])
        recall = float((found[:, :, None] == truth[:, None, :]).any(axis=1).mean())
        if recall >= RECALL:
            figures |= {f"{name}_expansion": expansion, f"{name}_recall@10": recall}
            return expansion
    raise SystemExit(f"{name}: no expansion up to {EXPANSIONS[-1]} finds {RECALL:.0%}")


def by_turns(
    ways: dict[str, Search], queries: np.ndarray, height: int, threads: int, rounds: int
) -> dict[str, float]:
    """Let the ways answer in turns, in another order each round, and return queries a second."""
    per_second: dict[str, list[float]] = {name: [] for name in ways}
    names = list(ways)
    turn = max(TURN, height)
    for search in ways.values():
        search(queries[:height])
    for number in range(rounds):
        start = number * turn % (len(queries) - turn + 1)
        some = [queries[i : i + height] for i in range(start, start + turn, height)]
        for name in names[:: 1 if number % 2 else -1]:  # each as often before the others as after them
            search = ways[name]
            spent = timed(lambda search=search, some=some: [search(part) for part in some])
            per_second[name].append(turn / spent)
    kind = f"{'single' if height == 1 else f'batches_of_{height}'}_{threads}_thread{'s' * (threads > 1)}"
    ratios = [a / b for a, b in zip(per_second["ours"], per_second["direct"], strict=True)]
    return {
        f"{name}_queries_per_second_{kind}": statistics.median(values) for name, values in per_second.items()
    } | {f"ours_to_direct_{kind}": statistics.median(ratios)}


def held(folder: Path, name: str) -> dict[str, int]:
    """Return the memory of this process beside what it had before, after the graph was opened and asked."""
    queries = np.load(folder / "some.npy")
    process = psutil.Process()
    before = process.memory_info()
    search = opened(folder, name, 96, 1)
    for n in range(len(queries)):
        search(queries[n : n + 1])
    after = process.memory_info()
    mapped = after.shared - before.shared
    return {"mapped": mapped, "own": after.rss - before.rss - mapped}


def measured(folder: Path, name: str) -> dict[str, float]:
    """Return the memory that a process of its own takes, in megabytes; `mapped` is shared with others."""
    rng = np.random.default_rng(1)
    np.save(folder / "some.npy", around(rng.normal(size=(CENTRES, DIM)).astype(np.float32), 2_000, rng))
    command = [sys.executable, __file__, "--folder", str(folder), "--held", name]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return {f"{name}_{kind}_megabytes": value / 2**20 for kind, value in json.loads(told).items()}


def timed(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def processor() -> str:
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


if __name__ == "__main__":
    main()
