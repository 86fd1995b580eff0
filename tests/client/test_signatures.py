"""Each task has a method, and its signature is the task's; nothing heavy is loaded for it."""

import ast
import asyncio
import inspect
import subprocess
import sys
from pathlib import Path
from typing import get_type_hints

import pytest

import shelfspace.client
from shelfspace.client import AsyncClient, Client, asking, writing
from shelfspace.doors import fields
from shelfspace.tasks import TASKS

PATHS = {"against"}
"""Arguments that name a file of the service's machine: no request says them."""


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("kind", [Client, AsyncClient])
def test_a_method_has_the_names_types_and_defaults_of_its_task(task, kind):
    method = inspect.signature(getattr(kind("http://x"), task))
    wanted = {f.name: f for f in fields(TASKS[task].ask) if f.name not in PATHS}
    assert list(method.parameters) == list(wanted)
    hints = get_type_hints(getattr(asking, task))
    for name, parameter in method.parameters.items():
        assert parameter.default == wanted[name].default, name
        assert (parameter.kind is not parameter.KEYWORD_ONLY) == wanted[name].is_subject, name
        if name == "photo":
            continue
        assert _said(hints[name]) == _said(wanted[name].annotation), name
    shape = get_type_hints(TASKS[task].ask)["return"].__name__
    assert method.return_annotation.__name__ == shape


def _said(hint: object) -> str:
    return str(hint).replace("shelfspace.client.writes.", "").replace("shelfspace.tasks.pasts.", "")


def test_both_clients_have_the_same_methods_and_every_request_has_one():
    def public(kind):
        return {name for name in vars(kind) if not name.startswith("_")}

    assert public(Client) == public(AsyncClient)
    made = {
        name
        for module in (asking, writing)
        for name, one in vars(module).items()
        if inspect.isfunction(one) and one.__module__ == module.__name__ and not name.startswith("_")
    }
    assert made - {"events"} <= public(Client)
    for name in made - {"events", "impressions"}:
        one, other = getattr(Client, name), getattr(AsyncClient, name)
        assert inspect.signature(one) == inspect.signature(other)
        assert one.__doc__ == other.__doc__
        assert one.__doc__
        assert asyncio.iscoroutinefunction(other)


def test_the_face_is_sorted():
    assert shelfspace.client.__all__ == sorted(shelfspace.client.__all__)
    assert all(hasattr(shelfspace.client, name) for name in shelfspace.client.__all__)


def test_nothing_heavy_is_loaded():
    code = (
        "import sys, shelfspace.client; "
        "print([m for m in ('numpy', 'pyarrow', 'torch', 'fastapi', 'pydantic', 'scipy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_it_knows_no_other_room_but_the_errors():
    for path in Path(shelfspace.client.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("shelfspace"):
                assert node.module == "shelfspace.errors" or node.module.startswith("shelfspace.client")
