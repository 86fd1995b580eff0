"""`card.md`: what a space was made from, how good it is, and what to mind, on one page."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from shelfspace.blend import Mode
from shelfspace.evaluation.choosing import Chosen
from shelfspace.evaluation.mixing import Mix

MODES: dict[Mode, str] = {"new": "items new to the user", "any": "any item, repeats included"}


def write_card(path: Path, metrics: Mapping[str, Any], counts: Mapping[str, int], chosen: Chosen) -> None:
    """Write the card.

    Args:
        path: the file.
        metrics: as in `metrics.json`.
        counts: what the space was fitted on, in the words to show: `{"items": 3877, …}`.
        chosen: what validation chose.
    """
    headline, verdict = str(metrics["headline"]), metrics["verdict"]
    lines = [
        "# Card of this space",
        "",
        f"**{verdict['outcome']}**: {verdict['text']}",
        "",
        "## Made from",
        "",
    ]
    lines += [f"- {name}: {count:,}" for name, count in counts.items()]
    for protocol, about in metrics["protocols"].items():
        lines += ["", f"## {protocol}", "", f"{about['text']} {about['note']}".strip(), ""]
        lines += [f"{about['cases']:,} cases; {headline} with 95 % intervals over users.", ""]
        rows = sorted(metrics[protocol].items(), key=lambda row: -(row[1][headline]["value"] or 0.0))
        lines += [f"| model | {headline} | interval |", "|---|---|---|"]
        lines += [
            f"| {name} | {_number(m[headline]['value'])} | {_interval(m[headline])} |" for name, m in rows
        ]
    lines += ["", "## The blend", ""]
    for mode, mix in chosen.mixes.items():
        lines += _mix(MODES[mode], mix, headline)
    lines += _foretold(metrics.get("foretold", {})) + _matched(metrics.get("match"))
    lines += _classified(metrics.get("classify")) + _bundled(metrics.get("bundle"))
    lines += _responded(metrics.get("ads"))
    lines += [
        "",
        "## Mind",
        "",
        "- Settings and weights were chosen on validation. The figures were measured once, on events after those that "
        "the models had seen; then everything was fitted again on all events with the same settings, and that is what "
        "answers.",
        "- Offline figures count what shoppers took under the shop as it was. They rank models; they do not foretell "
        "sales.",
        "",
    ]
    path.write_text("\n".join(lines), "utf-8")


def write_listings_card(path: Path, metrics: Mapping[str, Any], counts: Mapping[str, int]) -> None:
    """Write the card of a space that was made from listings alone; see `write_card`."""
    lines = ["# Card of this space", "", "Made from what listings say; there were no events.", ""]
    lines += [f"- {name}: {count:,}" for name, count in counts.items()]
    lines += _held_out(metrics.get("learnt"))
    lines += _matched(metrics.get("match")) + _classified(metrics.get("classify"))
    lines += _responded(metrics.get("ads"))
    path.write_text("\n".join([*lines, ""]), "utf-8")


def _held_out(found: Mapping[str, Any] | None) -> list[str]:
    """Say what towers of listings were worth on listings and photos that they had not seen."""
    if found is None:
        return []
    lines = [
        "",
        "## What was learnt",
        "",
        f"Trained for {found['epochs']} epoch{'s' if found['epochs'] != 1 else ''} on nine tenths of the listings, "
        "which the figures below chose, then again on all of them for as long.",
        "",
        "| pairs | on what was held out | value | by chance | cases |",
        "|---|---|---|---|---|",
    ]
    for name, of in found.items():
        if isinstance(of, Mapping):
            values = f"{_number(of['value'])} | {_number(of['chance'])} | {of['cases']:,}"
            lines.append(f"| {name} | {of['of']} | {values} |")
    return lines


def _matched(found: Mapping[str, Any] | None) -> list[str]:
    """Say how good matching is, where it was fitted."""
    if found is None:
        return []
    said = f"{found['said']:,} pairs of listings are said to be one product"
    if found["stated_precision"] is not None:
        said += f", by their chances {found['stated_precision']:.1%} of them rightly"
    lines = ["", "## The same product", "", f"{said}; the threshold is {found['threshold']:.3f}."]
    if "models" not in found:
        return [*lines, "No pairs were labelled for the test, so nothing was measured."]
    lines += [
        "",
        f"On {found['cases']:,} labelled pairs, {found['matches']:,} of them matches, with 95 % intervals:",
        "",
        "| model | F1 | interval | precision | recall |",
        "|---|---|---|---|---|",
    ]
    for name, model in found["models"].items():
        precision, recall = (_number(model[metric]["value"]) for metric in ("precision", "recall"))
        f1 = model["f1"]
        lines.append(f"| {name} | {_number(f1['value'])} | {_interval(f1)} | {precision} | {recall} |")
    return lines


def _responded(found: Mapping[str, Any] | None) -> list[str]:
    """Say how good chances of responses are, where they were fitted."""
    if found is None:
        return []
    lines = ["", "## Offers taken", ""]
    if not found:
        return [*lines, "There were too few responses to measure with."]
    lines += [
        f"On {found['cases']:,} later cases, {found['taken']:,} of them taken, with 95 % intervals over shoppers:",
        "",
        "| model | AUC | interval | within a shopper | log loss | calibration error |",
        "|---|---|---|---|---|---|",
    ]
    for name, model in found["models"].items():
        others = " | ".join(f"{model[metric]['value']:.4g}" for metric in ("within", "log_loss", "ece"))
        lines.append(f"| {name} | {_number(model['auc']['value'])} | {_interval(model['auc'])} | {others} |")
    return lines


def _classified(found: Mapping[str, Any] | None) -> list[str]:
    """Say how good classifying is, where it was fitted."""
    if found is None:
        return []
    lines = ["", "## Labels foretold", ""]
    lines += [f"It answers where it expects {found['precision_wanted']:.0%} of its answers to be right.", ""]
    for column, about in found["columns"].items():
        lines += [
            f"### {column}",
            "",
            f"{about['classes']:,} classes, learnt from {about['labels_learnt_from']:,} labels; "
            f"{about['suspicious']:,} labels are suspicious. On {about['cases']:,} listings that were held out:",
            "",
            "| by | listings | accuracy | interval | macro-F1 | answered | of these right | calibration error |",
            "|---|---|---|---|---|---|---|---|",
        ]
        for name, figures in about["fields"].items():
            accuracy, *others = (
                figures.get(metric, {}) for metric in ("accuracy", "macro_f1", "coverage", "precision", "ece")
            )
            cells = " | ".join(_number(one.get("value")) for one in others)
            interval = f"{_number(accuracy.get('low'))} to {_number(accuracy.get('high'))}"
            lines.append(
                f"| {name} | {figures['cases']:,} | {_number(accuracy['value'])} | {interval} | {cells} |"
            )
        lines.append("")
    return lines


def _bundled(found: Mapping[str, Any] | None) -> list[str]:
    """Say how good bundles are, where they were fitted."""
    if found is None or not found.keys() & _BUNDLES.keys():
        return []
    lines = ["", "## What goes with what", "", f"Counted in {found['baskets']:,} {found['source']}.", ""]
    lines += [
        "| asked | cases | model | HR@10 | interval | recall@10 | NDCG@10 |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, said in _BUNDLES.items():
        for model, of in found.get(name, {}).get("models", {}).items():
            hr, *others = (of[f"{metric}@10"] for metric in ("hr", "recall", "ndcg"))
            cells = " | ".join(_number(one["value"]) for one in others)
            lines.append(
                f"| {said} | {found[name]['cases']:,} | {model} | {_number(hr['value'])} | {_interval(hr)} | {cells} |"
            )
    return lines


_BUNDLES = {
    "rest": "one item of a basket, by all others",
    "one": "the rest of a basket, by one item",
    "next_basket": "a shopper's next basket",
}


def _mix(what: str, mix: Mix, headline: str) -> list[str]:
    """What answers in one mode: the weights, those of slices, the ranker, and what was tried and left."""
    if mix.trees is not None:
        names = ", ".join(mix.weights)
        return [f"- for {what}: trees (LambdaRank) over {names} (validation {headline} {mix.ndcg:.4f})"]
    lines = [f"- for {what}: {_weights(mix.weights)} (validation {headline} {mix.ndcg:.4f})"]
    lines += [f"  - {own.slice.name}: {_weights(own.weights)}" for own in mix.slices]
    left = [f"{t.name} {t.gain:+.4f} ± {t.error:.4f}" for t in mix.tried if not t.kept]
    if left:
        lines.append(f"  - not better by more than chance, so not used: {'; '.join(left)}")
    return lines


def _weights(weights: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {weight:g}" for name, weight in weights.items() if weight > 0)


def _foretold(models: Mapping[str, Any]) -> list[str]:
    """Say what else was foretold, of users that it was not learnt from."""
    if not any(models.values()):
        return []
    lines = [
        "",
        "## Foretold of users",
        "",
        "Of users it was not learnt from, beside the plainest guess.",
        "",
    ]
    for name, heads in models.items():
        for head, found in heads.items():
            for part in ("validation", "test"):
                figures = {key.replace("_", " "): value for key, value in found[part].items()}
                said = ", ".join(f"{key} {_said(value)}" for key, value in figures.items())
                lines.append(f"- {name}, {head} of `{found['of']}`, {part}: {said}")
    return lines


def _said(value: float | str | None) -> str:
    return str(value) if isinstance(value, int | str) else _number(value)


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"


def _interval(measured: Mapping[str, float | None]) -> str:
    return f"{_number(measured['low'])} to {_number(measured['high'])}"
