"""Values counted whole: categories, brands, attributes. N rows, V values of all rows."""

from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from shelfspace.config import settings_of
from shelfspace.errors import ConfigError
from shelfspace.inputs.columns import texts_of
from shelfspace.inputs.fields import Bag, Kind, Records


@dataclass(kw_only=True)
class Tags:
    """The values of a column, each a feature of its own; the vocabulary is that of the known rows.

    Values are compared without case and outer blanks. A row's values weigh alike and its bag is of unit length. A
    value that was not learnt is left out; a row without any is absent.

    Args:
        column: a column of texts or of lists of texts; numbers, dates and flags are taken as they are written. One
            that the shop lacks has no values.
        is_path: the list goes from broad to narrow: `home`, `home > kitchen` are the features, so that `other` in
            one branch is not `other` in the next.
        min_count: a value is learnt from so many known rows on.

    Cost: O(V log V); 8 bytes and its text a value.

    Raises:
        ConfigError: min_count below 1.

    Example:
        >>> table = pa.table({"brand": ["Acme ", "acme", "Other", None]})
        >>> rows = Records.of_users(table, [1, 1, 1, 0])
        >>> reader = Tags(column="brand").learn(rows, np.ones(4, bool))
        >>> reader.vocabulary.to_pylist(), reader.read(rows).index.tolist()
        (['acme', 'other'], [0, 0, 1])
    """

    column: str = "category"
    is_path: bool = False
    min_count: int = 1
    kind: ClassVar[Kind] = "bag"
    vocabulary: pa.Array = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if self.min_count < 1:
            raise ConfigError(f"min_count = {self.min_count} must be at least 1")
        self.vocabulary = pa.array([], pa.string())

    @property
    def num_features(self) -> int:
        """The values of the vocabulary; 1 where there are none."""
        return max(1, len(self.vocabulary))

    def learn(self, records: Records, known: npt.NDArray[np.bool_]) -> Self:
        """Learn the values of the known rows, bool [N]."""
        row, text = self._values(records)
        coded = text.filter(pa.array(known[row])).dictionary_encode()
        code, row = coded.indices.to_numpy().astype(np.int64), row[known[row]]
        once = np.unique(row * max(1, len(coded.dictionary)) + code)
        count = np.bincount(once % max(1, len(coded.dictionary)), minlength=len(coded.dictionary))
        often = coded.dictionary.filter(pa.array(count >= self.min_count))
        self.vocabulary = often.take(pc.sort_indices(often))
        return self

    def read(self, records: Records) -> Bag:
        """Return the values of every row, known or not."""
        row, text = self._values(records)
        place = pc.fill_null(pc.index_in(text, value_set=self.vocabulary), -1).to_numpy(zero_copy_only=False)
        row, place = row[place >= 0], place[place >= 0]
        row, place = np.divmod(np.unique(row * self.num_features + place), self.num_features)
        weight = np.ones(len(row))
        return Bag.unit(row, place, weight, num_rows=len(records), num_features=self.num_features)

    def state(self) -> dict[str, Any]:
        """Return the settings and what was learnt, fit for JSON."""
        return settings_of(self) | {"vocabulary": self.vocabulary.to_pylist()}

    def restore(self, state: dict[str, Any]) -> Self:
        """Take what `state` gave."""
        vars(self).update(state | {"vocabulary": pa.array(state["vocabulary"], pa.string())})
        return self

    def _values(self, records: Records) -> tuple[npt.NDArray[np.int64], pa.Array]:
        """Return the row of each value, int64 [V] not falling, and the value [V]."""
        column = records.column(self.column)
        if column is None:
            return np.zeros(0, np.int64), pa.array([], pa.string())
        row, text = texts_of(column, self.column)
        text = pc.utf8_trim_whitespace(pc.utf8_lower(pc.utf8_normalize(text, form="NFKC")))
        some = pc.not_equal(text, "")
        row, text = row[some.to_numpy(zero_copy_only=False)], text.filter(some)
        return row, _prefixes(row, text) if self.is_path else text


def _prefixes(row: npt.NDArray[np.int64], text: pa.Array) -> pa.Array:
    """Return each step of a path with the steps before it."""
    ends = np.flatnonzero(np.diff(row, append=-1)) + 1
    steps = text.to_pylist()
    paths = (steps[start:end] for start, end in zip([0, *ends[:-1]], ends, strict=True)) if len(ends) else ()
    return pa.array([path for part in paths for path in accumulate(part, "{} > {}".format)], pa.string())
