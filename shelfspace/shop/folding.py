"""One spelling of a text: what a reader would not tell apart is the same."""

import re
import unicodedata
from functools import cache

import opencc

_ACCENT = re.compile("[\u0300-\u036f]")
"""Of Latin, Greek and Cyrillic letters; signs of other scripts make another letter of the one they stand on."""


def folded(text: str) -> str:
    """Return a text in one width, without case and accents, traditional Chinese characters as simplified ones.

    Example:
        >>> folded("ＣＡＦÉ Ｘ１ 無線耳機")
        'cafe x1 无线耳机'
    """
    if text.isascii():
        return text.casefold()
    plain = unicodedata.normalize("NFKD", text).casefold()
    plain = unicodedata.normalize("NFC", _ACCENT.sub("", plain))
    return plain if plain.isascii() else plain.translate(_simplified())


@cache
def _simplified() -> dict[int, str]:
    """Return the simplified character of each traditional one, character by character. 20 ms, once."""
    converter = opencc.OpenCC("t2s")
    characters = map(chr, range(0x3400, 0xA000))
    pairs = ((character, converter.convert(character)) for character in characters)
    return {ord(one): other for one, other in pairs if one != other and len(other) == 1}
