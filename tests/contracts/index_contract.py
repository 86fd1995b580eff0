"""What every index must do. A new index's test is a subclass with `address`."""

import json
from pathlib import Path
from typing import ClassVar
from urllib.parse import quote

import numpy as np
import pytest
from scipy import sparse

from shelfspace.errors import ConfigError, DataError, SpaceError, StoreError
from shelfspace.index import Index, open_index
from shelfspace.index.remote import Remote

DIM, SIZE = 16, 900


def unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def vectors(size: int = SIZE, *, seed: int = 0) -> np.ndarray:
    """Vectors in clusters, as items have them."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(30, DIM))
    return unit(centres[rng.integers(0, 30, size)] + 0.5 * rng.normal(size=(size, DIM)))


def naive(
    given: np.ndarray, queries: np.ndarray, k: int, denied: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """All scores in float64; denied: bool [B, N]."""
    scores = queries.astype(np.float64) @ given.astype(np.float64).T
    scores[denied] = -np.inf
    order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    best = np.take_along_axis(scores, order, axis=1)
    rows = np.where(np.isneginf(best), -1, order)
    fill = ((0, 0), (0, k - rows.shape[1]))
    return np.pad(rows, fill, constant_values=-1), np.pad(best, fill, constant_values=-np.inf)


class IndexContract:
    """Subclass it, and say which index and how many of the nearest it must find."""

    address: ClassVar[str]
    recall: ClassVar[float] = 1.0

    def make(self, given: np.ndarray | None = None) -> Index:
        index = open_index(self.address, DIM)
        if given is not None:
            index.add(np.arange(len(given)), given)
        return index

    def check(self, found: tuple[np.ndarray, np.ndarray], wanted: tuple[np.ndarray, np.ndarray]) -> None:
        rows, scores = found
        assert rows.dtype == np.int32
        assert scores.dtype == np.float32
        assert rows.shape == scores.shape == wanted[0].shape
        np.testing.assert_array_equal(rows == -1, wanted[0] == -1)
        np.testing.assert_array_equal(np.isneginf(scores), rows == -1)
        assert (np.diff(np.where(rows < 0, -9.0, scores), axis=1) <= 0).all()
        hits = [
            len(set(one) & set(other)) / len(set(other)) for one, other in zip(rows, wanted[0], strict=True)
        ]
        assert np.mean(hits) >= self.recall
        if self.recall == 1:
            np.testing.assert_allclose(scores, wanted[1], atol=1e-5)

    @pytest.mark.parametrize("k", [1, 10, 100, SIZE + 5])
    def test_it_finds_the_nearest(self, k: int) -> None:
        given, queries = vectors(), vectors(40, seed=1)
        found = self.make(given).search(queries, k)
        self.check(found, naive(given, queries, k, np.zeros((40, SIZE), bool)))

    def test_scores_are_inner_products(self) -> None:
        given, queries = vectors(), vectors(5, seed=2)
        rows, scores = self.make(given).search(queries, 7)
        np.testing.assert_allclose(scores, np.einsum("bd,bkd->bk", queries, given[rows]), atol=1e-5)

    @pytest.mark.parametrize("share", [0.9, 0.3, 0.01, 0.0])
    @pytest.mark.parametrize("listed", [False, True])
    def test_filters_are_hard(self, share: float, listed: bool) -> None:
        rng = np.random.default_rng(3)
        given, queries = vectors(), vectors(300, seed=4)
        allowed = rng.random(SIZE) < share
        seen = rng.random((300, SIZE)) < 0.05
        seen[0] = True
        exclude = sparse.csr_array(seen) if listed else None
        denied = np.repeat(~allowed[None], 300, axis=0) | (seen if listed else False)
        found = self.make(given).search(queries, 10, allowed=allowed, exclude=exclude)
        rows = found[0]
        line, place = np.nonzero(rows >= 0)
        assert not denied[line, rows[line, place]].any()
        self.check(found, naive(given, queries, 10, denied))

    def test_rows_beyond_the_flags_are_not_allowed(self) -> None:
        given = vectors()
        rows, _ = self.make(given).search(given[:3], SIZE, allowed=np.ones(100, bool))
        assert set(rows[0]) == {-1, *range(100)}

    def test_rows_may_have_holes(self) -> None:
        index, given = self.make(), vectors(50)
        index.add(np.arange(50) * 7 + 3, given)
        assert len(index) == 50
        rows, _ = index.search(given, 1)
        np.testing.assert_array_equal(rows[:, 0], np.arange(50) * 7 + 3)

    def test_adding_replaces_and_the_last_counts(self) -> None:
        index, given = self.make(vectors()), vectors(3, seed=9)
        index.add([5, 6, 5], given)
        assert len(index) == SIZE
        rows, scores = index.search(given[[2, 1]], 1)
        assert rows[:, 0].tolist() == [5, 6]
        np.testing.assert_allclose(scores, 1, atol=1e-5)

    def test_removing(self) -> None:
        given = vectors()
        index = self.make(given)
        index.remove([0, 1, 2, 2, 10**6])
        index.remove([0])
        assert len(index) == SIZE - 3
        assert not np.isin(index.search(given[:3], 50)[0], [0, 1, 2]).any()
        index.add([1], given[1:2])
        assert index.search(given[1:2], 1)[0].tolist() == [[1]]

    def test_everything_may_go(self) -> None:
        index = self.make(vectors(20))
        index.remove(np.arange(20))
        rows, scores = index.search(vectors(2), 3)
        assert (rows == -1).all()
        assert np.isneginf(scores).all()

    def test_an_empty_index_and_no_queries(self) -> None:
        assert (self.make().search(vectors(2), 3)[0] == -1).all()
        assert self.make(vectors()).search(np.zeros((0, DIM)), 3)[0].shape == (0, 3)
        index = self.make()
        index.add([], np.zeros((0, DIM)))
        assert len(index) == 0

    def test_saved_and_loaded(self, tmp_path: Path) -> None:
        given, queries = vectors(), vectors(20, seed=5)
        index = self.make(given)
        index.remove([7, 8])
        index.save(tmp_path / "index")
        loaded = self.make()
        loaded.load(tmp_path / "index")
        assert len(loaded) == SIZE - 2
        for one, other in zip(loaded.search(queries, 10), index.search(queries, 10), strict=True):
            np.testing.assert_array_equal(one, other)
        loaded.add([8, SIZE], queries[:2])
        loaded.remove([0])
        assert loaded.search(queries[:2], 1)[0].tolist() == [[8], [SIZE]]
        again = self.make()
        again.load(tmp_path / "index")
        assert len(again) == SIZE - 2

    def test_damaged_files_are_named(self, tmp_path: Path) -> None:
        with pytest.raises(SpaceError, match="is missing"):
            self.make().load(tmp_path)
        self.make(vectors()).save(tmp_path)
        with pytest.raises(SpaceError):
            open_index(self.address, DIM + 1).load(tmp_path)
        for path in tmp_path.iterdir():
            whole = path.read_bytes()
            for damaged in (b"", b"not an index", whole[: len(whole) // 2]):
                path.write_bytes(damaged)
                with pytest.raises(SpaceError, match=path.name):
                    self.make().load(tmp_path)
            path.write_bytes(whole)

    def test_what_cannot_be_used_is_refused(self) -> None:
        index = self.make(vectors(30))
        with pytest.raises(DataError, match="not finite"):
            index.add([1], np.full((1, DIM), np.nan))
        with pytest.raises(DataError, match="1 rows were given with 2 vectors"):
            index.add([1], vectors(2))
        with pytest.raises(DataError, match="whole numbers"):
            index.add([-1], vectors(1))
        with pytest.raises(DataError, match="whole numbers"):
            index.add([0.5], vectors(1))
        with pytest.raises(DataError, match="queries must be of shape"):
            index.search(np.zeros((2, DIM + 1)), 3)
        with pytest.raises(DataError, match="not finite"):
            index.search(np.full((1, DIM), np.inf), 3)
        with pytest.raises(DataError, match="at least 1"):
            index.search(vectors(1), 0)
        with pytest.raises(DataError, match="exclude"):
            index.search(vectors(1), 3, exclude=sparse.csr_array((2, 30)))
        with pytest.raises(DataError, match="allowed"):
            index.search(vectors(1), 3, allowed=np.zeros(30))
        assert len(index) == 30


class RemoteContract(IndexContract):
    """What an index in a store must do beside that. Say too where no store answers."""

    nowhere: ClassVar[str]

    def stored(self, given: np.ndarray) -> Remote:
        index = self.make(given)
        assert isinstance(index, Remote)
        return index

    def test_the_store_is_asked_and_asked_again(self, monkeypatch: pytest.MonkeyPatch) -> None:
        given, queries = vectors(), vectors(3, seed=6)
        index, asked = self.stored(given), []
        near = type(index)._near

        def watched(self: Remote, name: str, queries: np.ndarray, fetch: int) -> list:
            asked.append((len(queries), fetch))
            return near(self, name, queries, fetch)

        monkeypatch.setattr(type(index), "_near", watched)
        exact = queries @ given.T
        allowed = np.ones(SIZE, bool)
        allowed[np.argsort(-exact[0])[:60]] = False  # the first query has its best ones refused
        found = index.search(queries, 5, allowed=allowed)
        self.check(found, naive(given, queries, 5, np.repeat(~allowed[None], 3, axis=0)))
        assert asked[0] == (3, 20)
        assert asked[-1][0] < 3
        asked.clear()
        few = np.arange(SIZE) % 50 == 0
        found = index.search(queries, 5, allowed=few)
        np.testing.assert_array_equal(found[0], naive(given, queries, 5, np.repeat(~few[None], 3, axis=0))[0])
        assert not asked

    def test_a_saved_version_is_never_changed(self, tmp_path: Path) -> None:
        given = vectors(60)
        index = self.stored(given)
        before = index.versions()
        for name, change in (("a", lambda: index.remove([3])), ("b", lambda: index.add([60], given[:1]))):
            index.save(tmp_path / name)
            change()
            change()
            assert len(index.versions()) == len(before) + "ab".index(name) + 1
        again = self.make()
        again.load(tmp_path / "a")
        assert again.search(given[3:4], 1)[0].tolist() == [[3]]
        again.load(tmp_path / "b")
        assert (len(again), len(index)) == (59, 60)

    def test_a_version_that_is_not_whole_is_refused(self, tmp_path: Path) -> None:
        index = self.stored(vectors(40))
        before = set(index.versions())
        index.save(tmp_path)
        name = json.loads((tmp_path / "store.json").read_text())["collection"]
        assert name in before
        index._take_out(name, np.array([4], np.int32))
        with pytest.raises(SpaceError, match=r"store\.json: .* holds 39 vectors, not 40"):
            self.make().load(tmp_path)
        with pytest.raises(StoreError, match="no longer holds all"):
            index.search(vectors(1), 10, allowed=np.ones(40, bool))
        index.drop(name)
        assert set(index.versions()) == before - {name}
        with pytest.raises(SpaceError, match=f"there is no {name}"):
            self.make().load(tmp_path)
        with pytest.raises(DataError, match="there is no version"):
            index.drop(name)
        with pytest.raises(StoreError):
            index.search(vectors(1), 3)

    def test_a_store_that_does_not_answer(self) -> None:
        index = open_index(self.nowhere, DIM)
        assert len(index) == 0
        assert (index.search(vectors(2), 3)[0] == -1).all()
        with pytest.raises(StoreError, match="cannot be reached") as told:
            index.add([1], vectors(1))
        assert "hunter2" not in str(told.value)

    def test_a_name_is_checked(self) -> None:
        mark = "table" if self.address.startswith("postgresql") else "collection"
        bare = self.address.partition("?")[0]
        for name in ("a;drop table b", "1a", "a" * 33, 'a"b', ""):
            with pytest.raises(ConfigError, match="cannot name a collection"):
                open_index(f"{bare}?{mark}={quote(name)}", DIM)
        with pytest.raises(ConfigError, match="did you mean 'connectivity'"):
            open_index(f"{bare}?conectivity=32", DIM)
        with pytest.raises(ConfigError, match="expansion_search"):
            open_index(f"{bare}?expansion_search=many", DIM)
