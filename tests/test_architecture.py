"""The rooms of the house, and what may stand in them."""

import ast
import importlib
import re
import subprocess
import sys
from pathlib import Path

import shelfspace

PACKAGE = Path(shelfspace.__file__).parent
REPOSITORY = PACKAGE.parent


def test_a_room_imports_only_from_the_rooms_above_it():
    command = [
        sys.executable,
        "-c",
        "from importlinter.cli import lint_imports_command as c; c()",
        "--no-cache",
    ]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_room_is_missing_from_the_contract():
    contract = (REPOSITORY / "pyproject.toml").read_text("utf-8")
    for entry in PACKAGE.iterdir():
        if (entry.suffix == ".py" or (entry / "__init__.py").is_file()) and entry.stem != "__init__":
            assert re.search(rf"[\" ]shelfspace\.{entry.stem}[\" ]", contract), entry.stem


def test_there_is_no_drawer_for_odds_and_ends():
    names = {p.stem for p in PACKAGE.rglob("*.py")} | {p.name for p in PACKAGE.rglob("*") if p.is_dir()}
    assert not names & {"utils", "util", "helpers", "common", "core", "base", "misc"}


def test_nothing_is_pickled_and_nothing_passes_in_silence():
    for path in PACKAGE.rglob("*.py"):
        text = path.read_text("utf-8")
        assert not re.search(r"import (pickle|joblib)|from (pickle|joblib)|allow_pickle=True", text), path
        assert not re.search(r"except( Exception)?:\s*(pass|\.\.\.)", text), path


def test_what_benchmarks_take_from_the_package_is_there():
    for path in (REPOSITORY / "benchmarks").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("shelfspace"):
                module = importlib.import_module(node.module)
                missing = [name.name for name in node.names if not hasattr(module, name.name)]
                assert not missing, (path.name, node.module, missing)
