"""Networks that others trained, trained on."""

import doctest
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from shelfspace.config import build
from shelfspace.encoders import tuned
from shelfspace.encoders.freezing import freeze_photo
from shelfspace.encoders.loading import photo_network
from shelfspace.encoders.lora import LowRank, add_low_rank, merged
from shelfspace.encoders.names import ENCODERS
from shelfspace.encoders.pretrained import photo_name
from shelfspace.encoders.tuned import Tuned
from shelfspace.errors import ConfigError
from shelfspace.photos.decoding import decoded
from shelfspace.pretrained.running import PhotoEncoder
from shelfspace.training.fit import fit
from tests.contracts.encoder_contract import FieldEncoderContract
from tests.encoders.photographs import folder, with_photos
from tests.learning.tastes import Loop, weights_of

transformers = pytest.importorskip("transformers", reason="the extra [text] is not installed")


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("SHELFSPACE_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


def vision_folder(path, name):
    """A folder as transformers writes it: a vision model of two layers that nobody trained."""
    torch.manual_seed(0)
    if name == "vit":
        shape = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24}
        model = transformers.ViTModel(transformers.ViTConfig(**shape, image_size=32, patch_size=8))
    elif name == "clip":
        half = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24}
        words = half | {"vocab_size": 50, "max_position_embeddings": 8, "bos_token_id": 0, "eos_token_id": 1}
        seen = half | {"image_size": 32, "patch_size": 8}
        shape = transformers.CLIPConfig(text_config=words, vision_config=seen, projection_dim=8)
        model = transformers.CLIPModel(shape)
    else:
        shape = {"hidden_sizes": [4, 8, 12, 16], "depths": [1, 1, 1, 1], "num_stages": 4}
        model = transformers.ConvNextModel(transformers.ConvNextConfig(**shape, image_size=32))
    model.save_pretrained(path)
    size = {"shortest_edge": 32} if name == "convnext" else {"height": 32, "width": 32}
    about = {"size": size, "image_mean": [0.5, 0.4, 0.3], "image_std": [0.2, 0.3, 0.4]}
    (path / "preprocessor_config.json").write_text(json.dumps(about), "utf-8")
    return path


@pytest.fixture(scope="session")
def vit(tmp_path_factory) -> Path:
    return vision_folder(tmp_path_factory.mktemp("vit"), "vit")


@pytest.fixture(scope="session")
def convnext(tmp_path_factory) -> Path:
    return vision_folder(tmp_path_factory.mktemp("convnext"), "convnext")


@pytest.fixture(scope="session")
def clip(tmp_path_factory) -> Path:
    return vision_folder(tmp_path_factory.mktemp("clip"), "clip")


class TestEfficientNet(FieldEncoderContract):
    @pytest.fixture
    def section(self):
        pytest.importorskip("efficientnet_lite_pytorch", reason="the extra [image] is not installed")
        return {"use": "image", "tune": "full", "size": 32, "tuned_blocks": 2}

    @pytest.fixture
    def given(self):
        return with_photos()

    def test_only_the_last_blocks_move(self, made):
        network = made.model.item.encoder("it").network
        moving = {name.split(".")[2] for name, w in network.named_parameters() if w.requires_grad}
        blocks = {
            name.split(".")[3]
            for name, w in network.named_parameters()
            if w.requires_grad and "_blocks" in name
        }
        assert moving == {"_blocks", "_conv_head", "_bn1"}
        assert blocks == {"14", "15"}

    def test_in_evaluation_it_is_the_frozen_network(self, given):
        tuned = build(ENCODERS, {"use": "image", "tune": "full"}, path="it")
        frozen = build(ENCODERS, {"use": "image"}, path="it").reader()
        module = tuned.module(tuned.reader(), 8).eval()
        pixels = tuned.reader().read(given).inputs()["pixels"][[0, 1]]
        with torch.no_grad():
            found = module.features(torch.from_numpy(pixels).permute(0, 3, 1, 2) / 255.0)
        expected = frozen.read(given).values[[0, 1]]
        found = torch.nn.functional.normalize(found, dim=1)
        np.testing.assert_allclose(found.numpy(), expected, atol=1e-4)


class TestViT(FieldEncoderContract):
    @pytest.fixture
    def section(self, vit):
        return {"use": "image", "model": str(vit), "tune": "full"}

    @pytest.fixture
    def given(self):
        return with_photos()


