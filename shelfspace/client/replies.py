"""What the writing and telling routes reply, as plain dataclasses."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shelfspace.client.calls import Reply


@dataclass(frozen=True, slots=True)
class Kept:
    """Writes that are on the service's disk.

    accepted: new ones;  duplicates: passed over, their ids were known;  seq: the number of the last;
    unknown_items: kept too, but the space does not know them yet.
    """

    accepted: int = 0
    duplicates: int = 0
    seq: int = 0
    unknown_items: tuple[str, ...] = ()

    def __add__(self, other: "Kept") -> "Kept":
        return Kept(
            self.accepted + other.accepted,
            self.duplicates + other.duplicates,
            max(self.seq, other.seq),
            tuple(dict.fromkeys(self.unknown_items + other.unknown_items)),
        )

    @classmethod
    def read(cls, reply: Reply) -> "Kept":
        """Read a reply."""
        said = reply.json()
        unknown = tuple(said.get("unknown_items", ()))
        return cls(said["accepted"], said["duplicates"], said["seq"], unknown)


@dataclass(frozen=True, slots=True)
class Forgotten:
    """A user of whom nothing is held any more; `note`: what that does not reach."""

    forgotten: bool
    seq: int
    note: str

    @classmethod
    def read(cls, reply: Reply) -> "Forgotten":
        """Read a reply."""
        said = reply.json()
        return cls(said["forgotten"], said["seq"], said["note"])


@dataclass(frozen=True, slots=True)
class Exported:
    """Everything held about a user.

    history: what answers are made by, the earliest first;  profile: what was learnt from, by column;
    records: what the store keeps, in the order it came.
    """

    user_id: str
    history: tuple[Mapping[str, Any], ...]
    profile: Mapping[str, Sequence[str]]
    records: tuple[Mapping[str, Any], ...]

    @classmethod
    def read(cls, reply: Reply) -> "Exported":
        """Read a reply."""
        said = reply.json()
        return cls(said["user_id"], tuple(said["history"]), said["profile"], tuple(said["records"]))


@dataclass(frozen=True, slots=True)
class Health:
    """Whether the service is ready; `reasons` why not; `lag`: writes that it does not know yet."""

    ready: bool
    reasons: tuple[str, ...]
    version: int
    seq: int
    lag: int | None

    @classmethod
    def read(cls, reply: Reply) -> "Health":
        """Read a reply."""
        said = reply.json()
        return cls(said["ready"], tuple(said["reasons"]), said["version"], said["seq"], said["lag"])


@dataclass(frozen=True, slots=True)
class About:
    """What answers: the service's version, that of its space, the last write it knows, and what can be asked."""

    name: str
    version: str
    space_version: int
    seq: int
    num_items: int
    num_users: int
    tasks: tuple[str, ...]

    @classmethod
    def read(cls, reply: Reply) -> "About":
        """Read a reply."""
        said = reply.json()
        return cls(
            said["name"],
            said["version"],
            said["space_version"],
            said["seq"],
            said["num_items"],
            said["num_users"],
            tuple(said["tasks"]),
        )
