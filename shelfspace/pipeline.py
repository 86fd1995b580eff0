"""From a shop's files to a space that answers: the only file that knows all the parts."""

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import tomlkit

from shelfspace import config as settings
from shelfspace import disk
from shelfspace.deciding import decided, models_of
from shelfspace.errors import ConfigError, GateError, SpaceError, did_you_mean
from shelfspace.evaluation.card import write_card, write_listings_card
from shelfspace.evaluation.choosing import Chosen
from shelfspace.evaluation.gate import Gate
from shelfspace.evaluation.models import Told
from shelfspace.evaluation.report import Neighbours, write_report
from shelfspace.fitting import FITS, fit_tasks, measured
from shelfspace.making import space_of_events, space_of_listings
from shelfspace.plan import Plan, filled
from shelfspace.ruling.rules import FILE, Rules
from shelfspace.shop.check import Check, write_page
from shelfspace.shop.reading import read_shop, require_trainable
from shelfspace.shop.schema import TABLES
from shelfspace.shop.sections import folder_config
from shelfspace.shop.shop import Shop
from shelfspace.space import Space
from shelfspace.tasks.ruled import check_rules

Source = str | Path | Mapping[str, Any]


def check(
    config: Source | None = None, *, sets: Sequence[str] = (), out: str | Path | None = None, **frames: Any
) -> Check:
    """Read a shop once and say what is there, what is dropped and why.

    Args:
        config: a settings file, a folder with the standard names, or the settings as a mapping.
        sets: `section.key=value`, read after the file.
        out: a folder for `check.html`, `check.json` and `quarantine.parquet`; nothing is written where None.
        frames: tables of the contract as data frames: `events=`, `items=`, `users=` …

    Raises:
        InputError: a setting, a file or a column is not what it must be.
        DirtyDataError: more rows are unusable than `clean.max_dropped` allows.

    Example:
        >>> check("shop.toml", out="check").to_json()["events"]  # doctest: +SKIP
    """
    plan = Plan.of(loaded(config, sets, frames))
    return read(plan, frames, Path(out) if out is not None else None).check


def train(
    config: Source | None = None,
    *,
    sets: Sequence[str] = (),
    out: str | Path = "runs/shop",
    strict: bool = False,
    resume: bool = False,
    start: str | Path | None = None,
    same_shop: bool = False,
    told: Told | None = None,
    **frames: Any,
) -> Space:
    """Read a shop, choose settings on validation, measure once on test, fit on everything, and write a run folder.

    Args:
        config: a settings file, a folder with the standard names, or the settings as a mapping.
        sets: `section.key=value`, read after the file.
        out: the run folder. A space that is already there stays current until the new one is whole.
        strict: raise GateError, and leave the old space current, when the new one is worse than the best baseline.
        resume: go on with a run that was stopped: searches that were finished are not made again.
        start: a run folder whose towers these begin from: words, categories and how fields are fused are carried
            over, ids are not.
        same_shop: that run is of this shop: what has an id there keeps its vector, and moves little.
        told: progress: what is being done, how much is done, how much there is.
        frames: tables of the contract as data frames: `events=`, `items=`, `users=` …

    Returns:
        The space, refitted on all events with the settings chosen.

    Raises:
        InputError: a setting, a file, a column or the shop as a whole is not what it must be.
        JobError: more rows are unusable than allowed, or `strict` and the gate says worse.

    Example:
        >>> import shelfspace as ss  # doctest: +SKIP
        >>> space = ss.train(events=orders, items=products, out="runs/shop")  # doctest: +SKIP
    """
    table, out = loaded(config, sets, frames), Path(out)
    plan = Plan.of(table)
    checkpoint = _checkpoint(out, table, resume=resume)
    shop = read(plan, frames, out, told)
    require_trainable(shop)
    rules = plan.rules or (Rules.read(out / FILE) if (out / FILE).is_file() else Rules())
    check_rules(rules, shop.catalogue, shop.history.clock)  # now, not when all is trained
    if "events" not in table:
        if start is not None:
            raise ConfigError("a shop of listings alone begins anew: leave out the run to start from")
        shutil.rmtree(checkpoint)
        return _of_listings(plan, shop, out, told)
    tasks = fit_tasks(plan, shop, told)  # first, since what they lack is told in seconds
    models = models_of(
        plan, shop, told, start=Path(start) if start is not None else None, same_shop=same_shop, out=out
    )
    chosen, gate = decided(plan, shop, models, told, checkpoint)
    gate = replace(gate, metrics=gate.metrics | measured(tasks))
    refused = strict and gate.verdict == "worse"
    space = None if refused else replace(space_of_events(plan, shop, models, chosen, told), tasks=tasks)
    gate.write(out)
    write_card(out / "card.md", gate.metrics, _counts(shop), chosen)
    _report(out / "report.html", gate, shop, chosen, space)
    if space is None:
        raise GateError(gate.text)
    (out / "config.toml").write_text(tomlkit.dumps(filled(plan, chosen, shop)), "utf-8")
    _keep_rules(table, out)
    space.save(out)
    shutil.rmtree(checkpoint)
    return Space.open(out)


