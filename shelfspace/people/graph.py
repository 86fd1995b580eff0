"""Who knows whom: the social graph in the table of relations. P people, R rows of relations."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from scipy import sparse

from shelfspace.shop.ids import Ids

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class SocialGraph:
    """People and their friendships, which go both ways.

    people: the shop's users first, then those whom only the relations know;
    edges: float32 csr [P, P], 1 between friends, symmetric, nothing on the diagonal;
    loops: rows that join somebody to themselves;  repeats: rows that say again what another says, the other way round
        included;  unknown: rows without types of which only one end is known as a user.
    """

    people: Ids
    edges: sparse.csr_array
    loops: int = 0
    repeats: int = 0
    unknown: int = 0

    @classmethod
    def of(cls, relations: pa.Table | None, users: Ids, items: Ids) -> Self:
        """Read the rows of relations whose ends are both users.

        An end is a user where its type is `user`; where no type is given, where the shop knows it as a user and not as
        an item. O(R log R) time.
        """
        if relations is None or not relations.num_rows:
            return cls.between(users, np.zeros(0, np.int64), np.zeros(0, np.int64))
        relations = relations.filter(pc.and_(pc.is_valid(relations["head"]), pc.is_valid(relations["tail"])))
        named, is_user = zip(*(_end(relations, end, users, items) for end in ("head", "tail")), strict=True)
        both = is_user[0] & is_user[1]
        typed = [_typed(relations, end) for end in ("head", "tail")]
        strange = [users.rows(ends) < 0 for ends in named]
        one_known = (is_user[0] ^ is_user[1]) & ~(typed[0] | typed[1])
        unknown = one_known & (
            (strange[0] & (items.rows(named[0]) < 0)) | (strange[1] & (items.rows(named[1]) < 0))
        )
        ends = [texts.filter(pa.array(both)) for texts in named]
        mentioned = pa.concat_arrays(ends).unique()
        further = mentioned.filter(pc.invert(pc.is_in(mentioned, value_set=users.array)))
        people = Ids(pa.concat_arrays([users.array, further]), "user")
        return cls.between(people, *(people.rows(texts) for texts in ends), unknown=int(unknown.sum()))

    @classmethod
    def between(
        cls, people: Ids, head: npt.NDArray[np.integer], tail: npt.NDArray[np.integer], *, unknown: int = 0
    ) -> Self:
        """Join people by their rows, each pair once and nobody to themselves."""
        size, loop = len(people), head == tail
        low, high = (
            np.minimum(head, tail)[~loop].astype(np.int64),
            np.maximum(head, tail)[~loop].astype(np.int64),
        )
        pairs = np.unique(low * size + high)
        edges = adjacency(pairs // max(size, 1), pairs % max(size, 1), size)
        return cls(people, edges, int(loop.sum()), len(low) - len(pairs), unknown)

    @property
    def num_edges(self) -> int:
        """How many pairs are friends."""
        return int(self.edges.nnz) // 2

    def pairs(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Return each pair of friends once, the lower row first."""
        upper = sparse.triu(self.edges, format="coo")
        return upper.row.astype(np.int64), upper.col.astype(np.int64)

    @property
    def notes(self) -> tuple[str, ...]:
        """What was left out of the relations."""
        said = {
            "join a shopper to themselves": self.loops,
            "repeat a friendship, the other way round included": self.repeats,
            "name a shopper and somebody unknown": self.unknown,
        }
        return tuple(f"relations: {num:,} rows {what}" for what, num in said.items() if num)


def adjacency(low: npt.NDArray[np.integer], high: npt.NDArray[np.integer], size: int) -> sparse.csr_array:
    """Return pairs as a symmetric matrix of ones, float32 csr [P, P]."""
    place = (np.concatenate([low, high]), np.concatenate([high, low]))
    return sparse.csr_array((np.ones(2 * len(low), np.float32), place), shape=(size, size))


def _end(relations: pa.Table, end: str, users: Ids, items: Ids) -> tuple[pa.Array, Flags]:
    """Return the ids of one end, and which of them are users."""
    texts = relations[end].cast(pa.string()).combine_chunks()
    known = (users.rows(texts) >= 0) & (items.rows(texts) < 0)
    if f"{end}_type" not in relations.column_names:
        return texts, known
    kind = pc.utf8_lower(relations[f"{end}_type"].cast(pa.string()))
    said = pc.fill_null(pc.equal(kind, "user"), False).to_numpy(zero_copy_only=False)
    return texts, np.where(_typed(relations, end), said, known)


def _typed(relations: pa.Table, end: str) -> Flags:
    if f"{end}_type" not in relations.column_names:
        return np.zeros(relations.num_rows, bool)
    found: Flags = pc.is_valid(relations[f"{end}_type"]).to_numpy(zero_copy_only=False)
    return found
