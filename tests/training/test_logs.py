import importlib
from types import SimpleNamespace

import pytest

from shelfspace.errors import MissingExtraError
from shelfspace.training.logs import LOGS
from tests.learning.tastes import learn

MODULES = {"tensorboard": "torch.utils.tensorboard", "mlflow": "mlflow"}


class Written:
    """Stands for TensorBoard's module and for MLflow's, and keeps what it is told."""

    def __init__(self):
        self.figures, self.flushed, self.folder = [], 0, None

    def SummaryWriter(self, folder):  # noqa: N802
        self.folder = folder
        return SimpleNamespace(add_scalar=self.scalar, flush=self.flush)

    def scalar(self, name, value, step):
        self.figures.append((step, name, value))

    def flush(self):
        self.flushed += 1

    def log_metrics(self, figures, step):
        self.figures += [(step, name, value) for name, value in figures.items()]


@pytest.fixture
def replaced(monkeypatch):
    """What a name imports, or that nothing of that name is installed."""

    def replace(module, by):
        real = importlib.import_module

        def found(name, package=None):
            if name != module:
                return real(name, package)
            if by is None:
                raise ModuleNotFoundError(name=name)
            return by

        monkeypatch.setattr(importlib, "import_module", found)

    return replace


@pytest.mark.parametrize("name", LOGS)
def test_what_is_missing_is_named_with_the_line_that_installs_it(name, replaced, tmp_path):
    replaced(MODULES[name], None)
    with pytest.raises(
        MissingExtraError, match=f"{name} is not installed; install it with: pip install {name}"
    ):
        LOGS[name](tmp_path)


@pytest.mark.parametrize("name", LOGS)
def test_figures_are_written_by_step(name, replaced, tmp_path):
    written = Written()
    replaced(MODULES[name], written)
    log = LOGS[name](tmp_path)
    log.write(10, {"loss": 0.5, "value": 0.1})
    log.write(20, {"loss": 0.25})
    assert written.figures == [(10, "loss", 0.5), (10, "value", 0.1), (20, "loss", 0.25)]
    if name == "tensorboard":
        assert (written.flushed, written.folder) == (2, str(tmp_path))


@pytest.mark.parametrize("name", LOGS)
def test_training_writes_an_entry_an_epoch(name, replaced, tmp_path):
    written = Written()
    replaced(MODULES[name], written)
    log, values = LOGS[name](tmp_path), iter([0.2, 0.3, 0.1])
    learn(given={"logs": (log,), "value": lambda _: next(values)}, loop={"epochs": 3, "epoch_steps": 2})
    assert [(step, figure) for step, figure, _ in written.figures] == [
        (step, figure) for step in (2, 4, 6) for figure in ("loss", "value")
    ]
    assert [v for _, figure, v in written.figures if figure == "value"] == [0.2, 0.3, 0.1]
