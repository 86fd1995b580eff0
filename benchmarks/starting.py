"""How long a server takes to answer after it is started, and what its workers hold then.

    python benchmarks/starting.py --run RUN [--workers 2] [--rounds 3]

`first`: what is prepared beside a version (RUN/serving) is not there yet and is made; `later`: it is. Times are from
the command until so many workers answer, in seconds. Memory is that of all workers together, in mebibytes: what they
share counts once.
"""

import argparse
import json
import shutil
import statistics
import sys
import time
from importlib.metadata import version
from pathlib import Path

from load import machine, memory, served, worker_pids, write


def started(run: Path, workers: int) -> tuple[float, dict[str, float]]:
    """Start a server, and return the seconds until it answers and what its workers hold."""
    begun = time.perf_counter()
    with served(run, workers) as (port, _):
        taken = time.perf_counter() - begun - 1.0  # `served` waits for a second when the workers answer
        return taken, memory(worker_pids(port))


def main() -> None:
    """Start, look and write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    shutil.rmtree(args.run / "serving", ignore_errors=True)
    first, held = started(args.run, args.workers)
    later = [started(args.run, args.workers)[0] for _ in range(args.rounds)]
    result = {
        "command": f"python benchmarks/starting.py --run RUN --workers {args.workers} --rounds {args.rounds}",
        "machine": machine(),
        "versions": {name: version(name) for name in ("fastapi", "uvicorn", "usearch", "numpy")},
        "figures": {
            "first, seconds": round(first, 1),
            "later, seconds": round(statistics.median(later), 1),
            "memory, MiB": held["Pss"],
        },
    }
    write(Path(__file__).parent / "results" / "starting.json", result)
    json.dump(result, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
