import pytest
import torch

from shelfspace.encoders.fusion import FUSIONS, Attention, Concat, Gated, Mean
from shelfspace.errors import ConfigError
from tests.contracts.encoder_contract import D, FusionContract, S


def weighted(logits, vectors):
    """The softmax of logits by place, over vectors by place."""
    powers = [torch.exp(logit) for logit in logits]
    return sum(p * v for p, v in zip(powers, vectors, strict=True)) / sum(powers)


class TestMean(FusionContract):
    def make(self, **settings):
        return Mean(S, D, **settings)

    def naive(self, module, vectors, age, there):
        return sum(vectors[f] for f in there) / len(there)


class TestConcat(FusionContract):
    keeps_one = starts_as_mean = False

    def make(self, **settings):
        return Concat(S, D, **settings)

    def naive(self, module, vectors, age, there):
        return sum(module.out.weight[:, f * D : (f + 1) * D] @ vectors[f] for f in there)


class TestGated(FusionContract):
    def make(self, **settings):
        return Gated(S, D, **settings)

    def naive(self, module, vectors, age, there):
        return weighted([module.gate[f].dot(vectors[f]) + module.bias[f] for f in there], vectors[there])


class TestAttention(FusionContract):
    num_heads = 1

    def make(self, **settings):
        return Attention(S, D, **{"num_heads": self.num_heads, **settings})

    def naive(self, module, vectors, age, there):
        width, shares = D // self.num_heads, []
        for h in range(self.num_heads):
            logits = [module.query[h].dot(vectors[f]) + module.bias[h, f] for f in there]
            shares.append(weighted(logits, vectors[there, h * width : (h + 1) * width]))
        return torch.cat(shares)


class TestAttentionOfTwoHeads(TestAttention):
    num_heads = 2


@pytest.mark.parametrize("name", ["mean", "gated", "attention"])
def test_one_field_is_kept_as_it_is(name):
    field = torch.randn(3, 1, D)
    found = FUSIONS[name](1, D)(field, torch.tensor([[True], [False], [True]]))
    torch.testing.assert_close(found, field[:, 0] * torch.tensor([[1.0], [0.0], [1.0]]))


@pytest.mark.parametrize("num_heads", [0, -2, 3, 16])
def test_heads_that_do_not_share_evenly_are_refused(num_heads):
    with pytest.raises(ConfigError, match="num_heads"):
        Attention(S, D, num_heads=num_heads)
