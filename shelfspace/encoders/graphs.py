"""Modules as ONNX graphs, which run without torch."""

import logging
import warnings
from typing import Any

import torch
from torch import nn


def onnx_of(graph: nn.Module, given: tuple[Any, ...], names: list[str], shapes: tuple[Any, ...]) -> bytes:
    """Return a module as ONNX: its inputs by name, and one output, `vectors`."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)  # it tells of packages that are not needed
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            graph.eval(),
            given,
            input_names=names,
            output_names=["vectors"],
            dynamic_shapes=shapes,
            dynamo=True,
            verbose=False,
        )
    logger.setLevel(level)
    assert program is not None
    graph_bytes: bytes = program.model_proto.SerializeToString()
    return graph_bytes
