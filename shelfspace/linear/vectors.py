"""Item vectors before anything is trained: what shoppers did, factorised, joined with content.

U users, N items, F features, D embedding_dim, K the width of one block, R ready dimensions.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, Self

import numpy as np
import numpy.typing as npt
from scipy import sparse

from shelfspace.config import Choice, Range
from shelfspace.errors import ConfigError
from shelfspace.linear.counts import Floats, Rows, decay, item_degree, latest_matrix, power
from shelfspace.linear.features import ItemFeatures
from shelfspace.linear.itemwise import Itemwise
from shelfspace.linear.retriever import Arrays, Scores
from shelfspace.linear.svd import leading
from shelfspace.shop.catalogue import Catalogue
from shelfspace.shop.history import History

Flags = npt.NDArray[np.bool_]

_WEIGHTS = ("words", "pieces", "description", "brand", "category", "attributes", "rarity")

RIDGE = 0.1
"""The regression's regularisation, as a share of the mean weight of a content direction."""


@dataclass(frozen=True)
class Listed:
    """Where what a listing says lies in the space: for listings that came after it was made.

    words: the words, and how rare they are;  axes: float32 [F, K], from features to content;
    principal: float32 [K', K], where content was narrowed with ready vectors, else of size 0;
    ridge: float32 [K, K], from content to behaviour, of size 0 where there is none;
    blocks: the width of each block;  share: the part of a cosine that behaviour decides.
    """

    words: ItemFeatures
    axes: Floats
    principal: Floats
    ridge: Floats
    blocks: dict[str, int]
    share: float

    def vectors(self, catalogue: Catalogue) -> Floats:
        """Return where listings lie, float32 [N, D], unit length; 0 where nothing that they say is known."""
        content = self.content(self.words.features(catalogue), list(catalogue.vectors.values()))
        parts = {"content": content}
        if "behaviour" in self.blocks:
            parts["behaviour"] = unit_rows(content @ self.ridge) * content.any(axis=1, keepdims=True)
        return _joined(parts, self.blocks, self.share)

    def content(self, features: sparse.csr_array, ready: list[Floats]) -> Floats:
        """Return the block of content, float32 [N, K]; ready vectors that a listing lacks are 0."""
        parts = [unit_rows(features @ self.axes)] if self.axes.size else []
        parts += [unit_rows(np.nan_to_num(vectors)) for vectors in ready]
        width = self.principal.shape[0] or (parts[0].shape[1] if parts else 0)
        together = np.hstack([np.zeros((features.shape[0], 0), np.float32), *parts])
        together = _padded(together, width)
        return _padded(
            unit_rows(together @ self.principal if self.principal.size else together), self.blocks["content"]
        )

    def arrays(self) -> Arrays:
        """Return all of it as arrays."""
        held = {name: getattr(self, name) for name in ("axes", "principal", "ridge")}
        weights = [getattr(self.words, name) for name in _WEIGHTS]
        names = np.array(list(self.blocks), dtype=np.str_)
        widths = np.array(list(self.blocks.values()), np.int64)
        about = {
            "weights": np.array(weights),
            "share": np.array([self.share]),
            "blocks": names,
            "widths": widths,
        }
        return held | about | {f"words/{name}": array for name, array in self.words.word_arrays().items()}

    @classmethod
    def restored(cls, arrays: Arrays) -> Self:
        """Return what `arrays` was given by."""
        weights = dict(zip(_WEIGHTS, arrays["weights"].astype(np.float64).tolist(), strict=True))
        said = {k.removeprefix("words/"): a for k, a in arrays.items() if k.startswith("words/")}
        widths = arrays["widths"].astype(np.int64).tolist()
        return cls(
            ItemFeatures(**weights).restore_words(said),
            arrays["axes"].astype(np.float32),
            arrays["principal"].astype(np.float32),
            arrays["ridge"].astype(np.float32),
            dict(zip(arrays["blocks"].tolist(), widths, strict=True)),
            float(arrays["share"].astype(np.float64)[0]),
        )


