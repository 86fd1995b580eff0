"""One spelling of a text: what a reader would not tell apart is the same."""

import re
import unicodedata
from functools import cache

import opencc

_ACCENT = re.compile("[\u0300-\u036f]")
"""Of Latin, Greek and Cyrillic letters; signs of other scripts make another letter of the one they stand on."""

UNITS = {
    "毫升": "ml",
    "公升": "l",
    "升": "l",
    "毫克": "mg",
    "千克": "kg",
    "公斤": "kg",
    "克": "g",
    "毫米": "mm",
    "厘米": "cm",
    "公分": "cm",
    "英寸": "inch",
    "寸": "inch",
    "米": "m",
    "瓦": "w",
    "伏": "v",
    "毫安时": "mah",
    "毫安": "mah",
}
"""Chinese units as they are written in Latin letters; after a number they are the same."""

_UNIT = re.compile(rf"(?<=\d)\s*({'|'.join(sorted(UNITS, key=len, reverse=True))})")


def folded(text: str) -> str:
    """Return a text in one width, without case and accents, in simplified characters and with Latin units.

    Example:
        >>> folded("ＣＡＦÉ Ｘ１ 無線耳機")
        'cafe x1 无线耳机'
        >>> folded("保温杯 500毫升"), folded("保溫杯５００ＭＬ")
        ('保温杯 500ml', '保温杯500ml')
    """
    if text.isascii():
        return text.casefold()
    plain = unicodedata.normalize("NFKD", text).casefold()
    plain = unicodedata.normalize("NFC", _ACCENT.sub("", plain))
    if plain.isascii():
        return plain
    return _UNIT.sub(lambda unit: UNITS[unit[1]], plain.translate(_simplified()))


@cache
def _simplified() -> dict[int, str]:
    """Return the simplified character of each traditional one, character by character. 20 ms, once."""
    converter = opencc.OpenCC("t2s")
    characters = map(chr, range(0x3400, 0xA000))
    pairs = ((character, converter.convert(character)) for character in characters)
    return {ord(one): other for one, other in pairs if one != other and len(other) == 1}
