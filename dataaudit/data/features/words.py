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


# What is typed for an apostrophe, also letters and accents beside a letter, which NFKC would put upon it; wave dashes.
_TYPED = str.maketrans(dict.fromkeys("`´΄᾽᾿´῾‘’‛′ʹʻʼʽʾʿ", "'") | dict.fromkeys("〜～", "-"))
_SIGNS = str.maketrans(dict.fromkeys("‐‒–—―−", "-") | dict.fromkeys("⁄∕", "/") | {"٪": "%"})
_RAISED = re.compile(r"(?<=\d)(?=[¹²³¼-¾⁰-₟⅐-↉①-⓿❶-➓])")
"""Between a digit and another that NFKC would put beside it: 10⁵ is not 105, 1½ is not 11/2."""
_MEANT = re.compile(
    r"""(?=[-./:'*!;#%&@§‰\s]) (   # what any of these begins with, for speed
    (?<=\d) (?: [-./:'*]+ | \s+[-/:*]\s+ ) (?=\d)     # 1.5, 3/4, 10:30, 10 - 20
    | (?<![\w.)-]) (?: -\.? | \. ) (?=[$€£¥]?\.?\d)   # -5, .5, -$5
    | (?<=\de) - (?=\d)                               # 1e-5
    | (?: (?<=\b[a-z]) | (?<=\bab) | (?<=\brh) ) - (?=[\s.,;:!?)]|$)   # the blood groups A-, AB-, Rh-
    | ! (?=[\w(=]) | - (?=[>=])                        # !=, !ready, ->
    | (?<!\S) [:;]'?-? [()/|]+ (?!\w)                  # :-) and :-(
    | [#%&@§‰]                                        # C#, 5 %, Q&A
    )""",
    re.VERBOSE,
)
"""Punctuation that has a meaning of its own."""
_NO_GAP = re.compile(r" (?:(?<!\d )|(?!\d))")
_INVISIBLE = "\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef"
_NOTHING = re.compile(f"[\u0640{_INVISIBLE}]")  # what stretches an Arabic word, fillers, variation selectors


class _Kept(dict[int, str | None]):
    """For str.translate: letters, digits, marks and symbols stay, punctuation and white space become a blank."""

    def __missing__(self, code: int) -> str | None:
        category = unicodedata.category(chr(code))
        is_nothing = category == "Cf" or _NOTHING.match(chr(code))
        self[code] = None if is_nothing else chr(code) if category[0] in "LMNS" else " "
        return self[code]


_KEPT = _Kept({ord("`"): " "})


def words(text: str) -> list[str]:
    """The words of a text, so that case, width, punctuation and white space make no difference."""
    return WORD.findall(_normal(text))


def cleaned(text: str) -> str:
    """A text without what makes no difference: case, width, punctuation and white space, also within words.

    "Top-up limit?" and "top up limit", or "isn't" and "isnt", are equal; "1.5" and "15", "5" and "-5", "C" and "C#" are
    not, nor are letters with other accents. Of a text without letters, digits or symbols the punctuation stays, so that
    only a blank text becomes empty.
    """
    normal = _normal(text)
    parts = _MEANT.split(normal)
    parts[::2] = [part.translate(_KEPT) for part in parts[::2]]
    parts[1::2] = [part.strip() for part in parts[1::2]]
    bare = _NO_GAP.sub("", " ".join("".join(parts).split()))
    return bare or "".join(sign for sign in normal if sign.isprintable() and not sign.isspace())


def _normal(text: str) -> str:
    """In one case and one encoding of each character; case may take characters apart that are to be one again."""
    if text.isascii():
        return text.lower()
    text = unicodedata.normalize("NFKC", _RAISED.sub("^", text.translate(_TYPED)))
    return unicodedata.normalize("NFKC", text.casefold()).translate(_SIGNS)
