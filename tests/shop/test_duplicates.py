"""Near-identical listings: what is one product, what only looks like it, and close titles found naively."""

import doctest
from itertools import combinations

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.feature_extraction.text import TfidfVectorizer

from shelfspace.shop import duplicates
from shelfspace.shop.duplicates import near_duplicates

SHOP = [
    f"{thing} {colour}" for thing in ("cake stand", "tea towel", "umbrellas") for colour in ("teal", "ochre")
]
"""Titles beside the pair in question, so that a shop has words of its own."""


def one_product(one: str, other: str, **columns) -> bool:
    groups = near_duplicates([one, other, *SHOP], **columns)
    return bool(groups[0] == groups[1])


def test_examples_run():
    assert doctest.testmod(duplicates).failed == 0


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("RED RETROSPOT MUG", "Red  retrospot mug."),
        ("heart t-light holder", "Heart T-Light Holder "),
        ("Café crème bowl", "cafe creme bowl"),
        ("linksys wireless-g broadband router wrt54gl", "linksys wireless-g wrt54gl broadband router"),
        ("sony universal remote rm-ez4", "sony universal remote rmez4"),
        ("women black & grey top", "women grey and black top"),
        ("Nail lacquer H55 free shipping", "nail lacquer h55"),
        ("umbrella with a frill teal", "umbrellas with a frill teal"),
        ("garden umbrellas ochre with a wooden handle", "garden umbrelals ochre with a wooden handle"),
        ("【包邮】红色连衣裙 XL", "红色连衣裙XL"),
        ("红色连衣裙 长款", "长款红色连衣裙"),
    ],
)
def test_one_product(one, other):
    assert one_product(one, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("nail lacquer h55", "nail lacquer h56"),
        ("retrospot mug red", "retrospot mug blue"),
        ("retrospot mug", "retrospot mug large"),
        ("rose water 50 ml", "rose water 100 ml"),
        ("set of 3 cake tins", "set of 6 cake tins"),
        ("Verbatim DVD+R 4.7 GB 50 pcs", "Verbatim DVD-R 4.7 GB 50 pcs"),
        ("Epson matte paper A3+ 50 sheets", "Epson matte paper A3 50 sheets"),
        ("Canon lens eg (+3) black", "Canon lens eg (-3) black"),
        ("Adapter DVI-D male to HDMI-A female", "Adapter DVI-D female to HDMI-A male"),
        ("Replacement mouse PS/2 to USB", "Replacement mouse USB to PS/2"),
        ("phone screen 240 x 320 pixels", "phone screen 320 x 240 pixels"),
        ("router cable adapter F/M", "router cable adapter M/F"),
        ("motherboard S3210SHLC socket", "motherboard S3210SHLX socket"),
        ("toner for phaser 6300 not 6350", "toner for phaser 6350 not 6300"),
        ("红色连衣裙", "蓝色连衣裙"),
        ("红色连衣裙 100 厘米", "红色连衣裙 110 厘米"),
    ],
)
def test_two_products(one, other):
    assert not one_product(one, other)


def test_a_distinguishing_column_tells_apart_where_both_have_it():
    titles = ["cotton shirt", "Cotton Shirt", "cotton-shirt", *SHOP]
    rest = [None] * len(SHOP)
    groups = near_duplicates(titles, distinguishing=[["S", "M", "S", *rest]])
    assert groups[0] == groups[2] != groups[1]
    assert near_duplicates(titles, distinguishing=[["S", None, "S", *rest]])[:3].tolist() == [0, 0, 0]


def test_no_title_is_alone_and_groups_are_numbered_by_first_appearance():
    groups = near_duplicates(["tea", None, "TEA", "  ", "!!", "cup"])
    assert groups.tolist() == [0, 1, 0, 2, 3, 4]
    assert groups.dtype == np.int32
    assert near_duplicates([]).tolist() == []
    assert near_duplicates([None, None]).tolist() == [0, 1]


def test_a_title_that_many_listings_have_is_no_name():
    titles = ["soft drinks"] * 6 + [f"book number {i}" for i in range(20)] + ["Book number 1"]
    groups = near_duplicates(titles)
    assert len(set(groups[:6].tolist())) == 6
    assert groups[-1] == groups[7]


def test_where_most_titles_are_shared_they_name_kinds():
    kinds = [
        f"{word} crackers" for word in ("plain", "butter", "cheese", "rice", "wheat", "oat") for _ in range(2)
    ]
    assert near_duplicates(kinds).tolist() == list(range(12))


def test_a_chain_of_small_steps_joins_no_ends():
    # each neighbour is a move away, the ends are not
    titles = ["amber bottle candle dish", "bottle amber candle dish", "bottle amber dish candle"]
    reader = duplicates._Reader([tuple(t.split()) for t in titles], [()] * 3)
    assert reader.same(0, 1)
    assert reader.same(1, 2)
    assert not reader.same(0, 2)
    assert len(set(near_duplicates([*titles, *SHOP])[:3].tolist())) == 2


@settings(max_examples=25, deadline=None)
@given(
    titles=st.lists(st.text("ab ", min_size=3, max_size=14), min_size=2, max_size=25),
    threshold=st.sampled_from([0.5, 0.8, 0.95]),
)
def test_the_prefix_filter_misses_no_close_pair(titles, threshold):
    words = [duplicates._words(t) or ("empty",) for t in titles]
    reader = duplicates._Reader(words, [()] * len(words))
    got = {tuple(sorted(pair)) for pair in duplicates._candidates(reader, threshold, len(words))}
    vectors = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 3)).fit_transform(reader.texts).toarray()
    cosine = vectors @ vectors.T
    for pair in combinations(range(len(words)), 2):
        if abs(cosine[pair] - threshold) > 1e-4:
            one_block = reader.blocks[pair[0]] == reader.blocks[pair[1]]
            equal = "".join(words[pair[0]]) == "".join(words[pair[1]])
            assert (pair in got) == (equal or (one_block and cosine[pair] > threshold))


def test_precision_on_labelled_pairs_of_two_shops(data):
    items = pq.read_table(data / "abt-buy" / "items.parquet")
    groups = near_duplicates(items["name"].to_pylist())
    group = dict(zip(items["item_id"].to_pylist(), groups.tolist(), strict=True))
    pairs = [p for part in ("train", "valid", "test") for p in labelled(data, part)]
    joined = [label for left, right, label in pairs if group[left] == group[right]]
    assert len(joined) >= 15
    assert all(joined)


def labelled(data, part):
    table = pq.read_table(data / "abt-buy" / f"pairs-{part}.parquet")
    return zip(*(table[c].to_pylist() for c in ("left_id", "right_id", "label")), strict=True)