class TestClip(FieldEncoderContract):
    @pytest.fixture
    def section(self, clip):
        return {"use": "image", "model": str(clip), "tune": "full"}

    @pytest.fixture
    def given(self):
        return with_photos()


class TestLowRank(FieldEncoderContract):
    @pytest.fixture
    def section(self, tiny_bert):
        return {"use": "transformer", "model": str(tiny_bert), "tune": "lora", "rank": 2}

    @pytest.fixture
    def made(self, section, given):
        """What is learnt begins at no change: stir it, or nothing reaches the other half."""
        made = self.made_of(section, given)
        with torch.no_grad():
            for part in made.model.modules():
                if isinstance(part, LowRank):
                    part.up.normal_()
        return made


class TestFullText(FieldEncoderContract):
    @pytest.fixture
    def section(self, tiny_bert):
        return {"use": "transformer", "model": str(tiny_bert), "tune": "full", "pooling": "cls"}


def pixels_of(path):
    pixels = decoded(path, 32).astype(np.float64) / 255
    given = (pixels - [0.5, 0.4, 0.3]) / [0.2, 0.3, 0.4]
    return torch.from_numpy(given.transpose(2, 0, 1)[None]).float()


@pytest.mark.parametrize("name", ["vit", "convnext"])
def test_a_vision_model_of_a_folder_gives_the_mean_of_what_it_gives_last(name, request):
    where = request.getfixturevalue(name)
    found, failed = PhotoEncoder(freeze_photo(str(where))).vectors([folder() / "0.png"])
    assert failed == {}
    network = transformers.AutoModel.from_pretrained(where).eval()
    with torch.no_grad():
        hidden = network(pixels_of(folder() / "0.png")).last_hidden_state[0]
    mean = (hidden.mean(dim=0) if name == "vit" else hidden.mean(dim=(1, 2))).numpy()
    np.testing.assert_allclose(found[0], mean / np.linalg.norm(mean), atol=1e-4)


def test_of_a_model_of_texts_and_photos_the_half_that_sees_is_taken(clip):
    found, failed = PhotoEncoder(freeze_photo(str(clip))).vectors([folder() / "0.png"])
    assert failed == {}
    network = transformers.CLIPModel.from_pretrained(clip).eval()
    with torch.no_grad():
        seen = network.vision_model(pixel_values=pixels_of(folder() / "0.png")).pooler_output
        shared = network.visual_projection(seen)[0].numpy()
    np.testing.assert_allclose(found[0], shared / np.linalg.norm(shared), atol=1e-4)


def test_a_model_of_the_hub_is_taken_from_its_cache_or_nowhere(vit, monkeypatch):
    asked = []

    def snapshot(name, *, local_files_only):
        asked.append((name, local_files_only))
        if name != "shop/vit":
            raise FileNotFoundError("not among the files\nof the cache")
        return str(vit)

    monkeypatch.setattr("huggingface_hub.snapshot_download", snapshot)
    assert photo_network("shop/vit").width == 16
    assert photo_network("shop/vit", download=True).size == 32
    with pytest.raises(
        ConfigError, match=r"'shop/no'.*hub's cache.*nothing is downloaded.*not among the files$"
    ):
        photo_network("shop/no")
    assert asked == [("shop/vit", True), ("shop/vit", False), ("shop/no", True)]


def test_a_folder_that_says_not_what_its_photos_must_be_is_refused(vit, tmp_path):
    with pytest.raises(ConfigError, match="preprocessor_config"):
        photo_network(str(tmp_path))
    with pytest.raises(ConfigError, match="no photo encoder 'nowhere'"):
        photo_network("nowhere")
    assert photo_name(str(vit)) != photo_name("efficientnet-lite0") == "photo efficientnet-lite0"


def test_examples_run():
    assert doctest.testmod(tuned).failed == 0


def test_a_merged_change_does_the_same_and_leaves_the_model_as_it_is():
    torch.manual_seed(0)
    network = torch.nn.ModuleDict({"attention": torch.nn.Linear(5, 4), "other": torch.nn.Linear(4, 4)})
    assert merged(network) is network
    assert add_low_rank(network, 3) == 1
    given = torch.randn(6, 5)
    plain = network["attention"].layer(given)
    torch.testing.assert_close(network["attention"](given), plain)
    with torch.no_grad():
        network["attention"].up.normal_()
    whole = merged(network)
    assert isinstance(network["attention"], LowRank)
    assert type(whole["attention"]) is torch.nn.Linear
    torch.testing.assert_close(whole["attention"](given), network["attention"](given))
    assert not torch.allclose(network["attention"](given), plain)
    learnt = {name for name, w in network.named_parameters() if w.requires_grad}
    assert learnt == {"attention.down", "attention.up"}


