"""The retrievers by the names that a settings file uses."""

from shelfspace.linear.content import ContentKNN
from shelfspace.linear.ease import EASE
from shelfspace.linear.knn import ItemKNN
from shelfspace.linear.lowrank import LowRank
from shelfspace.linear.popularity import Popularity
from shelfspace.linear.repeat import Repeat
from shelfspace.linear.ridge import PastFuture
from shelfspace.linear.slim import SLIM
from shelfspace.linear.sparse_inverse import SparseInverse
from shelfspace.linear.spectral import Spectral
from shelfspace.linear.vectors import VectorKNN

RETRIEVERS: dict[str, type] = {
    "popularity": Popularity,
    "repeat": Repeat,
    "item_knn": ItemKNN,
    "ease": EASE,
    "past_future": PastFuture,
    "low_rank": LowRank,
    "spectral": Spectral,
    "slim": SLIM,
    "sparse_inverse": SparseInverse,
    "content": ContentKNN,
    "vectors": VectorKNN,
}
