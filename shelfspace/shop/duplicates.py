"""Near-identical listings, found by their titles alone, before anything is trained.

Who is in one group is masked where negatives are drawn, and kept on one side of every split; so a wrong group
costs more than a missed one, and the rules lean that way. Titles come close by their characters, then must
survive a reading word by word: what has another number, size, model code or colour is another product.

N listings, G distinct titles, F character n-grams.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import combinations

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.sparse.csgraph import connected_components
from sklearn.feature_extraction.text import TfidfVectorizer

from shelfspace.shop.folding import folded

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

IDLE_WORDS = frozenset(["and", "the", "of", "by", "with", "for"])
"""Words that a listing may have or leave out without being another product."""

IDLE_PHRASES = ("free shipping", "free delivery", "best price", "包邮", "正品", "特价", "热卖", "促销")
"""What shops add to any title."""

_LINKS = frozenset(["to", "from", "into", "x", "转", "到"])
"""Words whose two sides are not to be exchanged: PCI to USB, 240 x 320."""


def near_duplicates(
    titles: Sequence[str | None],
    *,
    distinguishing: Sequence[Sequence[object]] = (),
    threshold: float = 0.7,
    max_shared: int = 5,
    max_neighbours: int = 10,
) -> npt.NDArray[np.int32]:
    """Group listings whose titles say the same.

    Two listings are near-identical where their titles are equal but for case, accents, punctuation, spaces,
    one run of words that moved, idle words (`the`, `free shipping`), plurals and slips of the pen. A slip is
    a letter or two in a word that nobody else spells so, while others use the right one. All members of a
    group are so to each other (complete link): no chain of small steps joins what is far apart. A listing
    without a title is alone. Titles that are shared are not names: one that more than `max_shared` listings
    have is that of a kind of product, and where less than half of the listings have a title of their own,
    all are.

    Candidates are all pairs of the same numbers and initials with a cosine of at least `threshold` between
    TF-IDF vectors of character trigrams. They are found exactly with the prefix filter of Bayardo, Ma and
    Srikant (2007, Scaling up all pairs similarity search): such a pair shares one of the few rarest n-grams
    of either title, so that the sparse product is taken over these alone, in blocks. Works for any script;
    a Chinese character counts as a word.

    Args:
        titles: one for each listing, None or blank where it has none.
        distinguishing: columns [N] such as the brand or the size; where both of two listings have a value,
            and not the same, they are different products.
        threshold: the least cosine, in (0, 1].
        max_shared: the most listings that one title may have.
        max_neighbours: of each title, as many of the closest are read word by word.

    Returns:
        int32 [N], equal within a group; groups are numbered by first appearance.

    Time and memory: O(N) but for the candidates, which grow with families of nearly equal titles; 200
    thousand listings take some 10 to 20 seconds and 1 GB on one core.

    Example:
        >>> near_duplicates(["Nail lacquer H55", "nail-lacquer h 55", "Nail lacquer H56", None]).tolist()
        [0, 0, 1, 2]
    """
    words = [_words(title) for title in titles]
    values = list(zip(*distinguishing, strict=True)) if distinguishing else [()] * len(titles)
    named = _named(words, max_shared)
    group = np.arange(len(titles), dtype=np.int64)
    first: dict[tuple[object, ...], int] = {}
    for row in np.flatnonzero(named):
        group[row] = first.setdefault((" ".join(words[row]), values[row]), int(row))
    rows = np.array(sorted(first.values()), dtype=np.int64)
    if len(rows) > 1:
        reader = _Reader([words[r] for r in rows], [values[r] for r in rows])
        merged = _complete_link(_candidates(reader, threshold, max_neighbours), reader)
        target = np.arange(len(titles))
        target[rows] = rows[merged]
        group = target[group]
    return by_appearance(group)


def joined(
    groups: npt.NDArray[np.int32], left: npt.NDArray[np.integer], right: npt.NDArray[np.integer]
) -> npt.NDArray[np.int32]:
    """Join the groups of listings that somebody said are one product.

    Args:
        groups: int32 [N].
        left: integers [P], listings, each said to be the same product as
        right: integers [P].

    Returns:
        int32 [N], numbered by first appearance. O(N + P).

    Example:
        >>> joined(np.array([0, 0, 1, 2], np.int32), np.array([1]), np.array([3])).tolist()
        [0, 0, 1, 0]
    """
    size = int(groups.max(initial=-1)) + 1
    graph = sparse.csr_array((np.ones(len(left), bool), (groups[left], groups[right])), shape=(size, size))
    _, component = connected_components(graph, directed=False)
    return by_appearance(component[groups])


def by_appearance(groups: npt.NDArray[np.integer]) -> npt.NDArray[np.int32]:
    """Return groups of any numbers, [N], numbered by first appearance.

    Example:
        >>> by_appearance(np.array([7, 3, 7])).tolist()
        [0, 1, 0]
    """
    _, start, inverse = np.unique(groups, return_index=True, return_inverse=True)
    order = np.empty(len(start), np.int32)
    order[np.argsort(start)] = np.arange(len(start))
    return order[inverse]


_CJK = r"\u3400-\u9fff\u3040-\u30ff"
_WORD = re.compile(rf"(?<!\w)-?\d+(?:[.,]\d+)*|\d+(?:[.,]\d+)*|\+|[{_CJK}]|[^\W\d_{_CJK}]+")
_IDLE_PHRASE = re.compile("|".join(map(re.escape, IDLE_PHRASES)))


def _words(title: str | None) -> tuple[str, ...]:
    """Cut a title into numbers, runs of letters, plus signs, and single Chinese or Japanese characters."""
    if not title:
        return ()
    plain = folded(title).replace("'", "").replace("’", "")
    words = tuple(_WORD.findall(_IDLE_PHRASE.sub(" ", plain)))
    return tuple(w for w in words if w not in IDLE_WORDS) or words


def _named(words: Sequence[tuple[str, ...]], max_shared: int) -> npt.NDArray[np.bool_]:
    shared = Counter(words)
    titled = sum(1 for w in words if w)
    own = sum(1 for w, count in shared.items() if w and count == 1)
    if 2 * own < titled and titled > 2 * max_shared:
        return np.zeros(len(words), bool)
    return np.array([bool(w) and shared[w] <= max_shared for w in words], bool)


class _Reader:
    """Reads two titles word by word, knowing how often each word is used in the shop."""

    def __init__(self, words: Sequence[tuple[str, ...]], values: Sequence[tuple[object, ...]]) -> None:
        self.words = words
        self.values = values
        self.texts = [" ".join(w) for w in words]
        self.numbers = [tuple(w for w in ws if w[-1].isdigit() or w == "+") for ws in words]
        self.usage = Counter(word for ws in words for word in set(ws))
        # a word and its variant begin alike, so what may read the same has the same numbers and initials
        self.blocks = [
            " ".join((*n, *sorted(w[0] for w in ws))) for n, ws in zip(self.numbers, words, strict=True)
        ]

    def same(self, a: int, b: int) -> bool:
        """Whether two listings are one product, as far as titles and distinguishing columns say."""
        if self.numbers[a] != self.numbers[b]:
            return False
        values = zip(self.values[a], self.values[b], strict=True)
        if any(x is not None and y is not None and x != y for x, y in values):
            return False
        left, right = self.words[a], self.words[b]
        if "".join(left) == "".join(right):
            return True
        only_right = list((Counter(right) - Counter(left)).elements())
        spelling = {}
        for word in (Counter(left) - Counter(right)).elements():
            twin = next((other for other in only_right if self._variant(word, other)), None)
            if twin is None:
                return False
            only_right.remove(twin)
            spelling[twin] = word
        return not only_right and _reordered(left, tuple(spelling.get(w, w) for w in right))

    def _variant(self, one: str, other: str) -> bool:
        """Whether two words are one in the plural, or one with a slip that nobody else makes."""
        short, long = sorted((one, other), key=len)
        rare, known = sorted((self.usage[one], self.usage[other]))
        if len(short) >= 3 and known >= 2 and long in (short + "s", short + "es"):
            return True
        if len(short) < 4 or short[0] != long[0]:
            return False
        return rare == 1 and known >= 3 and _edits(short, long) <= (2 if len(short) >= 8 else 1)


def _reordered(left: tuple[str, ...], right: tuple[str, ...]) -> bool:
    """Whether one run of words moved, and not a letter of its own, nor across a word that links two sides."""
    while left and right and left[0] == right[0]:
        left, right = left[1:], right[1:]
    while left and right and left[-1] == right[-1]:
        left, right = left[:-1], right[:-1]
    if not left:
        return not right
    if not _LINKS.isdisjoint(left):
        return False
    for cut in range(1, len(left)):
        one, other = left[:cut], left[cut:]
        if other + one == right:
            cjk = len(one[0]) == 1 and one[0] > "\u3000"
            whole = cjk or (len("".join(one)) > 1 and len("".join(other)) > 1)
            return whole and (cjk or set(one).isdisjoint(other))
    return False


def _edits(one: str, other: str) -> int:
    """Letters to change, add, drop or swap with a neighbour (optimal string alignment)."""
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one, start=1):
        last, before, row = before, row, [i]
        for j, against in enumerate(other, start=1):
            least = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (letter != against))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == against:
                least = min(least, last[j - 2] + 1)
            row.append(least)
    return row[-1]


def _candidates(reader: _Reader, threshold: float, max_neighbours: int) -> Iterator[tuple[int, int]]:
    """Yield pairs of titles that may read the same: those equal but for spaces, then by falling cosine."""
    spaced: dict[str, list[int]] = {}
    for row, text in enumerate(reader.texts):
        spaced.setdefault(text.replace(" ", ""), []).append(row)
    for rows in spaced.values():
        yield from combinations(rows[: max_neighbours + 1], 2)
    pairs = np.concatenate([np.empty((0, 3)), *_close(reader, threshold)])
    order = np.lexsort((pairs[:, 1], pairs[:, 0], -pairs[:, 2].round(5)))
    degree = np.zeros(len(reader.texts), np.int64)
    for a, b in pairs[order, :2].astype(np.int64).tolist():
        if degree[a] < max_neighbours and degree[b] < max_neighbours:
            degree[a] += 1
            degree[b] += 1
            yield a, b


def _close(reader: _Reader, threshold: float) -> Iterator[Floats]:
    """Yield pairs of titles of one block and their cosine, where it is at least the threshold."""
    _, block, sizes = np.unique(np.array(reader.blocks), return_inverse=True, return_counts=True)
    several = np.flatnonzero(sizes[block] > 1)
    if not len(several):
        return
    vectorizer = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 3), dtype=np.float32)
    vectors = sparse.csr_array(vectorizer.fit_transform(reader.texts))[several]
    for pairs in _sharing(_prefixes(vectors, block[several], threshold)):
        for chunk in np.array_split(pairs, len(pairs) // 200_000 + 1):
            cosine = (vectors[chunk[:, 0]] * vectors[chunk[:, 1]]).sum(axis=1)
            close = cosine >= threshold - 1e-6
            yield np.column_stack([several[chunk[close]], cosine[close]])


def _prefixes(vectors: sparse.csr_array, block: Ints, threshold: float) -> sparse.csr_array:
    """Keep of each row the rarest n-grams of its block, until the rest has a norm below the threshold."""
    row = np.repeat(np.arange(vectors.shape[0]), np.diff(vectors.indptr))
    keys = block[row] * vectors.shape[1] + vectors.indices
    _, gram, usage = np.unique(keys, return_inverse=True, return_counts=True)
    rank = np.empty(len(usage), np.int64)
    rank[np.argsort(usage, kind="stable")] = np.arange(len(usage))
    order = np.lexsort((rank[gram], row))
    weight = vectors.data[order].astype(np.float64) ** 2
    upto = np.cumsum(weight)
    start = np.concatenate([[0.0], upto])[vectors.indptr[:-1]]
    before = upto - weight - start[row]
    kept = order[1.0 - before >= threshold**2 - 1e-6]
    ones = np.ones(len(kept), np.float32)
    return sparse.csr_array((ones, (row[kept], gram[kept])), shape=(vectors.shape[0], len(usage)))


def _sharing(prefix: sparse.csr_array, max_products: int = 20_000_000) -> Iterator[Ints]:
    """Yield the pairs of rows that share an n-gram, first below second, by products of blocks of rows."""
    by_gram = sparse.csr_array(prefix.T)
    work = np.cumsum(prefix @ np.diff(by_gram.indptr))
    begin = 0
    while begin < prefix.shape[0]:
        done = work[begin - 1] if begin else 0
        end = max(begin + 1, int(np.searchsorted(work, done + max_products, side="right")))
        shared = (prefix[begin:end] @ by_gram).tocoo()
        above = shared.row + begin < shared.col
        yield np.column_stack([shared.row[above] + begin, shared.col[above]]).astype(np.int64)
        begin = end


def _complete_link(pairs: Iterator[tuple[int, int]], reader: _Reader) -> npt.NDArray[np.int64]:
    """Join groups in the order of the pairs, each time only if all their members read the same."""
    home = np.arange(len(reader.texts))
    members: dict[int, list[int]] = {}
    for a, b in pairs:
        one, other = int(home[a]), int(home[b])
        if one == other or not reader.same(a, b):
            continue
        ours, theirs = members.get(one, [one]), members.get(other, [other])
        if all(reader.same(x, y) for x in ours for y in theirs):
            keep = min(one, other)
            members[keep] = sorted(ours + theirs)
            home[members[keep]] = keep
    return home
