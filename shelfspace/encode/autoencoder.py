"""What an autoencoder learnt of rows of events, as a model among the others; numpy runs it.

B queries, N items, M of them modelled, E events, H width of the first layer, L latent_dim, D width of the last layer.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, Literal, Self

import numpy as np
import numpy.typing as npt
from scipy import sparse

from shelfspace.config import Range
from shelfspace.encode.heads import Heads
from shelfspace.encode.sharing import shared_out
from shelfspace.linear.counts import Rows, decay, latest_matrix
from shelfspace.linear.retriever import Arrays, Reason, Scores
from shelfspace.shop.history import History

Floats = npt.NDArray[np.float32]
Layer = tuple[Floats, Floats]


@dataclass(frozen=True)
class Layers:
    """The weights of the network.

    table: float32 [M, H], a vector for each item that is read;  offset: [H];
    encoder, decoder: weights [in, out] and offsets [out] of the layers to the middle, and from it;
    vectors: [M, D] and bias [M], by which items are scored.
    """

    table: Floats
    offset: Floats
    encoder: Sequence[Layer]
    decoder: Sequence[Layer]
    vectors: Floats
    bias: Floats

    def coded(self, first: Floats) -> Floats:
        """Return the latent vectors, float32 [B, L], from sums of the table [B, H]."""
        code = first + self.offset
        for weight, offset in self.encoder:
            code = np.tanh(code) @ weight + offset
        return code

    def decoded(self, latent: Floats) -> Floats:
        """Return what the vectors of items are multiplied with, float32 [B, D]."""
        for weight, offset in self.decoder:
            latent = np.tanh(latent @ weight + offset)
        return latent

    def arrays(self) -> Arrays:
        """Return what `of` takes."""
        plain = {"table": self.table, "offset": self.offset, "vectors": self.vectors, "bias": self.bias}
        named = {"encoder": self.encoder, "decoder": self.decoder}
        layers = {
            f"{name}/{n}/{part}": array
            for name, side in named.items()
            for n, layer in enumerate(side)
            for part, array in zip(("weight", "offset"), layer, strict=True)
        }
        return {**plain, **layers}

    @classmethod
    def of(cls, arrays: Arrays) -> Self:
        """Take what `arrays` gave."""
        found = {name: array.astype(np.float32, copy=False) for name, array in arrays.items()}

        def side(name: str) -> list[Layer]:
            count = sum(key.startswith(f"{name}/") for key in found) // 2
            return [(found[f"{name}/{n}/weight"], found[f"{name}/{n}/offset"]) for n in range(count)]

        return cls(
            found["table"],
            found["offset"],
            side("encoder"),
            side("decoder"),
            found["vectors"],
            found["bias"],
        )


@dataclass(kw_only=True)
class Autoencoded:
    """A user's row of events, coded and decoded: a score for every item.

    A row holds each item once, at the weight of its latest event, aged, and is of unit length. The score is a chance
    (softmax over the items modelled) after `classify`, and the value rebuilt after `reconstruct`. A user of whom
    nothing is known gets the shares of what is taken; items that nobody took when it was trained are scored 0.

    Args:
        task: what it was trained for.
        history_half_life: the age at which a past item counts half, in the history's days or steps; needs no refit.
        trend: a score gains (recent share / longer share)^trend, where times are dates; needs no refit.

    Cost: E H and B (widths of neighbouring layers) multiplications, 2 B M D operations.

    Source: Liang et al. 2018, "Variational Autoencoders for Collaborative Filtering".
    """

    REFIT_FREE = frozenset({"history_half_life", "trend"})

    task: Literal["classify", "reconstruct"] = "classify"
    history_half_life: Annotated[float, Range(0.3, 3000, log=True)] = np.inf
    trend: Annotated[float, Range(0.0, 1.5)] = 0.0
    items: Rows = field(init=False, repr=False)
    taken: Floats = field(init=False, repr=False)
    layers: Layers = field(init=False, repr=False)
    rising: Floats = field(init=False, repr=False)
    heads: Heads = field(init=False, repr=False, default_factory=Heads)
    foretold: dict[str, Any] = field(init=False, repr=False, default_factory=dict)

    def take(
        self,
        layers: Layers,
        items: npt.ArrayLike,
        taken: npt.ArrayLike,
        rising: npt.ArrayLike | None = None,
        heads: Heads | None = None,
    ) -> Self:
        """Take what was learnt.

        Args:
            layers: the network.
            items: int [M], the items modelled.
            taken: [N], how often each item was taken.
            rising: [N], log(recent share / longer share) of each; None: nothing rises.
            heads: what else is foretold.
        """
        self.layers, self.items = layers, np.asarray(items, np.int32)
        self.taken = np.asarray(taken, np.float32)
        self.rising = np.zeros_like(self.taken) if rising is None else np.asarray(rising, np.float32)
        self.heads = Heads() if heads is None else heads
        return self

    @property
    def vectors(self) -> Floats:
        """The vectors by which items are scored, float32 [N, D]; 0 for items that are not modelled."""
        vectors = np.zeros((len(self.taken), self.layers.vectors.shape[1]), np.float32)
        vectors[self.items] = self.layers.vectors
        return vectors

    def encode(self, queries: History) -> Floats:
        """Return user vectors, float32 [B, L]: what is known of a user, as a row is coded."""
        return self.layers.coded(self._read(self._rows(queries)))

    def knows(self, queries: History) -> npt.NDArray[np.bool_]:
        """Return of which users anything is known, bool [B]: who took an item that is modelled."""
        known: npt.NDArray[np.bool_] = np.diff(self._weighed(queries).indptr) > 0
        return known

    def score(self, queries: History) -> Scores:
        """Return float32 [B, N]."""
        rows = self._rows(queries)
        known = self._finished(self.layers.coded(self._read(rows)))
        if len(self.items) == len(self.taken):
            scores = known
        else:
            scores = np.zeros((len(queries), len(self.taken)), np.float32)
            scores[:, self.items] = known
        scores[np.diff(rows.indptr) == 0] = self.taken / max(float(self.taken.sum()), 1e-30)
        if self.trend:
            scores *= np.exp(np.float32(self.trend) * self.rising)
        return scores

    def predict(self, queries: History) -> dict[str, npt.NDArray[np.generic]]:
        """Return what the heads foretell of each user.

        Returns:
            `label` (text [B]) and `probability` (float32 [B, C], by `heads.classes`) where a label was learnt,
            `value` (float64 [B]) where a number was; empty where neither was. Of a user of whom nothing is known:
            what holds for most, and the mean.
        """
        return self.heads.predict(self.encode(queries), self.knows(queries))

    def reasons(self, query: History, items: npt.NDArray[np.int32]) -> list[list[Reason]]:
        """Share each score out: to every past item what the score's logit loses when it is left out.

        The parts of an item sum to its score. The first layer is a sum, so that leaving out costs one row of it.
        """
        scores = self.score(query)[0, items]
        row = self._weighed(query)
        weight, table = row.data[:, None], self.layers.table[row.indices]
        length = np.sqrt(np.maximum((weight**2).sum() - weight**2, 0.0))
        total = weight.T @ table
        without = np.where(length > 0, (total - weight * table) / np.maximum(length, 1e-12), 0.0)
        whole = total / max(float(np.linalg.norm(row.data)), 1e-12)
        place = np.full(len(self.taken), -1, np.int64)
        place[self.items] = np.arange(len(self.items))
        asked = place[items]

        def logits(first: Floats) -> Floats:
            hidden = self.layers.decoded(self.layers.coded(first))
            return hidden @ self.layers.vectors[asked].T + self.layers.bias[asked]

        lost = np.maximum(logits(whole) - logits(without.astype(np.float32)), 0.0)
        lost[:, asked < 0] = 0.0
        return shared_out(scores, lost, self.items[row.indices])

    def arrays(self) -> Arrays:
        """Return the network, the items it models, how often each is taken, and the heads."""
        return {**self.layers.arrays(), **self._plain(), **self.heads.arrays()}

    def restore(self, arrays: Arrays) -> Self:
        """Take what `arrays` gave."""
        of_heads = {name: a for name, a in arrays.items() if name.startswith("head/")}
        plain = {name: arrays[name] for name in ("items", "taken", "rising")}
        layers = {n: a for n, a in arrays.items() if n not in of_heads and n not in plain}
        return self.take(Layers.of(layers), **plain, heads=Heads.of(of_heads))

    def _plain(self) -> Arrays:
        return {"items": self.items, "taken": self.taken, "rising": self.rising}

    def _rows(self, queries: History) -> sparse.csr_array:
        return unit(self._weighed(queries))

    def _weighed(self, queries: History) -> sparse.csr_array:
        """Ages count from the user's own last event: at unit length it is the same, and nothing fades to 0."""
        return rows_of(replace(queries, now=None), self.items, self.history_half_life)

    def _read(self, rows: sparse.csr_array) -> Floats:
        return np.asarray(rows @ self.layers.table, np.float32)

    def _finished(self, latent: Floats) -> Scores:
        scores: Scores = self.layers.decoded(latent) @ self.layers.vectors.T
        scores += self.layers.bias
        if self.task == "classify" and scores.size:
            scores -= scores.max(axis=1, keepdims=True)
            np.exp(scores, out=scores)
            scores /= scores.sum(axis=1, keepdims=True)
        return scores


def rows_of(history: History, items: Rows, half_life: float) -> sparse.csr_array:
    """Return float32 [B, M]: each user's modelled items, once, at the weight of the latest event, aged by `now`."""
    rows = latest_matrix(history, history.weight * decay(history.age(), half_life))
    rows = rows if len(items) == history.num_items else rows[:, items]
    rows.eliminate_zeros()
    return rows


def unit(rows: sparse.csr_array) -> sparse.csr_array:
    """Return the rows at unit length; an empty one stays empty."""
    length = np.sqrt(np.asarray(rows.multiply(rows).sum(axis=1)).ravel())
    scale = np.repeat(1.0 / np.maximum(length, 1e-30), np.diff(rows.indptr))
    return sparse.csr_array(
        ((rows.data * scale).astype(np.float32), rows.indices, rows.indptr), shape=rows.shape
    )
