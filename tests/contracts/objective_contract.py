"""What every objective must do. A new objective's test is a subclass with `make` and `naive`.

B batch, M candidates, D embedding_dim.
"""

from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor

from shelfspace.config import Choice, build, search_space, settings_of
from shelfspace.errors import ConfigError
from shelfspace.objectives.contrast import Contrast
from shelfspace.objectives.objective import Objective

B, M, D = 6, 9, 5
FLOATS = ("anchor", "candidate", "log_q", "weight", "value", "target_anchor", "target")
OF_ANCHORS = ("anchor", "anchor_id", "positive", "weight", "value", "target_anchor")


def contrast(seed: int = 0, *, bare: bool = False) -> Contrast:
    """A batch in float64 in which two anchors share a positive; the last candidate is in the `also` of all.

    Of the six anchors the third is its own positive, and three others are among the candidates.
    """
    rng = np.random.default_rng(seed)
    positive = torch.tensor([0, 3, 3, 5, 1, 7])
    also = rng.random((B, M)) < 0.25
    also[:, -1] = True

    def normal(*shape: int) -> Tensor:
        return torch.from_numpy(rng.normal(size=shape))

    plain = Contrast(
        normal(B, D),
        normal(M, D),
        positive,
        value=torch.tensor([1.0, 2.0, 40.0, 7.0, 300.0, 3.0], dtype=torch.float64),
        target_anchor=normal(B, D),
        target=normal(M, D),
    )
    if bare:
        return plain
    return replace(
        plain,
        also=torch.from_numpy(also),
        log_q=normal(M) - 2,
        weight=torch.from_numpy(rng.random(B) + 0.1),
        candidate_id=torch.arange(M) + 100,
        anchor_id=torch.tensor([102, 50, 103, 108, 51, 100]),
    )


def numbers(given: Contrast) -> SimpleNamespace:
    """The same as arrays; what is not given is what it stands for; `also` without the positives."""
    held = {k: None if v is None else v.detach().numpy() for k, v in vars(given).items()}
    rows, columns = len(given.anchor), len(given.candidate)
    held["also"] = np.zeros((rows, columns), bool) if held["also"] is None else held["also"].copy()
    held["also"][np.arange(rows), held["positive"]] = False
    held["log_q"] = np.zeros(columns) if held["log_q"] is None else held["log_q"]
    held["weight"] = np.ones(rows) if held["weight"] is None else held["weight"]
    return SimpleNamespace(**held)


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    return float(a @ b / np.sqrt((a @ a) * (b @ b)))


def is_itself(given: SimpleNamespace, row: int, column: int) -> bool:
    if given.anchor_id is None or column == given.positive[row]:
        return False
    return bool(given.anchor_id[row] == given.candidate_id[column])


def negatives(given: SimpleNamespace, row: int, *, masked: bool = True) -> list[int]:
    columns = range(len(given.candidate))
    return [c for c in columns if c != given.positive[row] and not (masked and given.also[row, c])]


def chunked(given: Contrast, change: Any) -> Contrast:
    """The same with every float tensor changed."""
    floats = {k: getattr(given, k) for k in FLOATS}
    return replace(given, **{k: change(v) for k, v in floats.items() if v is not None})


