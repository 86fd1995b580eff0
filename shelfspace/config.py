"""A run's settings: a recipe, a TOML file over it, `--set` last; and the way from a section to a part.

A part is a class whose keyword-only arguments are its section of the file. What is tuned says so in its
own signature: `regularisation: Annotated[float, Range(1, 1e4, log=True)] = 100.0`.
"""

import hashlib
import importlib
import inspect
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, get_type_hints

import pydantic

from shelfspace.errors import ConfigError, MissingExtraError, did_you_mean

Table = dict[str, Any]


@dataclass(frozen=True)
class Range:
    """Where a search for a number looks; whole numbers where both ends are whole."""

    low: float
    high: float
    log: bool = False


@dataclass(frozen=True)
class Choice:
    """The values that a search tries."""

    values: tuple[Any, ...]


Search = Range | Choice


def search_space(part: type) -> dict[str, Search]:
    """Return the settings of a part that validation may choose, with where to look."""
    hints = _hints(part)
    found = {}
    for name in _settings(part):
        marks = [m for m in getattr(hints.get(name), "__metadata__", ()) if isinstance(m, Range | Choice)]
        if marks:
            found[name] = marks[0]
    return found


def build(table: Mapping[str, type], section: Mapping[str, Any], *given: Any, path: str) -> Any:
    """Build the part that `section["use"]` names from the rest of the section.

    Args:
        table: the names of the known parts; `their_package.module:Name` reaches a stranger's.
        section: settings as read from the file.
        given: what the program passes, positionally.
        path: where the section stands in the file, for messages: `linear.ease`.

    Raises:
        ConfigError: an unknown name, an unknown setting, or a value of the wrong type.
    """
    settings = dict(section)
    name = settings.pop("use", None)
    if not isinstance(name, str):
        raise ConfigError(f"[{path}] needs use = one of {sorted(table)}")
    part = _stranger(name, path) if ":" in name else table.get(name)
    if part is None:
        raise ConfigError(
            f"[{path}] use = {name!r} is unknown{did_you_mean(name, table)}; known: {sorted(table)}"
        )
    return part(*given, **checked(part, settings, path))


def checked(part: type, settings: Mapping[str, Any], path: str) -> Table:
    """Return the settings, each of the type that the part's signature gives it.

    Raises:
        ConfigError: naming the key, with the nearest spelling or the type that was wanted.
    """
    parameters, hints = _settings(part), _hints(part)
    good: Table = {}
    for key, value in settings.items():
        if key not in parameters:
            raise ConfigError(
                f"[{path}] has no setting {key!r}{did_you_mean(key, parameters)}; known: {sorted(parameters)}"
            )
        try:
            good[key] = pydantic.TypeAdapter(hints[key]).validate_python(
                value, strict=not isinstance(value, list)
            )
        except pydantic.ValidationError as problem:
            first = problem.errors()[0]
            raise ConfigError(f"[{path}] {key} = {value!r}: {first['msg'].lower()}") from None
    missing = [k for k, p in parameters.items() if p.default is inspect.Parameter.empty and k not in good]
    if missing:
        raise ConfigError(f"[{path}] needs {missing[0]!r}")
    return good


def extra(module: str, package: str, install: str) -> Any:
    """Import a module of ours that needs an optional package.

    Raises:
        MissingExtraError: the package is not installed; it names the line that installs it.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as problem:
        if problem.name is None or problem.name.partition(".")[0] == "shelfspace":
            raise
        raise MissingExtraError(package, install) from None


def settings_of(part: object) -> Table:
    """Return the settings that a part was built with; a part keeps each under its own name."""
    return {name: getattr(part, name) for name in _settings(type(part))}


def recipes() -> dict[str, str]:
    """Return the recipes that come with shelfspace: name and the first line of what each says it is."""
    folder = resources.files("shelfspace") / "recipes"
    files = sorted((f for f in folder.iterdir() if f.name.endswith(".toml")), key=lambda f: f.name)
    return {f.name.removesuffix(".toml"): f.read_text("utf-8").splitlines()[0].lstrip("# ") for f in files}


def recipe(name: str) -> Table:
    """Return what a recipe says."""
    return tomllib.loads((resources.files("shelfspace") / "recipes" / f"{name}.toml").read_text("utf-8"))


def load(source: str | Path | Mapping[str, Any], *, sets: Sequence[str] = ()) -> Table:
    """Read a run's settings: the recipe first, the file over it, `sets` (`a.b=value`) last.

    Paths inside a file are relative to it; they are made absolute here, so that nothing later depends on
    where the file was.

    Raises:
        ConfigError: the file is missing or is not TOML, a recipe is unknown, or a `set` cannot be read.
    """
    table = _read(Path(source)) if isinstance(source, str | Path) else _copied(source)
    for text in sets:
        _apply(table, text)
    name = table.get("recipe", {}).get("use", "shop")
    if name not in recipes():
        raise ConfigError(
            f"[recipe] use = {name!r} is unknown{did_you_mean(str(name), recipes())}; known: {sorted(recipes())}"
        )
    return merged(recipe(name), table | {"recipe": {"use": name}})


WHATEVER_IS_USED = {"user": ("length", "age")}
"""Settings of a section that are not those of the part it names."""


def merged(under: Mapping[str, Any], over: Mapping[str, Any]) -> Table:
    """Return `over` laid on `under`, section by section.

    Where a section names another part with `use`, what stood below was said of the other one and is left out.
    """
    result = _copied(under)
    for key, value in over.items():
        old = result.get(key)
        if isinstance(value, Mapping) and isinstance(old, Mapping):
            another = "use" in old and value.get("use", old["use"]) != old["use"]
            kept = {k: v for k, v in old.items() if k in WHATEVER_IS_USED.get(key, ())} if another else old
            result[key] = merged(kept, value)
        elif isinstance(value, Mapping) and isinstance(old, list) and value:
            for name, inside in value.items():  # `objectives.0`, from --set
                at = _number(old, name, f"{key}.{name}")
                old[at] = merged(old[at], inside) if isinstance(inside, Mapping) else inside
        else:
            result[key] = _copy(value)
    return result


def put(table: Table, path: str, value: Any) -> None:
    """Set what a dotted path leads to, `objectives.0.temperature`; sections that are not there are made.

    Raises:
        ConfigError: the path leads through a value, or to a number that a list has not.
    """
    *folders, last = path.split(".")
    at: Any = table
    for name in folders:
        at = at[_number(at, name, path)] if isinstance(at, list) else at.setdefault(name, {})
        if not isinstance(at, dict | list):
            raise ConfigError(f"{path}: {name!r} is a value, not a section")
    at[_number(at, last, path) if isinstance(at, list) else last] = value


def get(table: Mapping[str, Any], path: str) -> Any:
    """Return what a dotted path leads to, None where it leads nowhere."""
    at: Any = table
    for name in path.split("."):
        if isinstance(at, list) and name.isdecimal() and int(name) < len(at):
            at = at[int(name)]
        elif isinstance(at, Mapping) and name in at:
            at = at[name]
        else:
            return None
    return at


def parsed(text: str) -> Any:
    """Return a value as `--set` reads it: as TOML writes it, else as text."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text.strip()


