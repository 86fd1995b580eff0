"""What classifying learnt, and what it foretold of the space's own catalogue, as files. N items."""

import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Self

import numpy as np

from shelfspace.classifying.classifier import Answers, Classifier, Classify, Head, Model
from shelfspace.classifying.fusing import Fusion, Fusions
from shelfspace.classifying.labels import Classes
from shelfspace.classifying.suspects import Suspects
from shelfspace.classifying.views import WORDS, Eyes
from shelfspace.classifying.words import LinearWords
from shelfspace.config import settings_of
from shelfspace.inputs.readers import READERS
from shelfspace.linear.features import ItemFeatures
from shelfspace.linear.retriever import Arrays

_ANSWERS = ("label", "chance", "answer", "sure", "parts")


@dataclass(frozen=True)
class FittedClassify:
    """A classifier, and its answers for the whole catalogue.

    answers, suspects: by column;  measured: as in `metrics.json`;  notes: what was left out.
    """

    classifier: Classifier
    answers: Mapping[str, Answers]
    suspects: Mapping[str, Suspects]
    measured: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def files(self) -> dict[str, bytes]:
        """Return it as files: what is plain as JSON, numbers as npz, frozen encoders as ONNX."""
        heads = {
            column: {
                "paths": head.classes.paths,
                "models": list(head.models),
                "fusions": [
                    {"seen": seen, **fusion.state()} for seen, fusion in head.fusions.by_seen.items()
                ],
                "names": self.answers[column].names,
            }
            for column, head in self.classifier.heads.items()
        }
        about = {
            "settings": settings_of(self.classifier.settings),
            "eyes": self.classifier.eyes.state(),
            "heads": heads,
            "measured": self.measured,
            "notes": self.notes,
        }
        numbers = io.BytesIO()
        np.savez_compressed(numbers, **self._arrays())  # type: ignore[arg-type]
        return self.classifier.eyes.files() | {
            "classify.json": json.dumps(about, ensure_ascii=False, indent=1).encode(),
            "learnt.npz": numbers.getvalue(),
        }

    def _arrays(self) -> Arrays:
        found = {f"words/{name}": array for name, array in self.classifier.eyes.arrays().items()}
        for number, (column, head) in enumerate(self.classifier.heads.items()):
            answers, odd = self.answers[column], self.suspects[column]
            found[f"{number}/log_prior"] = head.log_prior
            found |= {f"{number}/answers/{name}": getattr(answers, name) for name in _ANSWERS}
            found |= {f"{number}/suspects/{f.name}": getattr(odd, f.name) for f in fields(Suspects)}
            for name, model in head.models.items():
                found |= {f"{number}/{name}/{key}": array for key, array in model.arrays().items()}
        return found

    @classmethod
    def read(cls, file: Callable[[str], bytes]) -> Self:
        """Take what `files` gave; `file` reads one by its name.

        Raises:
            ValueError: a file is not what was written.
        """
        about = json.loads(file("classify.json"))
        settings = Classify(**about["settings"])
        with np.load(io.BytesIO(file("learnt.npz")), allow_pickle=False) as opened:
            arrays: Arrays = {name: opened[name] for name in opened.files}
        heads, answers, found = {}, {}, {}
        for number, (column, said) in enumerate(about["heads"].items()):
            own = _under(arrays, f"{number}/")
            heads[column] = _head(settings, said, own)
            some = _under(own, "answers/")
            values: dict[str, Any] = {name: some[name] for name in _ANSWERS}
            answers[column] = Answers(**values, names=tuple(said["names"]))
            found[column] = Suspects(**_under(own, "suspects/"))  # type: ignore[arg-type]
        classifier = Classifier(settings, _eyes(about["eyes"], _under(arrays, "words/"), file), heads)
        return cls(classifier, answers, found, about["measured"], tuple(about["notes"]))


def _head(settings: Classify, said: Mapping[str, Any], arrays: Arrays) -> Head:
    models: dict[str, Model] = {}
    for name in said["models"]:
        own = _under(arrays, f"{name}/")
        models[name] = LinearWords.restored(own) if name == WORDS else settings.whitening().restore(own)
    fusions = {
        tuple(one["seen"]): Fusion(one["weights"], one["prior"], one["threshold"]) for one in said["fusions"]
    }
    classes = Classes(tuple(tuple(path) for path in said["paths"]))
    return Head(classes, models, arrays["log_prior"].astype(np.float64), Fusions(fusions))


def _eyes(state: Mapping[str, Any], words: Arrays, file: Callable[[str], bytes]) -> Eyes:
    frozen = {}
    for name, reader in state["frozen"].items():
        restored = READERS[reader["kind"]]().restore(reader["state"])
        frozen[name] = restored.take_files(lambda one, name=name: file(f"{name}.{one}"))
    learnt = ItemFeatures().restore_words(words) if state["words"] else None
    return Eyes(tuple(state["reads"]), learnt, tuple(state["ready"]), frozen)


def _under(arrays: Arrays, prefix: str) -> Arrays:
    return {name.removeprefix(prefix): a for name, a in arrays.items() if name.startswith(prefix)}
