"""What the asking routes answer, as plain dataclasses."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, Self

from shelfspace.client.calls import Reply

_IDS = ("item_id", "user_id", "offer_id")
_OWN = {"subject", "rank", "title", "score", "why", *_IDS}


@dataclass(frozen=True, slots=True)
class Why:
    """One additive part of a score: where it comes from and, where there is one, the past item."""

    part: str
    amount: float
    item_id: str | None = None
    title: str | None = None


@dataclass(frozen=True, slots=True)
class Hit:
    """One answer.

    subject: what it answers;  rank: from 1;  id: of an item, a shopper (`people`) or an offer (`ads`);
    score: higher is better;  why: empty unless asked for;  more: what else the task says of it.
    """

    subject: str
    rank: int
    id: str
    title: str
    score: float
    why: tuple[Why, ...] = ()
    more: Mapping[str, Any] = field(default_factory=dict)

    @property
    def item_id(self) -> str:
        """The item's id."""
        return self.id


@dataclass(frozen=True, slots=True)
class Member:
    """One listing of a group: `catalogue` is `own` or `other`, `score` the chance of its likeliest pair."""

    group: int
    item_id: str
    title: str
    catalogue: str
    score: float


Group = tuple[Member, ...]


@dataclass(frozen=True, slots=True)
class Pair:
    """Two listings, the chance that they are one, and whether they are in one group."""

    left_id: str
    right_id: str
    left_title: str
    right_title: str
    score: float
    same: bool
    left_price: float | None = None
    right_price: float | None = None
    left_image: str | None = None
    right_image: str | None = None
    why: tuple[Why, ...] = ()


@dataclass(frozen=True, slots=True)
class Label:
    """One label of one listing; `label` is None where nothing is sure enough; `given` is what the listing says."""

    subject: str
    title: str
    column: str
    rank: int
    label: str | None
    score: float
    given: str | None = None
    why: tuple[Why, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What every answer says beside its rows.

    notes: what the asker should know, such as which fallback answered;  list_id: names this answer in impressions and
    events that come of it;  variant: which of two spaces answered, where two are served;  version: of that space;
    request_id: what to look for in the service's logs.
    """

    notes: tuple[str, ...] = ()
    list_id: str | None = None
    variant: str | None = None
    version: int | None = None
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class Hits(Answer):
    """Answers in order of rank, for one subject or for many; `beside`: what is said of them as a whole, as `facets`."""

    hits: tuple[Hit, ...] = ()
    beside: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def read(cls, reply: Reply) -> Self:
        """Read a reply."""
        said = dict(reply.json())
        hits = tuple(_hit(row) for row in said.pop("hits"))
        return cls(hits=hits, notes=tuple(said.pop("notes", ())), beside=said, **_about(reply))

    def __len__(self) -> int:
        return len(self.hits)

    def __iter__(self) -> Iterator[Hit]:
        return iter(self.hits)

    def __getitem__(self, n: int) -> Hit:
        return self.hits[n]

    def by_subject(self) -> dict[str, tuple[Hit, ...]]:
        """Return the answers to each subject of a batch."""
        found: dict[str, list[Hit]] = {}
        for hit in self.hits:
            found.setdefault(hit.subject, []).append(hit)
        return {subject: tuple(hits) for subject, hits in found.items()}


@dataclass(frozen=True, slots=True)
class Groups(Answer):
    """Listings that are the same product, group by group, and the pairs that speak for it."""

    groups: tuple[Group, ...] = ()
    pairs: tuple[Pair, ...] = ()

    @classmethod
    def read(cls, reply: Reply) -> Self:
        """Read a reply."""
        said = reply.json()
        members = [Member(**_known(Member, row)) for group in said["groups"] for row in group]
        groups = tuple(tuple(group) for _, group in groupby(members, key=lambda member: member.group))
        pairs = tuple(Pair(**_known(Pair, row)) for row in said["pairs"])
        return cls(groups=groups, pairs=pairs, notes=tuple(said.get("notes", ())), **_about(reply))

    def __len__(self) -> int:
        return len(self.groups)

    def __iter__(self) -> Iterator[Group]:
        return iter(self.groups)


@dataclass(frozen=True, slots=True)
class Labels(Answer):
    """Labels of listings, column by column."""

    labels: tuple[Label, ...] = ()

    @classmethod
    def read(cls, reply: Reply) -> Self:
        """Read a reply."""
        said = reply.json()
        labels = tuple(Label(**_known(Label, row)) for row in said["labels"])
        return cls(labels=labels, notes=tuple(said.get("notes", ())), **_about(reply))

    def __len__(self) -> int:
        return len(self.labels)

    def __iter__(self) -> Iterator[Label]:
        return iter(self.labels)


def _about(reply: Reply) -> dict[str, Any]:
    version = reply.headers.get("x-space-version", "")
    return {
        "list_id": reply.headers.get("x-list-id"),
        "variant": reply.headers.get("x-variant"),
        "version": int(version) if version.isdecimal() else None,
        "request_id": reply.request_id,
    }


def _hit(row: Mapping[str, Any]) -> Hit:
    [named] = [name for name in _IDS if name in row]
    more = {name: value for name, value in row.items() if name not in _OWN}
    return Hit(
        row["subject"], row["rank"], row[named], row["title"], row["score"], _why(row.get("why")), more
    )


def _why(parts: Sequence[Mapping[str, Any]] | None) -> tuple[Why, ...]:
    return tuple(Why(**_known(Why, part)) for part in parts or ())


def _known(kind: Any, row: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a dataclass has a field for, so that a newer service can say more."""
    found = {name: row[name] for name in kind.__dataclass_fields__ if name in row}
    return found | {"why": _why(found["why"])} if "why" in found else found
