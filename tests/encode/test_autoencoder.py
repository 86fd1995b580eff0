import io
import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

import shelfspace
from shelfspace.encode.autoencoder import Autoencoded, Layers
from shelfspace.encode.heads import Heads, LabelHead, NumberHead
from shelfspace.linear.counts import item_degree, most_taken
from shelfspace.linear.trending import rising
from shelfspace.shop.history import History
from tests.contracts.retriever_contract import NUM_ITEMS, NUM_USERS, RetrieverContract, history


def one_layer(past, items):
    """Takes for the weights what is taken together, so that it can be fitted like any other; one layer each side."""
    taken = past.matrix()[:, items]
    together = np.asarray((taken.T @ taken).toarray(), np.float32)
    scale = np.sqrt(np.maximum(np.diag(together), 1.0))
    near = together / scale[:, None] / scale
    bias = np.log1p(taken.sum(axis=0)).astype(np.float32)
    square = np.eye(len(items), dtype=np.float32)
    flat = np.zeros(len(items), np.float32)
    return Layers(near, flat + 0.1, [(square, flat)], [(square, flat)], 2 * near, bias)


class OverCounts(Autoencoded):
    def fit(self, history, catalogue):
        degree = item_degree(history)
        items = most_taken(degree, NUM_ITEMS)
        return self.take(one_layer(history, items), items, degree, rising(history, 9.0, 100.0))


class TestAutoencoded(RetrieverContract):
    def make(self, **settings):
        return OverCounts(**settings)


class TestRebuilt(RetrieverContract):
    def make(self, **settings):
        return OverCounts(**{"task": "reconstruct", **settings})


def small(task="classify", **settings):
    """Ten items modelled of fourteen."""
    rng = np.random.default_rng(0)
    items = np.sort(rng.choice(NUM_ITEMS, 10, replace=False)).astype(np.int32)

    def normal(*shape):
        return rng.normal(size=shape).astype(np.float32)

    layers = Layers(normal(10, 6), normal(6), [(normal(6, 3), normal(3))], [], normal(10, 3), normal(10))
    label = LabelHead(
        normal(3, 2), normal(2), np.array(["old", "young 年轻"]), np.array([0.75, 0.25], np.float32)
    )
    number = NumberHead(normal(3), 0.1, 3.0, 2.0, True)
    taken = np.zeros(NUM_ITEMS)
    taken[items] = np.arange(10) + 1
    return Autoencoded(task=task, **settings).take(layers, items, taken, heads=Heads(label, number))


def dense_rows(past, items, half_life):
    """Each item once, at its latest event's weight, aged from the user's last event, at unit length."""
    x = np.zeros((len(past), len(items)))
    for user in range(len(past)):
        events = slice(past.indptr[user], past.indptr[user + 1])
        for item, time, weight in zip(past.item[events], past.time[events], past.weight[events], strict=True):
            if item in items:
                age = past.time[events][-1] - time
                x[user, np.flatnonzero(items == item)[0]] = weight * 0.5 ** (age / half_life)
    return x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-30)


