import numpy as np
import pyarrow as pa
import pytest

from shelfspace.encode.heads import LabelHead, NumberHead
from shelfspace.errors import ConfigError, DataError, JobError
from shelfspace.learning.autoencoder_settings import AutoencoderPlan
from shelfspace.learning.foretold import labels_of, next_visits, parts_of, values_of
from shelfspace.learning.heads import Targets, measured_label, measured_number
from shelfspace.shop.history import History
from shelfspace.training.optimisation import Optimisation

NAN = float("nan")


def users(**columns):
    return pa.table(columns)


def test_labels_are_the_texts_of_a_column_and_an_empty_one_is_none():
    code, classes = labels_of(users(town=["Ulm", None, "  ", "上海", " Ulm "]), "town")
    assert classes.tolist() == ["Ulm", "上海"]
    assert code.tolist() == [0, -1, -1, 1, 0]
    code, classes = labels_of(users(grade=[3, None, 1]), "grade")
    assert (code.tolist(), classes.tolist()) == ([1, -1, 0], ["1", "3"])


def test_numbers_may_be_written_as_text():
    np.testing.assert_array_equal(values_of(users(age=[1, None, 3]), "age"), [1.0, NAN, 3.0])
    np.testing.assert_array_equal(values_of(users(age=["1.5", " ", None, "3"]), "age"), [1.5, NAN, NAN, 3.0])
    np.testing.assert_array_equal(
        values_of(users(age=[1.0, NAN, float("inf"), 2.0]), "age"), [1.0, NAN, NAN, 2.0]
    )


@pytest.mark.parametrize(
    ("column", "error", "said"),
    [
        (["Ulm"] * 3, DataError, "is 'Ulm' in every row"),
        (pa.array([None] * 3, pa.string()), DataError, "is empty in every row"),
        ([" ", "", None], DataError, "is empty in every row"),
        (pa.array([["a", "b"], ["c"], []], pa.list_(pa.string())), DataError, "several values"),
    ],
)
def test_a_label_that_tells_nothing_apart_is_refused(column, error, said):
    with pytest.raises(error, match=said):
        labels_of(users(town=column), "town")


@pytest.mark.parametrize(
    ("column", "said"),
    [
        ([4, 4, None], "is 4 for every user"),
        (pa.array([None] * 3, pa.float64()), "is empty for every user"),
        (["", " ", None], "is empty for every user"),
        (["a", "b", "1"], "cannot be read as numbers"),
    ],
)
def test_a_number_that_is_none_or_always_the_same_is_refused(column, said):
    with pytest.raises(DataError, match=said):
        values_of(users(age=column), "age")


@pytest.mark.parametrize("read", [labels_of, values_of])
def test_a_column_that_is_missing_is_named_with_the_nearest(read):
    with pytest.raises(ConfigError, match=r"'twon' is no column of users; did you mean 'town'\?"):
        read(users(town=["a", "b"]), "twon")
    with pytest.raises(ConfigError, match="no table of users"):
        read(None, "town")


def log(**changes):
    """Two named users and a session of nobody. User 0: two lines of one basket, one, two at once without a basket."""
    given = {
        "user": [0, 0, 0, 0, 0, 1, 1, 2, 2],
        "item": [0, 1, 2, 0, 1, 2, 2, 0, 1],
        "time": [1.0, 2.0, 2.0, 3.0, 3.0, 1.0, 4.0, 1.0, 2.0],
        "basket": [7, 7, 8, -1, -1, 9, 10, 11, 12],
        "numbers": {"value": [1, 2, NAN, 4, NAN, 5, 6, 7, 8], "rating": [1, 2, 3, NAN, 5, 2, 4, 1, 1]},
    }
    return History.of(**{**given, **changes}, num_users=3, num_items=3)


def test_a_visit_is_a_basket_or_a_moment_and_is_foretold_from_what_came_before():
    found = next_visits(log(), "next_value", num_named=2)
    assert found.user.tolist() == [0, 1]
    assert found.stop.tolist() == [3, 6]
    assert found.target.tolist() == [4.0, 6.0]
    found = next_visits(log(), "rating", num_named=3)
    assert found.stop.tolist() == [2, 3, 6, 8]
    assert found.target.tolist() == [3.0, 5.0, 4.0, 1.0]
    pasts = found.pasts(log())
    assert pasts.lengths().tolist() == [2, 3, 1, 1]
    assert pasts.item.tolist() == [0, 1, 0, 1, 2, 2, 0]


def test_what_the_log_does_not_say_cannot_be_foretold():
    for name, needs in (("next_value", "a price"), ("rating", "a rating")):
        with pytest.raises(ConfigError, match=needs):
            next_visits(log(numbers=None), name, 2)


def test_the_users_that_are_held_out_are_a_tenth_and_a_tenth_and_always_the_same():
    part = parts_of(10_000, 3)
    np.testing.assert_allclose(np.bincount(part) / 10_000, [0.8, 0.1, 0.1], atol=0.01)
    np.testing.assert_array_equal(part, parts_of(10_000, 3))
    assert (part != parts_of(10_000, 4)).any()


def test_a_past_in_which_nothing_differs_says_so():
    plan = AutoencoderPlan.of({"regress": "rating"}, Optimisation())
    same = log(numbers={"rating": [1.0] * 9})
    with pytest.raises(JobError, match="no two users or visits"):
        Targets.of(plan, None, same, 2, 0).terms(same, np.arange(3, dtype=np.int32))
    label = AutoencoderPlan.of({"label": "town"}, Optimisation())
    targets = Targets.of(label, users(town=["a", "b"]), log(), 2, 0)
    targets.part[:] = [0, 1]
    with pytest.raises(JobError, match="fewer than two classes"):
        targets.terms(log(), np.arange(3, dtype=np.int32))


def test_figures_against_a_plain_count():
    chance = np.array([[0.7, 0.3], [0.4, 0.6], [0.8, 0.2]])
    head = LabelHead(np.zeros((1, 2)), np.zeros(2), np.array(["a", "b"]), np.array([0.75, 0.25]))
    found = measured_label(chance, np.array([0, 0, 1]), head)
    assert found["accuracy"] == pytest.approx(1 / 3)
    assert found["accuracy_of_majority"] == pytest.approx(2 / 3)
    assert found["log_loss"] == pytest.approx(-np.log([0.7, 0.4, 0.2]).mean())
    assert found["log_loss_of_shares"] == pytest.approx(-np.log([0.75, 0.75, 0.25]).mean())
    number = NumberHead(np.zeros(1), 0.0, 2.0, 1.0, False)
    found = measured_number(np.array([1.0, 2.0, 4.0]), np.array([1.0, 3.0, 5.0]), number)
    assert found["r2"] == pytest.approx(1 - 2 / 8)
    assert found["mae"] == pytest.approx(2 / 3)
    assert found["mae_of_mean"] == pytest.approx(5 / 3)
    nobody = measured_number(np.zeros(0), np.zeros(0), number)
    assert nobody == {"users": 0, "scale": "x", "r2": None, "mae": None, "mae_of_mean": None}
