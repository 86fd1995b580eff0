"""What every source of pairs must do. A new source's test is a subclass with `make` and the law, counted naively."""

from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pytest

from shelfspace.config import Choice, build, search_space, settings_of
from shelfspace.errors import ConfigError, JobError
from shelfspace.pairs.pairs import Pairs, Seen, Sources
from shelfspace.pairs.source import PairSource
from shelfspace.shop.catalogue import Catalogue
from shelfspace.shop.history import History
from shelfspace.shop.ids import Ids

NUM_USERS, NUM_ITEMS, NOW, LATE = 9, 12, 50.0, 11
DUPLICATES = np.array([0, 1, 2, 2, 4, 5, 6, 7, 7, 9, 10, 11], np.int32)

OF_USERS = ("user", "hidden", "history")
"""Kinds of pairs whose anchors are users."""

Pair = tuple[int, int, int | None]
Law = dict[Pair, float]


def history(*, now: float | None = NOW, **changes: Any) -> History:
    """Sixty events of eight users, some of weight 0, some at one moment, many repeated, and two after NOW."""
    rng = np.random.default_rng(3)
    given: dict[str, Any] = {
        "user": rng.integers(0, NUM_USERS - 1, 60),
        "item": np.minimum(rng.geometric(0.25, 60) - 1, LATE - 2),
        "time": rng.integers(0, 40, 60) / 2.0,
        "weight": rng.choice([0.0, 1.0, 2.5], 60, p=[0.15, 0.5, 0.35]),
        "basket": rng.integers(-1, 9, 60),
    }
    late = {"user": [0, 1], "item": [LATE - 1, LATE], "time": [NOW + 1, NOW + 2], "weight": 1.0, "basket": 0}
    together = {k: np.append(v, np.broadcast_to(late[k], 2)) for k, v in given.items()}
    together |= changes
    return History.of(**together, num_users=NUM_USERS, num_items=NUM_ITEMS, now=now)


def catalogue() -> Catalogue:
    """Items in categories and brands; the last one is known only after NOW."""
    category = [["a", "b"], ["a", "b"], ["a", "c"], ["a", "c"], ["a"], ["d"], ["d", "b"], ["d", "b"]]
    category += [None, [], ["e", "f"], ["a", "b"]]
    table = pa.table(
        {
            "category": pa.array(category, pa.list_(pa.string())),
            "brand": ["x", "y", "x", None, "y", "", "z", "x", "y", "w", "y", "x"],
            "colours": pa.array(
                [["red"], ["red", "blue"], ["blue", None], [], None, ["red", "red"]]
                + [[colour] for colour in ("grey", "blue", "grey", "black", "pink", "black")],
                pa.list_(pa.string()),
            ),
        }
    )
    first_seen = np.append(np.zeros(NUM_ITEMS - 1), NOW + 2)
    return Catalogue(Ids([f"sku-{i}" for i in range(NUM_ITEMS)], "item"), table, first_seen, DUPLICATES)


RELATIONS = [
    ("sku-0", "goes_with", "sku-1"),
    ("sku-1", "goes_with", "sku-0"),
    ("sku-0", "instead_of", "sku-2"),
    ("sku-2", "goes_with", "sku-2"),
    ("sku-3", "goes_with", LATE),
    ("sku-4", "goes_with", f"sku-{LATE}"),
    ("sku-99", "goes_with", "sku-1"),
    ("sku-4", "made_of", "wood"),
    ("sku-5", "made_of", "wood"),
    ("sku-5", "made_of", "wood"),
    ("sku-6", "made_of", "wood"),
    (f"sku-{LATE}", "made_of", "wood"),
    ("sku-6", "made_of", "tin"),
    ("sku-7", "stands_on", "wood"),
    ("sku-8", "stands_on", "wood"),
    *[(f"sku-{i}", "sold_in", "shop") for i in range(NUM_ITEMS)],
    (None, "made_of", "wood"),
    ("sku-9", "made_of", None),
]

