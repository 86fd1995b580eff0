"""Item vectors made smoother over who took what: LightGCN, and the random views of SGL and SimGCL.

U users, N items, E edges (a user and an item that they took), D embedding_dim.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy import sparse
from torch import Tensor, nn
from torch.nn import functional

from shelfspace.encoders.encoder import check_count, check_share
from shelfspace.errors import ConfigError


@dataclass(frozen=True)
class Edges:
    """Who took what, listed both ways, so that neither way ever needs a sort.

    item: int64 [E], the items of each user, user u's at user_ends[u]:user_ends[u + 1] (int64 [U + 1]);
    user: int64 [E], the users of each item, likewise with item_ends (int64 [N + 1]);
    twin: int64 [E], where each entry of `user` stands in `item`.
    """

    item: Tensor
    user_ends: Tensor
    user: Tensor
    item_ends: Tensor
    twin: Tensor

    @classmethod
    def of(cls, taken: sparse.csr_array) -> "Edges":
        """List what is stored in [U, N], whatever its value. O(E log E)."""
        order = np.lexsort((taken.indices, np.repeat(np.arange(taken.shape[0]), np.diff(taken.indptr))))
        item = taken.indices[order].astype(np.int64)
        user = np.repeat(np.arange(taken.shape[0]), np.diff(taken.indptr))
        twin = np.argsort(item, kind="stable")
        item_ends = np.concatenate([[0], np.cumsum(np.bincount(item, minlength=taken.shape[1]))])
        arrays = (item, taken.indptr.astype(np.int64), user[twin], item_ends, twin)
        return cls(*(torch.from_numpy(np.ascontiguousarray(a, np.int64)) for a in arrays))

    def __deepcopy__(self, memo: dict[int, object]) -> "Edges":
        """Return itself: a second network looks at the same past."""
        return self

    def user_degree(self) -> Tensor:
        """Return int64 [U]."""
        return self.user_ends.diff()

    def item_degree(self) -> Tensor:
        """Return int64 [N]."""
        return self.item_ends.diff()

    def keep(self, mask: Tensor) -> "Edges":
        """Return only the edges where the mask holds, bool [E] in the order of `item`. O(E)."""
        turned = mask[self.twin]
        place = _counted(mask)
        return Edges(
            self.item[mask],
            place[self.user_ends],
            self.user[turned],
            _counted(turned)[self.item_ends],
            place[self.twin[turned]],
        )

    def to_users(self, items: Tensor) -> Tensor:
        """Return D_u^-1/2 X D_i^-1/2 of item vectors [N, D]: float [U, D], 0 for a user without edges."""
        return self._normalised(items, self.item_degree(), self.user_degree(), towards_users=True)

    def to_items(self, users: Tensor) -> Tensor:
        """Return the transpose of the same of user vectors [U, D]: float [N, D], 0 for an item without edges."""
        return self._normalised(users, self.user_degree(), self.item_degree(), towards_users=False)

    def _normalised(self, vectors: Tensor, before: Tensor, after: Tensor, *, towards_users: bool) -> Tensor:
        there, back = (self.item, self.user_ends), (self.user, self.item_ends)
        ways = (*there, *back) if towards_users else (*back, *there)
        summed: Tensor = _Sum.apply(_root(before, vectors.dtype) * vectors, *ways)  # type: ignore[no-untyped-call]
        return _root(after, vectors.dtype) * summed


class _Sum(torch.autograd.Function):
    """Sums over neighbours both ways as embedding bags: a tenth of the time of a sparse matrix and its gradient."""

    @staticmethod
    def forward(
        ctx: Any, vectors: Tensor, index: Tensor, ends: Tensor, back: Tensor, back_ends: Tensor
    ) -> Tensor:
        ctx.save_for_backward(back, back_ends)
        return _bags(vectors, index, ends)

    @staticmethod
    def backward(ctx: Any, *gradient: Tensor) -> tuple[Tensor, None, None, None, None]:
        back, back_ends = ctx.saved_tensors
        return _bags(gradient[0].contiguous(), back, back_ends), None, None, None, None


class Propagation(nn.Module):
    """`[graph]`: an item's vector is the mean of its own and of those that its takers' other items give it.

    Layer 0 is the item tower's e. A layer passes it to users and back: with Â = D_u^-1/2 X D_i^-1/2 of the past,
    u = Â e and e' = Âᵀ u. The result is the mean of e, e', e'' …, over the layers that reach the item: one that nobody
    took keeps its e. Users have no table of their own, so nothing is retrained for a new one: to serving they are, as
    everywhere, what the history encoder makes of their items.

    In training each call is another view: edges and nodes dropped, vectors moved, each anew. So `two_views` contrasts
    what SGL and SimGCL do; all other objectives see one view, as in XSimGCL. In evaluation nothing is random.

    Args:
        layers: how often vectors pass to users and back.
        drop_edges: the share of edges left out of a view; degrees are those of what is left (SGL-ED).
        drop_nodes: the share of users and of items that lose all their edges in a view (SGL-ND). Such an item is, to
            the view, a new one: so that the vectors of new ones are trained to lie among the others.
        noise: the length of the random vector that is added to each user and item at each layer, uniform, in the
            orthant of the vector it moves (SimGCL). The tower's vectors begin with lengths around 1.

    Cost, forward and backward: 8 layers E D additions, and the item tower for the whole catalogue at every call
    (as large as Gowalla, 810,128 edges and 70,839 nodes, D = 64, 2 layers, one core: 0.11 s, with noise 0.16 s, with
    dropped edges 0.14 s); memory 16 layers (U + N) D + 24 E bytes.

    Raises:
        ConfigError: a setting out of range.

    Sources: He et al. 2020 (LightGCN; here from items alone, two of its layers at once); Wu et al. 2021 (SGL); Yu et
    al. 2022 and 2023 (SimGCL, XSimGCL).

    Example:
        >>> taken = sparse.csr_array([[1.0, 1.0, 0.0]])  # one user took items 0 and 1; nobody 2
        >>> Propagation(taken, layers=1)(torch.tensor([[4.0], [0.0], [3.0]])).tolist()
        [[3.0], [1.0], [3.0]]
    """

    def __init__(
        self,
        taken: sparse.csr_array,
        *,
        layers: int = 2,
        drop_edges: float = 0.0,
        drop_nodes: float = 0.0,
        noise: float = 0.0,
    ) -> None:
        super().__init__()
        check_count("layers", layers)
        check_share("drop_edges", drop_edges)
        check_share("drop_nodes", drop_nodes)
        if not 0 <= noise < math.inf:
            raise ConfigError(f"noise = {noise} must be a length: 0 or above, and finite")
        self.layers, self.drop_edges, self.drop_nodes, self.noise = layers, drop_edges, drop_nodes, noise
        self.edges = Edges.of(taken)

    def forward(self, items: Tensor) -> Tensor:
        """Return float [N, D] from the item tower's vectors of the whole catalogue, float [N, D]."""
        edges = self._view()
        layer = total = items
        for _ in range(self.layers):
            users = self._moved(edges.to_users(layer))
            layer = self._moved(edges.to_items(users))
            total = total + layer
        reached = 1 + self.layers * (edges.item_degree() > 0).to(items.dtype)
        return total / reached[:, None]

    def _view(self) -> Edges:
        edges = self.edges
        if not self.training or not (self.drop_edges or self.drop_nodes):
            return edges
        mask = torch.rand(len(edges.item)) >= self.drop_edges
        if self.drop_nodes:
            users, items = (
                torch.rand(len(d)) >= self.drop_nodes for d in (edges.user_degree(), edges.item_degree())
            )
            mask &= torch.repeat_interleave(users, edges.user_degree()) & items[edges.item]
        return edges.keep(mask)

    def _moved(self, vectors: Tensor) -> Tensor:
        if not self.training or not self.noise:
            return vectors
        with torch.no_grad():
            step = functional.normalize(torch.rand_like(vectors), dim=-1) * vectors.sign() * self.noise
        return vectors + step


def _bags(vectors: Tensor, index: Tensor, ends: Tensor) -> Tensor:
    return functional.embedding_bag(index, vectors, ends, mode="sum", include_last_offset=True)


def _root(degree: Tensor, dtype: torch.dtype) -> Tensor:
    """Return degree^-1/2, float [n, 1]; 1 where there is none, whose sum is empty anyway."""
    return degree.clamp(min=1).to(dtype).rsqrt()[:, None]


def _counted(mask: Tensor) -> Tensor:
    """Return how many hold before each place, int64 [E + 1]."""
    return functional.pad(mask.cumsum(0), (1, 0))
