"""Softmax over a whole catalogue: in chunks beside torch's cross-entropy on stored logits, and beside sampled ones.

    python benchmarks/softmax.py [--runs 9]

Forward and backward for B = 1,024 pairs and D = 64 on one thread, with as many items as Amazon Beauty has and with
200,000. Each way runs in a process of its own: its memory is by how much that grows at most over its inputs, its time
the median of the runs, once with the allocator as it comes and once as the loop sets it. Both must give the same
loss and gradients. What sampling costs in quality is copied from `results/ablation.json`, where that is there.
"""

import argparse
import json
import os
import platform
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch
from torch import Tensor
from torch.nn import functional

from shelfspace.objectives.softmax import chunked_cross_entropy
from shelfspace.training.heap import keep_freed_memory

BATCH, DIM, TEMPERATURE = 1024, 64, 0.07
ITEMS = (12_101, 200_000)
RESULTS = Path(__file__).parent / "results"
QUALITY = {
    "uniform 512": "negatives: uniform 512",
    "uniform 2048": "base",
    "uniform 4096": "negatives: uniform 4096",
    "whole catalogue": "loss: softmax, whole catalogue",
}


def chunked(anchor: Tensor, candidate: Tensor, positive: Tensor) -> Tensor:
    return chunked_cross_entropy(anchor, candidate, positive, temperature=TEMPERATURE)


def stored(anchor: Tensor, candidate: Tensor, positive: Tensor) -> Tensor:
    return functional.cross_entropy(anchor @ candidate.T / TEMPERATURE, positive)


WAYS: dict[str, Callable[[Tensor, Tensor, Tensor], Tensor]] = {"chunked": chunked, "stored": stored}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=9)
    options = parser.parse_args()
    figures = {f"{num_items} items": side_by_side(num_items, options.runs) for num_items in ITEMS}
    result = {
        "command": f"python benchmarks/softmax.py --runs {options.runs}",
        "machine": {
            "processor": processor(),
            "cores": os.cpu_count(),
            "system": platform.system(),
            "threads": 1,
        },
        "versions": {"python": platform.python_version(), "torch": version("torch")},
        "settings": {"pairs": BATCH, "embedding_dim": DIM, "temperature": TEMPERATURE},
        "figures": figures,
        "quality": quality(),
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "softmax.json").write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))


def side_by_side(num_items: int, runs: int) -> dict[str, Any]:
    """Measure both ways, and refuse figures of ways that do not agree."""
    found: dict[str, dict[str, Any]] = {}
    for name in WAYS:
        as_it_comes = alone(name, num_items, runs, False)
        as_in_the_loop = alone(name, num_items, runs, True)
        found[name] = {
            "seconds": as_it_comes["seconds"],
            "seconds_freed_memory_kept": as_in_the_loop["seconds"],
            "peak_mb": as_it_comes["peak_mb"],
            "sums": as_it_comes["sums"],
        }
    ours, theirs = (torch.tensor(found[name].pop("sums")) for name in WAYS)
    if not torch.allclose(ours, theirs, rtol=1e-4):
        raise SystemExit(f"the ways differ: {ours.tolist()} and {theirs.tolist()}")
    keys = ("seconds", "seconds_freed_memory_kept", "peak_mb")
    ratios = {key: round(found["stored"][key] / found["chunked"][key], 2) for key in keys}
    return {**found, "stored_over_chunked": ratios}


def alone(name: str, num_items: int, runs: int, kept: bool) -> dict[str, Any]:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(measured, name, num_items, runs, kept).result()


def measured(name: str, num_items: int, runs: int, kept: bool) -> dict[str, Any]:
    torch.set_num_threads(1)
    if kept:
        keep_freed_memory()
    one = WAYS[name]
    forward_and_backward(one, *inputs(8))  # libraries are loaded before memory is looked at
    given = inputs(num_items)
    before = memory("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the peak so far is forgotten
    sums = forward_and_backward(one, *given)
    peak = memory("VmHWM") - before
    times = []
    for _ in range(runs):
        begun = time.perf_counter()
        forward_and_backward(one, *given)
        times.append(time.perf_counter() - begun)
    return {"seconds": round(statistics.median(times), 4), "peak_mb": round(peak, 1), "sums": sums}


def inputs(num_items: int) -> tuple[Tensor, Tensor, Tensor]:
    torch.manual_seed(0)
    anchor = functional.normalize(torch.randn(BATCH, DIM), dim=1).requires_grad_()
    candidate = functional.normalize(torch.randn(num_items, DIM), dim=1).requires_grad_()
    return anchor, candidate, torch.randint(num_items, (BATCH,))


def forward_and_backward(
    way: Callable[[Tensor, Tensor, Tensor], Tensor], anchor: Tensor, candidate: Tensor, positive: Tensor
) -> list[float]:
    """Return the loss and the size of both gradients."""
    anchor.grad = candidate.grad = None
    loss = way(anchor, candidate, positive)
    loss.backward()
    return [loss.item(), *(one.grad.norm().item() for one in (anchor, candidate) if one.grad is not None)]


def quality() -> dict[str, Any]:
    """Return what the ablation found of sampled and whole softmax; empty where it was not run."""
    path = RESULTS / "ablation.json"
    if not path.is_file():
        return {}
    ablation = json.loads(path.read_text())
    kept = ("ndcg@10", "difference", "seconds_a_step")
    rows = {
        name: {key: ablation["figures"][row][key] for key in kept if key in ablation["figures"][row]}
        for name, row in QUALITY.items()
        if row in ablation["figures"]
    }
    note = (
        "copied from results/ablation.json: Amazon Beauty, validation; infonce with log q over items drawn alike "
        "beside softmax over all; differences from uniform 2048"
    )
    return {"note": note, "epochs": ablation["epochs"], "negatives": rows}


def memory(field_name: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith(field_name)) / 1024


def processor() -> str:
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


if __name__ == "__main__":
    main()