@dataclass(kw_only=True)
class ItemVectors:
    """Two blocks side by side, each of unit length times its share, the whole of unit length.

    `behaviour`: the singular vectors of D_u^-user · X · D_i^-item, X the users' items, aged. `content`: those
    of the TF-IDF of the listing (`ItemFeatures`), and ready vectors. An item with few events gets its
    behaviour in part, and one without any wholly, from what a ridge regression foretells from its content, so
    that cold and sold items are comparable in both blocks. Only items known at `history.now` are learnt from;
    all get a vector, 0 where an item has neither content nor behaviour.

    Args:
        embedding_dim: D; half of it for each block, all of it for one where the shop lacks the other.
        share: the part of a cosine that behaviour decides; the rest is content.
        user: the exponent of the user's degree.
        item: the exponent of the item's degree.
        behaviour_power: the exponent of the singular values of behaviour: at 0 all directions count alike.
        content_power: the same for content.
        trust: with so many users an item's own behaviour and what its content foretells count alike.
        fit_half_life: the age at which an event counts half, in days or steps.
        seed: of the random start of the singular vectors.

    Cost: two factorisations (`svd.leading`) and one regression of K² numbers; memory 4 K (U + 3 N) bytes.

    Sources: Deerwester et al. 1990 (latent semantic analysis); Gantner et al. 2010 (attributes to factors).
    """

    embedding_dim: int = 256
    share: Annotated[float, Range(0.1, 0.9)] = 0.7
    user: Annotated[float, Range(0.0, 0.6)] = 0.25
    item: Annotated[float, Range(0.0, 0.6)] = 0.4
    behaviour_power: Annotated[float, Choice((0.0, 0.5, 1.0))] = 0.0
    content_power: Annotated[float, Choice((0.0, 0.5, 1.0))] = 0.5
    trust: Annotated[float, Range(0.2, 20.0, log=True)] = 1.0
    fit_half_life: Annotated[float, Range(1, 3000, log=True)] = 300.0
    seed: int = 0
    vectors: Floats = field(init=False, repr=False)
    blocks: dict[str, int] = field(init=False, repr=False)
    listed: Listed | None = field(init=False, repr=False, default=None)

    def learn(self, history: History, catalogue: Catalogue) -> Self:
        """Set `vectors`, float32 [N, D], and `blocks`, the width of each block by name, in their order.

        Where listings say anything, also `listed`, which finds the place of those that come later.
        """
        if self.embedding_dim < 2:
            raise ConfigError(f"embedding_dim = {self.embedding_dim} must be at least 2")
        known = catalogue.known_at(history.now)
        words = ItemFeatures().learn_words(catalogue, known)
        features = words.features(catalogue)
        has_content = features.nnz > 0 or bool(catalogue.vectors)
        self.blocks = _widths(self.embedding_dim, history.num_events > 0, has_content)
        parts, self.listed = {}, None
        if "content" in self.blocks:
            self.listed = self._listed(words, features, catalogue, known)
            parts["content"] = self.listed.content(features, list(catalogue.vectors.values()))
        if "behaviour" in self.blocks:
            parts["behaviour"] = self._behaviour(history, parts.get("content"))
        self.vectors = _joined(parts, self.blocks, self.share)
        return self

    def _listed(
        self, words: ItemFeatures, features: sparse.csr_array, catalogue: Catalogue, known: Flags
    ) -> Listed:
        """Learn the axes of content; the ridge from it to behaviour comes with behaviour."""
        width, none = self.blocks["content"], np.zeros((0, 0), np.float32)
        scaled = none
        if features.nnz:
            values, axes = leading(
                features[np.flatnonzero(known)], min(width, min(features.shape)), seed=self.seed
            )
            scaled = (axes * _strength(values, self.content_power - 1.0)).astype(np.float32)
        listed = Listed(words, scaled, none, none, self.blocks, self.share)
        ready = list(catalogue.vectors.values())
        wide = scaled.shape[1] + sum(vectors.shape[1] for vectors in ready)
        if not ready or (len(ready) == 1 and not scaled.size and wide <= width):
            return listed
        parts = [unit_rows(features @ scaled)] if scaled.size else []
        together = np.hstack([*parts, *(unit_rows(np.nan_to_num(vectors)) for vectors in ready)])
        return replace(listed, principal=_principal(together[known], width))

    def _behaviour(self, history: History, content: Floats | None) -> Floats:
        """Return float32 [N, K], unit length, 0 where an item has neither events nor content."""
        width, degree = self.blocks["behaviour"], item_degree(history)
        taken = latest_matrix(history, history.weight * decay(history.age(), self.fit_half_life))
        taken.data *= np.repeat(power(history.lengths(), -self.user), np.diff(taken.indptr))
        taken.data *= power(degree, -self.item)[taken.indices]
        values, axes = leading(taken, min(width, min(taken.shape)), seed=self.seed)
        own = _padded(unit_rows(axes * _strength(values, self.behaviour_power)), width)
        if content is None:
            return own
        ridge = _ridge(content, own, degree)
        if self.listed is not None:
            self.listed = replace(self.listed, ridge=ridge)
        foretold = unit_rows(content @ ridge) * content.any(axis=1, keepdims=True)
        certain = (degree / (degree + self.trust)).astype(np.float32)[:, None]
        return unit_rows(certain * own + (1 - certain) * foretold)


