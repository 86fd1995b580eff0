"""What every retriever must do. A new retriever's test is a subclass with `make`."""

import io
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pytest

from shelfspace.config import Choice, build, search_space, settings_of
from shelfspace.linear.retriever import Retriever
from shelfspace.shop.catalogue import Catalogue
from shelfspace.shop.history import History
from shelfspace.shop.ids import Ids

NUM_USERS, NUM_ITEMS, NOW = 40, 14, 100.0
WORDS = ["red", "blue", "mug", "plate", "tea", "lamp", "glass"]


def events(clock: str = "calendar", *, seed: int = 0, num_users: int = NUM_USERS) -> dict[str, Any]:
    """Events of users with one to twelve each, the last user without any; the last item is never taken."""
    rng = np.random.default_rng(seed)
    lengths = np.append(rng.integers(1, 13, num_users - 1), 0)
    user = np.repeat(np.arange(num_users), lengths)
    item = np.minimum(rng.geometric(0.2, len(user)) - 1, NUM_ITEMS - 2)
    steps = np.concatenate([np.arange(n) for n in lengths]).astype(float)
    days = np.sort(rng.integers(0, 90, len(user)) + rng.integers(0, 2, len(user)) / 2)
    time = {"calendar": days, "steps": steps, "none": np.zeros(len(user))}[clock]
    return {
        "user": user,
        "item": item,
        "time": time,
        "clock": clock,
        "now": NOW if clock == "calendar" else None,
    }


def history(clock: str = "calendar", **changes: Any) -> History:
    given = {**events(clock), "num_users": NUM_USERS, "num_items": NUM_ITEMS, **changes}
    return History.of(**given)


def catalogue(order: np.ndarray | None = None, *, late_title: str = "tea lamp") -> Catalogue:
    """Titles of two words; the last item comes after NOW."""
    order = np.arange(NUM_ITEMS) if order is None else order
    titles = [f"{WORDS[i % 7]} {WORDS[(i * i + 1) % 7]}" for i in range(NUM_ITEMS - 1)] + [late_title]
    table = pa.table(
        {
            "title": [titles[i] for i in order],
            "category": pa.array([[WORDS[i % 3]] for i in order], pa.list_(pa.string())),
            "brand": [WORDS[i % 2] for i in order],
        }
    )
    first_seen = np.append(np.zeros(NUM_ITEMS - 1), NOW + 5)[order]
    return Catalogue(
        Ids([f"sku-{i}" for i in order], "item"), table, first_seen, np.arange(NUM_ITEMS, dtype=np.int32)
    )


