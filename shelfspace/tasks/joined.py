"""How an answer is joined to what it answers."""

from shelfspace.explaining.graph import FittedExplain
from shelfspace.explaining.paths import Joins
from shelfspace.holding import Holding


def joins_of(space: Holding) -> Joins:
    """Return what joins the items of a space: the relations that were kept, and values of the catalogue."""
    fitted = space.tasks.get("explain")
    graph = fitted.graph if isinstance(fitted, FittedExplain) else None
    return Joins(space.catalogue, space.titles, graph)
