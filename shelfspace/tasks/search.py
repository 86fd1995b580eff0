"""Which products fit a phrase, or a photo. N items."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from scipy import sparse

from shelfspace.errors import InputError
from shelfspace.holding import Holding
from shelfspace.linear.vectors import unit_rows
from shelfspace.searching.fitted import FittedSearch
from shelfspace.searching.searcher import CANDIDATES, FEATURES, WORDS, Found, best, scaled
from shelfspace.searching.spelling import MAX_TERMS
from shelfspace.tasks.allowed import allowed_items
from shelfspace.tasks.facets import columns_of, counted
from shelfspace.tasks.learnt import learnt_by
from shelfspace.tasks.results import Hit, Hits, Why
from shelfspace.tasks.said import MAX_PHRASE, Said, listed
from shelfspace.tasks.similar import checked_k
from shelfspace.tasks.where import Mask

Floats = npt.NDArray[np.float32]
Rows = npt.NDArray[np.int64]

PAST = 20
"""Past queries that count, the latest."""

SOURCES = 3
"""So many of the first answers say what is similar."""

COMMON = 0.5
"""A word that a larger share of the products has tells little."""

MAX_EXPANSION = 1_000


def search(
    space: Holding,
    phrase: str | list[str] | None = None,
    *,
    photo: str | Path | None = None,
    user: str | None = None,
    queries: Sequence[str] | None = None,
    k: int = 10,
    where: str | None = None,
    facets: str | None = None,
    expand: int = 0,
    why: bool = False,
) -> Hits:
    """Return the products that fit a phrase best, by its words and its meaning; or a photo, or both.

    Args:
        space: an open space in which `search` was fitted.
        phrase: the words to look for, in any script; a list is a batch of phrases. There is no syntax: quotes, minus
            signs and the like are no operators.
        photo: a file; with a phrase, both count.
        user: the shopper who asks: what lies near to their history comes somewhat earlier.
        queries: what this shopper searched for before, the latest last.
        k: how many answers, 1 to 10,000.
        where: a hard filter, such as `price<20 and category:shoes`; fewer than k may satisfy it, and a note says so.
        facets: columns whose values are counted over all that matches, such as `brand,category`; see `beside`.
        expand: so many products more, similar to the first answers; the column `found` says of each what it is like.
        why: add what each score is made of: every word, the meaning, the shopper …; the parts sum to the score.

    Returns:
        Hits with a column `found`: `words`, `meaning`, `photo`, several of them, or `similar to` an item. `beside` has
        `suggestions` (popular queries that begin so or share a word), `corrected` (a word that no product has -> what
        was looked for instead) and, where asked for, `facets`; for a batch each by its phrase.

    Raises:
        InputError: search was not fitted, a phrase is blank or too long, the photo cannot be read, `k`, `expand` or
            `facets` is out of range, or a photo comes with several phrases.
        FilterError: `where` cannot be read.
        MissingExtraError: an encoder or trees were learnt with, and tokenizers or LightGBM is not installed.

    Cost: for 20,000 products some 10 to 25 ms a phrase, the reading of its meaning included; 4 N K bytes of memory.

    Example:
        >>> space.search("red wool scarf", k=5, where="price<20")  # doctest: +SKIP
        >>> space.search("in blue", photo="scarf.jpg", facets="brand").beside["facets"]  # doctest: +SKIP
    """
    fitted = learnt_by(space, "search", FittedSearch)
    checked_k(k)
    phrases = _checked(phrase, photo, expand)
    names = columns_of(facets, space.catalogue)
    allowed = allowed_items(space, where)
    asking = _Asking(space, fitted, allowed, k, expand, why)
    notes = [] if allowed.any() else ["no product satisfies the filter"]
    more = {**asking.photo(photo), **asking.shopper(user, notes), **asking.past(queries)}
    said = [fitted.searcher.read(text) for text in phrases]
    meant, lying = asking.meant([one.text for one in said])
    hits: list[Hit] = []
    beside: dict[str, dict[str, Any]] = {}
    for n, text in enumerate(phrases):
        found = fitted.searcher.found(
            said[n], meant[n] if meant is not None and said[n].text else None, lying, more
        )
        subject = text if text else Path(str(photo)).name
        matching = found.matches() & allowed
        answers = list(asking.answers(subject, found, matching))
        hits += answers
        notes += _notes(fitted, subject, found, len(answers), k, bool(allowed.any()))
        beside[text] = {
            "suggestions": fitted.suggestions.near(text),
            "corrected": dict(found.read.corrected),
            **({"facets": counted(names, space.catalogue, matching)} if names else {}),
        }
    plain = beside[phrases[0]] if len(phrases) == 1 else _by_name(beside)
    return Hits.of(hits, notes, why=why, more={"found": pa.string()}, beside=plain)


@dataclass(frozen=True)
class _Asking:
    """What is the same for every phrase of a batch."""

    space: Holding
    fitted: FittedSearch
    allowed: Mask
    k: int
    expand: int
    why: bool

    def meant(self, phrases: Sequence[str]) -> tuple[Floats | None, Floats | None]:
        """Return the vectors of phrases, and those of items beside them where they are not the encoder's."""
        if not any(phrases):
            return None, None
        searcher = self.fitted.searcher
        if searcher.meaning is not None:
            return searcher.meaning.read(phrases), None
        if self.space.listed is None and "learnt" not in self.space.blocks:
            return None, None  # the space reads no listings: words alone
        rows = [listed(self.space, Said(text, None))[1][0] for text in phrases]
        return np.stack(rows), np.asarray(self.space.vectors, np.float32)

    def photo(self, photo: str | Path | None) -> dict[str, Floats]:
        """Return how near items lie to a photo."""
        if photo is None:
            return {}
        _, [place] = listed(self.space, Said("", Path(photo)))
        return {"photo": scaled(np.asarray(self.space.vectors @ place, np.float32))}

    def shopper(self, user: str | None, notes: list[str]) -> dict[str, Floats]:
        """Return how near items lie to what a shopper took, each event by its weight."""
        if user is None:
            return {}
        history = self.space.past.of([user])
        if user not in self.space.users and not history.num_events:
            near = self.space.users.near(user)
            notes.append(f"user {user!r} is not known{near}; the answer is the same for everyone")
            return {}
        vector = history.weight @ np.asarray(self.space.vectors[history.item], np.float32)
        if not vector.any():
            notes.append(f"user {user!r} has no history yet; the answer is the same for everyone")
            return {}
        return {"shopper": scaled(self.space.vectors @ unit_rows(vector[None])[0])}

    def past(self, queries: Sequence[str] | None) -> dict[str, Floats]:
        """Return how near items lie to what a shopper searched for before."""
        texts = [_text(query) for query in queries or () if query and query.strip()][-PAST:]
        meant, lying = self.meant(texts)
        if not texts or meant is None:
            return {}
        vectors = lying if lying is not None else self.fitted.searcher.meaning.vectors  # type: ignore[union-attr]
        return {"past queries": scaled(vectors @ meant.mean(axis=0))}

    def answers(self, subject: str, found: Found, matching: Mask) -> Iterator[Hit]:
        """Yield the answers, and what is similar to the first of them."""
        searcher = self.fitted.searcher
        total = searcher.total(found)
        num = max(self.k, CANDIDATES) if searcher.ranking.trees else self.k
        rows = best(np.where(matching, total, -np.inf), num)
        score, added = total[rows], np.zeros(0, np.float32)
        if searcher.ranking.trees and len(rows):
            features = searcher.features(found, rows)
            score = score + searcher.ranking.running.added(features)
            order = np.argsort(-score, kind="stable")[: self.k]
            rows, score = rows[order], score[order]
            added = searcher.ranking.running.contributions(features[order]) if self.why else added
        ids, groups = self.space.catalogue.ids.texts(rows), found.groups()
        for n, (row, value) in enumerate(zip(rows.tolist(), score.tolist(), strict=True)):
            by = " and ".join(name for name, mask in groups.items() if mask[row])
            parts = self._parts(found, row, added[n] if added.size else None)
            yield Hit(subject, n + 1, ids[n], self.space.titles[row], value, parts, {"found": by})
        if self.expand and len(rows):
            yield from self._similar(subject, rows, float(score[-1]))

    def _similar(self, subject: str, rows: Rows, last: float) -> Iterator[Hit]:
        """Yield products that lie near to the first answers, each behind the last answer by what it is less alike."""
        space, sources = self.space, rows[:SOURCES]
        place = (np.repeat(np.arange(len(sources)), len(rows)), np.tile(rows, len(sources)))
        exclude = sparse.csr_array((np.ones(len(place[0]), bool), place), (len(sources), len(self.allowed)))
        queries = np.asarray(space.vectors[sources], np.float32)
        near, cosines = space.index.search(queries, self.expand, allowed=self.allowed, exclude=exclude)
        like: dict[int, tuple[float, int]] = {}
        for source, items, alike in zip(sources.tolist(), near.tolist(), cosines.tolist(), strict=True):
            for row, cosine in zip(items, alike, strict=True):
                if row >= 0:
                    like[row] = max(like.get(row, (-2.0, 0)), (cosine, source))
        kept = sorted(like.items(), key=lambda pair: (-pair[1][0], pair[0]))[: self.expand]
        for n, (row, (cosine, source)) in enumerate(kept, start=len(rows) + 1):
            item, own = (space.catalogue.ids.text(at) for at in (source, row))
            behind = Why("after the last answer", None, None, last - 1.0)
            parts, told = (
                (Why("similar to", item, space.titles[source], cosine), behind),
                f"similar to {item}",
            )
            yield Hit(
                subject,
                n,
                own,
                space.titles[row],
                last - 1.0 + cosine,
                parts if self.why else (),
                {"found": told},
            )

    def _parts(self, found: Found, row: int, added: Floats | None) -> tuple[Why, ...]:
        """Return what a score is made of, the largest first; nothing unless asked for."""
        if not self.why:
            return ()
        ranking = self.fitted.searcher.ranking
        amounts = {
            name: float(ranking.weight(name) * part[row])
            for name, part in found.parts.items()
            if name != WORDS
        }
        each = found.words[:, [row]].toarray().ravel().astype(np.float64)
        if each.any():
            whole = float(ranking.weight(WORDS) * found.parts[WORDS][row])
            shares = whole * each / each.sum()
            amounts |= {f"word {t!r}": float(s) for t, s in zip(found.read.terms, shares, strict=True)}
        if added is not None:
            names = [f"trees: {name}" for name in (*FEATURES, "every product")]
            amounts |= dict(zip(names, added.astype(float).tolist(), strict=True))
        told = [Why(name, None, None, amount) for name, amount in amounts.items() if amount]
        return tuple(sorted(told, key=lambda part: -abs(part.amount)))


