"""Names of classes that are spellings of the same name."""

import unicodedata
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def plain_spelling(name: str) -> str:
    """The name without what spellings differ in: case, blanks, a dot at the end, composed or decomposed letters."""
    words = unicodedata.normalize("NFKC", name).casefold().split()
    return " ".join(words).rstrip(". ") or name


def same_spelling(class_names: Sequence[str], first: NDArray[np.int64], second: NDArray[np.int64]) -> NDArray[np.bool_]:
    """(n,) whether two class numbers (n,) are different spellings of one name."""
    plain = np.array([plain_spelling(name) for name in class_names])
    return np.asarray((first != second) & (plain[first] == plain[second]))