@pytest.mark.parametrize("half_life", [np.inf, 20.0])
@pytest.mark.parametrize("task", ["classify", "reconstruct"])
def test_a_score_is_that_of_the_dense_network(task, half_life):
    part, past = small(task, history_half_life=half_life), history()
    weights = part.layers
    x = dense_rows(past, part.items, half_life)
    latent = np.tanh(x @ weights.table + weights.offset) @ weights.encoder[0][0] + weights.encoder[0][1]
    np.testing.assert_allclose(part.encode(past), latent, rtol=1e-4, atol=1e-5)
    z = latent @ weights.vectors.T + weights.bias
    expected = np.zeros((NUM_USERS, NUM_ITEMS))
    expected[:, part.items] = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True) if task == "classify" else z
    known = x.any(axis=1)
    assert not known.all()
    np.testing.assert_allclose(part.score(past)[known], expected[known], rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(part.knows(past), known)


def test_a_user_of_whom_nothing_is_known_gets_the_shares_of_what_is_taken():
    part = small()
    strange = np.setdiff1d(np.arange(NUM_ITEMS), part.items)
    past = History.of([1, 1], strange[:2], [0.0, 1.0], num_users=3, num_items=NUM_ITEMS)
    np.testing.assert_allclose(part.score(past), np.tile(part.taken / part.taken.sum(), (3, 1)), rtol=1e-6)
    assert [len(parts) for parts in part.reasons(past.of_users([1]), part.items)] == [1] * 10


def test_an_item_that_was_not_there_when_it_was_trained_changes_nothing_and_is_scored_0():
    part, past = small(), history().of_users([3])
    strange = int(np.setdiff1d(np.arange(NUM_ITEMS), part.items)[0])
    more = History.of(
        np.zeros(past.num_events + 1, int),
        np.append(past.item, strange),
        np.append(past.time, past.time[-1]),
        num_users=1,
        num_items=NUM_ITEMS,
        now=past.now,
    )
    np.testing.assert_allclose(part.score(more), part.score(past), rtol=1e-5)
    assert part.score(more)[0, strange] == 0.0
    assert part.vectors.shape == (NUM_ITEMS, 3)
    assert not part.vectors[strange].any()
    assert all(r.item != strange for parts in part.reasons(more, part.items) for r in parts)


def test_how_long_ago_all_of_it_was_does_not_matter():
    """Only which of a user's events are older than others."""
    part, past = small(history_half_life=3.0), history()
    old = replace(past, time=past.time - 1e6)
    np.testing.assert_allclose(part.score(old), part.score(past), rtol=1e-4, atol=1e-7)


def test_a_reason_is_what_the_logit_loses_when_an_item_is_left_out():
    part, past = small(history_half_life=30.0), history().of_users([11])
    asked = part.items[:4]
    scores = part.score(past)[0, asked]

    def logits(query):
        z = part.layers.decoded(part.encode(query)) @ part.layers.vectors[:4].T + part.layers.bias[:4]
        return z[0].astype(np.float64)

    taken = np.intersect1d(past.item, part.items)
    lost = []
    for item in taken:  # a row's ages count from its last event, so another event of weight 0 stands for that
        weight = np.where(past.item == item, 0.0, past.weight).astype(np.float32)
        lost.append(np.maximum(logits(past) - logits(replace(past, weight=weight)), 0))
    for column, parts in enumerate(part.reasons(past, asked)):
        amounts = np.array([row[column] for row in lost])
        expected = dict(
            zip(taken.tolist(), amounts / max(amounts.sum(), 1e-30) * scores[column], strict=True)
        )
        found = {r.item: r.amount for r in parts if r.item >= 0}
        for item, amount in expected.items():
            assert found.get(item, 0.0) == pytest.approx(amount, rel=1e-3, abs=1e-5)


def test_heads_foretell_by_the_users_vector_and_else_what_holds_for_most():
    part, past = small(), history()
    found, latent = part.predict(past), part.encode(past).astype(np.float64)
    known = part.knows(past)
    label, number = part.heads.label, part.heads.number
    z = np.exp(latent @ label.weight + label.offset)
    chance = np.where(known[:, None], z / z.sum(axis=1, keepdims=True), [0.75, 0.25])
    np.testing.assert_allclose(found["probability"], chance, rtol=1e-4)
    assert found["label"].tolist() == [part.heads.classes[c] for c in chance.argmax(axis=1)]
    scaled = np.where(known, latent @ number.weight + 0.1, 0.0) * 2.0 + 3.0
    np.testing.assert_allclose(found["value"], np.expm1(scaled), rtol=1e-4)
    assert found["label"][~known].tolist() == ["old"] * int((~known).sum())


def test_without_heads_nothing_is_foretold():
    part = small()
    part.heads = Heads()
    assert part.predict(history()) == {}
    assert part.heads.classes == []


def test_heads_come_back_from_a_file():
    part, file = small(), io.BytesIO()
    np.savez(file, **part.arrays())
    file.seek(0)
    with np.load(file, allow_pickle=False) as saved:
        again = Autoencoded().restore(dict(saved))
    for name, value in part.predict(history()).items():
        np.testing.assert_array_equal(again.predict(history())[name], value)


def test_answering_needs_no_torch():
    code = (
        "import sys, json; import shelfspace.encode.autoencoder;"
        "print(json.dumps(sorted({'torch', 'onnxruntime'} & set(sys.modules))))"
    )
    root = shelfspace.__path__[0] + "/.."
    assert json.loads(subprocess.check_output([sys.executable, "-c", code], cwd=root)) == []
