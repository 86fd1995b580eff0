import doctest
import importlib
import pkgutil

import pytest

from shelfspace import objectives
from shelfspace.objectives.names import OBJECTIVES
from shelfspace.objectives.objective import Objective
from tests.contracts.objective_contract import D, contrast

MODULES = [m.name for m in pkgutil.iter_modules(objectives.__path__, "shelfspace.objectives.")]


@pytest.mark.parametrize("name", MODULES)
def test_examples_run(name):
    assert doctest.testmod(importlib.import_module(name)).failed == 0


@pytest.mark.parametrize("name", OBJECTIVES)
def test_every_objective_is_built_alike(name):
    objective = OBJECTIVES[name](D).double()
    assert isinstance(objective, Objective)
    assert objective(contrast()).shape == ()


def test_no_objective_is_missing_from_the_table():
    assert set(OBJECTIVES.values()) == set(Objective.__subclasses__())
