"""Where the curve is written beside the run folder: TensorBoard, MLflow, where they are installed."""

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from shelfspace.errors import MissingExtraError


class Log(Protocol):
    """Takes figures of a step."""

    def write(self, step: int, figures: Mapping[str, float]) -> None:
        """Write them down."""
        ...


class TensorBoard:
    """Writes to `folder`; look with `tensorboard --logdir`.

    Raises:
        MissingExtraError: tensorboard is not installed.
    """

    def __init__(self, folder: Path) -> None:
        try:
            writing: Any = importlib.import_module("torch.utils.tensorboard")
        except ImportError:
            raise MissingExtraError("tensorboard", "tensorboard") from None
        self.writer = writing.SummaryWriter(str(folder))

    def write(self, step: int, figures: Mapping[str, float]) -> None:
        """Write each figure as a scalar."""
        for name, value in figures.items():
            self.writer.add_scalar(name, value, step)
        self.writer.flush()


class MLflow:
    """Writes to the active run of MLflow, or to a new one, wherever MLflow is told to keep them.

    Raises:
        MissingExtraError: mlflow is not installed.
    """

    def __init__(self, folder: Path) -> None:
        try:
            self.mlflow: Any = importlib.import_module("mlflow")
        except ImportError:
            raise MissingExtraError("mlflow", "mlflow") from None

    def write(self, step: int, figures: Mapping[str, float]) -> None:
        """Write the figures of a step."""
        self.mlflow.log_metrics(dict(figures), step=step)


LOGS: dict[str, type] = {"tensorboard": TensorBoard, "mlflow": MLflow}
