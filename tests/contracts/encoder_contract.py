"""What every encoder of a field, every fusion of fields and every encoder of a history must do.

A new one's test is a subclass with `make`, or with the section of the field.
"""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from shelfspace.config import build, settings_of
from shelfspace.encoders.encoder import FieldEncoder
from shelfspace.encoders.names import ENCODERS
from shelfspace.inputs.fields import Field, Records
from shelfspace.learning.towers import Made, made_of
from shelfspace.model.held import Held
from tests.contracts.reader_contract import records as few_records
from tests.learning.tastes import plan

B, S, D = 6, 4, 8


def stirred(module: nn.Module, seed: int = 0) -> nn.Module:
    """The module in float64, with no weight left at a start of 0."""
    source = torch.Generator().manual_seed(seed)
    module = module.double()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter += torch.randn(parameter.shape, generator=source, dtype=torch.float64)
    return module


def rows(size: int = B, length: int = S) -> tuple[Tensor, Tensor, Tensor]:
    """Vectors [B, S, D], ages [B, S], and a mask [B, S]: row 0 is empty, row 1 has one place, row 2 all."""
    source = torch.Generator().manual_seed(1)
    vectors = torch.randn((size, length, D), generator=source, dtype=torch.float64)
    age = torch.rand((size, length), generator=source, dtype=torch.float64) * 40
    mask = torch.rand((size, length), generator=source) < 0.6
    mask[0], mask[2] = False, True
    mask[1] = torch.arange(length) == length - 1
    return vectors, age, mask


class PoolingContract:
    """What holds of both: they pool [B, S, D] into [B, D] where a mask holds."""

    keeps_one = True
    """Whether a row of one place gives the vector at that place."""

    def make(self, **settings: Any) -> nn.Module:
        raise NotImplementedError

    def naive(self, module: Any, vectors: Tensor, age: Tensor, there: list[int]) -> Tensor:
        """Return what one row gives, [D], from vectors [S, D], ages [S] and the places that are there, at least one."""
        raise NotImplementedError

    def run(self, module: nn.Module, vectors: Tensor, age: Tensor, mask: Tensor) -> Tensor:
        raise NotImplementedError

    def test_is_what_the_formula_says(self) -> None:
        module, (vectors, age, mask) = stirred(self.make()), rows()
        found = self.run(module, vectors, age, mask)
        assert found.shape == (B, D)
        for row in range(B):
            there = mask[row].nonzero()[:, 0].tolist()
            expected = self.naive(module, vectors[row], age[row], there) if there else torch.zeros(D).double()
            torch.testing.assert_close(found[row], expected)

    def test_gradients_are_right(self) -> None:
        module, (vectors, age, mask) = stirred(self.make()), rows()
        given = [vectors.requires_grad_(), *module.parameters()]
        assert torch.autograd.gradcheck(lambda *_: self.run(module, vectors, age, mask), given)

    @pytest.mark.parametrize("waste", [float("nan"), float("inf"), 1e30])
    def test_what_is_not_there_is_not_looked_at(self, waste: float) -> None:
        module, (vectors, age, mask) = stirred(self.make()), rows()
        wasted = vectors.masked_fill(~mask.unsqueeze(-1), waste).requires_grad_()
        found = self.run(module, wasted, age.masked_fill(~mask, waste), mask)
        torch.testing.assert_close(found, self.run(module, vectors, age, mask))
        found.sum().backward()
        for gradient in (wasted.grad, *(p.grad for p in module.parameters())):
            assert gradient is not None
            assert gradient.isfinite().all()
        assert not wasted.grad[~mask].any()

    def test_nothing_there_at_all_is_zero_with_finite_gradients(self) -> None:
        module, (vectors, age, _) = stirred(self.make()), rows()
        found = self.run(module, vectors.requires_grad_(), age, torch.zeros((B, S), dtype=torch.bool))
        assert not found.any()
        found.square().sum().backward()
        assert not vectors.grad.any()
        assert all(p.grad is not None and not p.grad.any() for p in module.parameters())

    def test_one_place_gives_what_stands_there(self) -> None:
        module, (vectors, age, mask) = stirred(self.make()), rows()
        found = self.run(module, vectors, age, mask)[1]
        assert torch.allclose(found, vectors[1, -1]) == self.keeps_one

    def test_all_zero_vectors_give_zero(self) -> None:
        module, (vectors, age, mask) = stirred(self.make()), rows()
        assert not self.run(module, torch.zeros_like(vectors), age, mask).any()

    def test_each_row_is_pooled_by_itself(self) -> None:
        module, (vectors, age, mask) = stirred(self.make()), rows()
        together = self.run(module, vectors, age, mask)
        for row in range(B):
            alone = self.run(module, vectors[[row]], age[[row]], mask[[row]])[0]
            torch.testing.assert_close(alone, together[row])
        assert self.run(module, vectors[:0], age[:0], mask[:0]).shape == (0, D)

    def test_single_precision_is_close(self) -> None:
        module, (vectors, age, mask) = stirred(self.make()), rows()
        exact = self.run(module, vectors, age, mask)
        single = self.run(module.float(), vectors.float(), age.float(), mask)
        assert single.dtype == torch.float32
        torch.testing.assert_close(single.double(), exact, rtol=1e-4, atol=1e-5)

    def test_weights_bring_it_back(self) -> None:
        module, again = stirred(self.make()), stirred(self.make(), seed=5)
        again.load_state_dict(module.state_dict())
        torch.testing.assert_close(self.run(again, *rows()), self.run(module, *rows()), rtol=0, atol=0)

    def test_settings_build_it(self) -> None:
        module = self.make()
        given = (S, D) if isinstance(self, FusionContract) else (D,)
        again = build({"it": type(module)}, {"use": "it", **settings_of(module)}, *given, path="it")
        assert settings_of(again) == settings_of(module)


