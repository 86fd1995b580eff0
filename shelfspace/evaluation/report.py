"""The report: one page, complete in itself, from plain data.

N items, D embedding_dim.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import numpy.typing as npt
from markupsafe import Markup
from matplotlib.figure import Figure

from shelfspace import plots
from shelfspace.evaluation import report_plots
from shelfspace.evaluation.card import MODES
from shelfspace.evaluation.metrics import METRICS, parse

MEANINGS = {
    "hr": "the share of users for whom at least one of the k answers was right",
    "recall": "of what a user took, the share that is among the k answers",
    "precision": "of the k answers, the share that the user took",
    "ndcg": "as recall, but the right answers count more the higher they stand; 1 is a perfect list",
    "map": "the mean precision at each right answer: right answers high up, few wrong ones above them",
    "mrr": "one over the place of the first right answer",
}

_SHOWN_TRIALS = 12


@dataclass(frozen=True)
class Neighbours:
    """An item and what is near it: titles, and the scores of its neighbours."""

    item: str
    near: Sequence[tuple[str, float]]


def write_report(
    path: Path,
    *,
    metrics: Mapping[str, Any],
    searches: Mapping[str, Mapping[str, Any]] | None = None,
    neighbours: Sequence[Neighbours] = (),
    vectors: npt.NDArray[np.float32] | None = None,
    labels: Sequence[str | None] | None = None,
    card: Mapping[str, str] | None = None,
    model: str = "default",
    seed: int = 0,
) -> None:
    """Write `report.html`: the verdict, the figures and their intervals, searches, neighbours, a map.

    Args:
        path: where to.
        metrics: what the gate gave, `Gate.metrics`.
        searches: by model, `Search.to_json()`.
        neighbours: of some items.
        vectors: float32 [N, D], of the items, for the map; no map where None.
        labels: a category for each item, None where it has none.
        card: lines for the head of the page: `title`, and any other key with its text.
        model: the model that answers.
        seed: of the map.

    Takes some ten seconds, most of it the map; about 0.5 MB.
    """
    headline = str(metrics["headline"])
    _, k = parse(headline)
    card = dict(card or {})
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters |= {"figure": _figure_text, "signed": lambda value: f"{value:+.4f}", "plain": _plain}
    page = environment.get_template("report.html").render(
        title=card.pop("title", "Report"),
        card=card,
        verdict=metrics["verdict"],
        leaks=metrics["leaks"],
        looked_for=metrics["looked_for"],
        headline=headline,
        model=model,
        protocols=[_protocol(metrics, name, model, headline, k) for name in metrics["protocols"]],
        blend={MODES[mode]: mix for mode, mix in metrics.get("blend", {}).items()},
        searches=[_search(name, found, headline) for name, found in (searches or {}).items()],
        neighbours=neighbours,
        map=_map(vectors, labels, seed) if vectors is not None and len(vectors) > 2 else None,
        meanings={f"{name}@k": text for name, text in MEANINGS.items()},
    )
    path.write_text(page, "utf-8")


def _protocol(metrics: Mapping[str, Any], name: str, model: str, headline: str, k: int) -> dict[str, Any]:
    """What the page shows of one protocol."""
    models = metrics[name]
    order = sorted(models, key=lambda m: models[m][headline]["value"] or 0.0, reverse=True)
    others = [metric for metric in next(iter(models.values())) if not metric.endswith(f"@{k}")]
    shown = [headline, *(f"{m}@{k}" for m in METRICS if f"{m}@{k}" != headline)]
    differences = {other: found[headline] for other, found in metrics["differences"][name].items()}
    return {
        "name": name,
        "about": metrics["protocols"][name],
        "verdict": metrics["verdict"]["protocols"].get(name),
        "models": order,
        "figures": models,
        "columns": shown,
        "more_columns": others,
        "best": {m: max(models, key=lambda one: models[one][m]["value"] or 0.0) for m in (*shown, *others)},
        "bars": _picture(
            report_plots.bars({m: models[m][headline] for m in models}, model, headline),
            f"{headline} of each model under {name}",
        ),
        "differences": _picture(
            report_plots.differences(differences, model, headline), f"differences in {headline} under {name}"
        )
        if differences
        else None,
        **_slices(metrics, name, model, headline),
        "lists": metrics["lists"][name],
    }


def _slices(metrics: Mapping[str, Any], name: str, model: str, headline: str) -> dict[str, Any]:
    """The slices of the model that answers, of the best baseline and of the plainest model."""
    slices = metrics["slices"][name]
    verdict = metrics["verdict"]["protocols"].get(name) or {}
    ranked = sorted(metrics[name], key=lambda m: metrics[name][m][headline]["value"] or 0.0)
    chosen = [
        m for m in dict.fromkeys([model, verdict.get("baseline"), "popularity", ranked[0]]) if m in ranked
    ][:3]
    by_slice = {part: {m: found[m][headline] for m in chosen} for part, found in slices.items()}
    counts = {part: found["cases"] for part, found in slices.items()}
    drawn = report_plots.slices(by_slice, counts, headline) if by_slice else None
    return {
        "slices": _picture(drawn, f"{headline} by slice under {name}") if drawn else None,
        "slice_table": {part: {"cases": counts[part], "figures": slices[part]} for part in slices},
    }


def _search(name: str, found: Mapping[str, Any], headline: str) -> dict[str, Any]:
    trials = sorted(found["trials"], key=lambda t: -1.0 if t["value"] is None else t["value"], reverse=True)
    return {
        "name": name,
        "best": found["best"],
        "value": found["value"],
        "start": found["trials"][0]["value"],
        "trials": trials[:_SHOWN_TRIALS],
        "settings": list(found["best"]),
        "count": len(trials),
        "seconds": sum(t["seconds"] for t in trials),
        "picture": _picture(
            report_plots.trials([t["value"] for t in found["trials"]], headline), f"the trials of {name}"
        ),
    }


def _map(vectors: npt.NDArray[np.float32], labels: Sequence[str | None] | None, seed: int) -> Markup:
    drawn = report_plots.space(vectors, labels or [None] * len(vectors), seed=seed)
    return _picture(drawn, "a map of the items, coloured by category")


def _picture(figure: Figure, alt: str) -> Markup:
    return Markup(plots.figure_html(figure, alt))


def _figure_text(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"


def _plain(value: object) -> str:
    """A setting or a number as a reader wants it."""
    if isinstance(value, bool) or value is None:
        return str(value).lower() if value is not None else "none"
    if isinstance(value, float):
        return f"{value:.4g}"
    return str(value)
