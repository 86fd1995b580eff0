"""What search keeps: an index of words, an encoder and its vectors, what was searched for before, and weights."""

import hashlib
import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from scipy import sparse

from shelfspace.config import settings_of
from shelfspace.errors import ConfigError, DataError
from shelfspace.inputs.columns import numbers_of
from shelfspace.inputs.pretrained import TextVectors
from shelfspace.pretrained.bundle import Bundle
from shelfspace.searching.learning import Material, learnt
from shelfspace.searching.lexical import Lexical
from shelfspace.searching.logged import Judged, Suggestions
from shelfspace.searching.meaning import Meaning
from shelfspace.searching.searcher import FEEDBACK, MEANING, POPULARITY, WORDS, Ranking, Searcher

if TYPE_CHECKING:  # answering loads no Matplotlib, which reading a shop does
    from shelfspace.shop.shop import Shop

MAX_FIELDS = 8


@dataclass(kw_only=True)
class Search:
    """`[search]`: how a phrase is looked for.

    Args:
        fields: the columns that are searched, and as how many times their words count: at most eight, whole numbers.
        k1: how soon a word that stands there again counts for no more.
        b: how much a long listing counts for less, 0 to 1.
        encoder: what reads the meaning of phrases: `minilm` (English; with the extra `[text]`), the folder of a
            model as transformers writes it, or a name on the hub that was downloaded before; None: the space itself.
        read: the columns that the encoder reads.
        max_tokens: what is longer is cut.
        int8: its weights as 8-bit integers: smaller and faster.
        words, meaning, photo: what these count for: each is scaled so that the best product has 1.
        feedback: what it counts for to lie near to the first ten answers.
        shopper: what the shopper's vector counts for, of those whom the space knows.
        past_queries: what a shopper's past queries count for.
        popularity: what the logarithm of how often a product was taken counts for.
        tolerant: replace words that no listing has by near ones.
        learn: learn the weights where the shop has judgments, or a log with queries.
    """

    fields: dict[str, int] = field(
        default_factory=lambda: {"title": 8, "description": 4, "brand": 2, "category": 2, "attributes": 1}
    )
    k1: float = 1.2
    b: float = 0.75
    encoder: str | None = None
    read: list[str] = field(default_factory=lambda: ["title", "description"])
    max_tokens: int = 128
    int8: bool = True
    words: float = 1.0
    meaning: float = 1.0
    photo: float = 1.0
    feedback: float = 0.5
    shopper: float = 0.1
    past_queries: float = 0.1
    popularity: float = 0.05
    tolerant: bool = True
    learn: bool = True

    def __post_init__(self) -> None:
        if not 1 <= len(self.fields) <= MAX_FIELDS:
            raise ConfigError(f"[search] fields must name 1 to {MAX_FIELDS} columns, not {len(self.fields)}")
        for name, times in self.fields.items():
            if not 0 <= times <= 100:
                raise ConfigError(f"[search] fields: {name} = {times} must be a whole number from 0 to 100")
        if not 0 <= self.b <= 1 or self.k1 < 0:
            raise ConfigError(f"[search] b = {self.b} must be from 0 to 1, and k1 = {self.k1} not below 0")
        for name, weight in self.weights().items():
            if not 0 <= weight <= 100:
                raise ConfigError(f"[search] {name} = {weight} must be from 0 to 100")

    def weights(self) -> dict[str, float]:
        """Return what each part counts for."""
        return {
            WORDS: self.words,
            MEANING: self.meaning,
            FEEDBACK: self.feedback,
            "photo": self.photo,
            "shopper": self.shopper,
            "past queries": self.past_queries,
            POPULARITY: self.popularity,
        }


