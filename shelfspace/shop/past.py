"""What shoppers did, as far as is known when a question is asked: from the space's own file, or followed as it happens.

B shoppers, N items.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol

import numpy as np
import numpy.typing as npt

from shelfspace.shop.history import History
from shelfspace.shop.ids import Ids

Floats = npt.NDArray[np.float32]


class Past(Protocol):
    """What the tasks ask of the past."""

    def of(self, users: Sequence[str]) -> History:
        """Return a row of events for each of these shoppers; `who` is their row among the space's users, -1 for none.

        Of somebody who is not known, or did nothing, the row is empty. Without any name it is one row of nobody.
        """
        ...

    def taken(self) -> Floats:
        """Return how often each item was taken, float32 [N]; not to be changed."""
        ...


@dataclass(frozen=True)
class Kept:
    """The past in the space's own file.

    history: its first rows are those of `users`.
    """

    history: History
    users: Ids

    def of(self, users: Sequence[str]) -> History:
        """Return a row of events for each of these shoppers; see `Past.of`."""
        rows = self.users.rows(users) if users else np.full(1, -1, np.int32)
        if len(self.history) == 0:  # a shop of listings alone
            return replace(self.history, indptr=np.zeros(len(rows) + 1, np.int64), who=rows)
        # who is not known asks with an empty row: `of_users` needs one, and only known rows keep what is in it
        asked = self.history.of_users(np.maximum(rows, 0))
        if (rows < 0).any():
            asked = asked.keep(np.repeat(rows >= 0, asked.lengths()))
        return replace(asked, who=rows)

    def taken(self) -> Floats:
        """Return how often each item was taken, float32 [N]."""
        return self._taken

    @cached_property
    def _taken(self) -> Floats:
        return np.bincount(self.history.item, minlength=self.history.num_items).astype(np.float32)