class FusionContract(PoolingContract):
    """Subclass it, and say how the fusion of S fields is made."""

    starts_as_mean = True

    def run(self, module: nn.Module, vectors: Tensor, age: Tensor, mask: Tensor) -> Tensor:
        fused: Tensor = module(vectors, mask)
        return fused

    def test_starts_as_the_mean(self) -> None:
        vectors, age, mask = rows()
        mean = torch.stack(
            [vectors[row][mask[row]].sum(dim=0) / max(1, int(mask[row].sum())) for row in range(B)]
        )
        found = self.run(self.make().double(), vectors, age, mask)
        assert torch.allclose(found, mean) == self.starts_as_mean


class HistoryContract(PoolingContract):
    """Subclass it, and say how the history encoder is made."""

    def run(self, module: nn.Module, vectors: Tensor, age: Tensor, mask: Tensor) -> Tensor:
        pooled: Tensor = module(vectors, age, mask)
        return pooled

    def test_padding_on_either_side_changes_nothing(self) -> None:
        module, (vectors, age, mask) = stirred(self.make()), rows()
        expected = self.run(module, vectors, age, mask)
        for sides in ((3, 0), (0, 3)):
            wide = [
                nn.functional.pad(a, (*((0, 0) if a.ndim == 3 else ()), *sides)) for a in (vectors, age, mask)
            ]
            torch.testing.assert_close(self.run(module, *wide), expected)

    def test_the_order_of_events_is_told_by_age_alone(self) -> None:
        module, (vectors, age, mask) = stirred(self.make()), rows()
        order = torch.tensor([2, 0, 3, 1])
        moved = self.run(module, vectors[:, order], age[:, order], mask[:, order])
        torch.testing.assert_close(moved, self.run(module, vectors, age, mask))

    def test_the_same_item_again_and_again_is_that_item(self) -> None:
        module, length = stirred(self.make()).float(), 5000
        item = torch.randn(1, 1, D)
        found = self.run(
            module, item.expand(1, length, D), torch.arange(length)[None] * 1.0, torch.ones(1, length) > 0
        )
        torch.testing.assert_close(found, item[0], rtol=1e-4, atol=1e-5)

    @pytest.mark.parametrize("age", [0.0, -5.0, 1e7])
    def test_ages_before_now_and_long_past_are_finite(self, age: float) -> None:
        module, (vectors, _, mask) = stirred(self.make()).float(), rows()
        ages = torch.full((B, S), age, requires_grad=True)
        found = self.run(module, vectors.float().requires_grad_(), ages, mask)
        assert found.isfinite().all()
        assert found[2].any()
        found.sum().backward()
        assert all(p.grad is not None and p.grad.isfinite().all() for p in module.parameters())


