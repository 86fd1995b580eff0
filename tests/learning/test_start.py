from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
import torch
from safetensors.torch import save

from shelfspace.learning.learner import Learner
from shelfspace.learning.start import Start
from shelfspace.learning.towers import made_of
from shelfspace.shop.ids import Ids
from tests.learning.tastes import NUM_ITEMS, NUM_USERS, about, catalogue, history, plan, records, weights_of

USERS = Ids([f"user-{n}" for n in range(NUM_USERS)], "user")
LOOP = {"epochs": 6, "learning_rate": 0.01}


@pytest.fixture(scope="module")
def earlier():
    """A model of all but the last events, with the towers it is made of."""
    past = history().keep(history().time < 320.0, now=320.0)
    learnt, _ = Learner(plan(loop=LOOP), about()).learn(past, catalogue())
    return learnt, learnt.export.__self__


def start_of(made, *, same_shop):
    ids = (catalogue().ids, USERS) if same_shop else (None, None)
    return Start(save(weights_of(made.model)), made.readers, *ids)


def towers(changed=None, **sections):
    torch.manual_seed(77)
    given = {
        side: some for side, some in records().items() if side == "item" or sections.get("profile") != {}
    }
    if changed is not None:
        given = {**given, "item": replace(given["item"], **changed(given["item"]))}
    return made_of(plan(**sections), given, np.ones(NUM_ITEMS, bool))


@pytest.mark.parametrize("same_shop", [True, False])
def test_weights_are_carried_where_names_and_shapes_agree_and_ids_only_in_the_same_shop(same_shop, earlier):
    made, before = towers(), earlier[1]
    own, old = weights_of(made.model), weights_of(before.model)
    taken = start_of(before, same_shop=same_shop).carry(made, catalogue().ids, USERS)
    ids = {"item.fields.field_ids.table.weight", "user.profile.fields.field_ids.table.weight"}
    assert set(taken) == (set(old) if same_shop else set(old) - ids)
    for name, value in weights_of(made.model).items():
        expected = old[name] if same_shop or name not in ids else own[name]
        assert torch.equal(value, expected), name


def test_ids_follow_the_id_and_not_the_row(earlier):
    """Items in another order, of which five are new."""
    order = np.random.default_rng(2).permutation(NUM_ITEMS)
    texts = [f"sku-{n}" if n >= 5 else f"new-{n}" for n in order]
    made, old = towers(), weights_of(earlier[1].model)["item.fields.field_ids.table.weight"]
    own = weights_of(made.model)["item.fields.field_ids.table.weight"]
    start_of(earlier[1], same_shop=True).carry(made, Ids(texts, "item"), USERS)
    found = weights_of(made.model)["item.fields.field_ids.table.weight"]
    for row, n in enumerate(order):
        assert torch.equal(found[row], old[n] if n >= 5 else own[row])


def test_values_follow_the_text_and_not_the_place(earlier):
    """Brands of another shop: two that were there, and two that sort before them."""

    def other(items):
        at = items.table.column_names.index("brand")
        brands = [["aaa", "brand 3", "bbb", "brand 1"][n % 4] for n in range(NUM_ITEMS)]
        return {"table": items.table.set_column(at, "brand", pa.array(brands))}

    made, before = towers(other), earlier[1]
    name = "item.fields.field_brand.table.weight"
    own, old = weights_of(made.model)[name], weights_of(before.model)[name]
    start_of(before, same_shop=False).carry(made, catalogue().ids, USERS)
    found = weights_of(made.model)[name]
    places = [before.readers["item"]["brand"].vocabulary.to_pylist().index(b) for b in ("brand 1", "brand 3")]
    assert made.readers["item"]["brand"].vocabulary.to_pylist() == ["aaa", "bbb", "brand 1", "brand 3"]
    assert torch.equal(found, torch.cat([own[:2], old[places]]))


def test_words_in_their_order_follow_their_buckets():
    fields = {"encoders": {"title": {"use": "textcnn", "num_buckets": 200}}, "profile": {}}
    before, made = (towers(**fields) for _ in range(2))
    with torch.no_grad():
        for weight in before.model.parameters():
            weight += 1.0
    taken = start_of(before, same_shop=False).carry(made, catalogue().ids, USERS)
    assert "item.fields.field_title.table.weight" in taken
    assert all(torch.equal(w, weights_of(before.model)[n]) for n, w in weights_of(made.model).items())
    other = towers(encoders={"title": {"use": "textcnn", "num_buckets": 201}}, profile={})
    taken = start_of(before, same_shop=False).carry(other, catalogue().ids, USERS)
    assert "item.fields.field_title.table.weight" not in taken


@pytest.mark.parametrize(
    "sections",
    [
        pytest.param({"model": {"embedding_dim": 8}}, id="another width"),
        pytest.param({"encoders": {"title": {"use": "hashed", "num_buckets": 299}}}, id="other buckets"),
        pytest.param({"encoders": {"title": {"use": "attributes", "column": "title"}}}, id="another reader"),
        pytest.param({"encoders": {"ids": {}}, "profile": {}}, id="fewer fields"),
        pytest.param(
            {"fusion": {"use": "gated"}, "user": {"use": "attention", "length": 8}}, id="other parts"
        ),
    ],
)
def test_what_does_not_fit_stays_as_it_was(sections, earlier):
    made, before = towers(**sections), weights_of(earlier[1].model)
    own = weights_of(made.model)
    taken = start_of(earlier[1], same_shop=True).carry(made, catalogue().ids, USERS)
    for name, value in weights_of(made.model).items():
        assert torch.equal(value, before[name] if name in taken else own[name]), name
    assert all(before[name].shape == own[name].shape for name in taken)


def test_a_continued_run_keeps_old_vectors_where_they_were(earlier):
    """A few steps at a low rate, on all events: old vectors hardly move, those of a run from nothing are elsewhere."""
    start = start_of(earlier[1], same_shop=True)
    low = {"epochs": 1, "epoch_steps": 10, "learning_rate": 0.001}
    runs = {}
    for name, given in (("continued", start), ("new", None)):
        runs[name], curve = Learner(plan(loop=low), about(), seed=3).learn(
            history(),
            catalogue(),
            start=None if given is None else lambda made: start.carry(made, catalogue().ids, USERS),
        )
        runs[name].loss = curve[-1]["loss"]
    cosine = {name: (run.vectors[:-1] * earlier[0].vectors[:-1]).sum(axis=1) for name, run in runs.items()}
    assert cosine["continued"].min() > 0.9
    assert cosine["continued"].min() > cosine["new"].max()
    assert runs["continued"].loss < runs["new"].loss


def test_another_shop_that_starts_from_this_one_learns_sooner(earlier):
    """Its items have the words of this shop and none of its ids; what was learnt of words is worth epochs."""
    fields = {
        "title": {"use": "hashed", "num_buckets": 300},
        "category": {"use": "attributes", "is_path": True},
    }
    given = {
        "encoders": fields,
        "profile": {},
        "loop": {"epochs": 1, "epoch_steps": 2, "learning_rate": 0.001},
    }
    start = start_of(earlier[1], same_shop=False)
    losses = []
    for carried in (lambda made: start.carry(made, catalogue().ids, USERS), None):
        _, curve = Learner(plan(**given), about()).learn(history(), catalogue(), start=carried)
        losses.append(curve[-1]["loss"])
    assert losses[0] < 0.95 * losses[1]
