"""A listing that comes later stands in the index of words as it would have from the start, but for its length."""

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from shelfspace.live.listings import changed
from shelfspace.live.wording import reworded
from shelfspace.searching.lexical import Lexical
from shelfspace.shop.catalogue import Catalogue
from shelfspace.shop.ids import Ids

FIELDS = {"title": 8, "brand": 2}
WORDS = ["red", "wool", "scarf", "茶", "lamp", "zebra"]

LISTING = st.lists(st.sampled_from(WORDS), min_size=1, max_size=4).map(" ".join)


def catalogue(titles: list[str]) -> Catalogue:
    table = pa.table({"title": titles, "brand": ["Acme"] * len(titles)})
    size = len(titles)
    ids = Ids([f"i{n}" for n in range(size)], "item")
    return Catalogue(ids, table, np.zeros(size), np.arange(size, dtype=np.int32))


def words(lexical: Lexical, row: int) -> set[str]:
    column = lexical.weights[:, [row]].toarray().ravel()
    return {lexical.vocabulary[n] for n in np.flatnonzero(column)}


@given(
    titles=st.lists(LISTING, min_size=2, max_size=8),
    later=st.dictionaries(st.sampled_from(["i0", "i1", "new-1", "new-2"]), LISTING, min_size=1),
)
def test_each_item_has_the_words_that_it_says(titles: list[str], later: dict[str, str]):
    lexical = Lexical.of(catalogue(titles), FIELDS, k1=1.2, b=0.75)
    put = {name: {"title": title, "brand": "Acme"} for name, title in later.items()}
    after, what = changed(catalogue(titles), put, 0.0)
    found = reworded(lexical, what, len(after), FIELDS, k1=1.2)
    anew = Lexical.of(after, FIELDS, k1=1.2, b=0.75)
    for row in range(len(after)):
        assert words(found, row) == words(anew, row)
    same = np.setdiff1d(np.arange(len(titles)), what.rows)
    for term in lexical.vocabulary:
        one = found.weights[[found.place[term]]].toarray().ravel()[same]
        np.testing.assert_array_equal(one, lexical.weights[[lexical.place[term]]].toarray().ravel()[same])
    assert len(found.standing) == found.weights.nnz
    rows = np.arange(len(after))
    for term in found.vocabulary:
        np.testing.assert_array_equal(
            found.stands([term], "title", rows),
            anew.stands([term], "title", rows) if term in anew.place else np.zeros(len(rows)),
        )


def test_a_word_that_nobody_had_is_the_rarest():
    titles = ["red scarf", "red lamp", "red wool"]
    lexical = Lexical.of(catalogue(titles), FIELDS, k1=1.2, b=0.75)
    after, what = changed(catalogue(titles), {"new": {"title": "red zebra"}}, 0.0)
    found = reworded(lexical, what, len(after), FIELDS, k1=1.2)
    zebra, red = (float(found.weights[[found.place[t]]].toarray().ravel()[3]) for t in ("zebra", "red"))
    assert zebra > red > 0
