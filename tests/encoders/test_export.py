"""All that serving runs, exported once as one graph: an export takes a second or two."""

import io

import numpy as np
import onnxruntime
import pytest
import torch
from torch import nn

from shelfspace.encoders.fusion import FUSIONS
from shelfspace.encoders.history import HISTORIES
from shelfspace.encoders.modules import BagEncoder, DenseEncoder
from tests.contracts.encoder_contract import stirred

F, K, D = 3, 4, 8
SETTINGS = {"attention": {"num_heads": 2}}


class Everything(nn.Module):
    """Each part's output, in the order of `names`."""

    def __init__(self):
        super().__init__()
        self.fusions = nn.ModuleDict({n: part(F, D, **SETTINGS.get(n, {})) for n, part in FUSIONS.items()})
        self.histories = nn.ModuleDict(
            {n: part(D, 3, **SETTINGS.get(n, {})) for n, part in HISTORIES.items()}
        )
        self.bags = nn.ModuleDict({"wide": BagEncoder(9, D), "narrow": BagEncoder(9, D, width=3)})
        self.dense = nn.ModuleDict({"flat": DenseEncoder(K, D), "deep": DenseEncoder(K, D, hidden=5)})
        parts = {"fusion": self.fusions, "history": self.histories, "bag": self.bags, "dense": self.dense}
        self.names = [f"{kind}_{name}" for kind, some in parts.items() for name in some]

    def forward(self, fields, present, items, age, mask, kind, index, weight, values):
        return (
            *(part(fields, present) for part in self.fusions.values()),
            *(part(items, age, mask, kind) for part in self.histories.values()),
            *(part.padded(index, weight) for part in self.bags.values()),
            *(part(values) for part in self.dense.values()),
        )


def inputs(size, length, num_features, *, seed=0):
    source = torch.Generator().manual_seed(seed)

    def some(*shape):
        return torch.randn(shape, generator=source)

    return {
        "fields": some(size, F, D),
        "present": some(size, F) > 0,
        "items": some(size, length, D),
        "age": some(size, length).abs() * 50,
        "mask": some(size, length) > 0,
        "kind": torch.randint(3, (size, length), generator=source),
        "index": torch.randint(9, (size, num_features), generator=source),
        "weight": some(size, num_features),
        "values": some(size, K),
    }


@pytest.fixture(scope="module")
def exported():
    module = stirred(Everything()).float().eval()
    rows, times, features = (torch.export.Dim(name) for name in ("rows", "times", "features"))
    wide = {"items": times, "age": times, "mask": times, "kind": times, "index": features, "weight": features}
    given = inputs(3, 5, 4)
    program = torch.onnx.export(
        module,
        kwargs=given,
        input_names=list(given),
        output_names=module.names,
        dynamic_shapes={name: {0: rows} | ({1: wide[name]} if name in wide else {}) for name in given},
        dynamo=True,
        verbose=False,
    )
    file = io.BytesIO()
    program.save(file)
    return module, onnxruntime.InferenceSession(file.getvalue(), providers=["CPUExecutionProvider"])


@pytest.mark.filterwarnings("ignore")  # of the exporter about itself
@pytest.mark.parametrize(("size", "length", "num_features"), [(3, 5, 4), (1, 1, 1), (17, 40, 9), (2, 3, 1)])
def test_exported_parts_give_the_same(exported, size, length, num_features):
    module, session = exported
    given = inputs(size, length, num_features, seed=size)
    given["present"][0], given["mask"][0] = False, False
    expected = module(**given)
    found = session.run(module.names, {name: value.numpy() for name, value in given.items()})
    for name, one, other in zip(module.names, found, expected, strict=True):
        close = 1e-4 if "transformer" in name else 1e-5  # stirred weights make logits of hundreds
        np.testing.assert_allclose(one, other.detach().numpy(), rtol=close, atol=close, err_msg=name)
