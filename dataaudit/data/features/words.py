"""Texts as words, in any script."""

import re
import unicodedata

_UNSPACED = (
    "\u0e00-\u0e7f\u0e80-\u0eff\u1000-\u109f\u1780-\u17ff"  # Thai, Lao, Burmese, Khmer
    "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"  # kana and Han
)
WORD = re.compile(rf"[{_UNSPACED}]|[^\W_{_UNSPACED}]+")
"""A word; in scripts that set no spaces between words, a character."""


def words(text: str) -> list[str]:
    """The words of a text, so that case, width, punctuation and white space make no difference."""
    return WORD.findall(unicodedata.normalize("NFKC", text).casefold())
