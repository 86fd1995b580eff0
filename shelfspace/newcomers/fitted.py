"""What was learnt to answer newcomers. P people."""

import io
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self

import numpy as np
import pyarrow.parquet as pq

from shelfspace.config import settings_of
from shelfspace.errors import ConfigError
from shelfspace.newcomers.elsewhere import Elsewhere
from shelfspace.newcomers.evidence import SOURCES, Evidence, Strength
from shelfspace.people.fitted import check_hidden, matrices, matrix, saved, texts
from shelfspace.people.graph import SocialGraph
from shelfspace.people.profiles import Profiles
from shelfspace.shop.history import History
from shelfspace.shop.ids import Ids


@dataclass(kw_only=True)
class Newcomers:
    """`[newcomers]`: what shoppers without a history are shown.

    Args:
        other_run: the run folder of another shop, in which some shoppers are known.
        half_life: the age at which counts half what friends and others alike took: days, or steps.
        hidden: the share of shoppers whose events are hidden to choose how far each source is believed, and as many
            again to measure.
        max_cases: shoppers that are looked at, for each of both.
    """

    other_run: str | None = None
    half_life: float = 365.0
    hidden: float = 0.1
    max_cases: int = 500

    def __post_init__(self) -> None:
        check_hidden("newcomers", self.hidden, self.max_cases)
        if not self.half_life > 0:
            raise ConfigError(f"[newcomers] half_life = {self.half_life} must be more than 0")


@dataclass(frozen=True)
class FittedNewcomers:
    """How far each source is believed, and what it is told by.

    graph: who knows whom;  profiles: of the same people;  elsewhere: another shop;
    popular_half_life: the age at which an event counts half for what is popular;
    measured: as in `metrics.json`;  notes: what was left out.
    """

    settings: Newcomers
    graph: SocialGraph
    profiles: Profiles
    elsewhere: Elsewhere | None
    strengths: Mapping[str, Strength]
    popular_half_life: float
    measured: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    held: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    def evidence(self, history: History, users: Ids) -> Evidence:
        """Count what everybody took; made once for a history."""
        if self.held.get("history") is not history:
            found = Evidence.of(
                self.graph,
                self.profiles,
                self.elsewhere,
                history,
                users,
                half_life=self.settings.half_life,
                popular_half_life=self.popular_half_life,
            )
            self.held.update(history=history, evidence=found)
        evidence: Evidence = self.held["evidence"]
        return evidence

    def files(self) -> dict[str, bytes]:
        """Return it as files: settings as JSON, ids as Parquet, matrices as npz."""
        about = {
            "settings": settings_of(self.settings),
            "strengths": {name: asdict(strength) for name, strength in self.strengths.items()},
            "popular_half_life": self.popular_half_life,
            "profiles": self.profiles.about(),
            "elsewhere": self.elsewhere is not None,
            "measured": dict(self.measured),
            "notes": list(self.notes),
        }
        held = {"edges": self.graph.edges, "member": self.profiles.member}
        files = {"newcomers.json": json.dumps(about, indent=1, ensure_ascii=False).encode()}
        files["ids.parquet"] = texts(self.graph.people)
        files["newcomers.npz"] = saved(matrices(held))
        if self.elsewhere is not None:
            arrays = matrices({"tastes": self.elsewhere.tastes, "near": self.elsewhere.near})
            files["elsewhere.npz"] = saved(arrays | {"vectors": self.elsewhere.vectors})
            files["elsewhere.parquet"] = texts(self.elsewhere.users)
        return files

    @classmethod
    def read(cls, file: Callable[[str], bytes]) -> Self:
        """Take what `files` gave; `file` reads one by its name.

        Raises:
            ValueError: a file is not what was written.
        """
        about = json.loads(file("newcomers.json"))
        if set(about["strengths"]) - set(SOURCES):
            raise ValueError("newcomers.json believes what there is not")
        people = _ids(file("ids.parquet"))
        with np.load(io.BytesIO(file("newcomers.npz")), allow_pickle=False) as arrays:
            edges, member = (matrix(arrays, name) for name in ("edges", "member"))
        if not len(people) == edges.shape[0] == member.shape[0]:
            raise ValueError("newcomers.npz and ids.parquet are of different people")
        return cls(
            Newcomers(**about["settings"]),
            SocialGraph(people, edges),
            Profiles.restored(about["profiles"], member),
            _elsewhere(file) if about["elsewhere"] else None,
            {name: Strength(**strength) for name, strength in about["strengths"].items()},
            about["popular_half_life"],
            about["measured"],
            tuple(about["notes"]),
        )


def _elsewhere(file: Callable[[str], bytes]) -> Elsewhere:
    users = _ids(file("elsewhere.parquet"))
    with np.load(io.BytesIO(file("elsewhere.npz")), allow_pickle=False) as arrays:
        tastes, near = (matrix(arrays, name) for name in ("tastes", "near"))
        vectors = arrays["vectors"].astype(np.float32)
    if not (len(users) == tastes.shape[0] == len(vectors) and tastes.shape[1] == near.shape[0]):
        raise ValueError("elsewhere.npz and elsewhere.parquet are of different shoppers")
    return Elsewhere(users, tastes, near, vectors, np.full(len(users), -1, np.int32))


def _ids(data: bytes) -> Ids:
    return Ids(pq.read_table(io.BytesIO(data))["id"].combine_chunks(), "user")
