import math
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from shelfspace import config
from shelfspace.encode.learnt import Learnt
from shelfspace.errors import ConfigError, JobError
from shelfspace.learning.learner import About, Learner
from shelfspace.learning.settings import LearningPlan
from shelfspace.objectives.names import OBJECTIVES
from shelfspace.pairs.names import PAIR_SOURCES
from shelfspace.shop.history import History
from shelfspace.training.optimisation import Optimisation
from tests.learning.tastes import (
    NUM_ITEMS,
    NUM_USERS,
    about,
    catalogue,
    history,
    learn,
    learner,
    plan,
    taste_of,
)

PAIRS = {
    "cosine_regression": "cooccurrence",
    "supervised_contrastive": "category",
    "alignment_uniformity": "user_item",
    "bpr": "user_item",
    **dict.fromkeys(["barlow_twins", "vicreg", "byol", "moco", "masked_reconstruction"], "two_views"),
}
HIDDEN = {"ids": {"dropout": 0.5}, "title": {"use": "hashed", "num_buckets": 300, "dropout": 0.4}}
"""Fields that two views of an item may differ in."""

MOVING = {"moco", "masked_reconstruction"}
"""What is foretold moves with the weights, and MoCo's queue grows: their losses need not fall at once."""


@pytest.mark.parametrize("name", OBJECTIVES)
def test_every_objective_learns(name):
    pairs = PAIRS.get(name, "next_item")
    sections = {"objectives": [{"use": name, "pairs": pairs}], "loop": {"epochs": 6, "learning_rate": 0.01}}
    if name == "softmax":
        sections["negatives"] = {"use": "catalogue"}
    if pairs == "two_views":
        sections |= {"encoders": HIDDEN, "profile": {}, "negatives": {"use": "in_batch"}}
        sections["loop"] |= {"batch_size": 30, "epoch_steps": 4}
    learnt, curve = learner(**sections).learn(history(), catalogue())
    losses = [entry["loss"] for entry in curve]
    assert np.isfinite(losses).all()
    assert min(losses[-2:]) < losses[0] or name in MOVING
    assert np.isfinite(learnt.vectors).all()
    untrained = learn(**sections | {"loop": {"learning_rate": 1e-12, "epoch_steps": 1}}).vectors
    assert np.abs(learnt.vectors - untrained).max() > 0.05


BOTH_WAYS = {"user": {"use": "transformer", "causal": False, "length": 8}}
OF_SOURCES = {
    "attribute": {"pairs": {"attribute": {"column": "brand"}}},
    "hidden_item": BOTH_WAYS,
    "text_photo": {"pairs": {"text_photo": {"positive": ["category", "brand"]}}},
}


@pytest.mark.parametrize("pairs", sorted({*PAIR_SOURCES} - {"relations", "matches", "photos"}))
def test_every_source_of_pairs_teaches(pairs):
    sections = OF_SOURCES.get(pairs, {})
    learnt = learn(objectives=[{"use": "infonce", "pairs": pairs}], loop={"epoch_steps": 3}, **sections)
    assert np.isfinite(learnt.vectors).all()


def random_shop(num_users=40):
    """Users whose items say nothing of each other: what is recommended must have been learnt by heart."""
    rng = np.random.default_rng(1)
    item = np.concatenate([rng.choice(56, 5, replace=False) for _ in range(num_users)])
    user = np.repeat(np.arange(num_users), 5)
    time = np.tile(np.arange(5.0), num_users)
    return History.of(user, item, time, basket=user, num_users=num_users, num_items=NUM_ITEMS, now=9.0)


