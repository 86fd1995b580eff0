from dataclasses import dataclass

from shelfspace.learning.afterwards import one_after_another, put


@dataclass
class Part:
    a: float = 0.0
    b: float = 0.0


def worth(part):
    return -((part.a - 2) ** 2) - (part.b - part.a) ** 2


def test_each_setting_is_chosen_beside_those_before_it():
    part = Part()
    trials = one_after_another(part, {"a": (0.0, 1.0, 2.0), "b": (0.0, 1.0)}, {"epochs": 3}, worth)
    assert (part.a, part.b) == (1.0, 1.0)  # b was 0 when a was chosen
    assert trials[-1].settings == {"epochs": 3, "a": 1.0, "b": 1.0}
    assert trials[-1].value == worth(part) == max(trial.value for trial in trials[3:])
    assert [trial.settings.get("b") for trial in trials] == [None] * 3 + [0.0, 1.0, 1.0]
    assert len(trials) == 6


def test_one_value_is_no_choice():
    part = Part()
    assert one_after_another(part, {"a": (0.5,)}, {}, worth)[-1].settings == {"a": 0.5}


def test_what_was_not_chosen_is_as_by_default():
    part = Part(a=9.0, b=9.0)
    put(part, {"a": 1.5, "epochs": 4}, {"a": 0.0, "b": 0.25})
    assert (part.a, part.b) == (1.5, 0.25)
