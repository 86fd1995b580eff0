"""Learning to classify, from made-up listings."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from shelfspace.classifying.classifier import Classify
from shelfspace.classifying.fitted import FittedClassify
from shelfspace.classifying.fusing import PRIOR
from shelfspace.classifying.learning import Learnt, learnt_from
from shelfspace.config import checked
from shelfspace.errors import ConfigError, DataError
from shelfspace.shop.catalogue import Catalogue
from tests.classifying.shops import KINDS, listings


def changed(catalogue: Catalogue, **columns: list[object]) -> Catalogue:
    table = catalogue.table
    for name, values in columns.items():
        kind = table.schema.field(name).type
        table = table.set_column(table.column_names.index(name), name, pa.array(values, kind))
    return replace(catalogue, table=table)


def told(learnt: Learnt, catalogue: Catalogue, column: str) -> list[tuple[str, ...] | None]:
    answers = learnt.classifier.answers(catalogue)[column].answer
    prefixes = learnt.classifier.heads[column].classes.prefixes
    return [prefixes[n] if n >= 0 else None for n in answers.tolist()]


@pytest.fixture(scope="module")
def learnt() -> Learnt:
    return learnt_from(Classify(columns=["category", "colour"]), listings(silent=0.3), seed=0)


def test_listings_with_a_title_a_vector_or_both_are_told(learnt: Learnt):
    new = listings(120, seed=5, silent=0.3)
    paths = [tuple(path) for path in new.column("category").to_pylist()]
    for some in (new, replace(new, vectors={}), changed(new, title=[None] * 120)):
        answered = [
            (a, p) for a, p in zip(told(learnt, some, "category"), paths, strict=True) if a is not None
        ]
        assert len(answered) >= 70
        assert np.mean([a == p[: len(a)] for a, p in answered]) >= 0.9


def test_what_says_nothing_is_not_answered(learnt: Learnt):
    strange = changed(listings(4), title=["", None, "😀 🎉", "слово слова"])
    strange.vectors.clear()
    assert told(learnt, strange, "category") == [None] * 4
    assert told(learnt, strange, "colour") == [None] * 4


def test_what_is_foretold_is_never_read():
    catalogue = listings()
    named = catalogue.table.append_column("brand", catalogue.table["colour"])
    catalogue = replace(catalogue, table=named)
    settings = Classify(columns=["colour", "brand"], reads=["title", "description", "brand", "category"])
    assert settings.read == ("title", "description", "category")
    one = learnt_from(settings, catalogue, seed=0)
    other = changed(catalogue, colour=["mauve"] * 240, brand=["mauve"] * 240)
    for column in ("colour", "brand"):
        np.testing.assert_array_equal(
            one.classifier.answers(catalogue)[column].chance, one.classifier.answers(other)[column].chance
        )
    assert "brand" not in one.classifier.eyes.words.vocabulary


def test_a_listing_is_judged_by_models_that_had_not_learnt_from_it():
    catalogue = listings(seed=3)
    titles = catalogue.column("title").to_pylist()
    titles[7], paths = "zzyx quux", catalogue.column("category").to_pylist()
    paths[7] = ["shoe", "boot"]
    catalogue = replace(changed(catalogue, title=titles, category=paths), vectors={})
    found = learnt_from(Classify(), catalogue, seed=0)
    assert found.answers["category"].answer[7] == -1
    assert found.classifier.heads["category"].classes.paths[
        int(found.classifier.answers(catalogue)["category"].label[8, 0])
    ] == tuple(paths[8])


def test_planted_labels_are_suspicious():
    catalogue = listings()
    paths, wrong = catalogue.column("category").to_pylist(), [3, 50, 121, 200]
    for n in wrong:
        paths[n] = list(KINDS["mug"] if paths[n][-1] != "mug" else KINDS["boot"])
    odd = learnt_from(Classify(), changed(catalogue, category=paths), seed=0).suspects["category"]
    assert set(odd.row[:4].tolist()) == set(wrong)


def test_parts_sum_to_the_log_odds_of_the_likeliest_against_the_next(learnt: Learnt):
    answers = learnt.answers["category"]
    assert answers.names == ("vectors.seen", "words", PRIOR)
    odds = np.log(answers.chance[:, 0] / np.maximum(answers.chance[:, 1], 1e-30))
    some = answers.chance[:, 1] > 1e-6
    np.testing.assert_allclose(np.nansum(answers.parts, axis=1)[some], odds[some], rtol=1e-2, atol=1e-2)
    silent = np.array([title is None for title in listings(silent=0.3).column("title").to_pylist()])
    assert np.isnan(answers.parts[silent, 1]).all()
    assert not np.isnan(answers.parts[:, 0]).any()


def test_near_identical_listings_are_in_one_part():
    catalogue = listings()
    twins = np.arange(240, dtype=np.int32) // 2
    found = learnt_from(Classify(), replace(catalogue, duplicates=twins), seed=0)
    test = found.unseen["category"].test
    np.testing.assert_array_equal(test[::2], test[1::2])
    assert 0.1 < test.mean() < 0.35


def test_the_same_words_with_another_label_are_counted():
    catalogue = listings()
    titles, colours = (catalogue.column(name).to_pylist() for name in ("title", "colour"))
    titles[:4], colours[:4] = ["plain mug"] * 4, ["red", "red", "blue", None]
    settings = Classify(columns=["colour"])
    notes = learnt_from(settings, changed(catalogue, title=titles, colour=colours), seed=0).notes
    assert any("3 listings say the same words as another" in note for note in notes)


def test_a_column_that_teaches_nothing_is_told_and_without_any_it_is_refused():
    catalogue = changed(listings(), colour=["red"] * 240)
    found = learnt_from(Classify(columns=["category", "colour"]), catalogue, seed=0)
    assert list(found.answers) == ["category"]
    assert any("not foretold: 'colour' has 1 label" in note for note in found.notes)
    with pytest.raises(DataError, match=r"nothing to learn to classify from: 'colour' has 1 label"):
        learnt_from(Classify(columns=["colour"]), catalogue, seed=0)
    with pytest.raises(DataError, match="nothing to classify them by"):
        learnt_from(Classify(), replace(changed(catalogue, title=[None] * 240), vectors={}), seed=0)
    with pytest.raises(ConfigError, match=r"no column 'color'; did you mean 'colour'"):
        learnt_from(Classify(columns=["color"]), catalogue, seed=0)


def test_six_listings_are_too_few_to_be_sure():
    catalogue = listings(6)
    found = learnt_from(Classify(columns=["colour"]), changed(catalogue, colour=["a", "a", "b"] * 2), seed=0)
    assert (found.answers["colour"].answer == -1).all()


def test_words_that_no_two_listings_share_teach_nothing():
    catalogue = replace(listings(40), vectors={})
    titles = [chr(0x400 + n) * 6 for n in range(40)]
    found = learnt_from(Classify(), changed(catalogue, title=titles), seed=0)
    assert (found.answers["category"].answer == -1).all()


def test_vectors_that_another_catalogue_lacks_or_has_in_another_width():
    catalogue = changed(listings(), title=[None] * 240)
    learnt = learnt_from(Classify(encoders=["vectors"]), catalogue, seed=0)
    assert told(learnt, replace(catalogue, vectors={}), "category") == [None] * 240
    wrong = replace(catalogue, vectors={"seen": np.ones((240, 5), np.float32)})
    with pytest.raises(DataError, match=r"vectors\.seen has 5 numbers, where 16 were learnt from"):
        learnt.classifier.answers(wrong)


def test_a_long_title_is_cut_and_changes_nothing_else(learnt: Learnt):
    short = changed(listings(2), title=["red mug " + "mug " * 3000, "red mug"])
    long = changed(listings(2), title=["red mug " + "mug " * 25_000, "red mug"])
    for column, answers in learnt.classifier.answers(short).items():
        np.testing.assert_array_equal(answers.chance, learnt.classifier.answers(long)[column].chance)


def test_files_hold_it_all(learnt: Learnt):
    fitted = FittedClassify(learnt.classifier, learnt.answers, learnt.suspects, {"a": 1}, learnt.notes)
    files = fitted.files()
    assert set(files) == {"classify.json", "learnt.npz"}
    again = FittedClassify.read(files.__getitem__)
    new = listings(30, seed=9, silent=0.3)
    for column, answers in learnt.classifier.answers(new).items():
        read = again.classifier.answers(new)[column]
        np.testing.assert_array_equal(read.answer, answers.answer)
        np.testing.assert_allclose(read.chance, answers.chance, atol=1e-6)
        np.testing.assert_array_equal(again.answers[column].label, learnt.answers[column].label)
        np.testing.assert_array_equal(again.suspects[column].row, learnt.suspects[column].row)
    assert again.measured == {"a": 1}
    assert again.notes == learnt.notes


def test_the_same_seed_gives_the_same_answers():
    one, other = (learnt_from(Classify(), listings(), seed=4) for _ in range(2))
    np.testing.assert_array_equal(one.answers["category"].chance, other.answers["category"].chance)


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ({"columns": []}, "columns must name"),
        ({"encoders": ["word"]}, r"'word' is unknown; did you mean 'words'"),
        ({"reads": ["titel"]}, r"did you mean 'title'"),
        ({"precision": 1.0}, "between 0 and 1"),
        ({"num_parts": 1}, "at least 2"),
        ({"shrinkage": 0.0}, "shrinkage"),
    ],
)
def test_settings_that_cannot_be_are_refused(section: dict[str, object], said: str):
    with pytest.raises(ConfigError, match=said):
        Classify(**checked(Classify, section, "classify"))
