"""Texts as words, in any script."""

import re
import unicodedata

_UNSPACED = (
    "\u0e00-\u0e7f\u0e80-\u0eff\u1000-\u109f\u1780-\u17ff"  # Thai, Lao, Burmese, Khmer
    "\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff"  # iteration marks and kana
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"  # Han
)
_MARKS = (
    "\u0300-\u036f\u0591-\u05bd\u064b-\u065f\u0670"  # accents, Hebrew and Arabic points
    "\u0900-\u0963\u0966-\u0dff"  # the scripts of India, whose vowel signs are marks
)
WORD = re.compile(rf"[{_UNSPACED}]|(?:[^\W_{_UNSPACED}]|[{_MARKS}])+")
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


_NEGATIVE = re.compile(r"(?<!\S)-(?=\d)")
_BETWEEN_DIGITS = re.compile(r"(?<=\d)[^\w]+(?=\d)")


class _Kept(dict[int, str | None]):
    """For str.translate: letters, digits, marks and symbols stay; punctuation, white space and controls go."""

    def __missing__(self, code: int) -> str | None:
        is_kept = unicodedata.category(chr(code))[0] in "LMNS" and not 0xFE00 <= code <= 0xFE0F  # variation selectors
        self[code] = chr(code) if is_kept else None
        return self[code]


# An accent or an apostrophe typed beside a letter is punctuation; `#` and `%` tell C from C# and 5 from 5 %.
_KEPT = _Kept({ord(sign): None for sign in "`´^¨"} | {ord(sign): sign for sign in "#%&@"})


def words(text: str) -> list[str]:
    """The words of a text, so that case, width, punctuation and white space make no difference."""
    return WORD.findall(unicodedata.normalize("NFKC", text).casefold())


def cleaned(text: str) -> str:
    """A text without what makes no difference: case, width, punctuation and white space, also within words.

    "Top-up limit?" and "top up limit" are equal, "1.5" and "15", or "5" and "-5", are not. Of a text without letters,
    digits or symbols the punctuation stays, so that only a blank text becomes empty.
    """
    normal = unicodedata.normalize("NFKC", text).casefold()
    bare = _BETWEEN_DIGITS.sub("\u2044", _NEGATIVE.sub("\u2212", normal)).translate(_KEPT)
    return bare or "".join(sign for sign in normal if sign.isprintable() and not sign.isspace())
