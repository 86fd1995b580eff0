"""Words in their order, by convolutions."""

import numpy as np
import pytest
import torch

from shelfspace.config import build
from shelfspace.encoders.convolution import PhraseEncoder
from shelfspace.encoders.names import ENCODERS
from shelfspace.encoders.view import seen
from shelfspace.encoders.wording import Wording
from shelfspace.errors import ConfigError
from shelfspace.training.batches import Batch
from shelfspace.training.gradients import Cached, Plain, contrast_of
from tests.contracts.encoder_contract import FieldEncoderContract
from tests.learning.tastes import Loop, same

IDS = torch.tensor([[3, 1, 4, 1], [2, -1, -1, -1], [-1, -1, -1, -1], [1, 4, 3, -1]])


class TestTextCNN(FieldEncoderContract):
    @pytest.fixture
    def section(self):
        return {
            "use": "textcnn",
            "num_buckets": 50,
            "width": 6,
            "filters": 5,
            "kernel_sizes": [1, 3],
            "token_dropout": 0.4,
        }


def test_it_is_the_largest_answer_of_each_filter():
    torch.manual_seed(0)
    module = PhraseEncoder(9, 7, Wording(), width=5, filters=4, kernel_sizes=(2, 3)).double().eval()
    found = module(IDS).detach().numpy()
    table = module.table.weight.detach().numpy()
    for row, ids in enumerate(IDS.tolist()):
        words = [table[i] for i in ids if i >= 0]
        answers = []
        for convolution in module.filters:
            weight, bias = convolution.weight.detach().numpy(), convolution.bias.detach().numpy()
            most = np.zeros(4)
            for at in range(len(words)):
                window = words[at : at + weight.shape[2]]
                answer = bias + sum(weight[:, :, n] @ word for n, word in enumerate(window))
                most = np.maximum(most, answer)
            answers.append(most)
        out = module.out.weight.detach().numpy() @ np.concatenate(answers) + module.out.bias.detach().numpy()
        np.testing.assert_allclose(found[row], out, atol=1e-12)


def test_order_counts_and_padding_does_not():
    torch.manual_seed(0)
    module = PhraseEncoder(9, 7, Wording(), kernel_sizes=(2,)).eval()
    wide = torch.nn.functional.pad(IDS, (0, 5), value=-1)
    torch.testing.assert_close(module(wide), module(IDS))
    assert not torch.allclose(module(IDS[[0]]), module(IDS[[0]].flip(1)))


def many(ids, size=4000):
    return torch.tensor([ids]).repeat(size, 1)


def test_words_are_hidden_as_often_as_said_and_never_all():
    torch.manual_seed(0)
    wording = Wording(hide=0.3)
    found = wording(many([5, 6, 7, -1]))
    assert ((found == many([5, 6, 7, -1])) | (found == -1)).all()
    assert (found >= 0).any(dim=1).all()
    assert (found[:, 0] < 0).float().mean().item() == pytest.approx(0.3, abs=0.03)
    assert torch.equal(wording(many([5, -1])), many([5, -1]))
    assert torch.equal(wording.eval()(many([5, 6])), many([5, 6]))


def test_words_change_places_with_the_next_and_none_is_lost():
    torch.manual_seed(0)
    found = Wording(swap=0.2)(many([5, 6, 7, -1, -1]))
    assert torch.equal(found.sort(dim=1).values, many([-1, -1, 5, 6, 7]))
    assert (found[:, 3:] == -1).all()
    orders = {tuple(row) for row in found[:, :3].tolist()}
    assert {(5, 6, 7), (6, 5, 7), (5, 7, 6)} <= orders
    assert (found[:, 0] == 5).float().mean().item() == pytest.approx(0.8, abs=0.05)


def test_a_synonym_stands_in_alike_often_and_others_stay():
    torch.manual_seed(0)
    wording = Wording([np.array([2, 5, 8]), np.array([1, 3])], replace=0.6)
    found = wording(many([5, 3, 7, 9, -1]))
    assert set(found[:, 0].tolist()) == {2, 5, 8}
    assert set(found[:, 1].tolist()) == {1, 3}
    assert torch.equal(found[:, 2:], many([7, 9, -1]))
    assert (found[:, 0] == 2).float().mean().item() == pytest.approx(0.2, abs=0.03)


def test_a_view_may_be_seen_in_evaluation_and_afterwards_none_is():
    torch.manual_seed(0)
    module = PhraseEncoder(9, 7, Wording(hide=0.5)).eval()
    ids = many([3, 1, 4, 2], 50)
    plain = module(ids)
    with seen(module):
        assert not torch.allclose(module(ids), plain)
    torch.testing.assert_close(module(ids), plain)


SECTIONS = {
    "encoders": {"title": {"use": "textcnn", "num_buckets": 300, "filters": 16, "token_dropout": 0.3}},
    "profile": {},
    "negatives": {"use": "in_batch"},
}


@pytest.mark.parametrize(
    "objective", [{"use": "infonce"}, {"use": "byol"}, {"use": "moco", "queue_size": 64}]
)
def test_two_views_of_a_text_are_learnt_from_and_the_same_seed_ends_alike(objective):
    def loop():
        return Loop(
            **SECTIONS,
            objectives=[{**objective, "pairs": "two_views"}],
            loop={"epochs": 3, "epoch_steps": 4, "batch_size": 48, "learning_rate": 0.01},
        )

    one, two = loop(), loop()
    curve = one.fit().curve
    assert curve[-1]["loss"] < curve[0]["loss"]
    two.fit()
    assert same(one.weights(), two.weights())


def test_the_slow_copy_sees_a_view_of_its_own():
    some = Loop(**SECTIONS, objectives=[{"use": "byol", "pairs": "two_views"}])
    batch: Batch = some.terms[0].draw(np.random.default_rng(0), 16)
    slow = some.model.eval()
    plain = slow.items(batch.rows).detach()
    torch.manual_seed(0)
    contrast = contrast_of(slow, batch, plain, plain[batch.anchor], slow)
    assert not torch.allclose(contrast.target, plain[batch.candidate])
    assert not torch.allclose(contrast.target[contrast.positive], contrast.target_anchor)
    torch.testing.assert_close(slow.items(batch.rows).detach(), plain)


def test_in_chunks_the_gradient_is_that_of_the_same_views():
    """What a chunk draws without a graph it must draw again with one."""
    some = Loop(**SECTIONS, objectives=[{"use": "infonce", "pairs": "two_views"}])
    batch = some.terms[0].draw(np.random.default_rng(0), 24)
    found = []
    for way in (Plain(), Cached(1000)):
        torch.manual_seed(2)
        some.model.zero_grad()
        loss = way.add(some.model.train(), batch, some.terms[0].objective, None, 1.0)
        found.append([loss, *(w.grad.clone() for w in some.model.parameters() if w.grad is not None)])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("section", "named"),
    [
        ({"kernel_sizes": []}, "kernel_sizes"),
        ({"kernel_sizes": [0]}, "kernel_sizes"),
        ({"filters": 0}, "filters"),
        ({"width": 0}, "width"),
        ({"token_dropout": 1.0}, "token_dropout"),
        ({"swap": -0.1}, "swap"),
        ({"synonym": 1.5}, "synonym"),
        ({"columns": []}, "columns"),
        ({"max_tokens": 0}, "max_tokens"),
    ],
    ids=str,
)
def test_a_bad_setting_is_named(section, named):
    with pytest.raises(ConfigError, match=named):
        build(ENCODERS, {"use": "textcnn", **section}, path="it")
