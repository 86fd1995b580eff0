"""The gate: what the figures say, whether they may be believed, and whether the new space may serve.

B cases, N items.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from shelfspace.evaluation import lists
from shelfspace.evaluation.intervals import Interval, intervals
from shelfspace.evaluation.leaks import Leak
from shelfspace.evaluation.measure import PerUser
from shelfspace.evaluation.metrics import parse
from shelfspace.evaluation.slices import sliced
from shelfspace.shop.cases import Cases
from shelfspace.shop.ids import Ids
from shelfspace.shop.splits import PROTOCOLS

Outcome = Literal["better", "equal", "worse"]
Json = dict[str, object]


@dataclass(frozen=True)
class Measured:
    """A test block, or the sample of it that was measured, and what every model gave on it case by case."""

    cases: Cases
    results: Mapping[str, PerUser]


@dataclass(frozen=True)
class Gate:
    """What the gate says.

    verdict: of the model that answers against the best baseline;  text: the verdict as sentences;
    metrics: what `metrics.json` holds;
    per_user: a row for each protocol, model and case: the metrics, and how many events the history has.
    """

    verdict: Outcome
    text: str
    metrics: Json
    per_user: pa.Table

    def write(self, folder: Path) -> None:
        """Write `metrics.json` and `per_user.parquet`."""
        (folder / "metrics.json").write_text(json.dumps(self.metrics, indent=1, allow_nan=False), "utf-8")
        pq.write_table(self.per_user, folder / "per_user.parquet", compression="zstd")


def judge(
    measured: Mapping[str, Measured],
    *,
    users: Ids,
    baselines: Sequence[str],
    model: str = "default",
    headline: str = "ndcg@10",
    leaks: Sequence[Leak] = (),
    looked_for: Sequence[str] = (),
    vectors: npt.NDArray[np.float32] | None = None,
    seed: int = 0,
) -> Gate:
    """Put the figures, their intervals and the verdict together.

    `better` or `worse`: the paired difference to the best baseline of the first protocol has an interval that
    excludes 0. Worse under any protocol is worse. The best baseline is the one with the highest headline on
    test.

    Args:
        measured: by protocol, the one that counts first.
        users: the named users; a case that is an anonymous session has no id.
        baselines: the models that the verdict compares with; those not measured are passed over.
        model: the model that answers.
        headline: the metric of the verdict and of the slices' length of list.
        leaks: what the detectors found.
        looked_for: the names of the leaks that were looked for.
        vectors: float32 [N, D], of items, for diversity; left out where None.
        seed: of the bootstrap.

    Returns:
        The gate's word. O(1000 · B) for each metric and model; some 10 s for 20 thousand cases and eight
        models.

    Raises:
        ConfigError: the headline is no metric.
    """
    _, k = parse(headline)
    metrics: Json = {"format": 1, "headline": headline}
    parts: dict[str, Json] = {name: {} for name in ("slices", "differences", "lists", "protocols")}
    verdicts: dict[str, Json] = {}
    for protocol, block in measured.items():
        results = block.results
        metrics[protocol] = _summed({name: r.metrics for name, r in results.items()}, seed)
        parts["slices"][protocol] = {
            name: {"cases": part.cases} | _summed(_at(part.metrics, k), seed)
            for name, part in sliced(block.cases, results).items()
        }
        differences = _differences(results, model, seed)
        parts["differences"][protocol] = {o: _json(found) for o, found in differences.items()}
        parts["lists"][protocol] = {
            name: _lists(block.cases, r.top[:, :k], vectors) for name, r in results.items()
        }
        parts["protocols"][protocol] = _described(block.cases)
        known = [name for name in baselines if name in results and name != model]
        if model in results and known:
            best = max(known, key=lambda name: results[name].mean(headline))
            verdicts[protocol] = _verdict(block, model, best, headline, differences[best][headline])
    outcome, text = _together(list(verdicts.values()), leaks)
    metrics |= parts
    metrics["verdict"] = {
        "outcome": outcome,
        "text": text,
        "leaks": sorted({leak.name for leak in leaks}),
        "protocols": verdicts,
    }
    metrics["looked_for"] = list(looked_for)
    metrics["leaks"] = [leak.to_json() for leak in leaks]
    return Gate(outcome, text, metrics, _per_user(measured, users))


def _verdict(block: Measured, model: str, best: str, headline: str, difference: Interval) -> Json:
    outcome: Outcome = "better" if difference.low > 0 else "worse" if difference.high < 0 else "equal"
    mine, theirs = (block.results[name].mean(headline) for name in (model, best))
    word = {"better": "better than", "equal": "no different from", "worse": "WORSE than"}[outcome]
    text = (
        f"{model} is {word} the best baseline, {best}, under {block.cases.protocol}: {headline} {mine:.4f} "
        f"against {theirs:.4f}, difference {difference.value:+.4f} (95 % interval {difference.low:+.4f} to "
        f"{difference.high:+.4f}, {len(block.cases)} cases)."
    )
    return {"outcome": outcome, "baseline": best, "difference": difference.to_json(), "text": text}


def _together(verdicts: Sequence[Json], leaks: Sequence[Leak]) -> tuple[Outcome, str]:
    outcomes = [verdict["outcome"] for verdict in verdicts]
    outcome: Outcome = "equal"
    if "worse" in outcomes:
        outcome = "worse"
    elif outcomes and outcomes[0] == "better":
        outcome = "better"
    sentences = [str(verdict["text"]) for verdict in verdicts] or ["There is no baseline to compare with."]
    if leaks:
        named = "; ".join(f"{leak.name} ({leak.where}): {leak.text}" for leak in leaks)
        sentences.append(f"LEAKS FOUND, the figures are not to be believed: {named}.")
    return outcome, " ".join(sentences)


def _summed(values: Mapping[str, Mapping[str, npt.NDArray[np.float64]]], seed: int) -> Json:
    flat = {(model, metric): column for model, by in values.items() for metric, column in by.items()}
    found = intervals({str(n): column for n, column in enumerate(flat.values())}, seed=seed)
    summed: dict[str, Json] = {model: {} for model in values}
    for (model, metric), interval in zip(flat, found.values(), strict=True):
        summed[model][metric] = _plain(interval)
    return dict(summed)


def _differences(results: Mapping[str, PerUser], model: str, seed: int) -> dict[str, dict[str, Interval]]:
    if model not in results:
        return {}
    mine = results[model].metrics
    others = {name: result.metrics for name, result in results.items() if name != model}
    return {
        name: intervals({metric: mine[metric] - values[metric] for metric in mine}, seed=seed)
        for name, values in others.items()
    }


def _at(
    metrics: Mapping[str, Mapping[str, npt.NDArray[np.float64]]], k: int
) -> dict[str, dict[str, npt.NDArray[np.float64]]]:
    return {
        model: {name: values for name, values in by.items() if name.endswith(f"@{k}")}
        for model, by in metrics.items()
    }


def _json(found: Mapping[str, Interval]) -> Json:
    return {name: _plain(interval) for name, interval in found.items()}


def _plain(interval: Interval) -> dict[str, float | None]:
    return {name: _number(value) for name, value in interval.to_json().items()}


def _number(value: float) -> float | None:
    return round(value, 7) if np.isfinite(value) else None


def _lists(cases: Cases, top: npt.NDArray[np.int32], vectors: npt.NDArray[np.float32] | None) -> Json:
    k = top.shape[1]
    found = {
        f"coverage@{k}": lists.coverage(top, cases.candidates),
        f"novelty@{k}": lists.novelty(top, cases.fit),
    }
    if vectors is not None:
        found[f"diversity@{k}"] = lists.diversity(top, vectors)
    return {name: _number(value) for name, value in found.items()}


def _described(cases: Cases) -> Json:
    return {
        "text": PROTOCOLS[cases.protocol],
        "note": cases.note,
        "cases": len(cases),
        "cases_without_history": int((cases.queries.lengths() == 0).sum()),
        "answers": int(cases.relevant.nnz),
        "candidates": int(cases.candidates.sum()),
        "fitted_events": cases.fit.num_events,
        "seen_items_masked": cases.mask_seen,
    }


def _per_user(measured: Mapping[str, Measured], users: Ids) -> pa.Table:
    tables = []
    for protocol, block in measured.items():
        rows = block.cases.rows
        ids = users.array.take(pa.array(rows, pa.int64(), mask=rows >= len(users)))
        lengths = block.cases.queries.lengths().astype(np.int32)
        for name, result in block.results.items():
            same = {"user_id": ids, "protocol": [protocol] * len(rows), "model": [name] * len(rows)}
            same["history"] = lengths
            values = {metric: column.astype(np.float32) for metric, column in result.metrics.items()}
            tables.append(pa.table(same | values))
    return pa.concat_tables(tables)
