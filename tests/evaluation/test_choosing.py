"""What validation decides, and how it is kept."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shelfspace.errors import ConfigError
from shelfspace.evaluation.models import models_of
from shelfspace.evaluation.weighing import ANONYMOUS, Weights, learnable
from shelfspace.shop.history import History

HISTORY = History.of([0, 0, 1, 2], [0, 1, 2, 3], kind=[0, 1, 1, 0], num_users=3, num_items=4)


def test_events_are_weighed_by_kind_and_the_anonymous_once_more():
    weights = Weights({"view": 1.0, "purchase": 5.0}, 0.5)
    assert weights.of(HISTORY, num_named=2).weight.tolist() == [1.0, 5.0, 5.0, 0.5]
    assert weights.times({"view": 0.0, ANONYMOUS: 0.1}) == Weights({"view": 0.0, "purchase": 5.0}, 0.05)


def test_what_counts_for_nothing_is_not_learnt_from():
    kept = learnable(Weights({"view": 0.0, "purchase": 1.0}).of(HISTORY, 3))
    assert kept.item.tolist() == [1, 2]
    assert kept.num_users == 3


@given(
    st.dictionaries(st.sampled_from(["view", "purchase", ANONYMOUS]), st.sampled_from([0.0, 0.3, 1.0, 3.0]))
)
def test_factors_multiply(factors):
    weights = Weights({"view": 2.0, "purchase": 5.0}, 0.5)
    found = weights.times(factors)
    for kind, start in weights.kinds.items():
        assert found.kinds[kind] == pytest.approx(start * factors.get(kind, 1.0))
    assert found.anonymous == pytest.approx(0.5 * factors.get(ANONYMOUS, 1.0))


def test_models_are_sections_and_false_leaves_one_out():
    models = models_of(
        {"ease": False, "recent": {"use": "popularity", "trend": 0.0}, "item_knn": {"back": 0.0}}
    )
    assert [m.name for m in models] == ["recent", "item_knn"]
    assert models[1].make({"source": 0.3}).source == 0.3
    assert models[1].make({}).back == 0.0


@pytest.mark.parametrize(
    ("sections", "word"),
    [
        ({"eese": {}}, "did you mean 'ease'"),
        ({"ease": 3}, "false to leave it out"),
        ({"ease": False}, "keep at least one"),
        ({"ease": {"regularization": 1.0}}, "did you mean 'regularisation'"),
    ],
)
def test_a_section_that_cannot_be_read(sections, word):
    with pytest.raises(ConfigError, match=word):
        models_of(sections)


def test_a_shop_of_nobody_is_weighed_as_it_is():
    weighed = Weights({"view": 1.0}, 0.0).of(HISTORY, num_named=3)
    assert np.array_equal(weighed.weight, HISTORY.weight)
