"""How long sequence and autoencoder models of other packages train to their best on Amazon Beauty, and ours to that.

    python benchmarks/peers.py --data DATA --environments FOLDER [--runs NAME ...] [--limit 3600] [--patience 10]

Leave-one-out: all train on all but each user's last two items, and after every epoch the benchmark's own evaluator
measures NDCG@10 of the last but one among all items, seen ones masked, ties at their expected place. The clock counts
training alone: imports, the reading of data (noted as preparation) and the measuring are left out. Each run is a
process of its own with the same threads and the same allocator's settings. FOLDER holds an environment for each
package, FOLDER/rectools and FOLDER/recbole, with what `requirements/` lists; ours runs where this file does. A run
stops so many epochs after its best, or at the limit of seconds, and then its best is what it had by then. A curve
that is there already stays, so that runs may be made one by one; `--check` compares with the packages' own metrics.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from peer.shelfspace_model import beauty, split_of

from shelfspace.shop.splits import split

HERE = Path(__file__).resolve().parent
SHARES = (1.0, 0.99)
"""Of a peer's best: what ours must reach. A best of many epochs is in part luck; nearly the best is less so."""

ALLOCATOR = {
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": str(2**31 - 1),
    "MALLOC_TOP_PAD_": str(64 << 20),
}
"""glibc keeps what is freed, as our loop asks it to; without it every package is slower."""
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


@dataclass(frozen=True)
class Run:
    """A model: the package whose environment it runs in, and its script in `peer/` with its options."""

    package: str
    script: str
    options: tuple[str, ...] = ()


PEERS = {
    "RecTools SASRec, softmax": Run("rectools", "rectools_sasrec"),
    "RecTools SASRec, sampled softmax": Run(
        "rectools",
        "rectools_sasrec",
        ("--loss", "sampled_softmax", "--negatives", "256", "--blocks", "1"),
    ),
    "RecBole SASRec": Run("recbole", "recbole_model", ("--model", "SASRec")),
    "RecBole MultiVAE": Run("recbole", "recbole_model", ("--model", "MultiVAE")),
}
"""The sampled softmax is what RecTools' authors chose for Beauty: SASRec+SS of arXiv 2508.06450, by the table of its
repository (which ran it with 256 factors; see `--factors`)."""

OURS = {
    name: Run("shelfspace", "shelfspace_model", ("--model", name))
    for name in ("item_knn", "sequence", "autoencoder")
}


def main() -> None:
    runs = OURS | PEERS
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="the folder that holds amazon-beauty/")
    parser.add_argument("--environments", type=Path, required=True, help="the folder of virtual environments")
    parser.add_argument("--runs", nargs="+", default=list(runs), choices=list(runs))
    parser.add_argument("--limit", type=float, default=3600.0, help="seconds of training for each run")
    parser.add_argument("--patience", type=int, default=10, help="epochs without a better value")
    parser.add_argument("--epochs", type=int, default=1000)
    parser.add_argument("--users", type=int, default=0, help="measure a sample of so many; 0: all")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--out", type=Path, default=HERE / "results" / "peers.json")
    options = parser.parse_args()
    curves = json.loads(options.out.read_text())["curves"] if options.out.exists() else {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "split.npz"
        split_of(split(beauty(options.data), "leave-one-out").validation).save(path)
        for name in options.runs:
            print(name, flush=True)
            curves[name] = curve_of(runs[name], path, options)
            write(options, curves)
    show(curves)


def ours(model: Run, options: argparse.Namespace) -> tuple[list[str], str]:
    """Return the command of one of our models, and where it finds the package: this very repository."""
    command = [sys.executable, "-m", f"peer.{model.script}", *model.options]
    return [*command, "--data", str(options.data.resolve())], str(HERE.parent)


def theirs(model: Run, options: argparse.Namespace) -> tuple[list[str], str]:
    """Return the command of a peer, and where else it finds packages: nowhere."""
    python = options.environments.absolute() / model.package / "bin" / "python"
    if not python.exists():
        raise SystemExit(f"no environment at {python}: see benchmarks/requirements/{model.package}.txt")
    return [str(python), "-W", "ignore::FutureWarning", "-m", f"peer.{model.script}", *model.options], ""


def curve_of(model: Run, path: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Run a model in its own process and return what it left."""
    command, found_in = (ours if model.package == "shelfspace" else theirs)(model, options)
    out = path.with_name("curve.json")
    command += ["--split", str(path), "--out", str(out)]
    for name in ("limit", "patience", "epochs", "users", "seed"):
        command += [f"--{name}", str(getattr(options, name))]
    command += ["--check"] if options.check else []
    environment = (
        os.environ | ALLOCATOR | dict.fromkeys(THREADS, str(options.threads)) | {"PYTHONPATH": found_in}
    )
    subprocess.run(command, cwd=HERE, env=environment, check=True)
    limits = {"limit_seconds": options.limit, "patience": options.patience, "threads": options.threads}
    return json.loads(out.read_text()) | limits


def write(options: argparse.Namespace, curves: dict[str, Any]) -> None:
    result = {
        "command": "python benchmarks/peers.py --data DATA --environments FOLDER --runs NAME, of each curve",
        "machine": {"processor": platform.processor() or platform.machine(), "cores": os.cpu_count()},
        "allocator": ALLOCATOR,
        "headline": {f"{name} to {peer}": row for name, peer, row in headline(curves)},
        "curves": curves,
    }
    options.out.parent.mkdir(exist_ok=True)
    options.out.write_text(json.dumps(result, indent=1) + "\n")


def headline(curves: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    """Return for each of ours and each peer how long each took to the peer's best, and to nearly that."""
    rows = []
    for name in [name for name in OURS if name in curves]:
        for peer in [peer for peer in PEERS if peer in curves]:
            best = max(value for _, value in curves[peer]["points"])
            row: dict[str, Any] = {"their_best": best, "their_run_stopped_by": curves[peer]["stopped_by"]}
            for share in SHARES:
                mine, other = (reached(curves[which], share * best) for which in (name, peer))
                ratio = round(mine / other, 4) if mine is not None and other else None
                row[f"to {share:.0%} of it"] = {"our_seconds": mine, "their_seconds": other, "ratio": ratio}
            rows.append((name, peer, row))
    return rows


def reached(curve: dict[str, Any], value: float) -> float | None:
    """Return the seconds after which a curve first had a value; None: never."""
    return next((seconds for seconds, found in curve["points"] if found >= value), None)


def show(curves: dict[str, Any]) -> None:
    print(f"\n{'':34}{'best':>8}{'at s':>9}{'epochs':>8}{'s/epoch':>9}{'MB':>7}  stopped by")
    for name, curve in curves.items():
        best, points = max(value for _, value in curve["points"]), curve["points"]
        print(
            f"{name:34}{best:8.4f}{reached(curve, best):9.1f}{len(points):8}{points[-1][0] / len(points):9.1f}"
            f"{curve['megabytes']:7}  {curve['stopped_by']}"
            + (f"  {curve['check']}" if "check" in curve else "")
        )
    for name, peer, row in headline(curves):
        for share in SHARES:
            found = row[f"to {share:.0%} of it"]
            print(f"{name} to {share:.0%} of {peer}'s best: {found}")


if __name__ == "__main__":
    main()
