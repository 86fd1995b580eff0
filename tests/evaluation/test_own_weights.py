"""Weights of slices, in shops where it is known whether they must differ."""

import numpy as np
import pytest

from shelfspace.blend import Own
from shelfspace.evaluation.collecting import collect
from shelfspace.evaluation.mixing import mix_of
from shelfspace.evaluation.own_weights import values_of, with_slices
from shelfspace.slicing import Slice
from tests.evaluation.planted import two_kinds_of_user


def test_users_who_differ_get_weights_of_their_own():
    collected = collect([two_kinds_of_user(differ=True)])
    all_alike = mix_of(collected)
    mix = with_slices(collected, all_alike, k=10)
    by_name = {own.slice.name: own.weights for own in mix.slices}
    assert by_name
    new, old = (by_name.get(name, mix.weights) for name in ("history 1–4", "history 5–19"))
    assert new["left"] > 2 * new["right"]
    assert old["right"] > 2 * old["left"]
    assert mix.ndcg > all_alike.ndcg + 0.05
    assert mix.ndcg == pytest.approx(values_of(collected, mix, 10).mean())
    assert {one.name for one in mix.tried if one.kept} == set(by_name)
    assert all(one.gain > one.error for one in mix.tried if one.kept)


def test_users_who_are_alike_have_the_same_weights():
    collected = collect([two_kinds_of_user(differ=False)])
    mix = with_slices(collected, mix_of(collected), k=10)
    assert mix.slices == ()
    assert [one.name for one in mix.tried] == ["history 1–4", "history 5–19"]
    assert not any(one.kept for one in mix.tried)


def test_a_slice_with_few_cases_has_the_weights_of_all():
    collected = collect([two_kinds_of_user(differ=True, size=200)])
    mix = with_slices(collected, mix_of(collected), k=10)
    assert mix.tried == ()
    assert mix.slices == ()


def test_no_slice_is_believed_by_a_harder_rule():
    collected = collect([two_kinds_of_user(differ=True)])
    mix = with_slices(collected, mix_of(collected), k=10, standard_errors=1e3)
    assert mix.slices == ()


def test_the_value_of_each_case_is_that_of_its_slice():
    collected = collect([two_kinds_of_user(differ=True)])
    mix = mix_of(collected)
    own = Own(Slice("events", 5, 20), {"left": 0.1, "right": 2.0})
    found = values_of(collected, type(mix)(mix.scales, mix.weights, 0.0, slices=(own,)), 10)
    inside = collected.queries[0].lengths() == 6
    for rows, weights in ((~inside, mix.weights), (inside, own.weights)):
        total = collected.weighed(np.array([weights["left"], weights["right"]]))
        np.testing.assert_allclose(found[rows], collected.ndcg(total, 10)[rows])