@pytest.mark.parametrize(
    "recipe", ["two_tower", "feature_towers", "cooccurrence", "graph", "sequence", "shop", "cold_start"]
)
def test_a_recipe_learns_a_tiny_shop_by_heart(recipe):
    """Of 40 users with 5 of 56 items each at random, the best item is one of theirs for at least 19 of 20.

    Chance is 1 in 11; with 64 dimensions for 40 users nothing but the training stands in the way of all.
    """
    table = config.load({"recipe": {"use": recipe}})
    table["negatives"] = {"use": "uniform", "num_negatives": 64}
    table["model"] = {**table.get("model", {}), "embedding_dim": 64}
    if recipe == "sequence":  # which hides so much that it does not learn by heart soon
        table["user"] = {**table["user"], "dropout": 0.0}
    loop = Optimisation(epochs=60, batch_size=100, learning_rate=0.01, warm_up=0)
    given = LearningPlan.of(table, loop)
    past = random_shop()
    learnt, curve = Learner(given, About(len(past))).learn(past, catalogue())
    asked = (
        past if recipe != "sequence" else past.keep(past.time < 4.0)
    )  # what follows the last, nobody told it
    best = learnt.score(asked).argmax(axis=1)
    taken = past.matrix().toarray()[np.arange(len(past)), best] > 0
    assert taken.mean() >= 0.95, (taken.mean(), curve[-1])


def test_it_recommends_to_users_it_has_not_seen_what_is_of_their_taste():
    """Trained on two thirds of the users; the others are asked by their history alone."""
    rows = np.arange(100)
    past = history().of_users(rows)
    seen, _ = Learner(plan(loop={"epochs": 6, "learning_rate": 0.01}, profile={}), About(100)).learn(
        replace(past, who=None), catalogue()
    )
    scores = seen.score(history().of_users(np.arange(100, NUM_USERS)))
    assert (taste_of(scores.argmax(axis=1)) == np.arange(100, NUM_USERS) % 6).mean() > 0.9


def test_the_same_seed_learns_the_same_and_another_does_not():
    one, two, other = (learn(seed=seed).vectors for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, two)
    assert np.abs(one - other).max() > 0.01


def test_the_value_is_that_of_a_model_that_answers():
    seen = []

    def value(learnt):
        assert isinstance(learnt, Learnt)
        seen.append(learnt.score(history()))
        return float(-len(seen))

    learnt, curve = learner(loop={"epochs": 5, "patience": 2}).learn(history(), catalogue(), value=value)
    assert [entry["value"] for entry in curve] == [-1.0, -2.0, -3.0]
    np.testing.assert_allclose(learnt.score(history()), seen[0], rtol=1e-5, atol=1e-8)


def test_so_many_epochs_are_trained_as_are_asked_for():
    _, curve = learner(loop={"epochs": 9, "epoch_steps": 2, "patience": 1}).learn(
        history(), catalogue(), epochs=4
    )
    assert len(curve) == 4


def test_a_temperature_that_was_learnt_is_the_models():
    objective = {"use": "infonce", "temperature": 0.3, "learn_temperature": True}
    learnt = learn(objectives=[objective], loop={"epochs": 3, "learning_rate": 0.02})
    assert learnt.temperature != pytest.approx(0.3, abs=0.01)
    assert learn(objectives=[{"use": "infonce", "temperature": 0.3}]).temperature == 0.3
    assert learn(objectives=[{"use": "bpr"}]).temperature == 1.0


def readers_of(learnt):
    """Of the items' fields, without an export, which takes seconds."""
    return learnt.export.__self__.readers["item"]


def test_what_nobody_took_is_no_negative_but_for_pairs_that_have_it():
    """A listing that is never a positive would be pushed away for nothing but being new."""
    for pairs, drawn in (("next_item", set()), ("two_views", {56, 57, 58, 59})):
        given = learner(objectives=[{"use": "infonce", "pairs": pairs}])
        (term,) = given._terms(history(), catalogue())
        rng = np.random.default_rng(0)
        found = np.concatenate([term.negatives.draw(rng, np.array([0])) for _ in range(200)])
        assert set(found[found >= 56].tolist()) == drawn
        assert set(found.tolist()) == set(np.flatnonzero(term.mix.counts() > 0).tolist())


def test_what_is_known_only_later_teaches_no_word():
    """Item 58 comes after now, and with it the only `tomorrow`."""
    shop = catalogue()
    titles = [*shop.table["title"].to_pylist()[:58], "tomorrow", None]
    at = shop.table.column_names.index("title")
    first_seen = np.where(np.arange(NUM_ITEMS) == 58, 1e6, 0.0)
    later = replace(shop, table=shop.table.set_column(at, "title", [titles]), first_seen=first_seen)
    fields = {"title": {"use": "attributes", "column": "title"}}
    learnt, _ = learner(encoders=fields).learn(history(), later)
    words = readers_of(learnt)["title"].vocabulary.to_pylist()
    assert "tomorrow" not in words
    assert len(words) == 58


