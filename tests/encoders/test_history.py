import math

import pytest
import torch

from shelfspace.encoders.history import Attention, Mean, Recency
from shelfspace.errors import ConfigError
from tests.contracts.encoder_contract import D, HistoryContract, rows


class TestMean(HistoryContract):
    def make(self, **settings):
        return Mean(D, **settings)

    def naive(self, module, vectors, age, there):
        return sum(vectors[t] for t in there) / len(there)


class TestRecency(HistoryContract):
    def make(self, **settings):
        return Recency(D, **{"half_life": 7.0, **settings})

    def naive(self, module, vectors, age, there):
        weights = [2.0 ** (-age[t] / module.log_half_life.exp().item()) for t in there]
        return sum(w * vectors[t] for w, t in zip(weights, there, strict=True)) / sum(weights)


class TestFixedRecency(TestRecency):
    def make(self, **settings):
        return super().make(learnt=False, **settings)


class TestAttention(HistoryContract):
    num_heads = 1

    def make(self, **settings):
        return Attention(D, **{"num_heads": self.num_heads, "age_power": 0.3, **settings})

    def naive(self, module, vectors, age, there):
        width, shares = D // self.num_heads, []
        for h in range(self.num_heads):
            own = vectors[:, h * width : (h + 1) * width]
            weights = [
                torch.exp(module.query[h].dot(vectors[t])) * (1 + age[t]) ** -module.power[h, 0]
                for t in there
            ]
            shares.append(sum(w * own[t] for w, t in zip(weights, there, strict=True)) / sum(weights))
        return torch.cat(shares)


class TestAttentionOfFourHeads(TestAttention):
    num_heads = 4


def test_the_half_life_is_the_setting_before_it_is_learnt():
    vectors, mask = torch.tensor([[[1.0], [4.0]]]), torch.ones(1, 2, dtype=torch.bool)
    found = Recency(1, half_life=10.0)(vectors, torch.tensor([[10.0, 0.0]]), mask)
    torch.testing.assert_close(found, torch.tensor([[3.0]]))


def test_a_half_life_is_learnt_unless_it_is_not_to_be():
    (items, age, mask), target = rows(), None
    for learnt in (True, False):
        module = Recency(D, half_life=1.0, learnt=learnt).double()
        assert len(list(module.parameters())) == learnt
        if learnt:
            target = Recency(D, half_life=20.0).double()(items, age, mask).detach()
            optimizer = torch.optim.Adam(module.parameters(), lr=0.1)
            for _ in range(200):
                optimizer.zero_grad()
                (module(items, age, mask) - target).square().sum().backward()
                optimizer.step()
            assert module.log_half_life.exp().item() == pytest.approx(20.0, rel=0.01)


@pytest.mark.parametrize("half_life", [0.0, -1.0, math.inf, math.nan])
def test_a_half_life_of_nothing_is_refused(half_life):
    with pytest.raises(ConfigError, match="half_life"):
        Recency(D, half_life=half_life)


def test_bad_settings_of_attention_are_named():
    with pytest.raises(ConfigError, match="num_heads"):
        Attention(D, num_heads=3)
    with pytest.raises(ConfigError, match="age_power"):
        Attention(D, age_power=math.nan)
