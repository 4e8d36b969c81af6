"""Columns of words, read as what nearly all of the words are: numbers, dates, categories, or words after all."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .date_words import read_dates
from .missing_words import MISSING, missing_among_values, missing_among_words
from .number_words import read_numbers
from .rereading import Rereadings

TEXT_DISTINCT = 0.5
"""Words of a column are texts or codes, and not categories, if more than this share of the rows are different."""


def typed_words(values: "pd.Series[Any]", rereadings: Rereadings) -> "pd.Series[Any]":
    """Words, or words and numbers, in the type of what nearly all are; different ones are read once.

    float64 for numbers, or object where a few words among them are none; datetime64 for dates; category for words of
    which at most half are different; else object.
    """
    codes, uniques = pd.factorize(values)
    cells = np.asarray(uniques, object)
    words = [cell.strip() if isinstance(cell, str) else repr(as_number(cell)) for cell in cells]
    counts = np.bincount(codes[codes >= 0], minlength=len(words))
    missing, blank = missing_among_values(words), np.array([not word for word in words], bool)
    filled = np.flatnonzero(~missing & ~blank)
    filled_words, filled_counts = [words[place] for place in filled], counts[filled]
    if len(filled) and (numbers := read_numbers(filled_words, filled_counts)):
        rereadings.add_missing(values.name, words, counts, missing)
        rereadings.add_numbers(values.name, numbers, "" if missing.any() else "written as words")
        return _in_rows(values, codes, _with_words(numbers.numbers, cells, filled))
    if len(filled) and (dates := read_dates(filled_words, filled_counts)):
        rereadings.add_missing(values.name, words, counts, missing)
        rereadings.add_dates(values.name, dates, filled_words, filled_counts)
        by_word = np.full(len(cells), np.datetime64("NaT"), dates.dates.dtype)
        by_word[filled] = dates.dates
        return _in_rows(values, codes, by_word)
    gaps, standard = (np.fromiter(map(frozenset(MISSING).__contains__, said), bool) for said in (cells, words))
    values = values.mask(np.append(gaps, False)[codes], np.nan)
    if (~standard).sum() > TEXT_DISTINCT * counts[~standard].sum() or not all(isinstance(cell, str) for cell in cells):
        return values
    missing = missing_among_words(words)
    rereadings.add_missing(values.name, words, counts, missing)
    return category(_in_rows(values, codes, np.where(missing | standard | blank, np.nan, cells)))


def category(values: "pd.Series[Any]") -> "pd.Series[Any]":
    """Words as a category, in alphabetical order."""
    codes, words = pd.factorize(values, sort=True)
    return pd.Series(pd.Categorical.from_codes(codes, pd.Index(words, dtype=object)), values.index, name=values.name)


def as_number(value: Any) -> float:
    """A number of any size as a float; infinite where it is too large for one."""
    try:
        return float(value)
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")


def _with_words(
    numbers: NDArray[np.float64], cells: NDArray[np.object_], filled: NDArray[np.int64]
) -> NDArray[np.float64] | NDArray[np.object_]:
    """(m,) the number of each cell, or the cell itself where it is none; nan where it is missing."""
    by_word = np.full(len(cells), np.nan)
    by_word[filled] = numbers
    unread = filled[np.isnan(numbers)]
    if not len(unread):
        return by_word
    mixed = by_word.astype(object)
    mixed[unread] = cells[unread]
    return mixed


def _in_rows(values: "pd.Series[Any]", codes: NDArray[np.int64], by_word: NDArray[Any]) -> "pd.Series[Any]":
    """A series of the words' readings; missing where the code is -1."""
    none = np.array(["NaT" if by_word.dtype.kind == "M" else np.nan]).astype(by_word.dtype)
    return pd.Series(np.concatenate([by_word, none])[codes], values.index, by_word.dtype, name=values.name)
