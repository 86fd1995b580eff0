"""A saved space of every format stays readable: `tests/formats/N` is one of format N, and gives these answers."""

from pathlib import Path

import pytest

import shelfspace as ss

FORMATS = Path(__file__).parent / "formats"

ANSWERS = {
    "1": (
        [("sku-027", 0.9985), ("sku-009", 0.9834), ("sku-063", 0.9757)],
        [("sku-063", 9.0422), ("sku-069", 9.0006), ("sku-057", 8.9281)],
    ),
    "2": (
        [("sku-027", 0.9985), ("sku-009", 0.9834), ("sku-063", 0.9757)],
        [("sku-063", 5.9775), ("sku-057", 5.9183), ("sku-069", 5.8437)],
    ),
}


def test_every_format_has_a_space_here():
    assert {folder.name for folder in FORMATS.iterdir()} == set(ANSWERS)


@pytest.mark.parametrize("name", ANSWERS)
def test_a_space_of_an_earlier_format_answers_as_it_did(name: str):
    space = ss.open(FORMATS / name)
    for hits, wanted in zip(
        (space.similar("sku-003", k=3), space.recommend("user-3", k=3)), ANSWERS[name], strict=True
    ):
        assert [hit.item_id for hit in hits] == [item for item, _ in wanted]
        assert [hit.score for hit in hits] == pytest.approx([score for _, score in wanted], abs=1e-3)
