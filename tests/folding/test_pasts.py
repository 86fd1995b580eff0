"""A longer past is what reading all events at once would have given."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from shelfspace.folding.gathered import Events
from shelfspace.folding.pasts import Longer, Users, longer, repeated
from shelfspace.shop.history import Clock, History
from shelfspace.shop.ids import Ids

ITEMS = Ids([f"i{n}" for n in range(5)], "item")
KINDS = {"view": 1.0, "purchase": 5.0}


class Base:
    """The parts of a space that a past is made of."""

    def __init__(self, users: Sequence[str], history: History) -> None:
        self.users, self.history, self.kinds = Ids(users, "user"), history, KINDS


def base(clock: Clock = "calendar", now: float | None = 3.0, basket: list[int] | None = None) -> Any:
    """Users u and v, and one anonymous row whose events count half."""
    history = History.of(
        [0, 0, 1, 2],
        [0, 1, 2, 3],
        [1.0, 2.0, 3.0, 1.0],
        kind=[1, 0, 1, 1],
        weight=[5.0, 1.0, 5.0, 2.5],
        basket=[0, 1, 2, 3] if basket is None else basket,
        num_users=3,
        num_items=5,
        clock=clock,
        now=now,
    )
    return Base(["u", "v"], history)


def events(*rows: tuple[str | None, str | None, str, float, int]) -> Events:
    found = Events()
    for row in rows:
        found.add(*row)
    return found


def folded(
    space: Any, new: Events, forgotten: set[str] | None = None, items: Ids = ITEMS
) -> tuple[Users, Longer]:
    users = Users.of(space.users, new, (), forgotten or set(), lambda text: text)
    return users, longer(space, users, items, new)


def test_new_users_come_before_the_anonymous_rows():
    users, past = folded(base(), events(("w", None, "i4", 4.0, 1), ("u", "b1", "i4", 5.0, 0)))
    assert users.ids.array.to_pylist() == ["u", "v", "w"]
    history = past.history
    assert history.num_users == 4
    assert history.item.tolist() == [0, 1, 4, 2, 4, 3]
    assert history.weight.tolist() == [5.0, 1.0, 1.0, 5.0, 5.0, 2.5]
    assert history.lengths().tolist() == [3, 1, 1, 1]
    assert history.now == 5.0
    assert past.user.tolist() == [2, 0]


def test_who_was_forgotten_is_gone_and_may_come_back_without_a_past():
    users, past = folded(base(), events(("u", None, "i4", 4.0, 1)), {"u"})
    assert users.ids.array.to_pylist() == ["v", "u"]
    assert users.moved.tolist() == [-1, 0]
    assert past.history.item.tolist() == [2, 4, 3]


def test_each_basket_of_nobody_known_has_a_row_and_counts_as_such_events_do():
    new = events((None, "b1", "i0", 4.0, 1), (None, "b1", "i1", 4.0, 1), (None, "s2", "i1", 4.0, 0))
    _, past = folded(base(), new)
    assert past.history.lengths().tolist() == [2, 1, 1, 2, 1]
    assert past.history.weight[-3:].tolist() == [2.5, 2.5, 0.5]
    assert past.history.basket[-3:].tolist() == [4, 4, 5]


def test_without_baskets_sessions_are_told_by_the_time_between_events():
    new = events(("u", None, "i0", 4.0, 1), ("u", None, "i1", 4.01, 1), ("u", None, "i2", 4.5, 1))
    _, past = folded(base(), new)
    assert past.history.basket[:5].tolist() == [0, 1, 4, 4, 5]
    _, past = folded(base(basket=[-1] * 4), new)
    assert past.history.basket[:5].tolist() == [-1] * 5


def test_a_missing_step_follows_the_last():
    space = base("steps", now=None)
    _, past = folded(
        space,
        events(("u", None, "i0", np.nan, 1), ("u", None, "i1", np.nan, 1), ("w", None, "i1", np.nan, 1)),
    )
    assert past.history.time.tolist() == [1.0, 2.0, 3.0, 4.0, 3.0, 1.0, 1.0]
    assert past.history.now is None


def test_what_comes_late_is_put_where_it_belongs():
    _, past = folded(base(), events(("u", "b", "i4", 1.5, 1)))
    assert past.history.item[:3].tolist() == [0, 4, 1]
    assert past.history.now == 3.0


def test_what_the_past_has_already_is_told():
    new = events(
        ("u", "b", "i1", 2.0, 0),
        ("u", "b", "i1", 2.0 + 0.4 / 86_400, 0),
        ("u", "b", "i1", 2.0, 1),
        ("u", "b", "i1", 2.1, 0),
        ("v", "b", "i1", 2.0, 0),
        (None, "b", "i3", 1.0, 1),
        ("w", "b", "i1", 2.0, 0),
    )
    assert repeated(base(), ITEMS, new).tolist() == [True, True, False, False, False, False, False]
    assert not repeated(base("none"), ITEMS, new).any()
    assert repeated(
        base("steps"), ITEMS, events(("u", None, "i1", 2, 0), ("u", None, "i1", np.nan, 0))
    ).tolist() == [
        True,
        False,
    ]


LOG = st.lists(
    st.tuples(
        st.sampled_from(["u", "v", "w", "x", None]), st.integers(0, 4), st.integers(0, 9), st.integers(0, 1)
    ),
    max_size=30,
)


@settings(max_examples=60)
@given(LOG, st.integers(0, 30))
def test_folding_in_parts_is_folding_at_once(log: list[tuple[str | None, int, int, int]], cut: int):
    rows = [(user, f"b{n}", f"i{item}", float(time), kind) for n, (user, item, time, kind) in enumerate(log)]
    space = base()
    users, whole = folded(space, events(*rows))
    first_users, first = folded(space, events(*rows[:cut]))
    between: Any = Base(first_users.ids.array.to_pylist(), first.history)
    second_users, second = folded(between, events(*rows[cut:]))
    assert second_users.ids.array.equals(users.ids.array)
    for name in ("indptr", "item", "time", "kind", "basket"):
        assert np.array_equal(getattr(second.history, name), getattr(whole.history, name)), name
    assert np.allclose(second.history.weight, whole.history.weight)
    assert replace(second.history, indptr=whole.history.indptr).now == whole.history.now
