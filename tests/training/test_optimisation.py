import pytest

from shelfspace.config import checked, settings_of
from shelfspace.errors import ConfigError
from shelfspace.training.optimisation import Optimisation
from tests.learning.tastes import Loop


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("epochs", 0),
        ("batch_size", 0),
        ("accumulate", 0),
        ("patience", -1),
        ("epoch_steps", -1),
        ("weight_decay", -0.1),
        ("warm_up", -1),
        ("clip", -1.0),
        ("chunk_size", -1),
        ("checkpoint_seconds", -1.0),
        ("learning_rate", 0.0),
        ("learning_rate", -1.0),
        ("ema", 1.0),
        ("ema", -0.1),
    ],
)
def test_settings_that_cannot_be_are_refused_by_name(name, value):
    with pytest.raises(ConfigError, match=rf"\[training\] {name} = {value}"):
        Optimisation(**{name: value})


@pytest.mark.parametrize(
    ("name", "value"),
    [("schedule", "sideways"), ("precision", "float16"), ("epochs", "many"), ("learning_rat", 0.1)],
)
def test_settings_of_a_file_are_of_their_type(name, value):
    with pytest.raises(ConfigError, match=name):
        checked(Optimisation, {name: value}, "training")


def test_every_setting_is_kept_under_its_name():
    given = settings_of(Optimisation(epochs=2, ema=0.5, precision="bfloat16"))
    assert settings_of(Optimisation(**given)) == given


def test_an_epoch_of_few_pairs_has_the_least_number_of_steps_but_never_more_than_the_most():
    for loop, wanted in (({"min_epoch_steps": 7}, 7), ({"min_epoch_steps": 7, "epoch_steps": 3}, 3)):
        assert Loop(loop={"epochs": 2, "batch_size": 100_000, **loop}).fit().step == 2 * wanted
    with pytest.raises(ConfigError, match="min_epoch_steps"):
        Optimisation(min_epoch_steps=0)
