"""Where the learning loop's time goes, and what keeping freed memory is worth, on Amazon Beauty.

    python benchmarks/loop.py --data DATA [--steps 120] [--runs 3]

The settings are the base of `ablation.py`; one thread, and seconds are of the processor, so that what else runs on
the machine counts little. The first steps of a run are not counted. Operators are timed by torch's profiler, their
own time without what they call; the share outside matrix products is 1 - their own time / all of the same steps.
Each way to run the loop is a process of its own, by turns: freed memory kept, as the loop does; given back; and kept
with the logits of the loss in chunks.
"""

import argparse
import json
import os
import platform
import resource
import statistics
import time
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
from ablation import BASE, TRAINING, beauty
from torch.profiler import ProfilerActivity, profile

from shelfspace.learning import learner
from shelfspace.learning.learner import About, Learner
from shelfspace.learning.settings import LearningPlan
from shelfspace.model.model import Model
from shelfspace.objectives.objective import Objective
from shelfspace.shop.splits import split
from shelfspace.training.batches import Term
from shelfspace.training.optimisation import Optimisation

WARM_UP = 20
PARTS: dict[str, tuple[Any, str]] = {
    "drawing the batch": (Term, "draw"),
    "item tower, forward": (Model, "items"),
    "user tower, forward": (Model, "users"),
    "objective, forward": (Objective, "forward"),
    "backward": (torch.Tensor, "backward"),
    "clipping": (torch.nn.utils, "clip_grad_norm_"),
    "optimiser's step": (torch.optim.AdamW, "step"),
}
PRODUCTS = (
    "aten::mm",
    "aten::addmm",
    "aten::addmm_",
    "aten::bmm",
    "aten::baddbmm",
    "aten::mv",
    "aten::addmv_",
)
TOP = 20
CHUNKED = [{"use": "softmax", "temperature": 0.07, "pairs": "next_item"}]
WAYS: dict[str, dict[str, Any]] = {
    "freed memory kept": {},
    "freed memory given back": {},
    "the same loss in chunks": {"objectives": CHUNKED},
}
"""`softmax` over the candidates of the base is `infonce` over them, its logits not stored."""


class EnoughError(Exception):
    """The steps asked for are done."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="the folder that holds amazon-beauty/")
    parser.add_argument("--steps", type=int, default=120)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    data, steps = options.data, options.steps
    speeds: dict[str, list[dict[str, float]]] = {name: [] for name in WAYS}
    for _ in range(options.runs):
        for name, found in speeds.items():
            found.append(alone(speed, data, steps, name))
    result = {
        "command": f"python benchmarks/loop.py --data DATA --steps {steps} --runs {options.runs}",
        "machine": {
            "processor": processor(),
            "cores": os.cpu_count(),
            "system": platform.system(),
            "threads": 1,
        },
        "versions": {"python": platform.python_version()}
        | {name: version(name) for name in ("numpy", "torch")},
        "settings": BASE | {"training": TRAINING},
        "figures": {
            "speed": {name: medians(found) for name, found in speeds.items()},
            "parts": alone(parts, data, steps),
            "operators": alone(operators, data, steps),
        },
    }
    path = Path(__file__).parent / "results" / "loop.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))


def alone(way: Callable[..., dict[str, Any]], *given: Any) -> dict[str, Any]:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(way, *given).result()


def speed(data: Path, steps: int, way: str) -> dict[str, float]:
    """Return how fast the loop is, the system's part of it, and the memory's peak."""
    if way == "freed memory given back":
        learner.keep_freed_memory = lambda: False
    times: list[float] = []
    usage: list[resource.struct_rusage] = []

    def told(step: int) -> None:
        times.append(time.process_time())
        if step in (WARM_UP, steps):
            usage.append(resource.getrusage(resource.RUSAGE_SELF))

    learn(data, steps, told, WAYS[way])
    spent = times[-1] - times[WARM_UP - 1]
    counted = steps - WARM_UP
    return {
        "steps_per_second": counted / spent,
        "pairs_per_second": counted * TRAINING["batch_size"] / spent,
        "median_step_seconds": statistics.median(np.diff(times[WARM_UP - 1 :])),
        "share_in_the_kernel": (usage[1].ru_stime - usage[0].ru_stime) / spent,
        "page_faults_a_step": (usage[1].ru_minflt - usage[0].ru_minflt) / counted,
        "peak_mb": usage[1].ru_maxrss / 1024,
    }


def parts(data: Path, steps: int) -> dict[str, Any]:
    """Return the seconds a step and the share of each part; the rest is what no part holds."""
    spent: dict[str, float] = defaultdict(float)
    counting: list[float] = []

    def timed(name: str, whole: Callable[..., Any]) -> Callable[..., Any]:
        def way(*given: Any, **settings: Any) -> Any:
            begun = time.process_time()
            try:
                return whole(*given, **settings)
            finally:
                if counting:
                    spent[name] += time.process_time() - begun

        return way

    for name, (owner, attribute) in PARTS.items():
        setattr(owner, attribute, timed(name, getattr(owner, attribute)))

    def told(step: int) -> None:
        if step in (WARM_UP, steps):
            counting.append(time.process_time())

    learn(data, steps, told)
    total = counting[1] - counting[0]
    spent["the rest"] = total - sum(spent.values())
    return {
        name: {"seconds_a_step": round(value / (steps - WARM_UP), 5), "share": round(value / total, 4)}
        for name, value in sorted(spent.items(), key=lambda one: -one[1])
    }


def operators(data: Path, steps: int) -> dict[str, Any]:
    """Return the share of matrix products, and of the operators that take the most."""
    begun: list[float] = []
    watch = profile(activities=[ProfilerActivity.CPU])

    def told(step: int) -> None:
        if step == WARM_UP:
            watch.start()
            begun.append(time.perf_counter())
        elif step == steps:
            begun.append(time.perf_counter())
            watch.stop()

    learn(data, steps, told)
    total = begun[1] - begun[0]
    own = {event.key: event.self_cpu_time_total / 1e6 / total for event in watch.key_averages()}
    products = sum(own.get(name, 0.0) for name in PRODUCTS)
    most = sorted(own, key=lambda name: -own[name])[:TOP]
    return {
        "matrix_products": round(products, 4),
        "outside_matrix_products": round(1 - products, 4),
        "outside_torch": round(1 - sum(own.values()), 4),
        "median_step_seconds_profiled": round(total / (steps - WARM_UP), 5),
        "own_share": {name: round(own[name], 4) for name in most},
    }


def learn(data: Path, steps: int, told: Callable[[int], None], changes: dict[str, Any] | None = None) -> None:
    """Train for so many steps, each told."""
    torch.set_num_threads(1)
    shop = beauty(data)
    plan = LearningPlan.of(BASE | (changes or {}), Optimisation(epochs=8, **TRAINING))
    assert plan is not None

    def after(_: str, step: int, __: int) -> None:
        if not step:
            return
        told(step)
        if step == steps:
            raise EnoughError

    fit = split(shop, "leave-one-out").validation.fit
    try:
        Learner(plan, About(len(shop.users))).learn(fit, shop.catalogue, told=after)
    except EnoughError:
        return


def medians(found: list[dict[str, float]]) -> dict[str, float]:
    return {key: round(statistics.median(one[key] for one in found), 4) for key in found[0]}


def processor() -> str:
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


if __name__ == "__main__":
    main()