class RetrieverContract:
    """Subclass it, and say how the retriever is made."""

    tolerance: ClassVar[float] = 2e-4
    clocks: ClassVar[tuple[str, ...]] = ("calendar", "steps", "none")

    def make(self, **settings: Any) -> Retriever:
        raise NotImplementedError

    def fitted(self, clock: str = "calendar", **settings: Any) -> Retriever:
        return self.make(**settings).fit(history(clock), catalogue())

    def close(self, one: np.ndarray, other: np.ndarray) -> None:
        np.testing.assert_allclose(
            one, other, rtol=self.tolerance, atol=self.tolerance * max(1e-3, np.abs(other).max())
        )

    @pytest.mark.parametrize("clock", ["calendar", "steps", "none"])
    def test_scores_every_item_for_every_query(self, clock: str) -> None:
        past = history(clock)
        scores = self.fitted(clock).score(past)
        assert scores.shape == (NUM_USERS, NUM_ITEMS)
        assert scores.dtype == np.float32
        assert np.isfinite(scores).all()
        assert (clock not in self.clocks) or scores.any()

    def test_each_query_is_scored_by_itself(self) -> None:
        model, past = self.fitted(), history()
        together = model.score(past)
        for row in (0, 7, NUM_USERS - 1):
            self.close(model.score(past.of_users([row]))[0], together[row])
        assert model.score(past.of_users([])).shape == (0, NUM_ITEMS)

    def test_reasons_sum_to_the_score(self) -> None:
        model, items = self.fitted(), np.arange(NUM_ITEMS, dtype=np.int32)
        for row in (0, 3, 11, NUM_USERS - 1):
            query = history().of_users([row])
            reasons = model.reasons(query, items)
            assert {r.item for parts in reasons for r in parts} <= {-1, *range(NUM_ITEMS)}
            self.close(np.array([sum(r.amount for r in parts) for parts in reasons]), model.score(query)[0])

    def test_arrays_bring_it_back(self) -> None:
        model, file = self.fitted(), io.BytesIO()
        np.savez(file, **model.arrays())
        file.seek(0)
        with np.load(file, allow_pickle=False) as saved:
            restored = self.make().restore(dict(saved))
        np.testing.assert_array_equal(restored.score(history()), model.score(history()))

    def test_fit_is_repeatable_and_leaves_its_input_alone(self) -> None:
        past, before = history(), history()
        one = self.make().fit(past, catalogue()).score(past)
        two = self.make().fit(past, catalogue()).score(past)
        np.testing.assert_array_equal(one, two)
        for name in ("indptr", "item", "time", "weight", "kind", "basket"):
            np.testing.assert_array_equal(getattr(past, name), getattr(before, name))

    def test_the_order_of_item_ids_does_not_matter(self) -> None:
        order = np.random.default_rng(5).permutation(NUM_ITEMS)
        place = np.argsort(order)
        moved = history(item=place[events()["item"]])
        scores = self.make().fit(moved, catalogue(order)).score(moved)
        self.close(scores[:, place], self.fitted().score(history()))

    def test_the_order_of_users_does_not_matter(self) -> None:
        order = np.random.default_rng(6).permutation(NUM_USERS)
        scores = self.make().fit(history().of_users(order), catalogue()).score(history())
        self.close(scores, self.fitted().score(history()))

    def test_what_is_not_yet_known_changes_nothing(self) -> None:
        other = self.make().fit(history(), catalogue(late_title="unheard of words of tomorrow"))
        self.close(other.score(history())[:, :-1], self.fitted().score(history())[:, :-1])

    @pytest.mark.parametrize("clock", ["calendar", "none"])
    def test_no_events_at_all(self, clock: str) -> None:
        nothing = history(clock, user=[], item=[], time=[])
        scores = self.make().fit(nothing, catalogue()).score(history(clock))
        assert scores.shape == (NUM_USERS, NUM_ITEMS)
        assert np.isfinite(scores).all()

    @pytest.mark.parametrize("clock", ["calendar", "steps", "none"])
    def test_every_end_of_every_range_works(self, clock: str) -> None:
        model = self.make()
        for name, where in search_space(type(model)).items():
            ends = where.values if isinstance(where, Choice) else (where.low, where.high)
            for value in ends:
                part = build(
                    {"it": type(model)}, {**settings_of(model), name: value, "use": "it"}, path="linear.it"
                )
                scores = part.fit(history(clock), catalogue()).score(history(clock))
                assert np.isfinite(scores).all(), f"{name} = {value}"

    def test_settings_that_need_no_refit(self) -> None:
        model = self.make()
        space = search_space(type(model))
        for name in getattr(type(model), "REFIT_FREE", ()):
            where = space.get(name)
            value = 0.25 if where is None else where.values[-1] if isinstance(where, Choice) else where.low
            changed = self.fitted()
            setattr(changed, name, value)
            self.close(changed.score(history()), self.fitted(**{name: value}).score(history()))

    def test_an_event_long_past_and_one_of_a_weight_of_zero(self) -> None:
        past = history()
        old = replace(past, time=past.time - 1e7, weight=np.zeros_like(past.weight))
        assert np.isfinite(self.make().fit(old, catalogue()).score(old)).all()
