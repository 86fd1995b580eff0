from dataclasses import replace

import pytest

from shelfspace.errors import ConfigError
from shelfspace.pairs.text_photo import TextPhoto
from tests.contracts.pair_source_contract import LATE, NOW, PairSourceContract, fields, sources


class TestTextPhoto(PairSourceContract):
    kind = "view"
    needs_events = False
    varied = ({}, {"anchor": ["description"], "positive": ["brand", "photo"]})

    def make(self, **settings):
        return TextPhoto(**settings)

    def law(self, given, settings):
        def has(item, names):
            return any(given.fields[name].present[item] for name in names)

        anchor, positive = settings["anchor"] or ["title", "description"], settings["positive"] or ["photo"]
        items = range(LATE if given.history.now == NOW else LATE + 1)
        return {(i, i, None): 1.0 for i in items if has(i, anchor) and has(i, positive)}

    def test_every_pair_drawn_is_marked_and_so_are_duplicates_and_nothing_else(self):
        given = sources()
        every = {name: replace(seen, present=seen.present | True) for name, seen in fields().items()}
        source = TextPhoto().learn(replace(given, fields=every))
        assert len(source) == LATE
        marked = source.positives().mark(*[given.catalogue.ids.rows(["sku-2", "sku-3", "sku-5"])] * 2)
        assert marked.tolist() == [[True, True, False], [True, True, False], [False, False, True]]


def test_sides_are_texts_and_photos_unless_they_are_named():
    assert TextPhoto().sides(fields()) == ({"title", "description"}, {"photo"})
    assert TextPhoto(anchor=["brand"]).sides(fields()) == ({"brand"}, {"photo"})
    assert TextPhoto(positive=["title", "gone"]).sides(fields()) == ({"description"}, {"title"})


def test_a_field_is_on_one_side():
    with pytest.raises(ConfigError, match="'title' is a field of the anchor already"):
        TextPhoto(anchor=["title"], positive=["photo", "title"])


def test_without_photos_there_are_no_pairs():
    texts = {name: seen for name, seen in fields().items() if seen.content != "photo"}
    assert len(TextPhoto().learn(replace(sources(), fields=texts))) == 0
