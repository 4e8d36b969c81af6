"""Texts as words, in any script."""

import re
import unicodedata

_UNSPACED = (
    "\u0e00-\u0e7f\u0e80-\u0eff\u1000-\u109f\u1780-\u17ff"  # Thai, Lao, Burmese, Khmer
    "\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff"  # iteration marks and kana
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"  # Han
)
WORD = re.compile(rf"[{_UNSPACED}]|[^\W_{_UNSPACED}]+")
"""A word; in scripts that set no spaces between words, a character."""
SPACED_WORD = rf"(?u)(?:(?![{_UNSPACED}])\w)+"
"""The pattern of a word in scripts that set spaces; a text in none but these has the words that `\\b\\w+\\b` finds."""
_RUN = re.compile(rf"[{_UNSPACED}]+")


def unspaced_grams(text: str, longest: int) -> list[str]:
    """All strings of one to `longest` characters in scripts that set no spaces, within each unbroken run of them."""
    runs = _RUN.findall(unicodedata.normalize("NFKC", text))
    return [
        run[start : start + length]
        for run in runs
        for length in range(1, longest + 1)
        for start in range(len(run) - length + 1)
    ]


def count_of_words(text: str) -> float:
    """Words between spaces, or half the characters of scripts that set none: most words there have two or more."""
    return max(len(text.split()), sum(map(len, _RUN.findall(text))) / 2)


def words(text: str) -> list[str]:
    """The words of a text, so that case, width, punctuation and white space make no difference."""
    return WORD.findall(unicodedata.normalize("NFKC", text).casefold())