def fit(
    run: str | Path,
    task: str,
    *,
    sets: Sequence[str] = (),
    told: Told | None = None,
    **frames: Any,
) -> Space:
    """Fit a task of a run anew, on the run's data, and make that its current space; the rest of it stays as it is.

    Args:
        run: a run folder.
        task: one of `shelfspace.fitting.FITS`.
        sets: `section.key=value`, read after the run's settings, such as `matches.path=reviewed.csv`.
        told: progress.
        frames: the tables, where the run was trained from data frames.

    Raises:
        ConfigError: the task is unknown, or a setting is not what it must be.
        SpaceError: the folder holds no finished run, or the data have other items than the space.

    Example:
        >>> space = ss.fit("runs/shop", "match")  # doctest: +SKIP
    """
    if task not in FITS:
        raise ConfigError(f"nothing is fitted for {task!r}{did_you_mean(task, FITS)}; known: {list(FITS)}")
    space, table = Space.open(run), _settings_of_run(run, sets)
    if table.get(task, False) is False:
        table[task] = {}
    plan = Plan.of(table)
    shop = read(plan, frames, None, told)
    if not shop.catalogue.ids.array.equals(space.catalogue.ids.array):
        raise SpaceError(f"the items are not those of the space in {run} any more: train it again")
    space = replace(space, tasks=dict(space.tasks) | fit_tasks(plan, shop, told, only=[task]))
    file = Path(run) / "metrics.json"
    metrics = json.loads(file.read_text("utf-8")) | measured(space.tasks)
    file.write_text(json.dumps(metrics, ensure_ascii=False, indent=1), "utf-8")
    (Path(run) / "config.toml").write_text(tomlkit.dumps(table), "utf-8")
    space.save(run)
    return Space.open(run)


def evaluate(
    run: str | Path,
    *,
    protocol: str | None = None,
    sets: Sequence[str] = (),
    out: str | Path | None = None,
    told: Told | None = None,
    **frames: Any,
) -> Gate:
    """Measure a run's models again on its data, with the settings it chose; the blend is weighed for the protocol.

    Args:
        run: a run folder.
        protocol: another than the run's own; see `shelfspace.shop.splits.PROTOCOLS`.
        sets: `section.key=value`, read after the run's settings; `training.seed=1` draws other items or users.
        out: a folder for `metrics.json` and `per_user.parquet`; nothing is written where None.
        told: progress.
        frames: the tables, where the run was trained from data frames.

    Raises:
        SpaceError: the run has no settings.
        InputError: the data or a setting is not what it must be.
    """
    chosen_protocol = [f"evaluation.protocol={protocol}"] if protocol else []
    plan = Plan.of(_settings_of_run(run, [*sets, *chosen_protocol]))
    if "events" not in plan.table:
        raise ConfigError(
            f"{run} was made from listings alone: there are no events to measure with; "
            f"`shelfspace fit {run} match` measures matching"
        )
    shop = read(plan, frames, None, told)
    require_trainable(shop)
    _, gate = decided(plan, shop, models_of(plan, shop, told), told, None)
    if out is not None:
        Path(out).mkdir(parents=True, exist_ok=True)
        gate.write(Path(out))
    return gate


def loaded(config: Source | None, sets: Sequence[str], frames: Mapping[str, Any]) -> settings.Table:
    """Read the settings; a folder is read for its standard names, data frames need no path."""
    if config is None and not frames:
        raise ConfigError(
            "there is nothing to read: give a settings file, a folder, or events= as a data frame"
        )
    if isinstance(config, str | Path) and Path(config).is_dir():
        config = folder_config(config)
    given = settings.load(config if config is not None else {}, sets=sets)
    for name in frames:
        settings.refuse_unknown({name: None}, list(TABLES))
        given.setdefault(name, {})
    if "items" not in given and "events" in given:
        given["items"] = {"from": "events"}
    return given


