"""What every store must do. A new engine's test is a subclass with the fixture `address`: of a new, empty store."""

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shelfspace.errors import DataError, InputError, SpaceError
from shelfspace.store import Key, Record, Store, Write

TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=20)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
UNCHECKED = [HealthCheck.function_scoped_fixture, HealthCheck.differing_executors]
"""One store serves all examples, and each engine's class inherits the test: both are meant."""


def view(user: str = "ann", item: str = "tea", event_id: str | None = None, **body: object) -> Write:
    return Write("event", "add", item, user, event_id, body)


class StoreContract:
    """Everything that is asked of a store, whatever its engine."""

    @pytest.fixture
    def store(self, address: str) -> Iterator[Store]:
        with Store.open(address) as store:
            yield store

    @pytest.fixture
    def other(self, address: str, store: Store) -> Iterator[Store]:
        """The same store, as another worker has it."""
        with Store.open(address) as other:
            yield other

    def test_a_write_is_kept_as_it_was_given(self, store: Store) -> None:
        writes = [
            view("ann", "tea", "e1", event="purchase", timestamp=1.7e9, price=9.5, words=["a", {"b": None}]),
            Write("impression", "add", "tea", body={"list_id": "l1", "place": 3, "clicked": True}),
            Write("item", "put", "茶/碗 ?#%", body={"title": "茶碗\u0000\\\"'"}),
            Write("item", "delete", "tea"),
            Write("user", "patch", user_id="ann", body={"city": "Zürich"}),
        ]
        before = time.time()
        appended = store.append(writes)
        kept = store.since(0)
        assert (appended.num_added, appended.num_duplicates) == (5, 0)
        assert appended.seq == kept[-1].seq == store.latest()
        assert all(isinstance(record, Record) and before <= record.at <= time.time() for record in kept)
        assert [as_written(record) for record in kept] == writes

    def test_numbers_rise_and_a_follower_goes_on_from_the_last(self, store: Store, other: Store) -> None:
        assert store.latest() == 0
        assert store.since(0) == []
        last = store.append([view(item=f"i{n}") for n in range(25)]).seq
        records = other.since(0)
        assert [record.item_id for record in records] == [f"i{n}" for n in range(25)]
        assert all(one.seq < two.seq for one, two in itertools.pairwise(records))
        assert other.since(last) == []
        assert other.since(records[9].seq, limit=5) == records[10:15]
        assert store.append([]).seq == last

    def test_kinds(self, store: Store) -> None:
        store.append([view(), Write("item", "put", "tea"), view(), Write("user", "delete", user_id="ann")])
        assert [record.kind for record in store.since(0, kinds=["item", "user"])] == ["item", "user"]
        assert [record.kind for record in store.since(0, kinds={"event"}, limit=1)] == ["event"]
        assert store.since(0, kinds=[]) == []

    def test_an_event_id_is_kept_once(self, store: Store, other: Store) -> None:
        first = store.append([view(event_id="a"), view(event_id="b"), view(event_id="a", item="late")])
        assert (first.num_added, first.num_duplicates) == (2, 1)
        again = other.append([view(event_id="b", item="late"), view(event_id="c"), view(), view()])
        assert (again.num_added, again.num_duplicates) == (3, 1)
        assert [record.event_id for record in store.since(0)] == ["a", "b", "c", None, None]
        assert {record.item_id for record in store.since(0)} == {"tea"}
        same = store.append([view(event_id="a")])
        assert (same.seq, same.num_added, same.num_duplicates) == (again.seq, 0, 1)

    def test_groups_are_told_apart(self, store: Store) -> None:
        groups = [
            [view(event_id="a"), view()],
            [view(event_id="a"), view(event_id="b")],
            [],
            [view(event_id="b")],
        ]
        done = store.append_rows([store.rows(writes) for writes in groups])
        assert [(each.num_added, each.num_duplicates) for each in done] == [(2, 0), (1, 1), (0, 0), (0, 1)]
        assert {each.seq for each in done} == {store.latest()}

    def test_whether_it_changed(self, store: Store, other: Store) -> None:
        other.changed()
        assert not other.changed()
        store.append([view()])
        assert other.changed()
        assert not other.changed()
        other.append([view()])
        assert other.changed()

    @pytest.mark.parametrize(
        ("write", "told"),
        [
            (Write("evnt", "add", "tea"), "did you mean 'event'"),  # type: ignore[arg-type]
            (Write("event", "put", "tea"), "its action 'put' is not one of add"),
            (Write("user", "forget", user_id="ann"), "its action 'forget'"),
            (Write("item", "put"), "its item_id is missing"),
            (Write("user", "put", item_id="tea"), "its user_id is missing"),
            (Write("event", "add", ""), "its item_id must have 1 to"),
            (Write("event", "add", "a\0b"), "none of them NUL"),
            (Write("event", "add", "tea", "u" * 2_000), "its user_id must have"),
            (Write("event", "add", 7), "its item_id is not a text"),  # type: ignore[arg-type]
            (Write("event", "add", "\ud800"), "not valid Unicode"),
            (view(price=float("nan")), "not plain JSON"),
            (view(price={1, 2}), "not plain JSON"),
            (view(query="\udfff"), "not valid Unicode"),
        ],
    )
    def test_a_bad_write_is_refused_and_nothing_is_kept(self, store: Store, write: Write, told: str) -> None:
        with pytest.raises(DataError, match="write 1: ") as problem:
            store.append([view(), write])
        assert told in str(problem.value)
        assert store.latest() == 0

    def test_everything_about_a_user(self, store: Store, other: Store) -> None:
        store.append(
            [view("ann"), view("bob"), Write("user", "put", user_id="ann"), view("Ann"), view("ann ")]
        )
        assert [record.kind for record in other.of_user("ann")] == ["event", "user"]
        assert other.of_user("nobody' OR 1=1 --") == []

    def test_forgetting(self, store: Store, other: Store) -> None:
        store.append(
            [view("bob"), view("ann", event_id="e1"), view("bob"), view("ann"), view("ann", event_id="e2")]
        )
        last = store.latest()
        other.changed()
        done = store.forget("ann")
        assert done.num_added == 1
        assert done.seq == other.latest() > last
        assert other.changed()
        assert other.of_user("ann") == []
        assert [record.user_id for record in other.since(0)] == ["bob", "bob", None]
        (record,) = other.since(last)
        assert (record.kind, record.action, record.item_id, record.event_id) == ("user", "forget", None, None)
        assert record.body == {"fingerprint": other.fingerprint("ann")}
        assert store.append([view("ann", event_id="e1")]).num_added == 1
        assert len(store.of_user("ann")) == 1
        assert store.forget("never seen").seq == store.latest()

    def test_a_fingerprint_does_not_hold_the_id(self, store: Store, other: Store) -> None:
        assert store.fingerprint("ann") == other.fingerprint("ann") != store.fingerprint("bob")
        assert len(store.fingerprint("ann")) == 64

    def test_keys(self, store: Store, other: Store) -> None:
        key = store.add_key("till", ["write", "read"])
        assert key.startswith("ss_")
        assert len(key) == 46
        known = other.key_of(key)
        assert known is not None
        assert (known.name, known.scopes, known.revoked) == ("till", {"read", "write"}, None)
        assert other.keys() == [known]
        assert other.key_of(key + "x") is None
        assert other.key_of("\ud800") is None
        other.revoke_key("till")
        assert store.key_of(key) is None
        assert store.keys()[0].revoked is not None
        again = store.add_key("till", ["admin"])
        assert again != key
        assert [held.scopes for held in held_by(store)] == [{"admin"}]

    def test_keys_that_are_refused(self, store: Store) -> None:
        store.add_key("till", ["read"])
        with pytest.raises(InputError, match="in use"):
            store.add_key("till", ["read"])
        with pytest.raises(InputError, match="did you mean 'write'"):
            store.add_key("office", ["wirte"])  # type: ignore[list-item]
        with pytest.raises(InputError, match="at least one scope"):
            store.add_key("office", [])
        with pytest.raises(InputError, match="did you mean 'till'"):
            store.revoke_key("tlil")
        assert [key.name for key in held_by(store)] == ["till"]

    def test_many_open_it_at_once(self, address: str) -> None:
        with ThreadPoolExecutor(6) as pool:
            stores = list(pool.map(lambda _: Store.open(address), range(6)))
        assert len({store.fingerprint("ann") for store in stores}) == 1
        for n, store in enumerate(stores):
            store.append([view(item=f"i{n}")])
        assert len(stores[0].since(0)) == 6
        for store in stores:
            store.close()

    def test_tables_are_not_made_unasked(self, address: str) -> None:
        with pytest.raises(SpaceError, match="migrate=True"):
            Store.open(address, migrate=False)
        Store.open(address).close()
        Store.open(address, migrate=False).close()

    def test_a_store_of_a_newer_version_is_refused(self, address: str, store: Store) -> None:
        with store._journal.writing() as connection:
            connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
        with pytest.raises(SpaceError, match=r"newer shelfspace.*9999"):
            Store.open(address)

    def test_opening_is_quick(self, address: str, store: Store) -> None:
        times = []
        for _ in range(5):
            start = time.perf_counter()
            Store.open(address).close()
            times.append(time.perf_counter() - start)
        assert min(times) < 0.1

    @settings(max_examples=12, suppress_health_check=UNCHECKED)
    @given(
        st.lists(
            st.builds(
                Write, st.just("event"), st.just("add"), TEXTS, TEXTS, body=st.dictionaries(TEXTS, JSON)
            )
        )
    )
    def test_whatever_is_json_comes_back(self, store: Store, writes: list[Write]) -> None:
        before = store.latest()
        store.append(writes)
        assert [as_written(record) for record in store.since(before)] == writes

    @settings(max_examples=10, suppress_health_check=UNCHECKED)
    @given(
        st.lists(
            st.lists(st.lists(st.integers(0, 12) | st.none(), max_size=6), min_size=1, max_size=6),
            min_size=2,
            max_size=4,
        )
    )
    def test_threads_lose_nothing_and_a_follower_sees_all(
        self, store: Store, other: Store, jobs: list[list[list[int | None]]]
    ) -> None:
        """Each job is a thread; each of its lists is an append; each number is an event id that others may send too."""
        start = store.latest()
        with store_followed(other, start) as follow, ThreadPoolExecutor(len(jobs)) as pool:

            def send(place: int) -> tuple[int, int]:
                sender, added, last = (store, other)[place % 2], 0, 0
                for numbers in jobs[place]:
                    done = sender.append(
                        [
                            view(event_id=None if n is None else f"{start}-{n}", item=f"{start}-{n}")
                            for n in numbers
                        ]
                    )
                    assert done.seq >= last
                    assert done.num_added + done.num_duplicates == len(numbers)
                    last, added = done.seq, added + done.num_added
                return added, last

            sent = list(pool.map(send, range(len(jobs))))
        kept = store.since(start)
        assert follow() == kept
        assert [record.seq for record in kept] == sorted({record.seq for record in kept})
        given = [n for job in jobs for numbers in job for n in numbers]
        ids = [record.event_id for record in kept if record.event_id is not None]
        assert sorted(ids) == sorted(f"{start}-{n}" for n in set(given) - {None})
        assert len(kept) - len(ids) == given.count(None)
        assert sum(added for added, _ in sent) == len(kept)


def held_by(store: Store) -> list[Key]:
    return store.keys()


def as_written(record: Record) -> Write:
    return Write(record.kind, record.action, record.item_id, record.user_id, record.event_id, record.body)


class store_followed:  # noqa: N801 - reads as what it does
    """Poll a store from a thread; what is given returns the records, once the writers are done."""

    def __init__(self, store: Store, start: int) -> None:
        self._store = store
        self._last = start
        self._seen: list[Record] = []
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._poll)

    def __enter__(self) -> Callable[[], list[Record]]:
        self._thread.start()
        return lambda: self._seen

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _poll(self) -> None:
        while True:
            done = self._done.is_set()
            if self._store.changed() or done:
                while records := self._store.since(self._last, limit=3):
                    self._seen += records
                    self._last = records[-1].seq
            if done:
                return
