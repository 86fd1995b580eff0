"""What a phrase probably means to say: words that no listing has, replaced; words written apart or together, joined."""

from dataclasses import dataclass
from itertools import pairwise

from rapidfuzz import process
from rapidfuzz.distance import OSA

from shelfspace.searching.lexical import Lexical
from shelfspace.searching.terms import terms_of

MAX_TERMS = 64
"""Words of a phrase that are looked at."""

MAX_UNKNOWN = 8
"""Unknown words of a phrase that are looked up among the known ones."""

SHORTEST = 4
"""Letters of a word that may be a slip of another: of shorter ones too many are near."""

LONG = 8
"""From so many letters on two slips are forgiven, before it one."""


@dataclass(frozen=True)
class Read:
    """How a phrase is read.

    text: what is meant: the phrase, what was corrected in it included; empty where there is no word at all;
    terms: known, each once;  corrected: a word as it was written -> what is looked for instead;
    unknown: words that no listing has and that are near to none;  left_out: how many words were not looked at.
    """

    text: str
    terms: list[str]
    corrected: dict[str, str]
    unknown: list[str]
    left_out: int = 0


def read(phrase: str, lexical: Lexical, *, tolerant: bool = True) -> Read:
    """Read a phrase.

    A word that a listing has is never replaced; nor is one with a digit in it, which may be a model's name. An unknown
    word is what is left of it when it falls into two known ones; else the nearest known word, the most frequent of
    several. Two words that are one in the catalogue (`head set`) are looked for as that, too.

    Cost: some milliseconds for each unknown word among 30,000 known ones; at most `MAX_UNKNOWN` are looked up.

    Source: Damerau. A Technique for Computer Detection and Correction of Spelling Errors. 1964.
    """
    written = terms_of(phrase)
    distinct = list(dict.fromkeys(written))
    kept = distinct[:MAX_TERMS]
    found: list[str] = []
    corrected: dict[str, str] = {}
    unknown: list[str] = []
    looked_up = 0
    for word in kept:
        if word in lexical.place:
            found.append(word)
            continue
        instead: list[str] = []
        if tolerant and looked_up < MAX_UNKNOWN and len(word) >= SHORTEST and word.isalpha():
            looked_up += 1
            instead = _apart(word, lexical) or _near(word, lexical)
        found += instead
        if instead:
            corrected[word] = " ".join(instead)
        else:
            unknown.append(word)
    if tolerant:
        found += [a + b for a, b in pairwise(kept) if len(a + b) >= LONG - 2 and a + b in lexical.place]
    text = " ".join(corrected.get(term, term) for term in kept) if corrected else phrase if written else ""
    return Read(text, list(dict.fromkeys(found)), corrected, unknown, len(distinct) - len(kept))


def _apart(word: str, lexical: Lexical) -> list[str]:
    """Return the two known words that this one is made of, those most alike in length; or none."""
    cuts = [
        (word[:at], word[at:])
        for at in range(SHORTEST, len(word) - SHORTEST + 1)
        if word[:at] in lexical.place and word[at:] in lexical.place
    ]
    return list(max(cuts, key=lambda cut: min(map(len, cut)))) if cuts else []


def _near(word: str, lexical: Lexical) -> list[str]:
    """Return the known word with the fewest slips between, the most frequent of several; or none."""
    slips = 2 if len(word) >= LONG else 1
    lengths = range(max(SHORTEST, len(word) - slips), len(word) + slips + 1)
    known = [term for length in lengths for term in lexical.by_length.get(length, ())]
    near = process.extract(word, known, scorer=OSA.distance, score_cutoff=slips, limit=50)
    if not near:
        return []
    return [min(near, key=lambda hit: (hit[1], -lexical.frequency[lexical.place[hit[0]]], hit[0]))[0]]