MATCHES = [
    ("sku-0", "sku-5", True),
    ("sku-5", "sku-0", True),
    ("sku-1", "sku-2", False),
    ("sku-2", "sku-4", True),
    ("sku-4", "sku-4", True),
    ("sku-4", "nobody", True),
    ("sku-6", f"sku-{LATE}", True),
    ("sku-7", "sku-8", None),
]


PHOTOS = np.array([0, 0, 0, 3, 5, LATE, -1, 7], np.int32)
"""What further photos show; the last of them cannot be read, and the one before is held back."""


def fields() -> dict[str, Seen]:
    """Which rows have a title, a description, a photo and a brand: of items, then of further photos."""
    nothing, photo = np.zeros(len(PHOTOS), bool), np.arange(len(PHOTOS)) < len(PHOTOS) - 1
    items = np.arange(NUM_ITEMS)
    return {
        "title": Seen(np.append(items % 3 > 0, nothing), "text"),
        "description": Seen(np.append(items % 4 == 0, nothing), "text"),
        "photo": Seen(np.append(items != 4, photo), "photo"),
        "brand": Seen(np.append(items < 6, nothing)),
    }


def sources(**changes: Any) -> Sources:
    """The small shop of these tests, with or without changes of its history."""
    head, relation, tail = zip(*[(h, r, str(t) if t else None) for h, r, t in RELATIONS], strict=True)
    left, right, label = zip(*MATCHES, strict=True)
    return Sources(
        history(**changes),
        catalogue(),
        pa.table({"head": head, "relation": relation, "tail": pa.array(tail).cast(pa.large_string())}),
        pa.table({"left_id": left, "right_id": right, "label": label}),
        fields(),
        PHOTOS,
    )


def learnt(given: History, *, power: float = 1.0, half_life: float = np.inf) -> list[dict[str, Any]]:
    """What may be learnt from, one dict an event, with v = weight^power · 2^(-age / half_life)."""
    found = []
    for user in range(given.num_users):
        for at in range(given.indptr[user], given.indptr[user + 1]):
            weight, time = float(given.weight[at]), float(given.time[at])
            if weight > 0 and (given.now is None or time <= given.now):
                last = given.time[given.indptr[user + 1] - 1] if given.now is None else given.now
                v = weight**power * 2 ** (-(last - time) / half_life)
                event = {"at": at, "user": user, "item": int(given.item[at]), "time": time, "v": v}
                found.append(event | {"basket": int(given.basket[at])})
    return found


def of_groups(members: dict[Any, dict[int, float]], power: float) -> Law:
    """Two different items of a group, P(group) ∝ W^power, the anchor and then the positive by weight."""
    law: Law = {}
    for weights in members.values():
        total = sum(weights.values())
        for one, weight in weights.items() if len(weights) > 1 else ():
            for other in weights.keys() - {one}:
                part = total**power * weight / total * weights[other] / (total - weight)
                law[one, other, None] = law.get((one, other, None), 0.0) + part
    return law


def drawn_pairs(pairs: Pairs) -> list[Pair]:
    stop = [None] * len(pairs) if pairs.stop is None else pairs.stop.tolist()
    return list(zip(pairs.anchor.tolist(), pairs.positive.tolist(), stop, strict=True))


