"""Fixtures that every test may use."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

for name in (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
):  # the workers share the cores
    os.environ.setdefault(name, "1")

import hypothesis
import numpy as np
import numpy.typing as npt
import pytest

import shelfspace

hypothesis.settings.register_profile("fixed", derandomize=True, deadline=None)
hypothesis.settings.load_profile("fixed")

REPOSITORY = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of real data; a test that needs it is skipped where it is absent."""
    folder = Path(os.environ.get("SHELFSPACE_DATA", REPOSITORY.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder}; set SHELFSPACE_DATA to its folder")
    return folder


@pytest.fixture(scope="session")
def open_folder() -> Iterator[Path]:
    """Give a folder that others may enter: under root, PostgreSQL runs as another user, to whom pytest's are closed."""
    with tempfile.TemporaryDirectory(prefix="shelfspace-") as folder, pytest.MonkeyPatch.context() as patch:
        Path(folder).chmod(0o755)
        (Path(folder) / "run").mkdir(mode=0o700)
        patch.setenv("XDG_RUNTIME_DIR", f"{folder}/run")
        yield Path(folder)


def write_small_shop(folder: Path, *, seed: int = 0) -> Path:
    """Write a shop with odd column names: 120 items in 6 tastes, 400 shoppers, some dirt; return its settings file."""
    rng = np.random.default_rng(seed)
    words = ["鞋 leather boot", "wool scarf", "coffee bean", "desk lamp", "garden rake", "tea cup"]
    items = [f"sku-{n:03}" for n in range(120)]
    taste_of_item = np.arange(120) % 6
    lines = ["Bon;Kunde;Artikel;Zeit;Menge;Preis"]
    start = np.datetime64("2024-01-01T08:00")
    for n in range(1600):
        user = int(rng.integers(400))
        when = start + np.timedelta64(int(rng.integers(300 * 24 * 60)), "m")
        fitting = np.flatnonzero(taste_of_item == user % 6)
        size = int(rng.integers(1, 5))
        chosen = rng.choice(fitting, size, replace=False, p=_zipf(len(fitting)))
        lines += [f"B{n};user-{user};{items[item]};{when};1;{5 + item % 30}" for item in chosen]
    lines += [f"C{n};user-1;sku-001;2024-05-01T10:00;-1;6" for n in range(3)]
    lines += ["B1;user-1;sku-001;yesterday;1;6", "B2;user-1;;2024-05-01T10:00;1;6"]
    (folder / "umsatz.csv").write_text("\n".join(lines) + "\n", "utf-8")
    catalogue = ["Artikel,Bezeichnung,Preis,Gruppe"]
    catalogue += [
        f"{i},{words[taste_of_item[n]]} model {n},{5 + n % 30},{words[taste_of_item[n]].split()[-1]}"
        for n, i in enumerate(items)
    ]
    catalogue.append("sku-new,leather boot just arrived,12,boot")
    (folder / "artikel.csv").write_text("\n".join(catalogue) + "\n", "utf-8")
    settings = folder / "laden.toml"
    settings.write_text(SMALL_SHOP, "utf-8")
    return settings


def _zipf(size: int) -> npt.NDArray[np.float64]:
    weights = 1 / np.arange(1, size + 1)
    return weights / weights.sum()


SMALL_SHOP = """
[events]
path = "umsatz.csv"
user_id = "Kunde"
item_id = "Artikel"
basket_id = "Bon"
timestamp = "Zeit"
quantity = "Menge"
price = "Preis"

[items]
path = "artikel.csv"
item_id = "Artikel"
title = "Bezeichnung"
price = "Preis"
category = "Gruppe"

[training]
max_trials = 2
epochs = 2
epoch_steps = 10
"""


@pytest.fixture
def small_shop(tmp_path: Path) -> Path:
    """A settings file of a small shop of one's own."""
    return write_small_shop(tmp_path)


@pytest.fixture(scope="session")
def small_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of the small shop; not to be changed."""
    folder = tmp_path_factory.mktemp("small")
    run = folder / "run"
    shelfspace.train(write_small_shop(folder), out=run)
    return run
