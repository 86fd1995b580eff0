import numpy as np
import pyarrow as pa
import pytest
import torch

from shelfspace.config import build, search_space, settings_of
from shelfspace.encoders.modules import BagEncoder, DenseEncoder
from shelfspace.encoders.names import ENCODERS
from shelfspace.errors import ConfigError
from shelfspace.inputs.fields import Bag, Records
from tests.contracts.reader_contract import KNOWN, records

SECTIONS = [
    {"use": "ids", "dropout": 0.2},
    {"use": "attributes", "column": "category", "is_path": True},
    {"use": "attributes", "column": "brand", "min_count": 2},
    {"use": "hashed", "columns": ["title"], "num_buckets": 100, "width": 3, "token_dropout": 0.1},
    {"use": "hashed", "num_buckets": 100, "pieces": False, "pairs": False, "max_tokens": 2},
    {"use": "vectors", "name": "audio"},
    {"use": "vectors", "name": "no such", "hidden": 4},
    {"use": "numbers", "columns": ["price", "size"], "dropout": 0.5},
    {"use": "numbers", "columns": ["no such"]},
]


def encode(module, field):
    if isinstance(field, Bag):
        return module.padded(*map(torch.from_numpy, field.padded()))
    return module(torch.from_numpy(field.values))


@pytest.mark.parametrize("section", SECTIONS, ids=str)
@pytest.mark.parametrize(
    "given",
    [records(), Records.of_users(pa.table({}), np.zeros(7)), Records.of_users(pa.table({}), np.zeros(0))],
)
def test_a_section_gives_vectors_of_every_row(section, given):
    torch.manual_seed(0)
    encoder = build(ENCODERS, section, path="encoders.it")
    reader = encoder.reader().learn(given, KNOWN[: len(given)])
    module, field = encoder.module(reader, 8).eval(), reader.read(given)
    assert isinstance(module, BagEncoder if reader.kind == "bag" else DenseEncoder)
    found = encode(module, field)
    assert found.shape == (len(given), 8)
    assert found.isfinite().all()
    assert encoder.dropout == section.get("dropout", 0.1 if section["use"] == "ids" else 0.0)
    found.square().sum().backward()
    for parameter in module.parameters():
        assert parameter.grad is not None
        assert parameter.grad.to_dense().isfinite().all()


@pytest.mark.parametrize("section", SECTIONS, ids=str)
def test_settings_are_kept_under_their_names(section):
    encoder = build(ENCODERS, section, path="encoders.it")
    assert {"use": section["use"], **settings_of(encoder)}.items() >= section.items()
    again = build(ENCODERS, {"use": section["use"], **settings_of(encoder)}, path="encoders.it")
    assert again == encoder
    shared = settings_of(encoder.reader())
    assert {name: settings_of(encoder)[name] for name in shared} == shared


@pytest.mark.parametrize(
    ("section", "name", "value"),
    [
        ({"use": "hashed", "width": 3}, "width", 3),
        ({"use": "hashed", "token_dropout": 0.3}, "dropout", 0.3),
        ({"use": "vectors", "name": "audio", "hidden": 5}, "hidden", 5),
        ({"use": "numbers", "hidden": 5}, "hidden", 5),
    ],
    ids=str,
)
def test_a_setting_reaches_the_module(section, name, value):
    encoder = build(ENCODERS, section, path="encoders.it")
    module = encoder.module(encoder.reader().learn(records(), KNOWN), 8)
    assert getattr(module, name) == value


@pytest.mark.parametrize("name", ENCODERS)
def test_how_often_a_field_is_hidden_can_be_chosen_by_validation(name):
    assert "dropout" in search_space(ENCODERS[name])


@pytest.mark.parametrize(
    ("section", "named"),
    [
        ({"use": "ids", "dropout": 1.0}, "dropout"),
        ({"use": "attributes", "min_count": 0}, "min_count"),
        ({"use": "attributes", "dropout": -1.0}, "dropout"),
        ({"use": "hashed", "num_buckets": 0}, "num_buckets"),
        ({"use": "hashed", "width": 0}, "width"),
        ({"use": "hashed", "token_dropout": 1.0}, "token_dropout"),
        ({"use": "vectors"}, "name"),
        ({"use": "vectors", "name": "audio", "hidden": 0}, "hidden"),
        ({"use": "numbers", "columns": []}, "columns"),
        ({"use": "numbers", "column": ["price"]}, "columns"),
        ({"use": "numbers", "hidden": -1}, "hidden"),
        ({"use": "hashes"}, "hashed"),
    ],
    ids=str,
)
def test_a_bad_setting_is_named(section, named):
    with pytest.raises(ConfigError, match=named):
        build(ENCODERS, section, path="encoders.it")
