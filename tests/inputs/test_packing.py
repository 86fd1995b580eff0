import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from shelfspace.inputs.packing import cut, slots
from tests.inputs.test_pasts import past


@given(
    lengths=st.lists(st.integers(0, 6), min_size=1, max_size=5),
    age=st.sampled_from(["steps", "days"]),
    data=st.data(),
)
def test_a_run_is_the_events_between_two_places(lengths, age, data):
    history = past(lengths)
    first, last = [], []
    for row in data.draw(st.lists(st.integers(0, len(lengths) - 1), max_size=5)):
        bounds = st.integers(int(history.indptr[row]), int(history.indptr[row + 1]))
        one, other = sorted([data.draw(bounds), data.draw(bounds)])
        first.append(one)
        last.append(other)
    runs = cut(history, np.array(first, np.int64), np.array(last, np.int64), age=age)
    assert len(runs) == len(first)
    for n, (a, b) in enumerate(zip(first, last, strict=True)):
        own = slice(runs.indptr[n], runs.indptr[n + 1])
        assert runs.item[own].tolist() == history.item[a:b].tolist()
        assert runs.kind[own].tolist() == history.kind[a:b].tolist()
        since = [b - 1 - e if age == "steps" else history.time[b - 1] - history.time[e] for e in range(a, b)]
        np.testing.assert_allclose(runs.age[own], since, rtol=1e-6)
    assert not runs.hidden.any()


@given(lengths=st.lists(st.integers(0, 9), max_size=40), width=st.integers(9, 14))
def test_runs_share_rows_and_never_a_slot(lengths, width):
    begins, rows = slots(np.array(lengths, np.int64), width)
    taken = np.zeros(rows * width, int)
    for begin, length in zip(begins, lengths, strict=True):
        if length:
            assert begin // width == (begin + length - 1) // width
            taken[begin : begin + length] += 1
    assert taken.max(initial=0) <= 1
    assert taken.sum() == sum(lengths)
    assert rows <= max(1, sum(length > 0 for length in lengths))


def test_short_runs_leave_few_slots_free():
    lengths = np.random.default_rng(0).geometric(1 / 6, 500).clip(max=50)
    _, rows = slots(lengths, 50)
    assert lengths.sum() > 0.85 * rows * 50
