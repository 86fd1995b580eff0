"""A run of shoppers with friends and profiles."""

from pathlib import Path

import pytest

import shelfspace as ss
from tests.people import crowd


@pytest.fixture(scope="session")
def crowd_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of the crowd, with `people` and `newcomers`; not to be changed."""
    folder = tmp_path_factory.mktemp("crowd")
    ss.train(crowd.settings(people={}, newcomers={"hidden": 0.3}), out=folder / "run", **crowd.tables())
    return folder / "run"
