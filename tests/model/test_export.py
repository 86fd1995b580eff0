"""Each graph is exported once: an export takes a second or two."""

from functools import cache

import numpy as np
import onnxruntime
import pytest
import torch

from shelfspace.encoders.fusion import FUSIONS
from shelfspace.encoders.history import HISTORIES
from shelfspace.shop.history import History
from tests.learning.tastes import NUM_USERS, history, made, records

CLOSE = {"rtol": 0, "atol": 1e-5}
CASES = {
    f"{h} and profile": (f, h, True)
    for f, h in zip(["mean", "gated", "attention", "mean"], HISTORIES, strict=True)
}
CASES |= {
    f"{h} alone": (f, h, False)
    for f, h in zip(["concat", "attention", "gated", "concat"], HISTORIES, strict=True)
}
CASES["profile alone"] = ("mean", None, True)


ODD = {
    "ids": {},
    "class": {"use": "hashed", "num_buckets": 99},
    "my field": {"use": "attributes"},
    "价格": {"use": "numbers", "hidden": None},
}
"""Fields called like code, and like no code."""


@cache
def exported(fusion, pooling, profile):
    heads = {"num_heads": 4} if "attention" in (fusion, pooling) else {}
    sections = {
        "fusion": {"use": fusion} | (heads if fusion == "attention" else {}),
        "user": {"use": pooling, "length": 8} | (heads if pooling == "attention" else {})
        if pooling
        else {"length": 0},
    }
    few = {
        "ids": {},
        "category": {"use": "attributes", "is_path": True},
    }  # an export takes the longer, the more fields
    fields = {} if fusion == "gated" and profile else {"encoders": ODD if fusion == "mean" else few}
    towers = made(**sections, **fields, **({} if profile else {"profile": {}}))
    torch.manual_seed(0)
    with torch.no_grad():
        for weight in towers.model.parameters():
            weight += torch.randn(weight.shape) * 0.2
    return towers, towers.exported()[0]


@pytest.fixture(params=list(CASES))
def both(request):
    return exported(*CASES[request.param])


def test_every_fusion_and_every_history_is_among_the_cases():
    assert {case[0] for case in CASES.values()} == set(FUSIONS)
    for profile in (True, False):
        assert {case[1] for case in CASES.values() if case[2] == profile} - {None} == set(HISTORIES)


def test_exported_items_are_those_of_the_model(both):
    towers, files = both
    found = files.items(records()["item"])
    np.testing.assert_allclose(found, towers.model.all_items().numpy(), **CLOSE)
    assert not found[-1].any()
    assert found[:-1].any(axis=1).all()


def queries(rows, who=None, *, keep=None):
    asked = history().of_users(rows)
    if keep is not None:
        place = np.arange(asked.num_events) - np.repeat(asked.indptr[:-1], asked.lengths())
        asked = asked.keep(place < keep)
    return asked if who is None else History(**{**vars(asked), "who": np.array(who, np.int32)})


@pytest.mark.parametrize(
    "asked",
    [
        pytest.param(lambda: queries(np.arange(NUM_USERS)), id="all"),
        pytest.param(lambda: queries([7]), id="one user"),
        pytest.param(lambda: queries([7], keep=1), id="one user, one event"),
        pytest.param(lambda: queries([7, 9], keep=0), id="empty histories"),
        pytest.param(lambda: queries([7], [-1], keep=0), id="nobody"),
        pytest.param(lambda: queries([7, 9, 11], [-1, 9, 10_000]), id="some unknown"),
    ],
)
def test_exported_users_are_those_of_the_model(both, asked):
    towers, files = both
    vectors = towers.model.all_items().numpy()
    found = files.users(asked(), vectors)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, towers.users(towers.model, torch.from_numpy(vectors), asked()), **CLOSE)


def test_nobody_asked_gives_no_vector(both):
    towers, files = both
    assert files.users(queries([]), towers.model.all_items().numpy()).shape == (0, 16)


def test_a_graph_asks_for_no_more_than_it_uses(both):
    towers, files = both
    has = towers.model.user
    given = {"items", "age", "mask", "kind"} if has.history is not None else set()
    if has.profile is not None:
        given |= {"known", "present", "town.index", "town.weight", "ids.index", "ids.weight"}
    session = onnxruntime.InferenceSession(files.user, providers=["CPUExecutionProvider"])
    assert {i.name for i in session.get_inputs()} <= given
    item = onnxruntime.InferenceSession(files.item, providers=["CPUExecutionProvider"])
    parts = {
        n: ["values"] if n in ("price", "价格") else ["index", "weight"] for n in towers.model.item.names
    }
    assert {i.name for i in item.get_inputs()} == {"present", *(f"{n}.{p}" for n in parts for p in parts[n])}


def test_over_a_graph_the_exported_items_are_those_that_nobody_took():
    """Behaviour is not in a listing: a new one has no edges, and all others have saved vectors."""
    towers = made(encoders={"ids": {}, "category": {"use": "attributes"}}, profile={}, graph={"layers": 2})
    saved, found = towers.model.all_items().numpy(), towers.exported()[0].items(records()["item"])
    taken = np.isin(np.arange(len(saved)), history().item)
    np.testing.assert_allclose(found[~taken], saved[~taken], **CLOSE)
    assert np.abs(found[taken] - saved[taken]).max() > 0.05
    towers.model.graph = None
    np.testing.assert_allclose(found, towers.model.all_items().numpy(), **CLOSE)
