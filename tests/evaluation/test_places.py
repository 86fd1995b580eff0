"""Where a study looks."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna.distributions import FloatDistribution, IntDistribution

from shelfspace.errors import ConfigError
from shelfspace.evaluation.places import Place, places


@pytest.mark.parametrize(
    ("text", "distribution"),
    [
        ("1..4", IntDistribution(1, 4)),
        (" 8 .. 512 log", IntDistribution(8, 512, log=True)),
        ("-3..3", IntDistribution(-3, 3)),
        ("0.1..0.5", FloatDistribution(0.1, 0.5)),
        ("1.0..4", FloatDistribution(1.0, 4.0)),
        (".5..2.", FloatDistribution(0.5, 2.0)),
        ("1e-4..1e-2 log", FloatDistribution(1e-4, 1e-2, log=True)),
    ],
)
def test_ranges(text, distribution):
    assert Place.of("x", text).distribution == distribution


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("recency|attention", ["recency", "attention"]),
        ("8 | 16", [8, 16]),
        ("true|false", [True, False]),
        ("inf|30.0", [float("inf"), 30.0]),
        ('["learnt"]|["learnt", "ease"]', [["learnt"], ["learnt", "ease"]]),
    ],
)
def test_choices_are_values_as_set_reads_them(text, values):
    place = Place.of("x", text)
    assert place.values == values
    assert [place.value(place.drawn(value)) for value in values] == values


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("4..1", "4 is not below 1"),
        ("1..1", "1 is not below 1"),
        ("0..1.0 log", "starts above 0"),
        ("0.1", "neither a range nor choices"),
        ("1..2..3", "neither a range nor choices"),
        ("a|", "neither a range nor choices"),
        ("a|a", "a choice twice"),
        (3, "must be text"),
    ],
)
def test_what_cannot_be_read_names_the_path(text, words):
    with pytest.raises(ConfigError, match=words) as problem:
        Place.of("model.x", text)
    assert "model.x" in str(problem.value)


def test_paths_may_be_quoted_or_nested():
    found = places({"a.b": "1..2", "objectives": {"0": {"temperature": "0.1..0.2"}}})
    assert {path: place.text for path, place in found.items()} == {
        "a.b": "1..2",
        "objectives.0.temperature": "0.1..0.2",
    }
    with pytest.raises(ConfigError, match="nothing to tune"):
        places({})


@given(st.integers(-50, 50), st.integers(1, 50), st.integers(-120, 120))
def test_a_range_holds_what_lies_between_its_ends(low, width, value):
    place = Place.of("x", f"{low}..{low + width}")
    inside = low <= value <= low + width
    assert (place.drawn(value) is not None) == inside
    assert place.size == width + 1
    assert place.is_end(value) == (width > 1 and value in (low, low + width))
    assert place.drawn(value + 0.5) is None


def test_the_end_of_a_range_is_near_by_its_own_measure():
    rate = Place.of("x", "1e-4..1e-2 log")
    assert rate.is_end(1.05e-4)
    assert not rate.is_end(1.5e-4)
    assert Place.of("x", "0.0..1.0").is_end(0.99)
    assert not Place.of("x", "a|b").is_end("a")
