"""The examples of the pages on the client run against a service."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]


@pytest.mark.parametrize("name", ["client", "client_bulk", "client_async", "variants"])
def test_an_example_runs(running, tmp_path, name):
    done = subprocess.run(
        [sys.executable, REPOSITORY / "docs" / "examples" / f"{name}.py"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(REPOSITORY), "SHELFSPACE_URL": running.url},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout
