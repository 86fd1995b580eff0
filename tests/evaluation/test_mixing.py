"""The weights of the blend."""

from dataclasses import dataclass

import numpy as np
import pytest

from shelfspace.evaluation.collecting import collect
from shelfspace.evaluation.metrics import evaluate
from shelfspace.evaluation.mixing import choose_weights, difference, mix_of
from shelfspace.shop.cases import cases_of
from shelfspace.shop.history import History


@dataclass
class Known:
    """A retriever that scores each user by a table; the user's row is what their one past event says."""

    table: np.ndarray

    def score(self, queries):
        return self.table[queries.item[queries.indptr[:-1]] if queries.num_events else []]


def cases(num_users: int, relevant: np.ndarray, num_items: int):
    rows = np.arange(num_users)
    seen = History.of(rows, rows % num_items, num_users=num_users, num_items=num_items)
    answers = History.of(rows, relevant, num_users=num_users, num_items=num_items)
    everything = np.ones(num_items, bool)
    return cases_of(
        "random", fit=seen, queries=seen, answers=answers, rows=rows, candidates=everything, mask_seen=False
    )


@pytest.fixture
def problem():
    """Two models that each know half of the truth, and one that knows nothing."""
    rng = np.random.default_rng(0)
    size = 60
    truth = rng.permutation(size)
    left, right = rng.random((2, size, size)).astype(np.float32)
    left[np.arange(size), truth] += 0.7
    right[np.arange(size), truth] += 0.7
    noise = 100 * rng.random((size, size)).astype(np.float32)
    return cases(size, truth, size), {"left": Known(left), "right": Known(5 * right), "noise": Known(noise)}


def test_parts_that_complete_each_other_are_both_taken(problem):
    block, models = problem
    mix = choose_weights([(block, models)], k=10)
    single = max(choose_weights([(block, {name: part})], k=10).ndcg for name, part in models.items())
    assert mix.weights["left"] > 0
    assert mix.weights["right"] > 0
    assert mix.ndcg > single + 0.05
    assert mix.weights["noise"] <= 0.2 * max(mix.weights.values())


def test_the_steps_rise_and_end_at_the_weights(problem):
    block, models = problem
    mix = choose_weights([(block, models)], k=10)
    values = [step["ndcg"] for step in mix.steps]
    assert values == sorted(values)
    assert values[-1] == mix.ndcg
    last = {step["retriever"]: step["weight"] for step in mix.steps}
    assert {name: w for name, w in mix.weights.items() if w} == {name: w for name, w in last.items() if w}


def test_the_scale_of_a_model_does_not_matter(problem):
    block, models = problem
    one = choose_weights([(block, models)], k=10)
    other = choose_weights([(block, models | {"left": Known(models["left"].table * 1000)})], k=10)
    assert other.weights == one.weights
    assert other.ndcg == pytest.approx(one.ndcg, abs=1e-6)
    assert other.scales["left"] == pytest.approx(one.scales["left"] / 1000, rel=1e-5)


def test_the_same_seed_gives_the_same_weights(problem):
    block, models = problem
    assert choose_weights([(block, models)], max_cases=30, seed=3) == choose_weights(
        [(block, models)], max_cases=30, seed=3
    )


def test_a_model_must_be_worth_its_standard_errors(problem):
    """Of each mix, any model left out is missed by more than so many standard errors; 0 believes any gain."""
    block, models = problem
    collected = collect([(block, models)])
    sizes = []
    for standard_errors in (0.0, 1.0, 3.0, 100.0):
        mix = mix_of(collected, standard_errors=standard_errors)
        weights = np.array([mix.weights[name] for name in collected.names])
        sizes.append(int((weights > 0).sum()))
        values = collected.ndcg(collected.weighed(weights), 10)
        for r in np.flatnonzero(weights) if standard_errors and sizes[-1] > 1 else ():
            without = np.where(np.arange(len(weights)) == r, 0.0, weights)
            loss, error = difference(values, collected.ndcg(collected.weighed(without), 10))
            assert loss > standard_errors * error
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[-1] == 1, "nothing is a hundred standard errors better"
    assert sizes[0] > 1


def test_a_useless_copy_of_a_model_does_not_enter(problem):
    block, models = problem
    noisy = models["left"].table + np.random.default_rng(5).normal(0, 1e-3, models["left"].table.shape)
    copies = models | {"copy": Known(noisy.astype(np.float32))}
    mix = choose_weights([(block, copies)], k=10)
    assert min(mix.weights["left"], mix.weights["copy"]) == 0.0


def test_ndcg_is_that_of_the_gate(problem):
    block, models = problem
    collected = collect([(block, models)], num_candidates=20)
    total = collected.weighed(np.array([0.5, 1.5, 0.1]))
    full = np.full(block.relevant.shape, -np.inf, np.float32)
    case, place = np.nonzero(collected.items >= 0)
    full[case, collected.items[case, place]] = total[case, place]
    np.testing.assert_allclose(
        collected.ndcg(total, 10), evaluate(full, block.relevant, ks=[10])["ndcg@10"], rtol=1e-6
    )
    some = collected.take([1, 4, 7])
    np.testing.assert_array_equal(some.ndcg(total[[1, 4, 7]], 10), collected.ndcg(total, 10)[[1, 4, 7]])
    assert len(some.queries[0]) == 3


@pytest.mark.parametrize("size", [0, 1, 2, 9])
def test_the_difference_and_its_error(size):
    one, other = np.random.default_rng(0).random((2, size))
    mean, error = difference(one, other)
    if size < 2:
        assert error == np.inf
    else:
        assert mean == pytest.approx(one.mean() - other.mean())
        assert error == pytest.approx(np.std(one - other, ddof=1) / size**0.5)
