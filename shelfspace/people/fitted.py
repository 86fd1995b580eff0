"""What was learnt of people: who knows whom, what profiles say, and what speaks for a friendship. P people."""

import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
from scipy import sparse

from shelfspace.config import settings_of
from shelfspace.errors import ConfigError
from shelfspace.people.friends import SIGNS, Closeness
from shelfspace.people.graph import SocialGraph
from shelfspace.people.profiles import Profiles
from shelfspace.people.tastes import placed, unit
from shelfspace.shop.ids import Ids


@dataclass(kw_only=True)
class People:
    """`[people]`: shoppers beside shoppers.

    Args:
        space: what the cosine in the space counts in `alike`.
        items: what the cosine of what they took, weighed by rarity, counts.
        profile: what the cosine of their profiles counts.
        hidden: the share of friendships that are hidden to learn what speaks for one, and as many again to measure.
        max_cases: people with hidden friendships that are looked at, for each of both.
    """

    space: float = 1.0
    items: float = 1.0
    profile: float = 0.2
    hidden: float = 0.1
    max_cases: int = 2000

    def __post_init__(self) -> None:
        check_hidden("people", self.hidden, self.max_cases)
        for name in ("space", "items", "profile"):
            if getattr(self, name) < 0:
                raise ConfigError(f"[people] {name} = {getattr(self, name)} must not be below 0")


def check_hidden(section: str, hidden: float, max_cases: int) -> None:
    """Refuse to hide nothing, or so much that nothing is left to learn from."""
    if not 0.0 < hidden <= 0.4:
        raise ConfigError(f"[{section}] hidden = {hidden} is out of range; give more than 0, up to 0.4")
    if max_cases < 1:
        raise ConfigError(f"[{section}] max_cases = {max_cases} must be at least 1")


@dataclass(frozen=True)
class FittedPeople:
    """People as they were when it was fitted.

    graph: who knows whom;  profiles: of the same people;  embedding: float32 [P, K];
    weights: of the signs of a friendship, empty where there were too few friendships to learn them;
    measured: as in `metrics.json`;  notes: what was left out.
    """

    settings: People
    graph: SocialGraph
    profiles: Profiles
    embedding: npt.NDArray[np.float32]
    weights: Mapping[str, float]
    measured: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    held: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    def closeness(self, tastes: sparse.csr_array, users: Ids) -> Closeness:
        """Return what is known of pairs of people by the tastes of the shop's users, csr [U, N]; made once."""
        if self.held.get("tastes") is not tastes:
            of_people = placed(tastes, users.rows(self.graph.people.array))
            known = Closeness(self.graph.edges, of_people, unit(self.profiles.member), self.embedding)
            self.held.update(tastes=tastes, known=known)
        found: Closeness = self.held["known"]
        return found

    def files(self) -> dict[str, bytes]:
        """Return it as files: settings as JSON, ids as Parquet, matrices as npz."""
        about = {
            "settings": settings_of(self.settings),
            "weights": dict(self.weights),
            "profiles": self.profiles.about(),
            "measured": dict(self.measured),
            "notes": list(self.notes),
        }
        arrays = matrices({"edges": self.graph.edges, "member": self.profiles.member})
        return {
            "people.json": json.dumps(about, indent=1, ensure_ascii=False).encode(),
            "ids.parquet": texts(self.graph.people),
            "people.npz": saved(arrays | {"embedding": self.embedding}),
        }

    @classmethod
    def read(cls, file: Callable[[str], bytes]) -> Self:
        """Take what `files` gave; `file` reads one by its name.

        Raises:
            ValueError: a file is not what was written.
        """
        about = json.loads(file("people.json"))
        if set(about["weights"]) - set(SIGNS):
            raise ValueError("people.json weighs what there is not")
        people = Ids(pq.read_table(io.BytesIO(file("ids.parquet")))["id"].combine_chunks(), "user")
        with np.load(io.BytesIO(file("people.npz")), allow_pickle=False) as arrays:
            edges, member = (matrix(arrays, name) for name in ("edges", "member"))
            embedding = arrays["embedding"].astype(np.float32)
        if not len(people) == edges.shape[0] == member.shape[0] == len(embedding):
            raise ValueError("people.npz and ids.parquet are of different people")
        return cls(
            People(**about["settings"]),
            SocialGraph(people, edges),
            Profiles.restored(about["profiles"], member),
            embedding,
            about["weights"],
            about["measured"],
            tuple(about["notes"]),
        )


def texts(ids: Ids) -> bytes:
    """Return ids as Parquet."""
    file = io.BytesIO()
    pq.write_table(pa.table({"id": ids.array}), file, compression="zstd")
    return file.getvalue()


def saved(arrays: Mapping[str, npt.NDArray[Any]]) -> bytes:
    """Return arrays as npz."""
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
    return file.getvalue()


def matrices(by_name: Mapping[str, sparse.csr_array]) -> dict[str, npt.NDArray[Any]]:
    """Return sparse matrices as arrays."""
    return {
        f"{name}.{part}": np.asarray(getattr(one, part))
        for name, one in by_name.items()
        for part in ("data", "indices", "indptr", "shape")
    }


def matrix(arrays: Mapping[str, npt.NDArray[Any]], name: str) -> sparse.csr_array:
    """Return a sparse matrix from its arrays."""
    data, indices, indptr = (arrays[f"{name}.{part}"] for part in ("data", "indices", "indptr"))
    shape = tuple(arrays[f"{name}.shape"].tolist())
    if len(indptr) != shape[0] + 1 or (len(indices) and int(indices.max()) >= shape[1]):
        raise ValueError(f"{name} is not what was written")
    return sparse.csr_array((data, indices, indptr), shape=shape)
