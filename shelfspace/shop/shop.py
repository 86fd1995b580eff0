"""A shop, read and cleaned: what everything after the border works on."""

from dataclasses import dataclass, field

import pyarrow as pa

from shelfspace.shop.catalogue import Catalogue
from shelfspace.shop.check import Check
from shelfspace.shop.history import History
from shelfspace.shop.ids import Ids


@dataclass(frozen=True)
class Shop:
    """The clean shop.

    users: the named users; row u of `history` is user u;
    history: rows of named users first, then one row for each anonymous basket or session;
    kinds: the names of the event kinds, `History.kind` indexes them;
    tables: the other tables of the contract by name (`users`, `relations`, `reviews` …), as Arrow, ids as text; and
        `queries` where events have them: what was taken after which query, see `searched`;
    held_out: the test events of the `split` protocol, rows as in `history`; None elsewhere;
    check: what was found and what was dropped on the way.
    """

    catalogue: Catalogue
    users: Ids
    history: History
    kinds: tuple[str, ...]
    check: Check
    tables: dict[str, pa.Table] = field(default_factory=dict)
    held_out: History | None = None