@dataclass(frozen=True)
class FittedSearch:
    """A searcher, and what was searched for before.

    measured: as in `metrics.json`;  notes: what was left out.
    """

    settings: Search
    searcher: Searcher
    suggestions: Suggestions
    measured: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def files(self) -> dict[str, bytes]:
        """Return it as files: arrays as npz, words as lines of UTF-8, the encoder as ONNX, trees as LightGBM's text."""
        searcher, ranking = self.searcher, self.searcher.ranking
        lexical, meaning = searcher.lexical, searcher.meaning
        arrays = {
            "data": lexical.weights.data,
            "indices": lexical.weights.indices,
            "indptr": lexical.weights.indptr,
            "standing": lexical.standing,
            "taken": searcher.taken,
            "price": searcher.price,
        }
        if meaning is not None:
            arrays["vectors"] = meaning.vectors.astype(
                np.float16
            )  # a phrase's cosine changes by less than .001
        index = io.BytesIO()
        np.savez(index, **arrays)
        trees = ranking.trees.encode()
        about = {
            "settings": settings_of(self.settings),
            "fields": list(lexical.fields),
            "weights": dict(ranking.weights),
            "steepness": ranking.steepness,
            "trees": hashlib.sha256(trees).hexdigest() if trees else None,
            "encoder": meaning is not None,
            "suggestions": dict(self.suggestions.counts),
            "measured": dict(self.measured),
            "notes": self.notes,
        }
        found = {
            "search.json": json.dumps(about, indent=1, ensure_ascii=False).encode(),
            "index.npz": index.getvalue(),
            "vocabulary.txt": "\n".join(lexical.vocabulary).encode(),
        }
        return found | ({"trees.txt": trees} if trees else {}) | (meaning.bundle.files() if meaning else {})

    @classmethod
    def read(cls, file: Callable[[str], bytes]) -> Self:
        """Take what `files` gave; `file` reads one by its name.

        Raises:
            ValueError: a file is not what was written.
        """
        about = json.loads(file("search.json"))
        trees = file("trees.txt") if about["trees"] else b""
        if about["trees"] and hashlib.sha256(trees).hexdigest() != about["trees"]:
            raise ValueError(
                "trees.txt is not what was written"
            )  # LightGBM must not see it: it may end the process
        words = file("vocabulary.txt").decode()
        vocabulary = words.split("\n") if words else []
        with np.load(io.BytesIO(file("index.npz")), allow_pickle=False) as arrays:
            parts = arrays["data"], arrays["indices"], arrays["indptr"]
            weights = sparse.csr_array(parts, shape=(len(vocabulary), len(arrays["taken"])))
            lexical = Lexical(vocabulary, weights, tuple(about["fields"]), arrays["standing"])
            meaning = None
            if about["encoder"]:
                meaning = Meaning(Bundle.read(file), arrays["vectors"].astype(np.float32))
            taken, price = arrays["taken"], arrays["price"]
        settings = Search(**about["settings"])
        ranking = Ranking(about["weights"], about["steepness"], trees.decode())
        searcher = Searcher(lexical, meaning, taken, price, ranking, settings.tolerant)
        return cls(
            settings, searcher, Suggestions(about["suggestions"]), about["measured"], tuple(about["notes"])
        )


def fitted(
    settings: Search,
    shop: "Shop",
    reader: TextVectors | None = None,
    *,
    notes: tuple[str, ...] = (),
    seed: int,
) -> FittedSearch:
    """Index a catalogue, and learn what the parts count for where the shop has judgments, or a log with queries.

    Args:
        settings: how.
        shop: its catalogue, events, and of its tables `judgments` and `queries`.
        reader: the encoder of meaning, with the columns that it reads.
        notes: what the caller has left out.
        seed: of folds and trees.

    Raises:
        DataError: no listing has a word in any of the fields.
    """
    catalogue = shop.catalogue
    lexical = Lexical.of(catalogue, settings.fields, k1=settings.k1, b=settings.b)
    if not lexical.vocabulary:
        raise DataError(
            f"[search] no listing has a word in {list(settings.fields)}: map the columns in [items]"
        )
    price = catalogue.column("price")
    searcher = Searcher(
        lexical=lexical,
        meaning=Meaning.of(catalogue, reader) if reader is not None else None,
        taken=np.bincount(shop.history.item, minlength=len(catalogue)).astype(np.float32),
        price=(numbers_of(price, "price") if price is not None else np.full(len(catalogue), np.nan)).astype(
            np.float32
        ),
        ranking=Ranking(settings.weights()),
        tolerant=settings.tolerant,
    )
    clicks = shop.tables.get("queries")
    suggestions = Suggestions.of(clicks, catalogue)
    measured: dict[str, Any] = {}
    judged = Judged.of(shop.tables.get("judgments"), clicks, catalogue.ids) if settings.learn else None
    material = Material.of(searcher, judged) if judged is not None else None
    if judged is not None and material is None:
        notes = (
            *notes,
            f"too few queries of the {judged.source} tell products apart: no weights were learnt",
        )
    if judged is not None and material is not None:
        ranking, figures, more = learnt(material, searcher.ranking, seed=seed)
        searcher = Searcher(
            lexical, searcher.meaning, searcher.taken, searcher.price, ranking, settings.tolerant
        )
        measured = {"queries": len(material.sizes), "learnt from": judged.source, **figures}
        notes = (*notes, *more)
    measured |= {"notes": list(notes)} if notes else {}
    return FittedSearch(settings, searcher, suggestions, measured, notes)