@dataclass(kw_only=True)
class VectorKNN(ItemVectors, Itemwise):
    """What is near to that which the user took, in the space: the score of an item is profile · V · v.

    `vectors` and `blocks` are what `ItemVectors` learns: the vectors of the space itself.

    Args:
        popular: the exponent of (1 + users who took it) by which a scored item gains.

    Cost: that of `ItemVectors`; 4 N D bytes.
    """

    popular: Annotated[float, Range(0.0, 1.0)] = 0.3

    def fit(self, history: History, catalogue: Catalogue) -> Self:
        """Learn the vectors."""
        self.learn(history, catalogue)
        self.weights = VectorWeights(self.vectors, power(1.0 + item_degree(history), self.popular))
        return self

    def arrays(self) -> Arrays:
        """Return the vectors, the gain of each item, and the width of each block."""
        names = np.array(list(self.blocks), dtype=np.str_)
        return self.weights.arrays() | {
            "blocks": names,
            "widths": np.array(list(self.blocks.values()), np.int64),
        }

    def restore(self, arrays: Arrays) -> Self:
        """Take what `arrays` gave."""
        widths = arrays["widths"].astype(np.int64).tolist()
        self.blocks = dict(zip(arrays["blocks"].tolist(), widths, strict=True))
        self.vectors = arrays["vectors"].astype(np.float32, copy=False)
        self.weights = VectorWeights(self.vectors, arrays["gain"].astype(np.float32))
        return self


@dataclass(frozen=True)
class VectorWeights:
    """Item→item weights that are inner products: vectors [N, D], the scored item's times its gain [N]."""

    vectors: Floats
    gain: Floats

    def score(self, profile: sparse.csr_array) -> Scores:
        """Return profile @ W, float32 [B, N]."""
        scores: Scores = np.asarray(profile @ self.vectors, np.float32) @ self.vectors.T
        scores *= self.gain
        return scores

    def block(self, rows: Rows, columns: Rows) -> Floats:
        """Return W[rows][:, columns], float32."""
        return (self.vectors[rows] @ self.vectors[columns].T) * self.gain[columns]

    def arrays(self) -> Arrays:
        """Return vectors and gain."""
        return {"vectors": self.vectors, "gain": self.gain}


def _joined(parts: Mapping[str, Floats], blocks: Mapping[str, int], share: float) -> Floats:
    """Return the blocks side by side, each with its share of the square of the length."""
    shares = {"behaviour": share, "content": 1.0 - share}
    return unit_rows(np.hstack([parts[name] * np.float32(np.sqrt(shares[name])) for name in blocks]))


def _widths(dim: int, behaviour: bool, content: bool) -> dict[str, int]:
    if behaviour and content:
        return {"behaviour": dim - dim // 2, "content": dim // 2}
    return {"content": dim} if content else {"behaviour": dim}


def _strength(values: Floats, exponent: float) -> Floats:
    """Return values^exponent, 0 for directions that are no more than rounding."""
    return np.where(values > 1e-3 * values.max(initial=0.0), power(values, exponent), np.float32(0.0))


def unit_rows(rows: Floats) -> Floats:
    """Return rows at unit length; rows of 0 stay so."""
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    units: Floats = np.divide(rows, length, out=np.zeros_like(rows), where=length > 1e-12)
    return units


def _padded(rows: Floats, width: int) -> Floats:
    return np.pad(rows, ((0, 0), (0, max(0, width - rows.shape[1])))).astype(np.float32)


def _principal(rows: Floats, width: int) -> Floats:
    """Return the `width` directions in which rows are longest, float32 [R, K]."""
    _, axes = np.linalg.eigh((rows.T @ rows).astype(np.float64))
    return np.ascontiguousarray(axes[:, ::-1][:, :width], dtype=np.float32)


def _ridge(content: Floats, own: Floats, degree: npt.NDArray[np.float64]) -> Floats:
    """Return the matrix [K, K] that foretells behaviour from content, each item counting by its events."""
    weighted = content * np.sqrt(degree).astype(np.float32)[:, None]
    gram = (weighted.T @ content).astype(np.float64)
    ridge = RIDGE * max(float(np.trace(gram)) / len(gram), 1e-12)
    gram[np.diag_indices(len(gram))] += ridge
    solution: Floats = np.linalg.solve(gram, (weighted.T @ own).astype(np.float64)).astype(np.float32)
    return solution
