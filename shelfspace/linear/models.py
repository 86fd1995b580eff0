"""The retrievers by the names that a settings file uses."""

from shelfspace.linear.content import ContentKNN
from shelfspace.linear.ease import EASE
from shelfspace.linear.knn import ItemKNN
from shelfspace.linear.lowrank import LowRank
from shelfspace.linear.popularity import Popularity
from shelfspace.linear.repeat import Repeat
from shelfspace.linear.ridge import PastFuture
from shelfspace.linear.vectors import VectorKNN

RETRIEVERS: dict[str, type] = {
    "popularity": Popularity,
    "repeat": Repeat,
    "item_knn": ItemKNN,
    "ease": EASE,
    "past_future": PastFuture,
    "low_rank": LowRank,
    "content": ContentKNN,
    "vectors": VectorKNN,
}
