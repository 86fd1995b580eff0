"""A photo network from nothing, with what trains it by itself."""

import doctest

import pytest
import torch
from safetensors.torch import save_file

from shelfspace.config import build
from shelfspace.encoders import photo
from shelfspace.encoders.names import ENCODERS
from shelfspace.encoders.photo import layout_of
from shelfspace.encoders.resnet import ResidualNetwork
from shelfspace.encoders.view import seen
from shelfspace.errors import ConfigError
from shelfspace.inputs.photos import Photos
from tests.contracts.encoder_contract import FieldEncoderContract
from tests.encoders.photographs import with_photos
from tests.learning.tastes import same, weights_of

TINY = {"use": "resnet", "size": 16, "width": 4}


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("SHELFSPACE_CACHE", str(tmp_path_factory.getbasetemp() / "photo-cache"))


class TestResNet(FieldEncoderContract):
    @pytest.fixture
    def section(self):
        return TINY

    @pytest.fixture
    def given(self):
        return with_photos()

    def test_it_begins_where_another_run_left_it(self, made, given, tmp_path):
        weights = {name: w + 1 for name, w in weights_of(made.model).items()}
        save_file(weights, tmp_path / "model.safetensors")
        encoder = build(ENCODERS, {**TINY, "start": str(tmp_path / "model.safetensors")}, path="it")
        found = encoder.module(made.readers["item"]["it"], 16).network.state_dict()
        prefix = "item.fields.field_it.network."
        assert same(found, {k.removeprefix(prefix): w for k, w in weights.items() if k.startswith(prefix)})
        run = tmp_path / "run"
        (run / "spaces" / "3" / "encoders" / "learnt").mkdir(parents=True)
        (run / "current").write_text("3\n", "utf-8")
        save_file(weights, run / "spaces" / "3" / "encoders" / "learnt" / "model.safetensors")
        encoder = build(ENCODERS, {**TINY, "start": str(run)}, path="it")
        assert same(encoder.module(made.readers["item"]["it"], 16).network.state_dict(), found)
        wider = build(ENCODERS, {**TINY, "width": 8, "start": str(tmp_path / "model.safetensors")}, path="it")
        with pytest.raises(ConfigError, match="holds no photo network of this shape"):
            wider.module(made.readers["item"]["it"], 16)
        nowhere = build(ENCODERS, {**TINY, "start": str(tmp_path / "nowhere")}, path="it")
        with pytest.raises(ConfigError, match="cannot be read"):
            nowhere.module(made.readers["item"]["it"], 16)


def test_the_slow_copy_of_a_network_is_shown_views_of_its_own():
    module = build(ENCODERS, TINY, path="it").module(Photos(size=16), 8).eval()
    pixels = torch.randint(
        0, 256, (3, 16, 16, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
    )
    plain = module(pixels)
    torch.manual_seed(0)
    with seen(module):
        one, other = module(pixels), module(pixels)
    assert not torch.allclose(one, plain)
    assert not torch.allclose(one, other)
    assert torch.equal(module(pixels), plain)


@pytest.mark.parametrize(("size", "depth"), [(16, 1), (20, 2), (64, 1)])
def test_each_stage_halves_the_side_and_doubles_the_width(size, depth):
    network = ResidualNetwork(width=6, depth=depth)
    photos = torch.rand(2, 3, size, size)
    assert network(photos).shape == (2, 48) == (2, network.num_features)
    assert len(network.blocks) == 4 * depth
    assert network.blocks(network.stem(photos)).shape[2:] == (-(-size // 16),) * 2


def test_a_photo_does_not_hang_on_its_batch_in_training_either():
    torch.manual_seed(0)
    network = ResidualNetwork(width=4).train()
    photos = torch.rand(5, 3, 16, 16)
    torch.testing.assert_close(network(photos)[2:3], network(photos[2:3]), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("section", "named"),
    [({"size": 8}, "size"), ({"width": 0}, "width"), ({"depth": 0}, "depth"), ({"crop": 1.0}, "crop")],
    ids=str,
)
def test_a_bad_setting_is_named(section, named):
    with pytest.raises(ConfigError, match=named):
        build(ENCODERS, {"use": "resnet", **section}, path="it")


@pytest.mark.parametrize("width", [2, 4, 6, 8, 12, 16])
def test_a_network_of_any_width_trains_with_its_memory_whole(width):
    torch.manual_seed(0)
    network = ResidualNetwork(width=width)
    layout = layout_of(network)
    assert (layout is torch.channels_last) == (width >= 8)
    for _ in range(20):
        photos = torch.rand(8, 3, 16, 16).contiguous(memory_format=layout)
        network(photos).square().sum().backward()
    assert all(bool(weight.grad.isfinite().all()) for weight in network.parameters())


def test_examples_run():
    assert doctest.testmod(photo).failed == 0
