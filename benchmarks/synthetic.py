"""A synthetic log of ten million events from its file to a space that answers, each step timed and weighed.

    python benchmarks/synthetic.py --data FOLDER [--events 10000000 --users 1000000 --items 200000]

Generates the shop under FOLDER (140 MB at full size), checks, tunes, fits and measures it on 20 thousand sampled
users as `shelfspace train` does, counts sessions and pairs, exports the vectors, and writes the seconds and the peak
memory of every step to benchmarks/results/synthetic.json.
"""

import argparse
import json
import platform
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib.metadata import version
from pathlib import Path

import psutil

import shelfspace
from shelfspace.shop.cooccurrence import cooccurrence, log_count, popularity_over_time, ppmi
from shelfspace.shop.demo import synthetic

RESULTS = Path(__file__).parent / "results"


class Steps:
    """Measures named steps: wall clock, and the peak of the process's memory while the step ran."""

    def __init__(self) -> None:
        self.figures: dict[str, float] = {}
        self._process = psutil.Process()
        self._began = time.perf_counter()

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Measure the block that follows."""
        peak, done = [self._process.memory_info().rss], threading.Event()

        def watch() -> None:
            while not done.wait(0.05):
                peak[0] = max(peak[0], self._process.memory_info().rss)

        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        begin = time.perf_counter()
        try:
            yield
        finally:
            seconds = time.perf_counter() - begin
            done.set()
            watcher.join()
        self.figures[f"{name}: seconds"] = round(seconds, 2)
        self.figures[f"{name}: peak GB"] = round(peak[0] / 1e9, 2)
        print(f"{name:<12} {seconds:8.1f} s {peak[0] / 1e9:8.2f} GB", flush=True)

    def total(self) -> float:
        """Return the seconds since the first step could begin."""
        return round(time.perf_counter() - self._began, 1)


class Stages:
    """Told of what a job is doing, measures each stage as a step; fits of one round are one step."""

    def __init__(self, steps: Steps) -> None:
        self._steps, self._stack, self._name, self._rounds = steps, ExitStack(), "", 0

    def __call__(self, what: str, done: int, total: int) -> None:
        """Begin the stage, unless it is the one that is going on."""
        if what.startswith("fitting") and not done:
            self._rounds += 1
        name = f"fit, round {self._rounds}" if what.startswith("fit") else what
        if name != self._name:
            self.end()
            self._name = name
            self._stack.enter_context(self._steps.step(name))

    def end(self) -> None:
        """End the stage that is going on."""
        self._stack.close()


def main() -> None:
    arguments = parsed()
    steps = Steps()
    with steps.step("generate"):
        path = synthetic(
            arguments.data,
            num_events=arguments.events,
            num_users=arguments.users,
            num_items=arguments.items,
            num_clusters=arguments.clusters,
            seed=arguments.seed,
        )
    stages = Stages(steps)
    space = shelfspace.train(path, out=arguments.data / "run", sets=arguments.set, told=stages)
    stages.end()
    steps.figures["events kept"] = space.history.num_events
    for protocol in ("time", "time-any"):
        measured = json.loads((arguments.data / "run" / "metrics.json").read_text("utf-8"))
        steps.figures[f"{protocol}: cases"] = measured["protocols"][protocol]["cases"]
        for model, figures in measured[protocol].items():
            steps.figures[f"{protocol}: {model}: ndcg@10"] = figures["ndcg@10"]["value"]
    with steps.step("count"):
        counts = cooccurrence(space.history, window="session", minimum_support=2)
    steps.figures["pairs of items in 2 sessions or more"] = counts.nnz // 2
    with steps.step("weigh"):
        for made in (ppmi(counts), log_count(counts)):
            del made
        popularity_over_time(space.history, period=7.0)
    with steps.step("export"):
        space.export(arguments.data / "vectors.parquet")
    steps.figures["total: seconds"] = steps.total()
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "synthetic.json").write_text(
        json.dumps(result(steps.figures, arguments.set), indent=2) + "\n", "utf-8"
    )


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="where the shop is written")
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--users", type=int, default=1_000_000)
    parser.add_argument("--items", type=int, default=200_000)
    parser.add_argument("--clusters", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--set", action="append", default=[], help="section.key=value, as of the command")
    return parser.parse_args()


def result(figures: dict[str, float], sets: list[str]) -> dict[str, object]:
    cores, memory = psutil.cpu_count(), round(psutil.virtual_memory().total / 1e9)
    packages = ("duckdb", "ibis-framework", "numpy", "scipy", "scikit-learn")
    return {
        "command": " ".join(
            ["python benchmarks/synthetic.py --data DATA", *(f"--set {text}" for text in sets)]
        ),
        "machine": f"{platform.machine()}, {cores} cores, {memory} GB",
        "versions": {"python": platform.python_version()} | {name: version(name) for name in packages},
        "figures": figures,
    }


if __name__ == "__main__":
    main()
