"""Which products are like this one."""

from pathlib import Path

import numpy as np
import pytest

import shelfspace as ss
from shelfspace.errors import InputError, UnknownIdError
from tests.contracts.task_contract import TaskContract


@pytest.fixture(scope="module")
def space(small_run: Path) -> ss.Space:
    return ss.open(small_run)


class TestSimilar(TaskContract):
    task = "similar"
    subjects = ("sku-003", "sku-004")


def test_the_nearest_by_cosine_in_float64(space):
    vectors = np.asarray(space.vectors, np.float64)
    row = space.catalogue.ids.row("sku-003")
    cosines = vectors @ vectors[row]
    cosines[row] = -np.inf
    hits = list(space.similar("sku-003", k=7))
    assert [h.score for h in hits] == pytest.approx(np.sort(cosines)[::-1][:7].tolist(), abs=1e-5)
    assert [cosines[space.catalogue.ids.row(h.item_id)] for h in hits] == pytest.approx(
        [h.score for h in hits], abs=1e-5
    )


def test_the_parts_of_a_cosine_are_of_both_listings_and_sum_to_it(space):
    for hit in space.similar(["sku-003", "sku-new"], k=5, why=True):
        assert {part.item_id for part in hit.why} <= {hit.subject, hit.item_id, None}
        assert {hit.subject, hit.item_id} <= {part.item_id for part in hit.why}
        assert sum(part.amount for part in hit.why) == pytest.approx(hit.score, abs=1e-5)


def test_a_filter_is_hard(space):
    hits = space.similar("sku-003", k=100, where="category:lamp and price<20")
    assert all("lamp" in h.title for h in hits)
    assert "of 100" in hits.notes[0]


def test_a_batch_names_its_subjects(space):
    hits = space.similar(["sku-003", "sku-004"], k=2)
    assert [h.subject for h in hits] == ["sku-003", "sku-003", "sku-004", "sku-004"]


def test_what_cannot_be_answered(space):
    with pytest.raises(UnknownIdError, match="did you mean 'sku-003'"):
        space.similar("sku-0003")
    with pytest.raises(InputError, match="out of range"):
        space.similar("sku-003", k=0)


def test_forms_of_an_answer(space):
    hits = space.similar("sku-003", k=3)
    assert hits.to_frame().shape == (3, 5)
    assert hits.to_frame("polars").shape == (3, 5)
    assert '"item_id": "sku-' in hits.to_json()
    assert repr(hits).startswith("Hits(3)\n")
    assert len(ss.Hits.joined([hits, hits])) == 6
