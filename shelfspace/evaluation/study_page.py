"""The page of a study, complete in itself."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup
from matplotlib.figure import Figure

from shelfspace import plots
from shelfspace.evaluation import study_plots
from shelfspace.evaluation.places import Place
from shelfspace.evaluation.tuned import plain


def write_study(path: Path, found: Mapping[str, Any], places: Mapping[str, Place]) -> None:
    """Write `tune.html`: the best settings, the value of each trial, against each setting, and every trial.

    Args:
        path: where to.
        found: what `study.json` holds, `Tuned.to_json()`.
        places: where was looked.

    Takes about a second, and 0.2 MB.
    """
    trials, metric = found["trials"], found["metric"]
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters |= {
        "figure": lambda value: "–" if value is None else f"{value:.4f}",
        "plain": plain,
        "mean": lambda values: sum(values) / max(1, len(values)),
    }
    page = environment.get_template("study.html").render(
        found=found,
        order=sorted(trials, key=lambda trial: (trial["value"] is None, -(trial["value"] or 0.0))),
        states={
            state: sum(t["state"] == state for t in trials) for state in ("complete", "pruned", "failed")
        },
        seconds=sum(trial["seconds"] for trial in trials),
        values=_picture(study_plots.values(trials, metric), "the value of each trial"),
        against={
            name: _picture(study_plots.against(trials, name, place, metric), f"{metric} against {name}")
            for name, place in places.items()
        },
        importance=_picture(study_plots.importance(found["importance"]), "how much each setting explains")
        if found["importance"]
        else None,
        curves=_picture(study_plots.curves(trials, metric), "the value of each epoch of each trial")
        if any(len(trial["curve"]) > 1 for trial in trials)
        else None,
    )
    path.write_text(page, "utf-8")


def _picture(figure: Figure, alt: str) -> Markup:
    return Markup(plots.figure_html(figure, alt))