def digest(text: str) -> str:
    """Return a short name of a text, the same on every machine."""
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def refuse_unknown(given: Mapping[str, Any], known: Sequence[str], path: str = "") -> None:
    """Raise ConfigError for the first section or key that nothing reads."""
    for key in given:
        if key not in known:
            where = f"[{path}] has no setting" if path else "there is no section"
            raise ConfigError(f"{where} {key!r}{did_you_mean(key, known)}; known: {sorted(known)}")


def seconds(text: str, path: str) -> float:
    """Return a span such as `90s`, `3m`, `1.5h` or `2d` in seconds."""
    units = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
    try:
        value = float(text[:-1]) * units[text[-1]]
    except (ValueError, KeyError, IndexError, TypeError):
        value = -1.0
    if not 0 < value < float("inf"):
        raise ConfigError(f"{path} = {text!r} is not a span of time; write it as 90s, 3m or 1.5h")
    return value


def _settings(part: type) -> dict[str, inspect.Parameter]:
    parameters = inspect.signature(part).parameters.values()
    return {p.name: p for p in parameters if p.kind is inspect.Parameter.KEYWORD_ONLY}


def _hints(part: type) -> dict[str, Any]:
    """Return the types of a constructor's arguments, with what is said beside them in `Annotated`."""
    return get_type_hints(vars(part).get("__init__", part), include_extras=True)


def _stranger(name: str, path: str) -> type:
    module, _, attribute = name.partition(":")
    try:
        found = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as problem:
        raise ConfigError(f"[{path}] use = {name!r} cannot be imported: {problem}") from None
    if not isinstance(found, type):
        raise ConfigError(f"[{path}] use = {name!r} is not a class")
    return found


def _read(path: Path) -> Table:
    if not path.is_file():
        near = [p.name for p in path.parent.glob("*.toml")] if path.parent.is_dir() else []
        raise ConfigError(f"no settings file at {path}{did_you_mean(path.name, near)}")
    try:
        table = tomllib.loads(path.read_text("utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        raise ConfigError(f"{path} is not readable as TOML: {problem}") from None
    return _absolute(table, path.resolve().parent)


_PATHS = ("path", "test", "folder", "synonyms", "other_run")
"""Settings that name a file or a folder, relative to the file that says them."""


def _absolute(section: Table, folder: Path) -> Table:
    def fix(key: str, value: Any) -> Any:
        if isinstance(value, dict):
            return _absolute(value, folder)
        if key in _PATHS and isinstance(value, str) and value and "://" not in value:
            return str(folder / Path(value).expanduser())
        return value

    return {key: fix(key, value) for key, value in section.items()}


def _apply(table: Table, text: str) -> None:
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise ConfigError(f"--set {text!r} is not of the form section.key=value")
    try:
        put(table, key.strip(), parsed(value))
    except ConfigError as problem:
        raise ConfigError(f"--set {text!r}: {problem}") from None


def _number(several: list[Any], name: str, path: str) -> int:
    """Return the place in a list that a part of a path names, from 0."""
    if not name.isdecimal() or int(name) >= len(several):
        raise ConfigError(
            f"{path}: {name!r} is not one of the {len(several)} that there are, numbered from 0"
        )
    return int(name)


def _copied(section: Mapping[str, Any]) -> Table:
    return {key: _copy(value) for key, value in section.items()}


def _copy(value: Any) -> Any:
    if isinstance(value, Mapping):
        return _copied(value)
    return [_copy(each) for each in value] if isinstance(value, list) else value
