"""Which items may be answered: what a filter asks for, less what the rules of the shop refuse.

Every task that answers with items goes through here.
"""

from shelfspace.holding import Holding
from shelfspace.tasks.ruled import refused_items
from shelfspace.tasks.where import Mask, where_mask


def allowed_items(space: Holding, where: str | None) -> Mask:
    """Return which items may be answered, bool [N].

    Raises:
        FilterError: `where` cannot be read.
    """
    if where is None and not space.rules and space.gone is not None:
        return ~space.gone
    allowed = where_mask(where, space.catalogue)
    return allowed & ~refused_items(space) if space.rules or space.gone is not None else allowed
