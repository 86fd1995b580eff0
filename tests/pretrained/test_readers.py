"""Frozen encoders as fields of a tower, from the settings to a space that answers without torch."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

import shelfspace as ss
from shelfspace.config import build
from shelfspace.encoders.names import ENCODERS
from shelfspace.errors import ConfigError
from shelfspace.inputs.fields import Records
from shelfspace.inputs.pretrained import TextVectors
from shelfspace.inputs.readers import READERS

ALL = np.ones(4, bool)


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHELFSPACE_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


@pytest.fixture
def reader(tiny_bert: Path) -> TextVectors:
    encoder = build(
        ENCODERS, {"use": "transformer", "model": str(tiny_bert), "columns": ["title", "brand"]}, path="e"
    )
    return encoder.reader()


def records() -> Records:
    table = pa.table({"title": ["red mug", None, " ", "a lamp"], "brand": [None, "blue", None, "tea"]})
    return Records.of_users(table, [1, 1, 1, 1])


def test_columns_are_one_text_and_a_row_without_any_is_absent(reader: TextVectors):
    found = reader.learn(records(), ALL).read(records())
    assert found.present.tolist() == [True, True, False, True]
    assert not found.values[2].any()
    alone = reader.read(Records.of_users(pa.table({"title": ["a lamp tea"]}), [1]))
    np.testing.assert_allclose(found.values[3], alone.values[0], atol=1e-5)
    assert reader.read(Records.of_users(pa.table({"other": ["x"]}), [1])).present.tolist() == [False]


def test_a_reader_becomes_itself_again_with_its_files(reader: TextVectors):
    again = READERS["text"]().restore(reader.state()).take_files(reader.files().__getitem__)
    np.testing.assert_array_equal(again.read(records()).values, reader.read(records()).values)
    with pytest.raises(ValueError, match="no encoder yet"):
        _ = READERS["text"]().restore(reader.state()).num_features


def test_addresses_inside_the_house_and_those_that_are_not_to_be_fetched_are_as_none(photos: Path):
    pytest.importorskip("efficientnet_lite_pytorch", reason="the extra [image] is not installed")
    images = [str(photos / "0.png"), "http://127.0.0.1/1.png", "http://shop.example/2.png"]
    rows = Records.of_users(pa.table({"image": images}), [1, 1, 1])
    private = build(ENCODERS, {"use": "image"}, path="e").reader()
    assert private.read(Records.of_users(pa.table({"image": images[:2]}), [1, 1])).present.tolist() == [
        True,
        False,
    ]
    assert private.failed == {"http://127.0.0.1/1.png": "127.0.0.1 is not a public address"}
    still = build(ENCODERS, {"use": "image", "fetch": False}, path="e").reader()
    assert still.read(rows).present.tolist() == [True, False, False]
    assert set(still.failed.values()) == {"not fetched"}


def test_settings_that_cannot_be_are_refused():
    for section in ({"pooling": "max"}, {"max_tokens": 0}, {"dropout": 1.0}):
        with pytest.raises(ConfigError):
            build(ENCODERS, {"use": "transformer", **section}, path="e")
    with pytest.raises(ConfigError, match="columns"):
        build(ENCODERS, {"use": "transformer", "columns": []}, path="e").reader()


def test_a_space_reads_titles_by_it_without_torch(small_shop: Path, tiny_bert: Path, tmp_path: Path):
    sets = [f"encoders.title={{use = 'transformer', model = '{tiny_bert}'}}"]
    said: list[tuple[str, int, int]] = []
    space = ss.train(small_shop, sets=sets, out=tmp_path / "run", told=lambda *told: said.append(told))
    reading = [told for told in said if told[0] == "reading title"]
    assert reading
    assert reading[-1][1] == reading[-1][2]
    code = (
        "import sys, shelfspace as ss; "
        f"hits = ss.open({str(tmp_path / 'run')!r}).similar(phrase='red tea lamp', k=3); "
        "assert len(hits) == 3; print(*sorted({'torch', 'transformers'} & set(sys.modules)), [h.score for h in hits])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("["), done.stdout
    scores = [hit.score for hit in space.similar(phrase="red tea lamp", k=3)]
    assert eval(done.stdout) == pytest.approx(scores, abs=1e-5)


def test_a_space_reads_titles_and_photos_by_networks_trained_in_its_run_without_torch(
    small_shop: Path, photos: Path, tmp_path: Path
):
    catalogue = small_shop.parent / "artikel.csv"
    lines = catalogue.read_text("utf-8").splitlines()
    lines = [lines[0] + ",image", *(f"{line},{n % 9}.png" for n, line in enumerate(lines[1:]))]
    catalogue.write_text("\n".join(lines) + "\n", "utf-8")
    sets = [
        f"items.folder={photos}",
        "encoders.ids=false",
        "encoders.title={use = 'textcnn', filters = 8}",
        "encoders.photo={use = 'resnet', size = 16, width = 4}",
        "objectives=[{use = 'infonce', pairs = 'two_views'}, {use = 'rotation', weight = 0.1, batch_size = 16}]",
        "training.batch_size=32",
        "training.epoch_steps=2",
    ]
    space = ss.train(small_shop, sets=sets, out=tmp_path / "run")
    code = (
        "import sys, shelfspace as ss; "
        f"space = ss.open({str(tmp_path / 'run')!r}); hits = space.similar(phrase='leather boot', k=3); "
        "assert len(hits) == 3; print(*sorted({'torch'} & set(sys.modules)), [h.score for h in hits])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("["), done.stdout
    scores = [hit.score for hit in space.similar(phrase="leather boot", k=3)]
    assert eval(done.stdout) == pytest.approx(scores, abs=1e-5)
    learnt = space.blend.retrievers["learnt"]
    records = Records.of_catalogue(space.catalogue, np.zeros(len(space.catalogue), np.int64))
    np.testing.assert_allclose(learnt.towers.items(records), learnt.vectors, atol=1e-4)


def test_a_space_sees_photos_and_lives_without_those_that_are_none(
    small_shop: Path, photos: Path, tmp_path: Path
):
    pytest.importorskip("efficientnet_lite_pytorch", reason="the extra [image] is not installed")
    catalogue = small_shop.parent / "artikel.csv"
    lines = catalogue.read_text("utf-8").splitlines()
    names = [*(f"{n}.png" for n in range(8)), "text.jpg", "none.jpg", ""]
    lines = [lines[0] + ",image", *(f"{line},{names[n % len(names)]}" for n, line in enumerate(lines[1:]))]
    catalogue.write_text("\n".join(lines) + "\n", "utf-8")
    sets = [f"items.folder={photos}", "encoders.photo.use=image"]
    space = ss.train(small_shop, sets=sets, out=tmp_path / "run")
    towers = space.blend.retrievers["learnt"].towers
    assert towers is not None
    photo = towers.readers["item"]["photo"]
    found = photo.read(Records.of_catalogue(space.catalogue, np.zeros(len(space.catalogue))))
    assert found.present.mean() == pytest.approx(8 / 11, abs=0.03)
    assert set(photo.failed.values()) == {
        "not a photo of a known format",
        "cannot be read: No such file or directory",
    }
    assert len(space.similar("sku-003", k=5)) == 5
