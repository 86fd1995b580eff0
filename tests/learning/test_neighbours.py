import numpy as np
import pytest
from scipy import sparse

from shelfspace.errors import ConfigError
from shelfspace.evaluation.models import Asked
from shelfspace.learning.neighbours import NeighboursModel
from shelfspace.learning.trained import TrainedModel
from shelfspace.shop.cases import Cases
from tests.learning.tastes import NUM_ITEMS, NUM_USERS, catalogue, history, learner, taste_of


def cases():
    """The past up to day 300; what each user took after it is asked for."""
    past = history().keep(history().time < 300.0, now=300.0)
    later = history().keep(history().time >= 300.0)
    rows = np.flatnonzero((past.lengths() > 0) & (later.lengths() > 0))
    answers = later.of_users(rows)
    return Cases(
        protocol="time",
        fit=past,
        rows=rows,
        queries=past.of_users(rows),
        relevant=sparse.csr_array(answers.matrix() > 0),
        answers=answers,
        candidates=np.ones(NUM_ITEMS, bool),
        mask_seen=True,
    )


@pytest.fixture
def towers():
    return TrainedModel(learner(loop={"epochs": 3, "learning_rate": 0.01}))


def asked(**chosen):
    return Asked("ndcg@10", 30.0, 12, 500, 10**6, 0, chosen=chosen)


def test_it_is_tuned_on_the_towers_own_training(towers):
    window = cases()
    searched = towers.tuned([window], catalogue(), asked())
    model = NeighboursModel(towers, {"history_half_life": 50.0})
    found = model.tuned([window], catalogue(), asked(learnt=searched.best))
    assert len(towers.kept) == 1
    assert found.best["epochs"] == searched.best["epochs"]
    assert "history_half_life" not in found.best
    assert all(trial.settings.keys() == found.best.keys() for trial in found.trials)
    assert found.value == max(trial.value for trial in found.trials)
    assert len({trial.settings["sharpness"] for trial in found.trials}) > 1


def test_fitting_leaves_what_was_chosen_for_the_towers_as_it_is(towers):
    chosen = {"epochs": 2, "popular": 0.5}
    learnt = towers.make(chosen).fit(history(), catalogue())
    near = NeighboursModel(towers).make({"epochs": 2, "sharpness": 20.0}).fit(history(), catalogue())
    assert learnt.popular == 0.5
    assert near.sharpness == 20.0
    assert len(towers.kept) == 1


def test_users_get_what_is_near_their_taste(towers):
    near = NeighboursModel(towers).make({"epochs": 3}).fit(history(), catalogue())
    best = near.score(history()).argmax(axis=1)
    assert (taste_of(best) == np.arange(NUM_USERS) % 6).mean() > 0.9


def test_items_that_nobody_took_are_near_their_taste_too(towers):
    near = NeighboursModel(towers).make({"epochs": 3}).fit(history(), catalogue())
    fresh = np.array([56, 57, 58])
    best = near.score(history())[:, fresh].argmax(axis=1)
    asked_for = np.isin(np.arange(NUM_USERS) % 6, taste_of(fresh))
    assert (taste_of(fresh[best]) == np.arange(NUM_USERS) % 6)[asked_for].mean() > 0.9


def test_a_setting_that_is_not_there_is_named(towers):
    with pytest.raises(ConfigError, match="sharpness"):
        NeighboursModel(towers, {"sharpnes": 3.0})
