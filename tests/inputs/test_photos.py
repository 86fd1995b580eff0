"""Photos as pixels."""

import numpy as np
import pytest

from shelfspace.errors import ConfigError
from shelfspace.inputs.fields import Records
from shelfspace.inputs.photos import Photos
from shelfspace.photos import keeping
from shelfspace.photos.decoding import decoded
from tests.contracts import reader_contract
from tests.contracts.reader_contract import ReaderContract
from tests.encoders.photographs import folder, with_photos


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("SHELFSPACE_CACHE", str(tmp_path_factory.getbasetemp() / "photo-cache"))
    monkeypatch.setattr(reader_contract, "records", with_photos)


class TestPhotos(ReaderContract):
    def make(self, **settings):
        return Photos(**{"size": 20, **settings})

    def test_reads_every_row(self):
        field = self.learnt().read(with_photos())
        self.check(field, self.learnt())
        assert field.present.tolist() == [True, True, False, False, True, True, True]
        expected = decoded(folder() / "1.png", 20)
        np.testing.assert_array_equal(field.take(np.array([1])).inputs()["pixels"][0], expected)


def test_why_a_row_has_no_photo_is_told():
    reader = Photos(size=20)
    reader.read(with_photos())
    assert reader.failed == {str(folder() / "3.png"): "not a photo of a known format"}


def test_addresses_are_fetched_by_the_same_rules_as_by_any_reader_of_photos():
    given = with_photos()
    column = given.table.column_names.index("image")
    images = ["http://127.0.0.1/1.png", *given.table["image"].to_pylist()[1:]]
    rows = Records(given.table.set_column(column, "image", [images]), given.num_events, given.vectors)
    reader = Photos(size=20)
    assert not reader.read(rows).present[0]
    assert reader.failed["http://127.0.0.1/1.png"] == "127.0.0.1 is not a public address"
    still = Photos(size=20, fetch=False)
    assert not still.read(rows).present[0]
    assert still.failed["http://127.0.0.1/1.png"] == "not fetched"


def test_a_second_run_decodes_nothing(monkeypatch):
    first = Photos(size=20).read(with_photos())
    monkeypatch.setattr(keeping, "decoded", lambda *_, **__: pytest.fail("it was decoded again"))
    rows = np.array([0, 1, 4, 5, 6])
    given = with_photos()
    some = Records(given.table.take(rows), given.num_events[rows], {})
    np.testing.assert_array_equal(
        Photos(size=20).read(some).inputs()["pixels"], first.take(rows).inputs()["pixels"]
    )


def test_photos_too_small_to_show_anything_are_refused():
    with pytest.raises(ConfigError, match="size = 8"):
        Photos(size=8)