def test_a_field_that_nobody_has_is_left_out():
    fields = {"title": {"use": "hashed"}, "nobody": {"use": "attributes", "column": "nobody"}}
    fields |= {
        "nowhere": {"use": "attributes", "column": "nowhere"},
        "photo": {"use": "vectors", "name": "photo"},
    }
    learnt = learn(encoders=fields, fusion={"use": "gated"})
    assert set(readers_of(learnt)) == {"title"}
    assert learnt.vectors[0].any()


def test_where_nobody_has_any_field_they_are_named():
    with pytest.raises(JobError, match="none of the fields nobody, photo is known"):
        learn(
            encoders={
                "nobody": {"use": "attributes", "column": "nobody"},
                "photo": {"use": "vectors", "name": "x"},
            }
        )
    with pytest.raises(JobError, match="none of the fields country is known"):
        learn(profile={"country": {"use": "attributes", "column": "country"}})


def nothing():
    return History.of([], [], [], num_users=NUM_USERS, num_items=NUM_ITEMS, now=400.0)


@pytest.mark.parametrize("pairs", ["next_item", "user_item", "cooccurrence", "relations", "matches"])
def test_without_any_pair_there_is_nothing_to_learn_from(pairs):
    with pytest.raises(JobError, match=f"nothing to learn from: no pair in .*{pairs}"):
        learn_from(nothing(), objectives=[{"use": "infonce", "pairs": pairs}])


def test_an_objective_without_pairs_is_left_out_where_others_have_some():
    both = [{"use": "infonce", "pairs": "relations"}, {"use": "bpr", "pairs": "user_item"}]
    assert learn_from(history(), objectives=both).temperature == 1.0


def learn_from(past, **changes):
    return learner(**changes).learn(past, catalogue())[0]


def past_of(*lists):
    """Users who took these items one after the other; all others took nothing."""
    user = np.repeat(np.arange(len(lists)), [len(some) for some in lists])
    item = np.concatenate([np.array(some) for some in lists])
    time = np.concatenate([np.linspace(0, 300, len(some)) for some in lists])
    return History.of(user, item, time, num_users=NUM_USERS, num_items=NUM_ITEMS, now=400.0)


ODD = {
    "one event each": (past_of(*[[n % 56] for n in range(NUM_USERS)]), "user_item"),
    "thousands of events of one user": (past_of([n % 56 for n in range(5000)], [3, 9]), "next_item"),
    "one item again and again": (past_of([7] * 40, [7] * 3, [7, 7]), "next_item"),
    "one event": (past_of([5]), "user_item"),
    "two events": (past_of([5, 6]), "next_item"),
}


@pytest.mark.parametrize("kind", ODD)
def test_odd_histories_are_propagated_over(kind):
    past, pairs = ODD[kind]
    views = {"use": "infonce", "pairs": "two_views", "weight": 0.1}
    learnt = learn_from(
        past,
        objectives=[{"use": "infonce", "pairs": pairs}, views],
        graph={"drop_edges": 0.3, "drop_nodes": 0.3, "noise": 0.1},
        loop={"epochs": 2, "epoch_steps": 2, "precision": "bfloat16" if kind == "one event" else "float32"},
    )
    assert np.isfinite(learnt.vectors).all()
    assert np.isfinite(learnt.score(past)).all()


@pytest.mark.parametrize("kind", ODD)
@pytest.mark.parametrize("use", ["infonce", "bpr", "alignment_uniformity"])
@pytest.mark.parametrize("age", ["steps", "days"])
def test_odd_histories_are_learnt_from(kind, use, age):
    past, pairs = ODD[kind]
    learnt = learn_from(
        past,
        objectives=[{"use": use, "pairs": pairs}],
        negatives={"use": "in_batch"},
        user={"use": "attention", "length": 8, "age": age},
        loop={"epochs": 2, "epoch_steps": 2},
    )
    scores = learnt.score(past)
    assert np.isfinite(learnt.vectors).all()
    assert np.isfinite(scores).all()
    np.testing.assert_allclose(scores.sum(axis=1), 1, rtol=1e-4)


