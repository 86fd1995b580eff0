"""From a signature to its doors."""

import inspect

import pytest

from shelfspace import doors
from shelfspace.space import Space
from shelfspace.tasks import TASKS


@pytest.mark.parametrize("name", TASKS)
def test_every_task_keeps_the_grammar_and_explains_its_arguments(name):
    found = doors.fields(TASKS[name].ask)
    assert sum(f.is_subject for f in found) == 1
    assert found[0].is_subject
    for field in found:
        assert field.description, f"{name} does not say what {field.name} is"
    assert doors.summary(TASKS[name].ask).endswith(".")


@pytest.mark.parametrize("name", TASKS)
def test_every_task_is_a_method_of_the_space(name):
    assert getattr(Space, name) is TASKS[name].ask


def test_two_subjects_break_the_grammar():
    def task(space: object, one: str, two: str) -> None:
        """Do."""

    with pytest.raises(TypeError, match="more than one subject"):
        doors.fields(task)


def test_descriptions_run_over_lines():
    def task(space: object, item: str, *, k: int = 3) -> None:
        """Do.

        Args:
            space: a space.
            item: an id.
            k: how many,
                over two lines.

        Raises:
            ValueError: never.
        """

    item, k = doors.fields(task)
    assert (item.description, k.description) == ("an id.", "how many, over two lines.")
    assert item.required
    assert not k.required
    assert k.default == 3
    assert inspect.signature(task).parameters["k"].default == k.default
