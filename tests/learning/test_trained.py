"""The towers of a shop as one of its models."""

from types import SimpleNamespace

import pyarrow as pa

from shelfspace.learning.trained import profiles
from shelfspace.shop.ids import Ids


def shop(table):
    return SimpleNamespace(
        users=Ids(["u1", "u2", "u3"], "user"), tables={} if table is None else {"users": table}
    )


def test_a_profile_belongs_to_its_user_in_whatever_order_the_table_comes():
    table = pa.table({"user_id": ["u3", "stranger", "u1"], "city": ["Oslo", "Rome", "北京"]})
    assert profiles(shop(table)).to_pylist() == [{"city": "北京"}, {"city": None}, {"city": "Oslo"}]


def test_without_a_table_there_are_no_profiles():
    assert profiles(shop(None)) is None