def test_users_of_one_event_teach_next_item_nothing():
    with pytest.raises(JobError, match="no pair"):
        learn_from(ODD["one event each"][0], objectives=[{"use": "infonce", "pairs": "next_item"}])


def test_features_that_are_all_0_are_those_of_no_one():
    vectors = {"photo": np.zeros((NUM_ITEMS, 5), np.float32)}
    shop = replace(catalogue(), vectors=vectors)
    fields = {"photo": {"use": "vectors", "name": "photo"}}
    with pytest.raises(JobError, match="photo"):
        learner(encoders=fields).learn(history(), shop)
    vectors["photo"][:30, 2] = 4.0
    learnt, _ = learner(encoders=fields, loop={"epoch_steps": 3}).learn(history(), shop)
    assert np.isfinite(learnt.vectors).all()
    assert learnt.vectors.any(axis=1).sum() == 30


def test_a_number_that_does_not_vary_is_learnt_from():
    shop = replace(catalogue(), table=pa.table({"price": [3.0] * NUM_ITEMS}))
    learnt, _ = learner(encoders={"price": {"use": "numbers"}}, loop={"epoch_steps": 3}).learn(
        history(), shop
    )
    assert np.isfinite(learnt.vectors).all()


def test_rows_beyond_the_users_are_sessions_without_a_profile():
    given = replace(about(), num_named=100, users=about().users.slice(0, 100))
    learnt, _ = Learner(plan(loop={"epoch_steps": 3}), given).learn(history(), catalogue())
    assert all(len(field) == 100 for field in learnt.profiles.values())
    asked, who = history().of_users([120]), np.array([-1], np.int32)
    np.testing.assert_array_equal(learnt.score(asked), learnt.score(replace(asked, who=who)))


def test_a_shop_without_a_table_of_users_has_profiles_of_ids_alone():
    given = About(NUM_USERS)
    learnt, _ = Learner(plan(profile={"ids": {}}, user={"length": 0}), given).learn(history(), catalogue())
    assert set(learnt.profiles) == {"ids"}
    with pytest.raises(JobError, match="town"):
        Learner(plan(profile={"town": {"use": "attributes", "column": "town"}}), given).learn(
            history(), catalogue()
        )


@pytest.mark.parametrize("changes", [{"seed": 1}, {"user": {"use": "mean", "length": 8}}])
def test_a_checkpoint_of_other_settings_is_refused_by_name(changes, tmp_path):
    loop = {"epoch_steps": 2, "checkpoint_seconds": 0.0}
    learner(loop=loop).learn(history(), catalogue(), file=tmp_path / "file")
    named = "seed" if "seed" in changes else r"user\.use"
    with pytest.raises(ConfigError, match=named):
        learner(loop=loop, **changes).learn(history(), catalogue(), file=tmp_path / "file", resume=True)


@pytest.mark.parametrize("graph", [False, {"drop_edges": 0.2, "drop_nodes": 0.1, "noise": 0.1}])
def test_a_killed_training_ends_as_one_that_was_not(graph, tmp_path):
    def told(_, step, __):
        if step == 6:
            raise KeyboardInterrupt

    given = {"epochs": 2, "epoch_steps": 5, "checkpoint_seconds": 0.0, "ema": 0.5}
    whole, curve = learner(loop=given, graph=graph).learn(history(), catalogue())
    with pytest.raises(KeyboardInterrupt):
        learner(loop=given, graph=graph).learn(history(), catalogue(), file=tmp_path / "file", told=told)
    again, found = learner(loop=given, graph=graph).learn(
        history(), catalogue(), file=tmp_path / "file", resume=True
    )
    np.testing.assert_array_equal(again.vectors, whole.vectors)
    np.testing.assert_array_equal(again.encode(history()), whole.encode(history()))
    assert [e["loss"] for e in found] == [e["loss"] for e in curve]
    assert all(math.isnan(e["value"]) for e in found)
