"""Photos as a view, by a network that says only how red, green and blue a photo is."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

import shelfspace as ss
from shelfspace.classifying.classifier import Classify
from shelfspace.classifying.fitted import FittedClassify
from shelfspace.classifying.learning import learnt_from
from shelfspace.inputs.pretrained import PhotoVectors
from shelfspace.pretrained.bundle import Bundle
from shelfspace.shop.catalogue import Catalogue
from tests.classifying.shops import COLOURS, listings, paint

onnx = pytest.importorskip("onnx", reason="the extra [train] is not installed")


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHELFSPACE_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    """A network of one step: the mean of each channel."""
    make = onnx.helper
    step = make.make_node("ReduceMean", ["pixels"], ["vectors"], axes=[2, 3], keepdims=0)
    ends = [
        [make.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape)]
        for name, shape in (("pixels", ["rows", 3, 8, 8]), ("vectors", ["rows", 3]))
    ]
    model = make.make_model(
        make.make_graph([step], "mean", *ends), opset_imports=[make.make_opsetid("", 13)], ir_version=8
    )
    about = {"kind": "photo", "size": 8, "mean": [0.0] * 3, "deviation": [255.0] * 3, "width": 3}
    return Bundle(model.SerializeToString(), about)


def painted(folder: Path, num: int = 150) -> Catalogue:
    """Return listings that never name their colour; two thirds have a photo, some of those a broken one."""
    catalogue = listings(num)
    colours = catalogue.column("colour").to_pylist()
    images = []
    for n, colour in enumerate(colours):
        path = folder / f"{n}.png"
        if n % 3:
            paint(path, colour, n)
            images.append(str(path))
        else:
            images.append(None)
    (folder / "4.png").write_bytes((folder / "4.png").read_bytes()[:60])
    images[5] = str(folder / "nowhere.png")
    titles = [title.split(" ", 1)[1] for title in catalogue.column("title").to_pylist()]
    table = catalogue.table.set_column(0, "title", pa.array(titles))
    return replace(catalogue, table=table.append_column("image", pa.array(images, pa.string())), vectors={})


def test_a_photo_tells_what_words_do_not_and_its_encoder_travels(tmp_path: Path, bundle: Bundle):
    catalogue, reader = painted(tmp_path), PhotoVectors().using(bundle)
    settings = Classify(columns=["colour", "category"], precision=0.8)
    learnt = learnt_from(settings, catalogue, {"photo": reader}, seed=0)
    answers, colours = learnt.answers["colour"], catalogue.column("colour").to_pylist()
    assert any("2 photos cannot be used" in note for note in learnt.notes)
    seen = np.array([n % 3 > 0 and n not in (4, 5) for n in range(150)])
    right = [
        learnt.classifier.heads["colour"].classes.prefixes[at] == (colour,)
        for at, colour in zip(answers.answer.tolist(), colours, strict=True)
    ]
    assert np.mean(np.array(right)[seen]) > 0.9
    assert (answers.answer[~seen] == -1).mean() > 0.9
    fitted = FittedClassify(learnt.classifier, learnt.answers, learnt.suspects)
    again = FittedClassify.read(fitted.files().__getitem__).classifier
    for colour in COLOURS:
        paint(tmp_path / f"{colour}.png", colour, 1000)
    only = listings(3)
    table = pa.table({"image": [str(tmp_path / f"{colour}.png") for colour in COLOURS]})
    said = again.answers(replace(only, table=table, vectors={}))
    paths = again.heads["colour"].classes.prefixes
    assert [paths[at] for at in said["colour"].answer.tolist()] == [(colour,) for colour in COLOURS]
    assert (said["category"].answer == -1).all()


def test_photos_of_which_none_can_be_read_leave_the_words(tmp_path: Path, bundle: Bundle):
    catalogue = painted(tmp_path)
    for path in tmp_path.glob("*.png"):
        path.write_text("no photo", "utf-8")
    learnt = learnt_from(Classify(), catalogue, {"photo": PhotoVectors().using(bundle)}, seed=0)
    assert list(learnt.classifier.heads["category"].models) == ["words"]
    assert (learnt.answers["category"].answer >= 0).mean() > 0.9


def test_a_shop_with_photos_is_asked_by_a_photo_without_torch(tmp_path: Path):
    pytest.importorskip("efficientnet_lite_pytorch", reason="the extra [image] is not installed")
    rows = [(n, list(COLOURS)[n % 2]) for n in range(60)]
    for n, colour in [*rows, (1000, "red")]:
        paint(tmp_path / f"{n}.png", colour, n)
    lines = [f"n-{n},{n}.png,{colour if n > 3 else ''},thing" for n, colour in rows]
    (tmp_path / "shop.csv").write_text("\n".join(["sku,image,colour,title", *lines]) + "\n", "utf-8")
    settings = {
        "items": {"path": str(tmp_path / "shop.csv")},
        "classify": {"columns": ["colour"], "precision": 0.8},
    }
    ss.train(settings, out=tmp_path / "run")
    code = (
        "import sys; import shelfspace as ss; s = ss.open(sys.argv[1]);"
        "print([one.label for one in s.classify()]);"
        "print([one.label for one in s.classify(photo=sys.argv[2])], 'torch' in sys.modules)"
    )
    asked = [sys.executable, "-c", code, str(tmp_path / "run"), str(tmp_path / "1000.png")]
    said = subprocess.check_output(asked, text=True).splitlines()
    assert said == ["['red', 'blue', 'red', 'blue']", "['red'] False"]
    (tmp_path / "broken.png").write_text("no photo", "utf-8")
    answer = ss.open(tmp_path / "run").classify(photo=str(tmp_path / "broken.png"))
    assert answer.table["label"].to_pylist() == [None]
    assert any("broken.png cannot be used" in note for note in answer.notes)
