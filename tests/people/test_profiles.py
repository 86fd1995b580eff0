"""Profiles as segments."""

import numpy as np
import pyarrow as pa
import pytest

from shelfspace.errors import InputError
from shelfspace.people.profiles import Profiles
from shelfspace.shop.ids import Ids

PEOPLE = Ids([f"u{n}" for n in range(60)], "user")


def profiles(**columns: pa.Array) -> Profiles:
    return Profiles.of(pa.table({"user_id": PEOPLE.array, **columns}), PEOPLE)


def test_a_value_that_enough_people_have_is_a_segment():
    town = pa.array(["Ulm"] * 30 + ["Köln"] * 26 + ["Rom"] * 3 + [None])
    found = profiles(town=town)
    assert found.segments == (("town", "Ulm"), ("town", "Köln"))  # three people would be named by theirs
    assert found.member.toarray().sum(axis=0).tolist() == [30, 26]
    assert not found.member.toarray()[-4:].any()


def test_numbers_are_cut_into_bins_of_alike_many():
    found = profiles(income=pa.array(np.arange(60) * 1000.0), stars=pa.array([n % 3 for n in range(60)]))
    sizes = found.member.toarray().sum(axis=0)
    assert [name for name, _ in found.segments] == ["income"] * 5 + ["stars"] * 3
    assert sizes[:5].tolist() == pytest.approx([12] * 5, abs=1)
    row, notes = found.asked("income=30000, stars=2")
    assert [found.segments[n] for n in row.indices] == [("income", "23600 to 35400"), ("stars", "2")]
    assert not notes


def test_somebody_is_in_as_many_segments_as_a_list_has_and_the_first_row_counts():
    table = pa.table({"user_id": ["u0", "u0", "stranger", *(f"u{n}" for n in range(1, 9))]})
    likes = [["tea", "jam"], ["nuts"], ["jam"]] + [["tea", "tea"]] * 4 + [["jam"]] * 4
    found = Profiles.of(table.append_column("likes", pa.array(likes)), PEOPLE)
    assert dict(zip(found.segments, found.member.toarray().sum(axis=0), strict=True)) == {
        ("likes", "tea"): 5,
        ("likes", "jam"): 5,
    }


def test_what_is_asked_is_read_with_quotes_and_without_regard_to_case():
    found = profiles(size=pa.array(["1,000 and more"] * 30 + ["less"] * 30))
    row, notes = found.asked('"size=1,000 AND more"')
    assert row.toarray().tolist() == [[1.0, 0.0]]
    assert not notes
    row, notes = found.asked("size=les")
    assert row.nnz == 0
    assert notes == ["profile: nobody, or too few, have size = 'les'; did you mean 'less'?"]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("sise=less", "no column 'sise'; did you mean 'size'"),
        ("size", "cannot read 'size'"),
        ("size=", "cannot read 'size='"),
        ("=less", "profiles have no column ''"),
        ("x" * 10_000, "cannot read 'xxx"),
        ("size=less\nincome=3", "cannot read the profile"),
        ("income=much", "income is a number; 'much' is not"),
    ],
)
def test_what_cannot_be_read_is_refused(asked: str, said: str):
    found = profiles(size=pa.array(["less"] * 60), income=pa.array(np.arange(60.0)))
    with pytest.raises(InputError, match=said) as problem:
        found.asked(asked)
    assert len(str(problem.value)) < 300


def test_there_may_be_no_profiles():
    for found in (Profiles.of(None, PEOPLE), profiles(), profiles(town=pa.nulls(60))):
        assert found.segments == ()
        assert found.member.shape == (60, 0)
