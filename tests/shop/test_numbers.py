"""What else the log says of an event comes through to the history."""

import numpy as np
import pandas as pd

from shelfspace.shop.history import History
from shelfspace.shop.reading import read_shop


def read(**columns):
    given = {
        "user_id": ["a", "a", "a", "b", "a"],
        "item_id": ["x", "y", "x", "x", "z"],
        "basket_id": [1, 1, 1, 2, 3],
        "timestamp": ["2024-01-01"] * 3 + ["2024-01-03", "2024-01-05"],
    }
    events = pd.DataFrame(given | columns)
    return read_shop({"events": {}, "items": {"from": "events"}}, frames={"events": events})


def test_a_value_is_price_times_quantity_added_up_and_a_rating_the_mean():
    shop = read(price=[2.0, None, 3.0, 5.0, 1.5], quantity=[2, 1, 1, 3, 4], rating=[4, None, 2, 5, 1])
    past = shop.history
    assert past.item.tolist() == [0, 1, 2, 0]
    np.testing.assert_array_equal(past.numbers["value"], np.float32([7, np.nan, 6, 15]))
    np.testing.assert_array_equal(past.numbers["rating"], np.float32([3, np.nan, 1, 5]))


def test_what_is_taken_back_is_not_counted():
    shop = read(price=[2.0, 1.0, 3.0, 5.0, 2.0], quantity=[2, 1, 1, 3, 4], item_id=["x", "y", "w", "x", "z"])
    assert shop.history.numbers["value"].tolist() == [4.0, 1.0, 3.0, 8.0, 15.0]
    back = read(price=[2.0, 1.0, 3.0, 5.0, 3.0], quantity=[2, 1, 4, 3, -1], item_id=["x", "y", "w", "x", "w"])
    assert back.history.numbers["value"].tolist() == [4.0, 1.0, 9.0, 15.0]


def test_a_log_without_prices_and_ratings_says_nothing():
    assert read().history.numbers is None
    assert list(read(rating=[1, 2, 3, 4, 5]).history.numbers) == ["rating"]


def test_numbers_follow_their_events():
    past = History.of(
        [1, 0, 1], [0, 1, 2], [3.0, 1.0, 2.0], numbers={"value": [5, 6, 7]}, num_users=2, num_items=3
    )
    assert past.numbers["value"].tolist() == [6.0, 7.0, 5.0]
    assert past.keep(past.item != 2).numbers["value"].tolist() == [6.0, 5.0]
    assert past.of_users([1, 0]).numbers["value"].tolist() == [7.0, 5.0, 6.0]