class FieldEncoderContract:
    """Subclass it with the section of a field of which rows 0 and 1 are there and differ."""

    @pytest.fixture
    def section(self) -> dict[str, Any]:
        raise NotImplementedError

    @pytest.fixture
    def given(self) -> Records:
        return few_records()

    @pytest.fixture
    def made(self, section: dict[str, Any], given: Records) -> Made:
        return self.made_of(section, given)

    def made_of(self, section: dict[str, Any], given: Records) -> Made:
        """A tower of this field alone, in evaluation."""
        torch.manual_seed(3)
        towers = made_of(
            plan(encoders={"it": section}, profile={}), {"item": given}, np.ones(len(given), bool)
        )
        towers.model.eval()
        return towers

    def parts(self, made: Made, given: Records) -> tuple[FieldEncoder, Field]:
        return made.model.item.encoder("it"), made.readers["item"]["it"].read(given)

    def test_rows_alone_are_those_among_others(self, made: Made, given: Records) -> None:
        encoder, field = self.parts(made, given)
        together = Held(field).encode(encoder, torch.arange(len(field)))
        assert together.shape == (len(field), 16)
        assert together.isfinite().all()
        assert not torch.allclose(together[0], together[1])
        for row in np.flatnonzero(field.present).tolist():
            alone = Held(field).encode(encoder, torch.tensor([row]))[0]
            torch.testing.assert_close(alone, together[row], rtol=1e-4, atol=1e-5)
        assert Held(field).encode(encoder, torch.arange(0)).shape == (0, 16)

    def test_exported_it_gives_the_same(self, made: Made, given: Records) -> None:
        expected = made.model.all_items().numpy()
        found = made.exported()[0].items(given)
        np.testing.assert_allclose(found, expected, rtol=0, atol=2e-5)
        assert found[:2].any(axis=1).all()
        assert not found[2].any()

    def test_evaluation_repeats_itself_and_training_gives_views(self, made: Made, given: Records) -> None:
        encoder, field = self.parts(made, given)
        rows = torch.arange(len(field))
        assert torch.equal(Held(field).encode(encoder, rows), Held(field).encode(encoder, rows))
        encoder.train()  # type: ignore[attr-defined]
        torch.manual_seed(1)
        one = Held(field).encode(encoder, rows)
        assert not torch.equal(one, Held(field).encode(encoder, rows))
        torch.manual_seed(1)
        assert torch.equal(one, Held(field).encode(encoder, rows))

    def test_the_gradient_reaches_every_weight_that_is_learnt(self, made: Made, given: Records) -> None:
        encoder, field = self.parts(made, given)
        Held(field).encode(encoder, torch.arange(len(field))).square().sum().backward()
        for name, weight in encoder.named_parameters():  # type: ignore[attr-defined]
            assert (weight.grad is not None and bool(weight.grad.any())) == weight.requires_grad, name

    def test_a_copy_has_its_weights_and_no_others(self, made: Made, section: dict[str, Any]) -> None:
        encoder = made.model.item.encoder("it")
        twin = build(ENCODERS, section, path="it").module(made.readers["item"]["it"], 16)
        twin.load_state_dict(encoder.state_dict())  # type: ignore[attr-defined]
        for one, other in zip(twin.parameters(), encoder.parameters(), strict=True):  # type: ignore[attr-defined]
            assert torch.equal(one, other)
            assert one.requires_grad == other.requires_grad

    def test_settings_are_kept(self, section: dict[str, Any]) -> None:
        encoder = build(ENCODERS, section, path="it")
        again = build(ENCODERS, {"use": section["use"], **settings_of(encoder)}, path="it")
        assert settings_of(again) == settings_of(encoder)
