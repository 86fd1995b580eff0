"""The ranker, in shops where it is known whether it must win."""

import numpy as np
import pytest

from shelfspace.evaluation import learning_to_rank
from shelfspace.evaluation.choosing import blend_of
from shelfspace.evaluation.collecting import collect
from shelfspace.evaluation.learning_to_rank import ranked
from shelfspace.evaluation.measure import measure
from shelfspace.evaluation.mixing import mix_of
from shelfspace.evaluation.own_weights import values_of
from tests.evaluation.planted import a_sum, facts_of, one_or_the_other

WHERE = {"k": 10, "repeats": True, "num_candidates": 100}


@pytest.fixture(autouse=True)
def few_trees(monkeypatch):
    """A small shop needs few, and the tests are to be quick."""
    monkeypatch.setattr(learning_to_rank, "TREES", 20)


def learnt(windows, **settings):
    known = [(collect([window]), facts_of(window[0])) for window in windows]
    mix = mix_of(known[0][0])
    return mix, ranked(known, mix, values_of(known[0][0], mix, 10), **WHERE, **settings)


def test_what_no_sum_can_say_is_learnt_and_answers_so_on_users_not_seen():
    block, models = one_or_the_other()
    mix, better = learnt([(block, models)])
    [tried] = better.tried
    assert tried.kept
    assert tried.gain > 0.1
    later, models = one_or_the_other(seed=1)
    values = {}
    for name, chosen in (("sum", mix), ("ranker", better)):
        blend = blend_of(models, {"new": mix, "any": chosen}, 100, facts_of(later))
        scorer = {name: lambda queries, allowed, blend=blend: blend.scores(queries, allowed, "any")}
        values[name] = measure(later, scorer)[name].mean("ndcg@10")
    assert values["ranker"] > values["sum"] + 0.1


def test_where_a_sum_says_it_all_it_is_kept():
    mix, same = learnt([a_sum()])
    assert same.trees is None
    assert same.weights == mix.weights
    [tried] = same.tried
    assert not tried.kept


def test_what_an_earlier_window_taught_is_judged_on_the_latest():
    """In the earlier window one or the other is right, in the latest both: a season."""
    _, judged = learnt([a_sum(), one_or_the_other()])
    assert judged.trees is None
    [tried] = judged.tried
    assert tried.gain < 0
    _, stays = learnt([one_or_the_other(), one_or_the_other(seed=1)])
    assert stays.trees is not None


def test_it_is_taken_where_the_settings_say_so():
    _, taken = learnt([a_sum()], always=True)
    assert taken.trees is not None


@pytest.mark.parametrize("threads", [1, 2])
def test_the_same_seed_gives_the_same_trees_on_any_number_of_threads(threads, monkeypatch):
    monkeypatch.setattr(learning_to_rank, "TREES", 5)
    monkeypatch.setattr(learning_to_rank, "FOLDS", 2)
    windows = [one_or_the_other(size=40)]
    one, other = (learnt(windows, seed=3, threads=t, always=True)[1] for t in (1, threads))
    saved = [mix.trees.split("parameters:")[0] for mix in (one, other)]
    assert saved[0] == saved[1]


def test_the_order_of_items_decides_nothing():
    block, models = one_or_the_other()
    _, mix = learnt([(block, models)])
    blend = blend_of(models, {"new": mix, "any": mix}, 100, facts_of(block))
    tied = np.ones_like(models["left"].table)
    for part in models.values():
        part.table = tied
    scores = blend.scores(block.queries.of_users([0]), np.ones((1, 100), bool), "any")[0]
    assert len(np.unique(scores[1:])) == 1, "candidates that nothing tells apart have one score"
