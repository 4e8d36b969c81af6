"""Whole numbers as targets: codes of classes, or amounts to predict."""

import re

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2

FEW_NUMBERS = 20
"""Whole numbers are classes if no more than these are different."""
FEW_SHARE = 0.05
"""So are numbers without a gap if no more than this share of the rows are different."""
AMOUNTS = frozenset({
    "rating", "ratings", "score", "scores", "grade", "grades", "stars", "star", "quality", "points", "rank", "age",
    "ages", "year", "years", "count", "counts", "number", "quantity", "amount", "price", "days", "hours", "minutes",
})  # fmt: skip
"""Words in the name of a column of numbers that are ordered."""
FEWEST_AMOUNTS = 5
"""Different numbers from which on such a name counts."""
CODES = frozenset({
    "class", "classes", "category", "categories", "code", "codes", "species", "kind", "type", "cluster", "label",
    "labels",
})  # fmt: skip
"""Words in the name of a column of classes."""
REPEATS = 4
"""Least mean number of rows of a code."""
EVEN_P = 0.01
"""Numbers that repeat so evenly by chance at most with this probability were counted out, as classes are."""


def are_codes(name: str, numbers: NDArray[np.float64]) -> bool:
    """Whether whole numbers are codes of classes: by the name of their column, how many differ, how they repeat.

    Few different numbers are codes, unless the column is called like an amount. Many are, if each stands in several
    rows and the column is called like a class, or they go from 0 or 1 on without a gap and repeat very often, or more
    evenly than numbers that are drawn by chance.
    """
    distinct, counts = np.unique(numbers, return_counts=True)
    words = set(re.findall(r"[a-z]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower()))
    if len(distinct) >= FEWEST_AMOUNTS and words & AMOUNTS:
        return False
    if len(distinct) <= FEW_NUMBERS:
        return True
    if len(numbers) < REPEATS * len(distinct) or np.median(counts) < 2:
        return False
    without_gaps = distinct[0] in (0, 1) and distinct[-1] - distinct[0] == len(distinct) - 1
    repeat_often = len(distinct) <= FEW_SHARE * len(numbers)
    return bool(words & CODES) or (without_gaps and (repeat_often or _evenness(counts) < EVEN_P))


def _evenness(counts: NDArray[np.int64]) -> float:
    """The probability that numbers drawn by chance repeat as evenly as this: small counts of dispersion."""
    dispersion = np.square(counts - counts.mean()).sum() / counts.mean()
    return float(chi2.cdf(dispersion, len(counts) - 1))
