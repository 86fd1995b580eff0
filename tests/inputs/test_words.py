import math
import subprocess
import sys
from collections import Counter
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given as with_any
from hypothesis import strategies as st

from shelfspace.errors import ConfigError
from shelfspace.inputs.fields import Records
from shelfspace.inputs.tokens import PAIR, PIECE, WORD, pieces_of, tokens_of
from shelfspace.inputs.words import Words
from shelfspace.linear.features import words_of
from tests.contracts.reader_contract import KNOWN, TITLES, ReaderContract, records


class TestWords(ReaderContract):
    def make(self, **settings):
        return Words(**{"num_buckets": 500, "max_tokens": 9, **settings})


class TestTwoColumns(ReaderContract):
    def make(self, **settings):
        return Words(**{"columns": ["title", "category"], "num_buckets": 97, "pieces": False, **settings})


def of(titles):
    return Records.of_users(pa.table({"title": titles}), np.ones(len(titles)))


def names(text):
    """The tokens of a text, by kind, one by one."""
    words = words_of(text)
    return [
        *((WORD, w) for w in words),
        *((PAIR, p) for p in pairwise(words)),
        *((PIECE, p) for w in words for p in pieces_of(w)),
    ]


@with_any(st.lists(st.text(alphabet="ab红茶 -é", max_size=12), min_size=1, max_size=6))
def test_a_hash_stands_for_one_token_and_a_token_for_one_hash(texts):
    tokens = tokens_of(texts, pairs=True, pieces=True)
    found = sorted(zip(tokens.text.tolist(), tokens.kind.tolist(), tokens.hashed.tolist(), strict=True))
    code = {name: tokens_of_one(name) for text in texts for name in names(text)}
    assert found == sorted((n, name[0], code[name]) for n, text in enumerate(texts) for name in names(text))
    for kind in (WORD, PAIR, PIECE):
        own = [h for name, h in code.items() if name[0] == kind]
        assert len(set(own)) == len(own)


def tokens_of_one(name):
    """The hash of a token from a text that holds little else."""
    kind, token = name
    if kind == PIECE:
        word = token.strip("^$")
        word = (
            word
            if token.startswith("^") and token.endswith("$")
            else f"{'' if token[0] == '^' else 'a'}{word}"
        )
        word = word if token.endswith("$") else f"{word}b"
        tokens, place = tokens_of([word], pairs=False, pieces=True), pieces_of(word).index(token)
    else:
        text = token if kind == WORD else f"{token[0]} {token[1]}"
        tokens, place = tokens_of([text], pairs=kind == PAIR, pieces=False), 0
    return int(tokens.hashed[tokens.kind == kind][place])


def test_hashes_are_the_same_in_another_process():
    code = "from shelfspace.inputs.tokens import tokens_of as t; print(t(['red 茶'], pairs=True, pieces=True).hashed)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(tokens_of(["red 茶"], pairs=True, pieces=True).hashed)


def test_weights_are_those_of_the_formula():
    bag = Words(num_buckets=1 << 20, max_tokens=100).learn(records(), KNOWN).read(records())
    documents = Counter(name for n, text in enumerate(TITLES) if KNOWN[n] for name in set(names(text or "")))
    num_known = np.count_nonzero(KNOWN)
    for row, text in enumerate(TITLES):
        weights = [
            (1 + math.log(many)) * (1 + math.log((1 + num_known) / (1 + documents[name])))
            for name, many in Counter(names(text or "")).items()
            if documents[name]
        ]
        expected = np.sort(weights) / max(1e-9, np.linalg.norm(weights))
        found = np.sort(bag.weight[bag.indptr[row] : bag.indptr[row + 1]])
        np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_what_no_known_row_has_is_left_out():
    titles = of(["red mug", "green lamp"])
    reader = Words().learn(titles, np.array([True, False]))
    assert reader.read(titles).present.tolist() == [True, False]


def test_words_stay_before_pairs_and_pieces_and_the_rarest_before_the_others():
    titles = of(["red red red mug lamp", "red mug", "red", "mug", "mug"])
    words = Words(pairs=False, pieces=False).learn(titles, np.ones(5, bool)).read(titles)
    cut = Words(max_tokens=2).learn(titles, np.ones(5, bool)).read(titles)
    alone = Words(pairs=False, pieces=False).learn(titles, np.ones(5, bool)).read(of(["lamp", "red"]))
    assert words.indptr[1] == 3
    assert cut.index[:2].tolist() == words.index[:2].tolist()
    assert set(cut.index[:2].tolist()) == set(alone.index.tolist())
    assert np.diff(cut.indptr).max() == 2


def test_pairs_do_not_cross_texts():
    table = pa.table({"title": ["a b", "b c"], "tags": pa.array([["c", "a"], ["c"]])})
    given = Records.of_users(table, np.ones(2))
    reader = Words(columns=["title", "tags"], pieces=False).learn(given, np.ones(2, bool))
    assert np.diff(reader.read(given).indptr).tolist() == [4, 3]
    again = reader.read(Records.of_users(pa.table({"title": ["b c a"]}), np.ones(1)))
    assert np.diff(again.indptr).tolist() == [4]


def test_chinese_titles_share_characters_and_pairs():
    titles = of(["红茶杯", "绿茶杯", "台灯"])
    bag = Words().learn(titles, np.ones(3, bool)).read(titles)
    rows = [set(bag.index[a:b].tolist()) for a, b in pairwise(bag.indptr)]
    assert len(rows[0] & rows[1]) == 3
    assert not rows[0] & rows[2]


def test_one_bucket_holds_every_token():
    bag = Words(num_buckets=1).learn(of(["red mug", None]), np.ones(2, bool)).read(of(["red mug", None]))
    assert set(bag.index.tolist()) == {0}
    assert bag.present.tolist() == [True, False]


@pytest.mark.parametrize("setting", [{"columns": []}, {"num_buckets": 0}, {"max_tokens": 0}])
def test_a_bad_setting_is_named(setting):
    with pytest.raises(ConfigError, match=next(iter(setting))):
        Words(**setting)
