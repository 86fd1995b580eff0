import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from shelfspace.encoders.modules import BagEncoder, DenseEncoder
from shelfspace.errors import ConfigError
from shelfspace.inputs.fields import Bag

ROWS = st.lists(
    st.lists(st.tuples(st.integers(0, 4), st.sampled_from([0.5, 1.0, 3.0])), max_size=4),
    min_size=1,
    max_size=5,
)


def bag_of(some):
    row = [n for n, pairs in enumerate(some) for _ in pairs]
    index, weight = [i for pairs in some for i, _ in pairs], [w for pairs in some for _, w in pairs]
    return Bag.unit(row, index, weight, num_rows=len(some), num_features=5)


def given_flat(bag):
    return torch.from_numpy(bag.index).long(), torch.from_numpy(bag.indptr[:-1]), torch.from_numpy(bag.weight)


@pytest.mark.parametrize("width", [None, 3, 6])
@given(some=ROWS)
@settings(max_examples=25)
def test_a_bag_is_the_weighted_sum_of_its_features_flat_or_padded(width, some):
    torch.manual_seed(0)
    module, bag = BagEncoder(5, 6, width=width), bag_of(some)
    found = module(*given_flat(bag))
    padded = module.padded(*map(torch.from_numpy, bag.padded()))
    table = module.table.weight.detach().double()
    out = torch.eye(6).double() if module.out is None else module.out.weight.detach().double().T
    for row in range(len(some)):
        summed = torch.zeros(table.shape[1], dtype=torch.float64)
        for at in range(bag.indptr[row], bag.indptr[row + 1]):
            summed += float(bag.weight[at]) * table[bag.index[at]]
        for vectors in (found, padded):
            torch.testing.assert_close(vectors[row].double(), summed @ out, rtol=1e-5, atol=1e-6)


def test_bags_of_nothing():
    module = BagEncoder(1, 4)
    nothing = torch.zeros(0, dtype=torch.int64)
    assert not module(nothing, torch.zeros(3, dtype=torch.int64), torch.zeros(0)).any()
    assert module(nothing, nothing, torch.zeros(0)).shape == (0, 4)
    assert not module.padded(torch.zeros((3, 1), dtype=torch.int64), torch.zeros(3, 1)).any()


def test_features_are_hidden_in_training_only():
    torch.manual_seed(0)
    module = BagEncoder(1, 4, dropout=0.25)
    index, weight = torch.zeros((4000, 1), dtype=torch.int64), torch.ones(4000, 1)
    hidden = ~module.padded(index, weight).any(dim=1)
    assert hidden.float().mean() == pytest.approx(0.25, abs=0.03)
    kept = module(index[:, 0], torch.arange(4000), weight[:, 0])
    kept = kept[kept.any(dim=1)]
    torch.testing.assert_close(kept, (module.table.weight / 0.75).expand_as(kept))
    torch.testing.assert_close(module.eval().padded(index, weight), module.table.weight.expand(4000, 4))


@pytest.mark.parametrize("length", [1, 64])
@pytest.mark.parametrize("width", [None, 16])
def test_a_bag_starts_about_as_long_whatever_it_holds(length, width):
    torch.manual_seed(0)
    module, rng = BagEncoder(2000, 64, width=width), np.random.default_rng(0)
    index = torch.from_numpy(rng.integers(0, 2000, (500, length)))
    found = module.padded(index, torch.full((500, length), length**-0.5))
    assert found.detach().square().sum(dim=1).mean() == pytest.approx(1.0, abs=0.15)


@pytest.mark.parametrize("hidden", [None, 7])
def test_dense_is_the_formula(hidden):
    torch.manual_seed(0)
    module, values = DenseEncoder(3, 5, hidden=hidden).double(), torch.randn(4, 3).double()
    inner = values
    if hidden:
        before = values @ module.first.weight.T + module.first.bias
        inner = before * (1 + torch.erf(before / 2**0.5)) / 2
    torch.testing.assert_close(module(values), inner @ module.out.weight.T + module.out.bias)
    assert module(torch.zeros(2, 3).double()).isfinite().all()
    assert module(values[:0]).shape == (0, 5)


@pytest.mark.parametrize(
    ("make", "setting"),
    [
        (lambda: BagEncoder(5, 4, dropout=1.0), "dropout"),
        (lambda: BagEncoder(5, 4, dropout=-0.1), "dropout"),
        (lambda: BagEncoder(5, 4, width=0), "width"),
        (lambda: DenseEncoder(5, 4, hidden=0), "hidden"),
    ],
)
def test_a_bad_setting_is_named(make, setting):
    with pytest.raises(ConfigError, match=setting):
        make()
