"""Numbers as people write them: `$1,234.56`, `1.234,56`, `1 234`, `45%`, `(12)` for -12, `12 kg`."""

import re
from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .word_shapes import Shape, shapes

NEARLY_ALL = 0.95
"""Least share of the rows that must be written alike for the column to be read as what they are."""
SAMPLED = 200
"""Words that are tried before all are."""
CURRENCY = r"US\$|R\$|[$€£¥₹₩₽₺₴₪฿]|USD|EUR|GBP|JPY|CHF|CNY|INR|CAD|AUD|Rs\.?|kr\.?"
UNIT = rf"{CURRENCY}|[%‰]|°?[^\W\d_]{{1,12}}[²³]?(?:/[^\W\d_]{{1,6}}[²³]?)?"
NUMBER = re.compile(
    rf"(?P<open>\()?(?P<sign>[+-])?\s?(?P<before>{CURRENCY})?\s?(?P<inner>[+-])?(?P<digits>[\d.,' ]*\d\.?)"
    rf"(?P<exponent>[eE][+-]?\d+)?\s?(?P<after>{UNIT})?(?P<close>\))?"
)
GROUPED = re.compile(
    r"(?:\d+|(?P<group>\d{1,3}(?P<mark>[, '])\d{3}(?:(?P=mark)\d{3})*|\d\d?(?:,\d{2})+,\d{3}))?(?:\.\d*)?"
)
"""Digits with a decimal point, and marks between thousands (or, as in India, hundreds above them)."""
CODE = re.compile(r"0\d+")
"""Numbers are not filled up with zeros, codes are."""
SPELLINGS = str.maketrans({"−": "-", "–": "-", "\xa0": " ", "\u202f": " ", "\u2009": " ", "’": "'"})
SWAPPED = str.maketrans(",.", ".,")


@dataclass(frozen=True)
class NumberWords:
    """Words read as numbers.

    numbers   (m,) of each word, nan where it is none
    form      how they are written, empty for plain numbers
    doubt     another way to read them that the column does not rule out, or empty
    """

    numbers: NDArray[np.float64]
    form: str
    doubt: str = ""


@dataclass(frozen=True)
class _Written:
    """How the words of a shape write a number; `span` holds its digits and their marks."""

    shape: Shape
    affix: tuple[str, str]
    span: tuple[int, int]
    exponent: tuple[int, int]
    sign: float
    in_parentheses: bool

    @property
    def marks(self) -> str:
        return self.shape.text[slice(*self.span)].replace("1", "")


def read_numbers(words: list[str], counts: NDArray[np.int64]) -> NumberWords | None:
    """Different words as numbers, or None unless nearly all rows are numbers with the same currency and unit.

    A point or a comma is the decimal sign, whichever makes numbers of more rows. Where both do, three digits behind
    every comma are thousands, and a doubt unless the smaller numbers show that thousands are parted.

    counts   (m,) rows with each word
    """
    sample = [word.translate(SPELLINGS) for word in words[:: max(1, len(words) // SAMPLED)]]
    if sum(NUMBER.fullmatch(word) is not None for word in sample) < 0.5 * len(sample) or any(
        map(CODE.fullmatch, words)
    ):
        return None
    words = [word if word.isascii() else word.translate(SPELLINGS) for word in words]
    written = [how for shape in shapes(words) if (how := _written(shape)) is not None]
    rows = Counter[tuple[str, str]]()
    for how in written:
        rows[how.affix] += int(counts[how.shape.places].sum())
    ((affix, _),) = rows.most_common(1)
    written = [how for how in written if how.affix == affix]
    numbers, decimal = _by_decimal_sign(written, counts)
    if counts[~np.isnan(numbers)].sum() < NEARLY_ALL * counts.sum():
        return None
    return NumberWords(numbers, _form(written, affix, decimal), _doubt(words, written, decimal))


def _written(shape: Shape) -> _Written | None:
    match = NUMBER.fullmatch(shape.text)
    if match is None or (match["open"] is None) != (match["close"] is None) or (match["sign"] and match["inner"]):
        return None
    negative = match["open"] is not None or "-" in (match["sign"], match["inner"])
    affix = match["before"] or "", match["after"] or ""
    start, end = match.span("digits")
    start += len(match["digits"]) - len(match["digits"].lstrip())
    return _Written(
        shape, affix, (start, end), match.span("exponent"), -1.0 if negative else 1.0, match["open"] is not None
    )


def _by_decimal_sign(written: list[_Written], counts: NDArray[np.int64]) -> tuple[NDArray[np.float64], str]:
    """(m,) numbers, and the decimal sign; the point where both signs make numbers of as many rows."""
    by_sign = {}
    for sign in ".,":
        by_sign[sign] = np.full(len(counts), np.nan)
        for how in written:
            by_sign[sign][how.shape.places] = _values(how, sign)
    rows = {sign: counts[~np.isnan(numbers)].sum() for sign, numbers in by_sign.items()}
    decimal = "," if rows[","] > rows["."] else "."
    return by_sign[decimal], decimal


def _values(how: _Written, decimal: str) -> NDArray[np.float64]:
    """(m,) numbers of the words of one shape; nan where the marks are not those of thousands."""
    digits = how.shape.text[slice(*how.span)]
    match = GROUPED.fullmatch(digits if decimal == "." else digits.translate(SWAPPED))
    if match is None:
        return np.full(len(how.shape.places), np.nan)
    numbers = how.sign * how.shape.decimal(how.span, decimal)
    if how.exponent != (-1, -1):
        start, end = how.exponent
        signed = how.shape.text[start + 1] in "+-"
        exponents = how.shape.whole((start + 1 + signed, end))
        negative = how.shape.text[start + 1] == "-"
        numbers = np.array(
            [float(f"{n!r}e{'-' * negative}{e}") for n, e in zip(numbers.tolist(), exponents, strict=True)]
        )
    return np.where(how.shape.digits[:, how.span[0]] == 0, np.nan, numbers) if match["group"] else numbers


def _form(written: list[_Written], affix: tuple[str, str], decimal: str) -> str:
    marks = "".join(how.marks for how in written)
    group = "," if decimal == "." else "."
    traits = [repr(word) for word in affix if word]
    traits += [f"{mark!r} between thousands" for mark in (group, " ", "'") if mark in marks]
    traits += ["decimal comma"] if decimal == "," and "," in marks else []
    traits += ["'(1)' for -1"] if any(how.in_parentheses for how in written) else []
    return ", ".join(traits)


def _doubt(words: list[str], written: list[_Written], decimal: str) -> str:
    """The other reading of numbers whose only mark is a comma before the last three digits."""
    grouped = [how for how in written if how.marks == ","]
    if decimal == "," or not grouped or any(how.marks not in ("", ",") for how in written):
        return ""
    plain = [how.shape.decimal(how.span, ".") for how in written if not how.marks]
    if plain and max(numbers.max() for numbers in plain) < 1000:
        return ""
    example = words[grouped[0].shape.places[0]][slice(*grouped[0].span)]
    return f"{example!r} is read as {example.replace(',', '')}, and could be {example.replace(',', '.')}"