class Stack(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.first = torch.nn.Linear(2, 2)
        self.blocks = torch.nn.ModuleList(torch.nn.Linear(2, 2) for _ in range(3))
        self.last = torch.nn.BatchNorm1d(2)


def test_blocks_near_the_input_move_less_and_those_before_the_last_may_be_still():
    network = Stack()
    rates = {id(w): r for w, r in Tuned(network, rate=0.5, rate_decay=0.1).rates()}
    found = [rates[id(part.weight)] for part in (network.first, *network.blocks, network.last)]
    assert found == pytest.approx([0.0005, 0.005, 0.05, 0.5, 0.5])
    Tuned(network, blocks=1)
    moving = [w.requires_grad for w in network.parameters()]
    assert moving == [False] * 6 + [True] * 4
    assert not Tuned(network).train().network.last.training


def test_the_loop_moves_each_weight_at_its_share_of_the_rate(monkeypatch):
    """The first step of AdamW moves a weight by its rate, whatever the gradient."""

    class Sum(torch.nn.Module):
        def forward(self, model, _batch):
            return sum(w.sum() for w in model.parameters())

    class Term:
        objective, weight = Sum(), 1.0

        class gradients:  # noqa: N801
            @staticmethod
            def add(model, batch, loss, _target, scale):
                value = loss(model, batch)
                (scale * value).backward()
                return value.detach()

        def draw(self, _rng, _size):
            return None

        def __len__(self):
            return 1

    model = torch.nn.ModuleDict(
        {"plain": torch.nn.Linear(2, 2), "tuned": Tuned(Stack(), rate=0.5, rate_decay=0.1)}
    )
    before = weights_of(model)
    loop = Loop(loop={"epochs": 1, "learning_rate": 0.01}).optimisation
    fit(model, [Term()], loop)
    moved = {
        name: float((before[name] - w).abs().mean())
        for name, w in weights_of(model).items()
        if "weight" in name
    }
    assert moved["plain.weight"] == pytest.approx(0.01, rel=1e-3)
    assert moved["tuned.network.first.weight"] == pytest.approx(0.01 * 0.0005, rel=0.05)
    assert moved["tuned.network.blocks.2.weight"] == pytest.approx(0.01 * 0.5, rel=1e-3)


@pytest.mark.parametrize("tune", ["lora", "full"])
def test_drop_out_makes_two_views_of_a_text(tune, tiny_bert):
    some = Loop(
        encoders={"title": {"use": "transformer", "model": str(tiny_bert), "tune": tune, "rate": 1.0}},
        profile={},
        negatives={"use": "in_batch"},
        objectives=[{"use": "infonce", "pairs": "two_views"}],
        loop={"epochs": 6, "epoch_steps": 3, "batch_size": 32, "learning_rate": 0.01},
    )
    before = some.weights()
    curve = some.fit().curve
    assert curve[-1]["loss"] < curve[0]["loss"]
    moved = {name for name, w in some.weights().items() if not torch.equal(w, before[name])}
    inside = {name for name in moved if ".network." in name}
    assert inside
    assert all(("down" in name or "up" in name) == (tune == "lora") for name in inside)


@pytest.mark.parametrize(
    ("section", "named"),
    [
        ({"use": "image", "tune": "some"}, "tune"),
        ({"use": "image", "size": 64}, "tune"),
        ({"use": "image", "start": "somewhere"}, "tune"),
        ({"use": "image", "tune": "full", "size": 100}, "size"),
        ({"use": "image", "rate": 0.0}, "rate"),
        ({"use": "image", "rate_decay": 1.5}, "rate_decay"),
        ({"use": "image", "tuned_blocks": 0}, "tuned_blocks"),
        ({"use": "transformer", "tune": "all"}, "tune"),
        ({"use": "transformer", "rank": 0}, "rank"),
    ],
    ids=str,
)
def test_a_bad_setting_is_named(section, named):
    with pytest.raises(ConfigError, match=named):
        build(ENCODERS, section, path="it")
