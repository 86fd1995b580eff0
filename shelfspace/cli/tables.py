"""The tables that the shell prints of a run."""

from collections.abc import Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

COLOURS = {"better": "green", "equal": "yellow", "worse": "bold red"}


def metrics(found: Mapping[str, Any]) -> RenderableType:
    """Return what `metrics.json` holds as tables: a row a model, the best first, and the verdict."""
    headline = str(found["headline"])
    parts: list[RenderableType] = []
    for protocol, about in found["protocols"].items():
        rows = sorted(found[protocol].items(), key=lambda row: -(row[1][headline]["value"] or 0.0))
        names = [headline, *(m for m in _shown(headline) if m in rows[0][1])]
        table = Table(
            title=f"{protocol}: {about['cases']:,} cases", title_justify="left", header_style="bold"
        )
        table.add_column("model")
        for name in names:
            table.add_column(name, justify="right")
        for model, values in rows:
            style = "bold" if model == "default" else ""
            table.add_row(model, *(_cell(values[name], wide=name == headline) for name in names), style=style)
        parts.append(table)
    parts += _matched(found.get("match")) + _classified(found.get("classify")) + _responded(found.get("ads"))
    parts += _bundled(found.get("bundle")) + _befriended(found.get("people"))
    parts += _welcomed(found.get("newcomers")) + _searched(found.get("search"))
    if verdict := found.get("verdict"):
        parts.append(Text(f"{verdict['outcome']}: {verdict['text']}", style=COLOURS[verdict["outcome"]]))
    return Group(*parts)


def _matched(found: Mapping[str, Any] | None) -> list[RenderableType]:
    """The same product: how many pairs, and how right on labelled ones."""
    if found is None:
        return []
    said = f"match: {found['said']:,} pairs"
    if found["stated_precision"] is not None:
        said += f", by their chances {found['stated_precision']:.1%} of them right"
    if "models" not in found:
        return [Text(said)]
    title = f"{said}\n{found['cases']:,} labelled pairs of the test"
    table = Table(title=title, title_justify="left", header_style="bold")
    table.add_column("model")
    for name in ("f1", "precision", "recall"):
        table.add_column(name, justify="right")
    for model, values in found["models"].items():
        cells = (_cell(values[name], wide=name == "f1") for name in ("f1", "precision", "recall"))
        table.add_row(model, *cells, style="bold" if model == "default" else "")
    return [table]


def _classified(found: Mapping[str, Any] | None) -> list[RenderableType]:
    """Labels foretold: how rightly, column by column, and by which fields."""
    parts: list[RenderableType] = []
    for column, about in (found or {}).get("columns", {}).items():
        title = f"classify {column}: {about['cases']:,} listings held out, {about['classes']:,} classes"
        table = Table(title=title, title_justify="left", header_style="bold")
        table.add_column("by")
        names = ("accuracy", "macro_f1", "coverage", "precision", "ece")
        for name in names:
            table.add_column(name, justify="right")
        for by, figures in about["fields"].items():
            values = (figures.get(name, {}).get("value") for name in names)
            table.add_row(by, *("–" if value is None else f"{value:.4f}" for value in values))
        parts += [table, Text(f"{about['suspicious']:,} labels are suspicious")]
    return parts


def _responded(found: Mapping[str, Any] | None) -> list[RenderableType]:
    """Offers taken: how good chances are on later cases."""
    if not found:
        return []
    title = f"ads: {found['cases']:,} later cases, {found['taken']:,} of them taken"
    table = Table(title=title, title_justify="left", header_style="bold")
    table.add_column("model")
    names = ("auc", "within", "log_loss", "ece")
    for name in names:
        table.add_column(name, justify="right")
    for model, values in found["models"].items():
        cells = (f"{values[name]['value']:.4g}" for name in names)
        table.add_row(model, *cells, style="bold" if model == "default" else "")
    return [table]


def _bundled(found: Mapping[str, Any] | None) -> list[RenderableType]:
    """What goes with what: hidden items of baskets, and next baskets."""
    asked = {
        "rest": "a hidden item by the others",
        "one": "the rest by one item",
        "next_basket": "next baskets",
    }
    return [
        _beside(
            f"bundle, {said}: {found[name]['cases']:,} cases", found[name]["models"], ("hr@10", "recall@10")
        )
        for name, said in asked.items()
        if found and found.get(name, {}).get("models")
    ]


def _befriended(found: Mapping[str, Any] | None) -> list[RenderableType]:
    """Friends to suggest: how many of the hidden ones are found."""
    if not found or not found.get("recall@10"):
        return []
    models = {name: {"recall@10": value} for name, value in found["recall@10"].items()}
    return [_beside(f"people: hidden friends of {found['cases']:,}", models, ("recall@10",))]


def _welcomed(found: Mapping[str, Any] | None) -> list[RenderableType]:
    """Shoppers without history: each source beside what is popular, where it is known."""
    rows = {
        f"{source}, {about['cases']:,} cases": {"ndcg@10": about["ndcg@10"], "popular": about["popular"]}
        for source, about in (found or {}).get("models", {}).items()
    }
    return [_beside("newcomers: hidden shoppers", rows, ("ndcg@10", "popular"))] if rows else []


def _searched(found: Mapping[str, Any] | None) -> list[RenderableType]:
    """Search: each way over folds of the judged or clicked queries."""
    ways = [f"{name} {value:.4f}" for name, value in (found or {}).items() if name.startswith("ndcg@10")]
    return [Text(f"search, {found['queries']:,} queries: " + ", ".join(ways))] if found and ways else []


def _beside(title: str, models: Mapping[str, Any], names: tuple[str, ...]) -> Table:
    """Return models beside each other; the first of the names with intervals."""
    table = Table(title=title, title_justify="left", header_style="bold")
    table.add_column("model")
    for name in names:
        table.add_column(name, justify="right")
    for model, values in models.items():
        table.add_row(model, *(_cell(values[name], wide=name == names[0]) for name in names))
    return table


def _shown(headline: str) -> list[str]:
    k = headline.partition("@")[2]
    return [f"{name}@{k}" for name in ("ndcg", "recall", "hr", "mrr") if f"{name}@{k}" != headline]


def _cell(measured: Mapping[str, float | None], *, wide: bool) -> str:
    if measured["value"] is None:
        return "–"
    text = f"{measured['value']:.4f}"
    return f"{text} [{measured['low']:.4f}, {measured['high']:.4f}]" if wide else text
