"""Learning to classify: models without each part of the listings, then how to weigh them, then models of all.

N listings, L of them labelled, C classes.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from shelfspace.classifying.classifier import Answers, Classifier, Classify, Head, Model, scored_by
from shelfspace.classifying.descent import linear_words
from shelfspace.classifying.fusing import Fusions, Scored
from shelfspace.classifying.labels import Classes, Codes, Given, given_by
from shelfspace.classifying.suspects import Suspects, suspects
from shelfspace.classifying.views import WORDS, Eyes, View
from shelfspace.errors import DataError
from shelfspace.inputs.pretrained import PhotoVectors, TextVectors
from shelfspace.shop.catalogue import Catalogue

Flags = npt.NDArray[np.bool_]

TEST = 0.2
"""The share of the labelled listings that is held out, to measure on."""


@dataclass(frozen=True)
class Unseen:
    """What was said of labelled listings by models that had not learnt from them.

    scored: L listings;  code: int64 [L], their classes;  test: bool [L], those that nothing was weighed on either;
    fusions: weighed on the others.
    """

    classes: Classes
    scored: Scored
    code: Codes
    test: Flags
    fusions: Fusions


@dataclass(frozen=True)
class Learnt:
    """A classifier, and what it says of the catalogue that it learnt from.

    answers: of all N listings, by column: of a labelled one by models that had not learnt from it;
    suspects: by column;  unseen: by column, to measure on;  notes: what was left out.
    """

    classifier: Classifier
    answers: Mapping[str, Answers]
    suspects: Mapping[str, Suspects]
    unseen: Mapping[str, Unseen]
    notes: tuple[str, ...]


def learnt_from(
    settings: Classify,
    catalogue: Catalogue,
    frozen: Mapping[str, PhotoVectors | TextVectors] | None = None,
    *,
    seed: int,
) -> Learnt:
    """Learn to classify from the labelled listings of a catalogue.

    A fifth of them is held out to measure on. The rest is dealt into parts, and models are trained without each; on
    what they say of the part they did not see, views are weighed and thresholds chosen. Near-identical listings are in
    one part. At last models are trained on all, and weighed on all that was said of unseen listings.

    Args:
        settings: `[classify]`.
        catalogue: N listings.
        frozen: encoders that others trained, by the name of the view.
        seed: of the parts and of the training.

    Raises:
        ConfigError: there is no such column.
        DataError: no column has two classes of two listings each, or listings say nothing.

    Cost: three and a half times the training of each view on all; with 44,446 titles and 142 classes about a minute on
    one core. Memory 4 L C bytes for each view.
    """
    given, notes = _given(settings, catalogue)
    parts = _parts(catalogue, settings.num_parts, seed)
    eyes = Eyes.of(settings.read, settings.encoders, catalogue, frozen or {})
    numbers = eyes.of_numbers(catalogue)
    half_blind = eyes.learnt(catalogue, parts > 0)
    views = half_blind.of_words(catalogue) | numbers
    if not any(view.present.any() for view in views.values()):
        raise DataError(
            f"the listings have nothing to classify them by: no words in {', '.join(settings.read) or 'any column'}, "
            "no ready vectors and no photos that can be read"
        )
    unseen = {column: _unseen(settings, some, views, parts, seed=seed) for column, some in given.items()}
    eyes = eyes.learnt(catalogue, np.ones(len(catalogue), bool))
    views = eyes.of_words(catalogue) | numbers
    heads, answers, found = {}, {}, {}
    for column, some in given.items():
        tried = unseen[column]
        fusions = Fusions.fit(tried.scored, tried.code, some.classes, settings.precision, seed)
        labelled = np.flatnonzero(some.code >= 0)
        models = _models(settings, views, some.code, labelled, some.classes, seed)
        heads[column] = Head(some.classes, models, _log_prior(some.code[labelled], some.classes), fusions)
        answers[column] = heads[column].answers(views)
        answers[column].put(labelled, Answers.of(tried.scored, fusions, some.classes))
        chance, _ = fusions.chance(tried.scored)
        odd = suspects(some.classes, chance, tried.code)
        found[column] = Suspects(labelled[odd.row], odd.given, odd.likely, odd.chance, odd.given_chance)
    notes += [*_contradictions(settings, catalogue, given), *_failures(frozen or {})]
    return Learnt(Classifier(settings, eyes, heads), answers, found, unseen, tuple(notes))


def _given(settings: Classify, catalogue: Catalogue) -> tuple[dict[str, Given], list[str]]:
    """Read the labels of each column; one that teaches nothing is told of, unless none is left."""
    found: dict[str, Given] = {}
    problems: list[str] = []
    notes: list[str] = []
    for column in settings.columns:
        try:
            found[column] = given_by(catalogue, column)
            notes += found[column].notes
        except DataError as problem:
            problems.append(str(problem))
    if not found:
        raise DataError(f"there is nothing to learn to classify from: {'; '.join(problems)}")
    return found, [*(f"not foretold: {problem}" for problem in problems), *notes]


def _parts(catalogue: Catalogue, num_parts: int, seed: int) -> Codes:
    """Deal listings into part 0, to measure on, and parts 1 and up, int64 [N]; near-identical ones into the same."""
    _, group = np.unique(catalogue.duplicates, return_inverse=True)
    drawn = np.random.default_rng(seed).random(len(catalogue))[group]
    part = 1 + np.floor((drawn - TEST) / (1.0 - TEST) * num_parts).astype(np.int64)
    return np.where(drawn < TEST, 0, np.minimum(part, num_parts))


def _unseen(
    settings: Classify, given: Given, views: Mapping[str, View], parts: Codes, *, seed: int
) -> Unseen:
    """Return what models say of each part that were trained without it; of part 0 those of all other parts."""
    labelled = np.flatnonzero(given.code >= 0)
    code, part = given.code[labelled], parts[labelled]
    log_prior = _log_prior(code[part > 0], given.classes)
    num, size = len(labelled), len(given.classes)
    scores = {name: np.zeros((num, size), np.float32) for name in views}
    present = {name: np.zeros(num, bool) for name in views}
    for left_out in np.unique(part).tolist():
        rows = np.flatnonzero(part == left_out)
        taught = labelled[(part > 0) & (part != left_out)]
        models = _models(settings, views, given.code, taught, given.classes, seed)
        some = {name: View(v.rows[labelled[rows]], v.present[labelled[rows]]) for name, v in views.items()}
        said = scored_by(models, some, log_prior)
        for name in views:
            scores[name][rows], present[name][rows] = said.scores[name], said.present[name]
    scored, test = Scored(scores, present, log_prior), part == 0
    weighed = np.flatnonzero(~test)
    fusions = Fusions.fit(scored.take(weighed), code[weighed], given.classes, settings.precision, seed)
    return Unseen(given.classes, scored, code, test, fusions)


def _models(
    settings: Classify, views: Mapping[str, View], code: Codes, taught: Codes, classes: Classes, seed: int
) -> dict[str, Model]:
    """Train a model of each view on the listings, int64 [T], that have it; none where they are of one class."""
    found: dict[str, Model] = {}
    for name, view in views.items():
        rows = taught[view.present[taught]]
        if len(np.unique(code[rows])) < 2:
            continue
        if name == WORDS:
            found[name] = linear_words(view.rows[rows], code[rows], len(classes), seed=seed)
        else:
            found[name] = settings.whitening().fit(view.rows[rows], code[rows], len(classes))
    return found


def _log_prior(code: Codes, classes: Classes) -> npt.NDArray[np.float64]:
    size = np.bincount(code, minlength=len(classes)) + 0.5
    logs: npt.NDArray[np.float64] = np.log(size / size.sum())
    return logs


def _contradictions(settings: Classify, catalogue: Catalogue, given: Mapping[str, Given]) -> list[str]:
    """Count listings whose words are those of another that is labelled otherwise."""
    columns = [catalogue.column(name) for name in settings.read]
    values = [column.to_pylist() for column in columns if column is not None]
    said = [tuple(map(str, row)) if any(row) else () for row in zip(*values, strict=True)]
    notes: list[str] = []
    for column, some in given.items():
        labels: dict[tuple[str, ...], set[int]] = {}
        for words, code in zip(said, some.code.tolist(), strict=False):
            if code >= 0 and words:
                labels.setdefault(words, set()).add(code)
        torn = {words for words, codes in labels.items() if len(codes) > 1}
        number = sum(
            words in torn for words, code in zip(said, some.code.tolist(), strict=False) if code >= 0
        )
        if number:
            notes.append(
                f"{column}: {number:,} listings say the same words as another that is labelled otherwise"
            )
    return notes


def _failures(frozen: Mapping[str, PhotoVectors | TextVectors]) -> list[str]:
    failed = {
        name: reader.failed
        for name, reader in frozen.items()
        if isinstance(reader, PhotoVectors) and reader.failed
    }
    return [
        f"{len(some):,} photos cannot be used, such as {path}: {why}"
        for some in failed.values()
        for path, why in list(some.items())[:1]
    ]
