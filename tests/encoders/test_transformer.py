import math

import pytest
import torch
from torch import nn

from shelfspace.encoders.transformer import Transformer
from shelfspace.errors import ConfigError
from tests.contracts.encoder_contract import stirred

B, T, D, KINDS = 5, 6, 8, 3
LENGTHS = [0, 1, 6, 4, 3]


def some(causal=True, **settings):
    return stirred(Transformer(D, KINDS, num_heads=2, causal=causal, positions=3, **settings)).eval()


def histories():
    """Vectors [B, T, D], ages, masks and kinds; the latest events last, nonsense where there are none."""
    source = torch.Generator().manual_seed(1)
    items = torch.randn((B, T, D), generator=source, dtype=torch.float64)
    age = torch.rand((B, T), generator=source, dtype=torch.float64).cumsum(1).flip(1) * 9
    kind = torch.randint(KINDS, (B, T), generator=source)
    mask = torch.arange(T) >= T - torch.tensor(LENGTHS)[:, None]
    return items, age, mask, kind


def norm(layer, x):
    return (x - x.mean()) / (x.var(unbiased=False) + layer.eps).sqrt() * layer.weight + layer.bias


def naive(module, items, age, kind, hidden):
    """One history event by event; what stands at each of them."""
    x = [module.unseen if h else i for i, h in zip(items, hidden, strict=True)]
    x = [one + module.kinds.weight[k] for one, k in zip(x, kind, strict=True)]
    x = [norm(module.enter, one + module.places.weight[min(n, 2)]) for n, one in enumerate(x)]
    for block in module.blocks:
        query, key, value = zip(
            *[(block.into.weight @ one + block.into.bias).view(3, 2, D // 2) for one in x], strict=True
        )
        after = []
        for i in range(len(x)):
            seen = range(i + 1) if module.causal else range(len(x))
            heads = []
            for h in range(2):
                weights = []
                for j in seen:
                    far = max(-3, min(3, i - j)) + 3
                    gap = math.log1p(abs(float(age[j] - age[i])))
                    logit = query[i][h] @ key[j][h] / math.sqrt(D // 2)
                    weights.append(torch.exp(logit + block.near[h, far] - block.slope[h] * gap))
                heads.append(sum(w * value[j][h] for w, j in zip(weights, seen, strict=True)) / sum(weights))
            after.append(norm(block.attended, x[i] + block.out.weight @ torch.cat(heads) + block.out.bias))
        x = [
            norm(
                block.left,
                one
                + block.narrow.weight @ nn.functional.gelu(block.widen.weight @ one + block.widen.bias)
                + block.narrow.bias,
            )
            for one in after
        ]
    return x


@pytest.mark.parametrize("causal", [True, False])
def test_it_is_what_a_transformer_does_event_by_event(causal):
    module = some(causal)
    items, age, mask, kind = histories()
    found = module(items, age, mask, kind)
    assert not found[0].any()
    for row in range(1, B):
        there = mask[row]
        own = [a[row][there] for a in (items, age, kind)]
        hidden = [False] * LENGTHS[row]
        if not causal:
            zero = torch.zeros(1)
            own = [
                torch.cat([own[0], torch.zeros(1, D)]),
                torch.cat([own[1], zero]),
                torch.cat([own[2], zero.long()]),
            ]
            hidden.append(True)
        torch.testing.assert_close(found[row], naive(module, *own, hidden)[-1])


@pytest.mark.parametrize("causal", [True, False])
def test_histories_that_share_a_row_do_not_see_each_other(causal):
    module = some(causal)
    items, age, mask, kind = histories()
    segment = torch.full((2, 8), -1)
    segment[0], segment[1, 1:5] = torch.tensor([0] * 1 + [1] * 6 + [-1]), 2
    slots = torch.randn(2, 8, D, dtype=torch.float64), torch.rand(2, 8, dtype=torch.float64)
    packed, ages, kinds = slots[0], slots[1], torch.zeros(2, 8, dtype=torch.int64)
    hidden = torch.zeros(2, 8, dtype=torch.bool)
    hidden[0, 4] = hidden[1, 2] = True
    for row, (r, first) in {1: (0, 0), 2: (0, 1), 3: (1, 1)}.items():
        there = slice(first, first + LENGTHS[row])
        packed[r, there], ages[r, there], kinds[r, there] = (a[row][mask[row]] for a in (items, age, kind))
    states = module.states(packed, ages, kinds, segment, hidden)
    for row, (r, first) in {1: (0, 0), 2: (0, 1), 3: (1, 1)}.items():
        there = slice(first, first + LENGTHS[row])
        own = (a[row][mask[row]] for a in (items, age, kind))
        expected = torch.stack(naive(module, *own, hidden[r, there]))
        torch.testing.assert_close(states[r, there], expected)


def test_a_causal_one_is_read_at_every_event_as_if_nothing_followed():
    module = some()
    items, age, mask, kind = histories()
    segment, hidden = torch.zeros(1, T, dtype=torch.int64), torch.zeros(1, T, dtype=torch.bool)
    whole = module.states(items[2:3], age[2:3], kind[2:3], segment, hidden)[0]
    for n in range(1, T + 1):
        alone = module(items[2:3, :n], age[2:3, :n], mask[2:3, :n], kind[2:3, :n])
        torch.testing.assert_close(whole[n - 1], alone[0])


def test_only_differences_of_age_count():
    module = some()
    items, age, mask, kind = histories()
    torch.testing.assert_close(module(items, age + 100.0, mask, kind), module(items, age, mask, kind))
    assert (module(items, age * 2, mask, kind)[2:] - module(items, age, mask, kind)[2:]).abs().min() > 0
    plain = some(gaps=False)
    torch.testing.assert_close(plain(items, age * 2, mask, kind), plain(items, age, mask, kind))


def test_all_at_one_moment_is_finite_and_ordered_by_place_alone():
    module = some()
    items, age, mask, kind = histories()
    found = module(items, torch.zeros_like(age), mask, kind)
    assert found.isfinite().all()
    moved = module(items.flip(1), torch.zeros_like(age), mask, kind)
    assert (found[2] - moved[2]).abs().max() > 1e-3
    blind = stirred(Transformer(D, causal=False, positions=0)).eval()
    whole = torch.ones(1, T, dtype=torch.bool)
    one = blind(items[2:3], torch.zeros(1, T), whole, kind[2:3])
    other = blind(items[2:3].flip(1), torch.zeros(1, T), whole, kind[2:3])
    torch.testing.assert_close(one, other)


def test_padding_on_either_side_changes_nothing():
    for causal in (True, False):
        module, given = some(causal), histories()
        expected = module(*given)
        left = [nn.functional.pad(a, (*((0, 0) if a.ndim == 3 else ()), 3, 0)) for a in given]
        torch.testing.assert_close(module(*left), expected)
        if causal:
            right = [nn.functional.pad(a, (*((0, 0) if a.ndim == 3 else ()), 0, 3)) for a in given]
            torch.testing.assert_close(module(*right), expected)


def test_what_is_hidden_is_not_looked_at():
    module = some()
    items, age, mask, kind = histories()
    segment, hidden = mask.long() - 1, torch.zeros_like(mask)
    hidden[2, 3] = True
    other = items.clone()
    other[2, 3] = 7.0
    states = [module.states(i, age, kind, segment, hidden) for i in (items, other)]
    torch.testing.assert_close(*states)


def test_untrained_it_stands_near_the_last_item():
    _, age, mask, kind = histories()
    module = Transformer(64, dropout=0.0).double().eval()
    wide = torch.randn((B, T, 64), dtype=torch.float64)
    found = module(wide, age, mask, kind)
    cosine = nn.functional.cosine_similarity(found[1:], wide[1:, -1])
    assert cosine.min() > 0.9


def test_gradients_are_those_of_finite_differences():
    module = Transformer(4, 2, num_blocks=1, num_heads=2, hidden=1, dropout=0.0, positions=2).double()
    items, age, mask, kind = (a[2:4] for a in histories())
    given = items[..., :4].clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda x: module(x, age, mask, kind.clamp(max=1)), given)


def test_with_one_kind_of_event_kinds_cost_nothing():
    assert not any("kinds" in name for name, _ in Transformer(D).named_parameters())


@pytest.mark.parametrize(
    ("setting", "value"),
    [("num_heads", 3), ("num_blocks", 0), ("hidden", 0), ("dropout", 1.0), ("positions", -1)],
)
def test_settings_that_cannot_be_meant_are_refused(setting, value):
    with pytest.raises(ConfigError, match=setting):
        Transformer(D, **{setting: value})