def _settings_of_run(run: str | Path, sets: Sequence[str]) -> settings.Table:
    file = Path(run) / "config.toml"
    if not file.is_file():
        raise SpaceError(f"{run} holds no finished run: {file.name} is missing")
    return settings.load(file, sets=sets)


def _of_listings(plan: Plan, shop: Shop, out: Path, told: Told | None) -> Space:
    """Make and write the space of a shop without events."""
    space, metrics = space_of_listings(plan, shop, told)
    (out / "metrics.json").write_text(json.dumps(metrics, ensure_ascii=False, indent=1), "utf-8")
    saved = {name: section for name, section in plan.table.items() if name != "rules"}
    (out / "config.toml").write_text(tomlkit.dumps(saved), "utf-8")
    write_listings_card(out / "card.md", metrics, {"items": len(shop.catalogue)})
    _keep_rules(plan.table, out)
    space.save(out)
    return Space.open(out)


def _keep_rules(table: settings.Table, out: Path) -> None:
    """Copy the rules that the settings name into the run; without a section those that are there stay."""
    rules = table.get("rules")
    if rules is not None:
        text = Path(rules["path"]).read_text("utf-8") if "path" in rules else tomlkit.dumps(rules)
        disk.replace(out / FILE, text)


def read(plan: Plan, frames: Mapping[str, Any], out: Path | None, told: Told | None = None) -> Shop:
    """Read the shop, and write what was found in it where there is a run folder."""
    if told is not None:
        told("reading the shop", 0, 1)
    quarantine = None
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        quarantine = out / "quarantine.parquet"
    shop = read_shop(plan.table, frames=frames, quarantine=quarantine)
    if out is not None:
        (out / "check.json").write_text(
            json.dumps(shop.check.to_json(), ensure_ascii=False, indent=1), "utf-8"
        )
        write_page(shop.check, out / "check.html")
    return shop


def _report(path: Path, gate: Gate, shop: Shop, chosen: Chosen, space: Space | None) -> None:
    """Write the report; without a space (it was refused) there are no neighbours and no map."""
    neighbours = []
    if space is not None:
        taken = np.bincount(space.history.item, minlength=len(shop.catalogue))
        ranks = np.unique(np.geomspace(1, max(1, (taken > 0).sum()), 8).astype(np.int64) - 1)
        for text in shop.catalogue.ids.texts(np.argsort(-taken, kind="stable")[ranks]):
            near = [(hit.title, hit.score) for hit in space.similar(text, k=6)]
            neighbours.append(Neighbours(space.titles[shop.catalogue.ids.row(text)], near))
    write_report(
        path,
        metrics=gate.metrics,
        searches={name: search.to_json() for name, search in chosen.searches.items() if search.trials},
        neighbours=neighbours,
        vectors=space.vectors if space is not None else None,
        labels=_broadest(shop),
        card={name: f"{value:,}" for name, value in _counts(shop).items()},
    )


def _broadest(shop: Shop) -> list[str | None] | None:
    """Return the broadest category of each item, where the shop has any."""
    paths = shop.catalogue.column("category")
    return None if paths is None else [path[0] if path else None for path in paths.to_pylist()]


def _counts(shop: Shop) -> dict[str, int]:
    return {
        "events": shop.history.num_events,
        "users": len(shop.users),
        "anonymous baskets or sessions": shop.history.num_users - len(shop.users),
        "items": len(shop.catalogue),
    }


def _checkpoint(out: Path, table: settings.Table, *, resume: bool) -> Path:
    """Return the folder of finished searches; empty, unless a stopped run of the same settings is gone on with."""
    folder, said = out / "checkpoints", json.dumps(table, sort_keys=True, default=str)
    file = folder / "settings.json"
    if resume and file.is_file():
        before = json.loads(file.read_text("utf-8"))
        changed = differing(before, json.loads(said))
        if changed:
            raise ConfigError(f"--resume: {', '.join(changed)} differ from the run that was stopped in {out}")
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    file.write_text(said, "utf-8")
    return folder


def differing(one: Any, other: Any, path: str = "") -> list[str]:
    """Return the paths of the settings in which two tables differ."""
    if isinstance(one, dict) and isinstance(other, dict):
        keys = sorted(one.keys() | other.keys())
        return [d for k in keys for d in differing(one.get(k), other.get(k), f"{path}.{k}" if path else k)]
    return [] if one == other else [path]
