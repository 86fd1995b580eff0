import numpy as np
import pytest
import torch

from shelfspace.errors import ConfigError, DataError
from shelfspace.learning.labels import heads_of_items
from shelfspace.learning.settings import Label
from shelfspace.objectives.infonce import InfoNCE
from shelfspace.objectives.uncertainty import Uncertain
from tests.learning.tastes import NUM_ITEMS, catalogue, history, learner, made, plan

KNOWN = np.arange(NUM_ITEMS) < 50


def heads(**labels):
    return heads_of_items(
        {name: Label(**given) for name, given in labels.items()}, made(), catalogue(), KNOWN
    )


def test_a_class_is_told_from_the_other_fields_alone():
    found = heads(category={}, maker={"column": "brand", "weight": 0.3})
    assert "category" not in found["category"].head.shown
    assert {"title", "brand"} <= found["category"].head.shown
    assert "brand" not in found["maker"].head.shown
    assert found["maker"].weight == 0.3


def test_the_narrowest_step_is_the_class_and_what_has_none_or_is_not_known_is_not_learnt_from():
    of_paths, of_brands = heads(category={}, brand={}).values()
    assert len(of_paths.head.classes) == 6
    narrowest = [path[-1] if path else None for path in catalogue().column("category").to_pylist()]
    assert [of_paths.head.classes[c] if c >= 0 else None for c in of_paths.code] == narrowest
    assert of_brands.row.tolist() == [n for n in range(50) if n % 4]
    batch = of_brands.draw(np.random.default_rng(0), 1000)
    assert sorted(batch.rows.tolist()) == of_brands.row.tolist()
    assert torch.equal(batch.target, torch.from_numpy(of_brands.code[batch.rows.numpy()]))


def test_at_first_it_says_the_shares_and_then_it_learns():
    some = learner(heads={"category": {"weight": 1.0}}, loop={"epochs": 8, "learning_rate": 0.02})
    seen = []

    def watch(towers):
        seen.append(towers)
        return lambda model: towers.heads["category"].accuracy(model, np.ones(NUM_ITEMS, bool))["value"]

    _, curve = some.learn(history(), catalogue(), watch=watch)
    head = seen[0].heads["category"]
    found = head.accuracy(seen[0].model, np.ones(NUM_ITEMS, bool))
    assert found["cases"] == NUM_ITEMS - 1
    assert found["chance"] < 0.2
    assert found["value"] == max(entry["value"] for entry in curve) > 0.9
    assert isinstance(head.objective, Uncertain)
    assert abs(head.objective.log_variance.item()) > 1e-3
    assert head.accuracy(seen[0].model, np.zeros(NUM_ITEMS, bool)) is None


def test_columns_that_cannot_be_foretold_are_told():
    with pytest.raises(ConfigError, match=r"\[heads.brnd\] column = 'brnd' is no column of items.*'brand'"):
        heads(brnd={})
    with pytest.raises(
        DataError, match=r"\[heads.nobody\] column = 'nobody': the column is empty in every row"
    ):
        heads(nobody={})
    for section, said in (({"weight": 0.0}, "weight"), ({"colum": "brand"}, "colum"), (3, "write a section")):
        with pytest.raises(ConfigError, match=said):
            plan(heads={"brand": section})
    assert plan(heads={"brand": False}).heads == {}


def test_the_weights_of_all_objectives_may_be_learnt():
    some = learner(loop={"uncertainty": True})
    (term,) = some._terms(history(), catalogue())
    assert isinstance(term.objective, Uncertain)
    assert isinstance(term.objective.objective, InfoNCE)
    learnt, _ = some.learn(history(), catalogue())
    assert learnt.temperature == pytest.approx(0.07)
