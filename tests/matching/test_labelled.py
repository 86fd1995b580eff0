"""Labelled pairs as they come."""

import numpy as np
import pyarrow as pa

from shelfspace.matching.labelled import Labelled
from shelfspace.shop.ids import Ids

IDS = Ids(["a", "b", "c", "d"], "item")


def table(rows: list[tuple[str, str, bool, str | None]]) -> pa.Table:
    left, right, label, split = zip(*rows, strict=True)
    return pa.table({"left_id": left, "right_id": right, "label": label, "split": split})


def test_pairs_come_once_in_order_and_contradictions_are_left_out():
    found = Labelled.of(
        table(
            [
                ("b", "a", True, None),
                ("a", "b", True, "train"),
                ("a", "c", True, "train"),
                ("c", "a", False, "train"),
                ("d", "c", False, "Validation"),
                ("a", "nobody", True, "train"),
                ("d", "d", True, "train"),
            ]
        ),
        IDS,
    )
    assert list(zip(found.pairs.left.tolist(), found.pairs.right.tolist(), strict=True)) == [(0, 1), (2, 3)]
    assert found.label.tolist() == [True, False]
    assert found.split.tolist() == ["train", "valid"]
    assert found.notes == (
        "left out, of labelled pairs: 2 that name an unknown item, or one twice",
        "left out, of labelled pairs: 1 that are labelled both ways",
    )


def test_a_pair_of_several_parts_is_never_for_training():
    rows = [
        ("a", "b", True, "train"),
        ("b", "a", True, "test"),
        ("c", "d", True, "valid"),
        ("c", "d", True, "train"),
    ]
    assert Labelled.of(table(rows), IDS).split.tolist() == ["test", "valid"]


def test_without_a_table_and_without_splits():
    assert len(Labelled.of(None, IDS)) == 0
    plain = table([("a", "b", True, None)]).drop_columns(["split"])
    assert Labelled.of(plain, IDS).split.tolist() == ["train"]


def test_it_takes_enough_of_both_kinds_to_learn():
    ids = Ids([f"i{n}" for n in range(100)], "item")

    def of(label: np.ndarray) -> Labelled:
        rows = [(f"i{n}", f"i{n + 50}", bool(label[n]), None) for n in range(len(label))]
        return Labelled.of(table(rows), ids)

    assert not of(np.ones(30)).teaches()
    assert not of(np.arange(30) < 15).teaches()
    assert of(np.arange(40) < 20).teaches()
