"""What two towers learnt, as a model among the others. B queries, N items, T past items, D embedding_dim."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Self

import numpy as np
import numpy.typing as npt

from shelfspace.config import Range
from shelfspace.encode.sharing import shared_out
from shelfspace.encode.towers import Towers
from shelfspace.inputs.fields import Field, arrays_of, field_of
from shelfspace.linear.retriever import Arrays, Reason, Scores
from shelfspace.shop.history import History

Floats = npt.NDArray[np.float32]


@dataclass(kw_only=True)
class Learnt:
    """The chance of each item by the softmax over the catalogue.

    Of (cosine / temperature + popular · log popularity + trend · log(recent share / longer share)), to a power.

    Args:
        temperature: the objective's.
        power: below 1 those behind the first count for more beside other models; the order of the items is the same.
        popular: how much more likely what was taken often is: 0 where the objective's logQ correction has told it
            already, up to 1 where it has not; needs no refit.
        trend: how much more likely what is rising is; needs no refit.

    Cost: the user tower, and 2 B N D operations.
    """

    REFIT_FREE = frozenset({"popular", "trend"})

    temperature: float = 0.07
    power: float = 1.0
    popular: Annotated[float, Range(0.0, 1.0)] = 0.0
    trend: Annotated[float, Range(0.0, 1.5)] = 0.0
    vectors: Floats = field(init=False, repr=False)
    prior: Floats = field(init=False, repr=False)
    rising: Floats = field(init=False, repr=False)
    encode: Callable[[History], Floats] = field(init=False, repr=False)
    export: Callable[[], tuple[Towers, bytes]] = field(init=False, repr=False)
    towers: Towers | None = field(init=False, repr=False, default=None)
    profiles: dict[str, Field] = field(init=False, repr=False, default_factory=dict)

    def take(
        self,
        vectors: Floats,
        taken: npt.NDArray[np.floating],
        encode: Callable[[History], Floats],
        rising: Floats | None = None,
    ) -> Self:
        """Take item vectors [N, D], how often each item was taken [N], and what makes user vectors of histories.

        `rising` is the logarithm of each item's recent share over its longer one, [N]; 0 where None.
        """
        self.vectors, self.encode = vectors, encode
        self.prior = np.log1p(taken).astype(np.float32)
        self.rising = np.zeros(len(vectors), np.float32) if rising is None else rising
        return self

    def score(self, queries: History) -> Scores:
        """Return float32 [B, N], in (0, 1]; of the shares of what is taken, for a user nobody knows."""
        users = self.encode(queries)
        scores: Scores = users @ self.vectors.T
        scores *= np.float32(1.0 / self.temperature)
        if self.popular:
            scores += np.float32(self.popular) * self.prior
        if self.trend:
            scores += np.float32(self.trend) * self.rising
        scores -= scores.max(axis=1, keepdims=True)
        np.exp(scores, out=scores)
        scores /= scores.sum(axis=1, keepdims=True)
        taken = np.expm1(self.prior)
        scores[~users.any(axis=1)] = taken / max(float(taken.sum()), 1e-30)
        return scores if self.power == 1.0 else np.power(scores, np.float32(self.power), out=scores)

    def reasons(self, query: History, items: npt.NDArray[np.int32]) -> list[list[Reason]]:
        """Share each score out: to every past item what the cosine loses when it is left out.

        The parts of an item sum to its score; where leaving nothing out lowers the cosine, the whole is the profile's.
        Only the events that the towers read are left out; the one before them takes a place that is free.
        """
        length = self.towers.length if self.towers is not None else query.num_events
        query = query.keep(np.arange(query.num_events) >= query.num_events - length - 1)
        scores = self.score(query)[0, items]
        places = np.arange(max(0, query.num_events - length), query.num_events)
        cosines = self.encode(query)[0] @ self.vectors[items].T
        without = History.of(
            np.repeat(np.arange(len(places)), max(0, query.num_events - 1)),
            np.concatenate([np.delete(query.item, p) for p in places]) if len(places) else query.item,
            np.concatenate([np.delete(query.time, p) for p in places]) if len(places) else query.time,
            kind=np.concatenate([np.delete(query.kind, p) for p in places]) if len(places) else query.kind,
            num_users=len(places),
            num_items=query.num_items,
            clock=query.clock,
            now=query.now,
        )
        who = np.repeat(query.who if query.who is not None else np.zeros(1, np.int32), len(places))
        left = (
            self.encode(_named(without, who)) @ self.vectors[items].T
            if len(places)
            else np.zeros((0, len(items)))
        )
        lost = np.maximum(cosines[None, :] - left, 0.0)
        return shared_out(scores, lost, query.item[places])

    def arrays(self) -> Arrays:
        """Return the vectors, the log popularity, and the users' profiles."""
        held = {f"profile/{n}/{k}": a for n, f in self.profiles.items() for k, a in arrays_of(f).items()}
        return {"vectors": self.vectors, "prior": self.prior, "rising": self.rising} | held

    def restore(self, arrays: Arrays) -> Self:
        """Take what `arrays` gave; the towers come by `read_files`."""
        self.vectors = arrays["vectors"].astype(np.float32, copy=False)
        self.prior = arrays["prior"].astype(np.float32)
        self.rising = arrays.get("rising", np.zeros_like(self.prior)).astype(
            np.float32
        )  # earlier spaces lack it
        self.profiles = {}
        for name in dict.fromkeys(key.split("/")[1] for key in arrays if key.startswith("profile/")):
            prefix = f"profile/{name}/"
            own = {k.removeprefix(prefix): a for k, a in arrays.items() if k.startswith(prefix)}
            self.profiles[name] = field_of(own)
        return self

    def files(self) -> dict[str, bytes]:
        """Return the towers and the weights they were exported from, by the names of their files."""
        towers, weights = self.export()
        return towers.files() | {"model.safetensors": weights}

    def read_files(self, read: Callable[[str], bytes]) -> Self:
        """Take what `files` gave; the weights stay on disk."""
        towers = Towers.of(read, self.profiles)
        self.export = lambda: (towers, read("model.safetensors"))
        return self.take_towers(towers)

    def take_towers(self, towers: Towers) -> Self:
        """Take the towers that make user vectors."""
        self.towers = towers
        self.encode = lambda queries: towers.users(queries, self.vectors)
        return self


def _named(history: History, who: npt.NDArray[np.int32]) -> History:
    return history if len(who) == 0 else History(**{**vars(history), "who": who})
