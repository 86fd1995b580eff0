"""What search keeps on disk, and its settings."""

import json

import numpy as np
import pytest

from shelfspace.errors import ConfigError, DataError
from shelfspace.searching.fitted import FittedSearch, Search, fitted
from tests.searching.shops import searcher_of, shop


def test_what_is_written_is_read_again():
    before = searcher_of(meaning=0.3, tolerant=False)
    files = before.files()
    after = FittedSearch.read(files.__getitem__)
    assert after.settings == before.settings
    assert after.suggestions == before.suggestions
    one, other = (f.searcher.found(f.searcher.read("red mug 红茶"), None) for f in (before, after))
    assert np.array_equal(before.searcher.total(one), after.searcher.total(other))
    assert np.array_equal(before.searcher.lexical.standing, after.searcher.lexical.standing)
    assert after.files() == files


def test_trees_that_were_changed_are_refused():
    files = searcher_of().files()
    about = json.loads(files["search.json"]) | {"trees": "0" * 64}
    files |= {"search.json": json.dumps(about).encode(), "trees.txt": b"tree"}
    with pytest.raises(ValueError, match=r"trees\.txt is not what was written"):
        FittedSearch.read(files.__getitem__)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"fields": {}}, "1 to 8 columns"),
        ({"fields": {f"c{n}": 1 for n in range(9)}}, "1 to 8 columns, not 9"),
        ({"fields": {"title": -1}}, "title = -1"),
        ({"b": 2.0}, "b = 2.0 must be from 0 to 1"),
        ({"meaning": -1.0}, "meaning = -1.0"),
    ],
)
def test_settings_that_cannot_be(settings, message):
    with pytest.raises(ConfigError, match=message):
        Search(**settings)


def test_a_shop_without_words_in_the_fields():
    with pytest.raises(DataError, match="no listing has a word in"):
        fitted(Search(fields={"colour": 1}), shop(), seed=0)
