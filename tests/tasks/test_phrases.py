"""Similar products by a phrase, and in Chinese as shops write it."""

import itertools
from pathlib import Path

import numpy as np
import opencc
import pandas as pd
import pytest

import shelfspace as ss
from shelfspace.errors import InputError

BRANDS = {
    "华为": "Huawei",
    "小米": "Xiaomi",
    "苏泊尔": "Supor",
    "美的": "Midea",
    "九阳": "Joyoung",
    "飞利浦": "Philips",
}
THINGS = {
    "无线蓝牙耳机": ["降噪版", "运动款", "青春版"],
    "电饭煲": ["3升", "4升", "5升"],
    "保温杯": ["350毫升", "500毫升", "750毫升"],
    "电动牙刷": ["成人款", "儿童款", "旅行装"],
    "空气净化器": ["卧室用", "客厅用", "车载"],
    "咖啡豆": ["250克", "500克", "1千克"],
}
COLOURS = ["黑色", "白色", "樱花粉"]
UNITS = {"毫升": "ml", "千克": "kg", "克": "g", "升": "L"}


def products() -> list[tuple[str, ...]]:
    return [
        (brand, thing, kind, colour)
        for brand, (thing, kinds), colour in itertools.product(BRANDS, THINGS.items(), COLOURS)
        for kind in kinds
    ]


def units(text: str) -> str:
    for chinese, latin in UNITS.items():
        text = text.replace(chinese, latin)
    return text


REWRITTEN = {
    "traditional": lambda p: opencc.OpenCC("s2t").convert("".join(p)),
    "full width": lambda p: "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in "".join(p)),
    "another order": lambda p: f"{p[3]} {p[1]} {p[0]} {p[2]}",
    "units": lambda p: units("".join(p)),
    "brand in Latin letters": lambda p: f"{BRANDS[p[0]]} {p[1]}{p[2]}{p[3]}",
    "shop's phrases": lambda p: f"【包邮】{''.join(p)} 正品特价",
}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> ss.Space:
    """A catalogue whose titles name the brand in both scripts, as Chinese shops do."""
    rows = [f"{p[0]}（{BRANDS[p[0]]}）{p[1]}{p[2]} {p[3]}" for p in products()]
    items = pd.DataFrame({"item_id": [f"p{n}" for n in range(len(rows))], "title": rows})
    return ss.train(
        items=items, sets=["clean.duplicate_listings=false"], out=tmp_path_factory.mktemp("shop") / "run"
    )


@pytest.mark.parametrize("how", REWRITTEN)
def test_a_rewritten_chinese_title_finds_its_product(shop: ss.Space, how: str):
    first = [
        next(iter(shop.similar(phrase=REWRITTEN[how](product), k=1))).item_id == f"p{n}"
        for n, product in enumerate(products())
    ]
    assert len(first) == 324
    assert np.mean(first) >= 0.95


def test_a_phrase_of_a_title_lies_where_its_listing_does(shop: ss.Space):
    for n in (0, 7, 100):
        hit = next(iter(shop.similar(phrase=shop.titles[n], k=1)))
        assert hit.item_id == f"p{n}"
        assert hit.score == pytest.approx(1.0, abs=1e-4)


def test_towers_read_phrases_too_and_an_item_is_altered_by_one(small_run: Path):
    space = ss.open(small_run)
    assert "learnt" in space.blocks
    assert all("lamp" in hit.title for hit in space.similar(phrase="desk lamp", k=3))
    item = "sku-003"  # a lamp
    plain = [h.item_id for h in space.similar(item, k=10)]
    altered = [h.item_id for h in space.similar(item, phrase="coffee bean", k=10)]
    asked = (space.similar(item, k=200), space.similar(phrase="coffee bean", k=200))
    one, other = ({h.item_id: h.score for h in hits} for hits in asked)
    both = {i: one[i] + other[i] for i in one.keys() & other.keys()}
    assert altered != plain
    assert altered == sorted(both, key=lambda i: -both[i])[:10]


def test_vectors_of_closed_form_read_phrases_after_they_were_saved(small_shop: Path, tmp_path: Path):
    space = ss.train(small_shop, sets=["recipe.use=linear"], out=tmp_path / "run")
    assert set(space.blocks) == {"behaviour", "content"}
    hits = list(space.similar(phrase="leather boot just arrived", k=1, why=True))
    assert hits[0].item_id == "sku-new"
    assert sum(part.amount for part in hits[0].why) == pytest.approx(hits[0].score, abs=1e-5)


def test_phrases_that_say_nothing(shop: ss.Space):
    answer = shop.similar(phrase="qqqq zzzz", k=3)
    assert len(answer) == 0
    assert any("no word of 'qqqq zzzz'" in note for note in answer.notes)
    with pytest.raises(InputError, match="name an item, or give a phrase or a photo"):
        shop.similar()
    with pytest.raises(InputError, match="name an item, or give a phrase or a photo"):
        shop.similar(phrase="  ")
    with pytest.raises(InputError, match="too long"):
        shop.similar(phrase="x" * 10_001)
    assert len(shop.similar(phrase="😀 耳机 ножницы", k=3)) == 3