def _checked(phrase: str | list[str] | None, photo: str | Path | None, expand: int) -> list[str]:
    """Return the phrases, each once; one empty one where a photo alone is asked for."""
    if not 0 <= expand <= MAX_EXPANSION:
        raise InputError(f"expand = {expand} is out of range; give 0 to {MAX_EXPANSION:,}")
    given = [phrase] if isinstance(phrase, str) else list(phrase or [])
    if not given and photo is None:
        raise InputError("give words to look for, or a photo")
    texts = list(dict.fromkeys(_text(text) for text in given))
    if photo is not None and len(texts) > 1:
        raise InputError("a photo goes with one phrase, or with none")
    return texts or [""]


def _text(phrase: object) -> str:
    if not isinstance(phrase, str):
        raise InputError(f"a phrase must be text, not {phrase!r}")
    if len(phrase) > MAX_PHRASE:
        raise InputError(f"a phrase of {len(phrase):,} characters is too long; the limit is {MAX_PHRASE:,}")
    if not phrase.strip():
        raise InputError("the phrase is blank: give words to look for, or a photo")
    return phrase


def _notes(
    fitted: FittedSearch, subject: str, found: Found, answers: int, k: int, some_allowed: bool
) -> Iterator[str]:
    read, lexical = found.read, fitted.searcher.lexical
    shown = subject[:60]
    for word, instead in read.corrected.items():
        yield f"no product has {word!r}: looked for {instead!r} instead"
    if read.unknown:
        yield f"no product has {', '.join(map(repr, read.unknown[:5]))}"
    if read.left_out:
        yield f"only the first {MAX_TERMS} words are looked for; {read.left_out:,} more are left out"
    num_items = len(fitted.searcher.taken)
    if read.terms and all(lexical.frequency[lexical.place[t]] > COMMON * num_items for t in read.terms):
        yield f"{shown!r} has only words that many products have"
    if not read.terms and "photo" not in found.parts:
        known = "no word of it is known" if read.text else "there is no word in it"
        yield f"{shown!r}: {known}" + ("; what answers is near in meaning" if answers else "")
    if answers < k and some_allowed:
        yield f"{shown!r}: {answers} of {k}: no other product matches" + (
            " and satisfies the filter" if answers < found.matches().sum() else ""
        )


def _by_name(beside: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return what is said of each phrase, by what is said and then by phrase."""
    names = {name for said in beside.values() for name in said}
    return {name: {text: said[name] for text, said in beside.items()} for name in sorted(names)}