class ObjectiveContract:
    """Subclass it; `cases` are the settings under which `naive` is compared."""

    kind: ClassVar[type[Objective]]
    cases: ClassVar[tuple[dict[str, Any], ...]] = ({},)
    also_are_positives: ClassVar[bool] = False
    order_counts: ClassVar[bool] = False

    def naive(self, given: SimpleNamespace, objective: Any) -> float:
        """The loss from its formula, in loops over float64."""
        raise NotImplementedError

    def made(self) -> Iterator[Any]:
        for case in self.cases:
            torch.manual_seed(0)
            yield self.kind(D, **case).double().eval()

    @pytest.mark.parametrize("seed", [0, 1])
    @pytest.mark.parametrize("bare", [False, True])
    def test_it_is_the_formula(self, seed: int, bare: bool) -> None:
        for objective in self.made():
            given = contrast(seed, bare=bare)
            value = objective(given)
            assert value.shape == ()
            wanted = self.naive(numbers(given), objective)
            np.testing.assert_allclose(value.item(), wanted, rtol=1e-6, err_msg=str(settings_of(objective)))

    def test_the_gradient_is_that_of_finite_differences(self) -> None:
        given = contrast()
        for objective in self.made():
            names = [name for name, _ in objective.named_parameters()][:4]

            def loss(anchor: Tensor, candidate: Tensor, *given_parameters: Tensor) -> Tensor:
                swapped = dict(zip(names, given_parameters, strict=True))  # noqa: B023
                changed = replace(given, anchor=anchor, candidate=candidate)
                return torch.func.functional_call(objective, swapped, (changed,))  # noqa: B023

            inputs = [given.anchor, given.candidate, *(dict(objective.named_parameters())[n] for n in names)]
            leaves = [tensor.detach().clone().requires_grad_() for tensor in inputs]
            assert torch.autograd.gradcheck(loss, leaves, atol=1e-6, rtol=1e-4, fast_mode=len(names) > 1)

    def test_only_the_ratios_of_weights_count(self) -> None:
        given = contrast()
        one = replace(given, weight=torch.ones(B, dtype=torch.float64))
        lighter = replace(given, weight=given.weight * 0.01)
        none = replace(given, weight=given.weight * 0)
        for objective in self.made():
            torch.testing.assert_close(objective(lighter), objective(given))
            torch.testing.assert_close(objective(one), objective(replace(given, weight=None)))
            assert torch.isfinite(objective(none))

    def test_what_a_pair_weighs_changes_the_loss(self) -> None:
        given = contrast()
        heavier = replace(given, weight=given.weight * torch.tensor([9.0, 1, 1, 1, 1, 1]))
        for objective in self.made():
            assert not torch.isclose(objective(heavier), objective(given), rtol=1e-6)

    def test_one_distinct_item_gives_a_finite_loss_and_gradient(self) -> None:
        given = contrast()
        nobody = torch.zeros(B, dtype=torch.int64)
        everything = {"also": torch.ones(B, 1, dtype=torch.bool), "log_q": given.log_q[:1]}
        for extra in (everything, {"also": None, "log_q": None}):
            single = replace(
                given,
                candidate=given.candidate[:1],
                positive=nobody,
                target=given.target[:1],
                candidate_id=given.candidate_id[:1],
                **extra,
            )
            self._finite(single)
            row = {k: getattr(single, k)[:1] for k in OF_ANCHORS}
            self._finite(replace(single, **row, also=None if extra["also"] is None else extra["also"][:1]))

    def test_vectors_of_zero_and_vectors_all_alike_give_a_finite_loss_and_gradient(self) -> None:
        given = contrast()
        self._finite(chunked(given, torch.zeros_like))
        self._finite(
            replace(
                given,
                anchor=torch.ones_like(given.anchor),
                candidate=torch.ones_like(given.candidate),
                target=torch.ones_like(given.target),
            )
        )

    def _finite(self, given: Contrast) -> None:
        for objective in self.made():
            leaves = [given.anchor.clone().requires_grad_(), given.candidate.clone().requires_grad_()]
            value = objective(replace(given, anchor=leaves[0], candidate=leaves[1]))
            assert torch.isfinite(value), settings_of(objective)
            for gradient in torch.autograd.grad(value, leaves, allow_unused=True):
                assert gradient is None or torch.isfinite(gradient).all(), settings_of(objective)

    def test_a_masked_candidate_gets_no_gradient(self) -> None:
        given = contrast()
        for objective in self.made():
            settings = settings_of(objective)
            if self.also_are_positives or settings.get("multi_positive", "ignore") != "ignore":
                continue
            if not settings.get("mask_false_negatives", True):
                continue
            candidate = given.candidate.clone().requires_grad_()
            objective(replace(given, candidate=candidate, anchor=given.anchor.requires_grad_())).backward()
            if candidate.grad is not None:
                assert not candidate.grad[-1].any(), settings

    def test_the_order_of_candidates_does_not_matter(self) -> None:
        given = contrast()
        order = torch.from_numpy(np.random.default_rng(3).permutation(M))
        moved = replace(
            given,
            candidate=given.candidate[order],
            positive=torch.argsort(order)[given.positive],
            also=given.also[:, order],
            log_q=given.log_q[order],
            target=given.target[order],
            candidate_id=given.candidate_id[order],
        )
        for objective in self.made():
            if not self.order_counts or getattr(objective, "num_negatives", 1) == 0:
                torch.testing.assert_close(objective(moved), objective(given))

    def test_float32_and_bfloat16_are_close_to_float64(self) -> None:
        given = contrast()
        single = chunked(given, lambda t: t.float())
        vectors = ("anchor", "candidate", "target", "target_anchor")
        half = replace(single, **{k: getattr(single, k).bfloat16() for k in vectors})
        for objective in self.made():
            wanted = objective(given)
            objective = objective.float()
            found = objective(single)
            assert found.dtype == torch.float32
            torch.testing.assert_close(found.double(), wanted, rtol=1e-4, atol=1e-5)
            with torch.autocast("cpu", torch.bfloat16):
                low = objective(half)
            assert low.dtype == torch.float32
            torch.testing.assert_close(low.double(), wanted, rtol=0.1, atol=0.1)

    def test_what_it_needs_it_asks_for(self) -> None:
        given = contrast()
        for objective in self.made():
            without = {
                "target": (objective.needs_target, "target"),
                "value": (objective.needs_value, "value"),
            }
            for name, (needed, word) in without.items():
                if needed:
                    with pytest.raises(ConfigError, match=word):
                        objective(replace(given, **{name: None}))

    def test_nothing_is_learnt_from_the_target_network(self) -> None:
        given = contrast()
        for objective in self.made():
            target = given.target.clone().requires_grad_()
            target_anchor = given.target_anchor.clone().requires_grad_()
            anchor = given.anchor.clone().requires_grad_()
            objective(replace(given, anchor=anchor, target=target, target_anchor=target_anchor)).backward()
            assert target.grad is None
            assert target_anchor.grad is None

    def test_a_settings_file_builds_it(self) -> None:
        objective = self.kind(D)
        section = {**settings_of(objective), "use": "it"}
        assert settings_of(build({"it": self.kind}, section, D, path="objectives")) == settings_of(objective)
        for name, where in search_space(self.kind).items():
            for value in where.values if isinstance(where, Choice) else (where.low, where.high):
                part = build({"it": self.kind}, {"use": "it", name: value}, D, path="objectives").double()
                assert torch.isfinite(part.eval()(contrast())), f"{name} = {value}"

    def test_settings_that_cannot_be_are_refused_by_name(self) -> None:
        for name, value in settings_of(self.kind(D)).items():
            if isinstance(value, bool) or name == "bias":
                continue
            wrong = "sideways" if isinstance(value, str) else -1
            with pytest.raises(ConfigError, match=name):
                self.kind(D, **{name: wrong})
        with pytest.raises(ConfigError, match="embedding_dim"):
            self.kind(0)

    def test_state_brings_it_back(self) -> None:
        for objective in self.made():
            torch.manual_seed(9)
            other = self.kind(D, **settings_of(objective)).double().eval()
            other.load_state_dict(objective.state_dict())
            torch.testing.assert_close(other(contrast()), objective(contrast()), rtol=0, atol=0)
