"""What happened strictly before a moment."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from shelfspace.responding.rates import before

rows = st.lists(st.tuples(st.integers(-1, 3), st.integers(0, 4), st.integers(0, 5)), max_size=12)
asked = st.lists(st.tuples(st.integers(-1, 5), st.integers(0, 5)), max_size=8)


@given(rows, asked)
def test_sums_are_those_of_each_key_and_earlier_time(rows, asked):
    keys, times, amounts = (np.array([row[n] for row in rows], float) for n in range(3))
    asked_keys, asked_times = (np.array([row[n] for row in asked], float) for n in range(2))
    values = np.stack([amounts, np.ones(len(rows))], axis=1)
    found = before(keys.astype(int), times, values, asked_keys.astype(int), asked_times)
    assert found.shape == (len(asked), 2)
    for n, (key, time) in enumerate(asked):
        earlier = [row for row in rows if row[0] == key >= 0 and row[1] < time]
        assert found[n].tolist() == [sum(row[2] for row in earlier), len(earlier)]
