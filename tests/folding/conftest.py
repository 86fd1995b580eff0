"""One run in which every task learnt something."""

from pathlib import Path

import pytest

from tests.folding import shops


@pytest.fixture(scope="session")
def whole_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run of `shops`; not to be changed."""
    return shops.trained(tmp_path_factory.mktemp("whole") / "run")
