"""Words that stand for a value that is missing."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

MISSING = ("", "NA", "N/A", "NaN", "nan", "null", "NULL", "#N/A")
"""Words that stand for a missing value whatever they stand among, but labels."""
SIGNS = frozenset({"?", "??", "???", "-", "--", "---", "–", "—", ".", "..", "...", "*", '""', "''"})
CODES = frozenset(
    {
        "\\n",
        "n/a",
        "n.a.",
        "na",
        "nan",
        "null",
        "<na>",
        "<null>",
        "#n/a",
        "#na",
        "#null!",
        "#div/0!",
        "#value!",
        "#ref!",
    }
)
"""Words that programs write where they have no value."""
PHRASES = frozenset(
    {"none", "nil", "unknown", "missing", "not available", "not known", "no data", "n.d.", "nd", "tbd", "undefined"}
)
"""Words that mean a missing value beside numbers, and may be an answer like any other beside words."""
ALL = SIGNS | CODES | PHRASES
LONGEST = max(map(len, ALL))
"""Characters; folding case makes no word shorter, so longer ones are none of these."""
FEWEST_WORDS = 2
"""Words with letters that a sign must stand out from."""


def missing_among_values(words: Sequence[str]) -> NDArray[np.bool_]:
    """(m,) which words stand for a missing value where the others are numbers or dates."""
    stripped = map(str.strip, words)
    return np.array([len(word) <= LONGEST and word.casefold() in ALL for word in stripped], bool)


def missing_among_words(words: Sequence[str]) -> NDArray[np.bool_]:
    """(m,) which words stand for a missing value where the others are words: codes, and signs that stand out.

    A sign stands out where all other words have letters or digits: `?` among occupations, not `-` beside `+`.
    """
    folded = [word.strip().casefold() for word in words]
    is_sign, is_code = (np.array([word in tokens for word in folded], bool) for tokens in (SIGNS, CODES))
    others = [word for word, sign, code in zip(folded, is_sign, is_code, strict=True) if not (sign or code)]
    stand_out = len(others) >= FEWEST_WORDS and all(any(map(str.isalnum, word)) for word in others)
    return is_code | is_sign if stand_out else is_code & (len(others) >= FEWEST_WORDS)


def without_missing_words(column: "pd.Series[Any]") -> "pd.Series[Any]":
    """The column as objects, with nan in place of the words of `MISSING`."""
    values = column.astype(object)
    return values.mask(np.array([is_missing_word(value) for value in values], bool), np.nan)


def is_missing_word(value: Any) -> bool:
    """Whether a cell is one of the words of `MISSING`."""
    return isinstance(value, str) and value in MISSING
