"""New and changed listings in the index of words, until it is made again. V terms, N items, M listings."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt
from scipy import sparse

from shelfspace.inputs.columns import joined, numbers_of
from shelfspace.inputs.fields import Records
from shelfspace.live.grown import Rows, padded
from shelfspace.live.listings import Changed
from shelfspace.searching.fitted import FittedSearch
from shelfspace.searching.lexical import Lexical
from shelfspace.searching.meaning import Meaning
from shelfspace.searching.terms import terms_of_items

Floats = npt.NDArray[np.float32]


def worded(fitted: FittedSearch, changed: Changed, size: int, meant: Rows | None) -> FittedSearch:
    """Return search with other listings.

    Args:
        fitted: as it was.
        changed: the listings.
        size: N, with them.
        meant: the vectors of meaning, where an encoder reads it; those of the listings are put into it.

    Cost: O(what is in the index), some ten milliseconds for a million words in listings, and the encoder's time.
    """
    searcher = fitted.searcher
    lexical = reworded(searcher.lexical, changed, size, fitted.settings.fields, k1=fitted.settings.k1)
    meaning = searcher.meaning
    if meaning is not None and meant is not None:
        texts = joined(Records.of_catalogue(changed.after, np.zeros(len(changed.rows))), fitted.settings.read)
        vectors = np.zeros((len(texts), meaning.vectors.shape[1]), np.float32)
        said = [n for n, text in enumerate(texts) if text]
        if said:
            vectors[said] = meaning.read([texts[n] for n in said])
        meant.put(changed.rows, vectors)
        encoder = meaning
        meaning = Meaning(meaning.bundle, meant.held)
        if "_encoder" in encoder.__dict__:  # loaded once
            meaning.__dict__["_encoder"] = encoder.__dict__["_encoder"]
    price = np.concatenate([searcher.price, np.full(size - len(searcher.price), np.nan, np.float32)])
    column = changed.after.column("price")
    if column is not None:
        price[changed.rows] = numbers_of(column, "price")
    return replace(
        fitted,
        searcher=replace(
            searcher, lexical=lexical, meaning=meaning, price=price, taken=padded(searcher.taken, size)
        ),
    )


def reworded(lexical: Lexical, changed: Changed, size: int, fields: dict[str, int], *, k1: float) -> Lexical:
    """Return the index of words with other listings, each counted as one of the average length.

    How rare a word is stays as it was when the index was made; a word that no listing had is as rare as can be.
    """
    read = {name: terms_of_items(changed.after, [name]) for name in lexical.fields}
    terms = sorted({term for some in read.values() for row in some for term in row})
    fresh = [term for term in terms if term not in lexical.place]
    place = lexical.place | {term: len(lexical.vocabulary) + n for n, term in enumerate(fresh)}
    shape = (len(place), size)
    counts, bits = sparse.lil_array(shape, dtype=np.float32), sparse.lil_array(shape, dtype=np.uint8)
    for at, (name, rows) in enumerate(read.items()):
        for row, words in zip(changed.rows.tolist(), rows, strict=True):
            for word in words:
                counts[place[word], row] += fields[name]
                bits[place[word], row] |= np.uint8(1 << at)
    often = sparse.csr_array(counts, dtype=np.float32)
    frequency = np.concatenate([lexical.frequency, np.ones(len(fresh), np.int64)])
    rarity = np.log1p((size - frequency + 0.5) / (frequency + 0.5)).astype(np.float32)
    row = np.repeat(np.arange(shape[0]), np.diff(often.indptr))
    often.data = rarity[row] * often.data / (often.data + np.float32(k1))
    weights, standing = _without(lexical, changed.rows, shape)
    standing = sparse.csr_array(standing + sparse.csr_array(bits, dtype=np.uint8))
    weights = sparse.csr_array(weights + often)
    weights.sort_indices()
    standing.sort_indices()
    return Lexical([*lexical.vocabulary, *fresh], weights, lexical.fields, standing.data)


def _without(
    lexical: Lexical, rows: npt.NDArray[np.int32], shape: tuple[int, int]
) -> tuple[sparse.csr_array, sparse.csr_array]:
    """Return weights and standing without some items, in a larger shape."""
    old = lexical.weights
    stays = np.ones(shape[1], bool)
    stays[rows] = False
    kept = stays[old.indices]
    indptr = np.concatenate([[0], np.cumsum(kept)])[old.indptr]
    indptr = np.append(indptr, np.full(shape[0] + 1 - len(indptr), indptr[-1]))
    indices = old.indices[kept]
    weights = sparse.csr_array((old.data[kept], indices, indptr), shape=shape)
    standing = sparse.csr_array((lexical.standing[kept], indices.copy(), indptr.copy()), shape=shape)
    return weights, standing