class PairSourceContract:
    """Subclass it, and say how the source is made, what its law is, and which settings it must refuse.

    varied: settings under which the law is checked;  all_marked: those under which every pair is marked.
    """

    kind: ClassVar[str] = "item"
    needs_events: ClassVar[bool] = True
    bad: ClassVar[dict[str, Any]] = {}
    all_marked: ClassVar[dict[str, Any]] = {}
    varied: ClassVar[tuple[dict[str, Any], ...]] = ({},)

    def make(self, **settings: Any) -> PairSource:
        raise NotImplementedError

    def law(self, given: Sources, settings: dict[str, Any]) -> Law:
        """Return every true pair with what its probability is in proportion to."""
        raise NotImplementedError

    def test_pairs_are_true_and_every_true_pair_comes_as_often_as_the_law_says(self) -> None:
        draws = 60_000
        for changes in self.varied:
            for now in (NOW, None):
                given, source = sources(now=now), self.make(**changes)
                law = self.law(given, settings_of(source))
                source.learn(given)
                pairs = source.draw(np.random.default_rng(1), draws)
                found: dict[Pair, int] = {}
                for pair in drawn_pairs(pairs):
                    found[pair] = found.get(pair, 0) + 1
                assert found.keys() <= law.keys(), changes
                total = sum(law.values())
                wanted = {pair: draws * part / total for pair, part in law.items()}
                assert {pair for pair, often in wanted.items() if often > 25} <= found.keys()
                square = [(found.get(p, 0) - w) ** 2 / w for p, w in wanted.items() if w >= 5]
                assert sum(square) < len(square) + 6 * np.sqrt(2 * len(square)), changes

    def test_counts_are_what_is_expected_in_as_many_draws_as_there_are_positives(self) -> None:
        for changes in self.varied:
            source = self.make(**changes)
            law = self.law(sources(), settings_of(source))
            source.learn(sources())
            wanted = np.zeros(NUM_ITEMS)
            for (_, positive, _), part in law.items():
                wanted[positive] += part
            wanted *= len(source) / wanted.sum()
            assert source.counts.dtype == np.float64
            np.testing.assert_allclose(source.counts, wanted, rtol=1e-6, atol=1e-12)

    def test_what_is_drawn_has_its_types(self) -> None:
        pairs = self.make().learn(sources()).draw(np.random.default_rng(0), 7)
        assert (pairs.kind, len(pairs)) == (self.kind, 7)
        assert type(self.make()).kind == self.kind
        assert pairs.anchor.dtype == pairs.positive.dtype == np.int32
        assert pairs.weight.dtype == np.float32
        assert (pairs.weight == 1).all()
        assert (pairs.stop is None) == (self.kind not in OF_USERS)
        assert (pairs.partner is None) == (pairs.partner_stop is None) == (self.kind != "history")
        assert pairs.stop is None or pairs.stop.dtype == np.int64
        assert pairs.value is None or pairs.value.dtype == np.float32
        assert len(self.make().learn(sources()).draw(np.random.default_rng(0), 0)) == 0

    def test_the_same_generator_gives_the_same_pairs_and_the_next_batch_is_another(self) -> None:
        source = self.make().learn(sources(), seed=5)
        rng = np.random.default_rng(2)
        first, second = source.draw(rng, 50), source.draw(rng, 50)
        again = self.make().learn(sources(), seed=5).draw(np.random.default_rng(2), 50)
        assert drawn_pairs(first) == drawn_pairs(again)
        assert drawn_pairs(first) != drawn_pairs(second)

    def test_the_order_within_a_batch_is_fair(self) -> None:
        positive = self.make().learn(sources()).draw(np.random.default_rng(4), 20_000).positive
        halves = [np.bincount(half, minlength=NUM_ITEMS) / 10_000 for half in np.split(positive, 2)]
        np.testing.assert_allclose(*halves, atol=0.04)

    def test_what_comes_after_now_or_counts_nothing_is_not_learnt_from(self) -> None:
        given = sources()
        source = self.make().learn(given)
        assert LATE not in source.draw(np.random.default_rng(0), 2000).positive
        past = given.history
        kept = past.keep((past.weight > 0) & (past.time <= NOW))
        assert len(self.make().learn(replace(given, history=kept))) == len(source)
        nothing = self.make().learn(sources(weight=np.zeros(62)))
        assert len(nothing) == (0 if self.needs_events else len(source))

    def test_every_pair_drawn_is_marked_and_so_are_duplicates_and_nothing_else(self) -> None:
        source = self.make(**self.all_marked).learn(sources())
        given = [(a, p) for a, p, _ in self.law(sources(), settings_of(source))]
        same = DUPLICATES[:, None] == DUPLICATES
        partners = np.zeros((NUM_USERS if self.kind in OF_USERS else NUM_ITEMS, NUM_ITEMS), bool)
        partners[tuple(np.array(given).T)] = True
        if self.kind in OF_USERS:
            for event in learnt(sources().history):
                partners[event["user"], event["item"]] = True
            wanted = partners @ same
        else:
            wanted = same @ (partners | np.eye(NUM_ITEMS, dtype=bool)) @ same
        rows, items = np.arange(len(wanted), dtype=np.int32), np.arange(NUM_ITEMS, dtype=np.int32)
        np.testing.assert_array_equal(source.positives().mark(rows, items), wanted)

    def test_a_shop_without_anything(self) -> None:
        empty = History.of([], [], num_users=0, num_items=0)
        table = catalogue().table.slice(0, 0)
        nobody = Catalogue(Ids([], "item"), table, np.zeros(0), np.zeros(0, np.int32))
        self.check_empty(self.make().learn(Sources(empty, nobody)), 0)

    def test_events_of_nobody_one_event_and_one_distinct_item(self) -> None:
        for user, item in ([], []), ([2], [4]), ([1, 1, 3], [5, 5, 5]):
            few = History.of(user, item, range(len(user)), num_users=NUM_USERS, num_items=NUM_ITEMS, now=NOW)
            source = self.make().learn(replace(sources(), history=few))
            if len(source):
                pairs = source.draw(np.random.default_rng(0), 20)
                assert self.kind in OF_USERS or not self.needs_events
                assert len(pairs) == 20
            else:
                self.check_empty(source, NUM_ITEMS)

    def check_empty(self, source: PairSource, num_items: int) -> None:
        assert len(source) == 0
        assert source.counts.tolist() == [0.0] * num_items
        with pytest.raises(JobError):
            source.draw(np.random.default_rng(0), 4)
        nothing = np.zeros(0, np.int32)
        assert source.positives().mark(nothing, nothing).shape == (0, 0)

    def test_a_user_of_thousands_of_events(self) -> None:
        rng = np.random.default_rng(0)
        item = rng.integers(0, LATE, 5000)
        many = History.of(
            np.where(np.arange(5000) < 4900, 0, 1), item, np.arange(5000) / 100, basket=np.arange(5000) // 50,
            num_users=2, num_items=NUM_ITEMS, now=NOW,
        )  # fmt: skip
        source = self.make(**self.all_marked).learn(replace(sources(), history=many))
        pairs = source.draw(rng, 3000)
        assert len(pairs) == 3000
        assert source.positives().mark(pairs.anchor, pairs.positive).diagonal().all()

    def test_what_is_given_stays_as_it_is(self) -> None:
        given, before = sources(), sources()
        self.make().learn(given).draw(np.random.default_rng(0), 10)
        for name in ("indptr", "item", "time", "weight", "basket"):
            np.testing.assert_array_equal(getattr(given.history, name), getattr(before.history, name))

    def test_it_is_built_from_a_section_and_tells_its_settings(self) -> None:
        part = type(self.make())
        settings = settings_of(self.make())
        again = build({"it": part}, {"use": "it", **settings}, path="pairs")
        assert settings_of(again) == settings
        for name, where in search_space(part).items():
            for value in where.values if isinstance(where, Choice) else (where.low, where.high):
                source = build({"it": part}, {"use": "it", **settings, name: value}, path="pairs")
                assert len(source.learn(sources()).draw(np.random.default_rng(0), 10)) == 10

    def test_settings_that_cannot_be_meant_are_refused_by_name(self) -> None:
        for name, value in self.bad.items():
            with pytest.raises(ConfigError, match=name):
                self.make(**{name: value})
