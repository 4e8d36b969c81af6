"""Numbers that stand for a missing value, such as 0, -1 or 999."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import poisson, t

from ...findings import Finding, Severity
from ..proof import accepted_by_fdr
from .table import Table, column_finding, in_words

CODES = re.compile(r"-1|0|-?(7+|8+|9+)(\.(7+|8+|9+))?|-?32768|-?2147483648|2147483647|32767")
"""Numbers that people and programs write where there is no value."""
INNER = (7, 8)
"""Codes only beside one further out, as "don't know" is beside "refused"; alone they are numbers like others."""
MIN_ROWS, MIN_VALUES = 30, 3
"""Fewest rows and different numbers beside the code."""
FARTHEST = 3.5
"""Least distance from the median of the others, in deviations on the code's side."""
MIN_COUNT = 3
MOST_CODES = 3
"""Codes at one end of a column."""
GAP = 2.0
"""Least gap between the code and the others, in the largest gap within their half on that side."""
TAIL_FREEDOM = 8
"""Degrees of freedom of Student's t, which has heavier tails than measurements mostly have."""
FALSE_DISCOVERY_RATE = 0.01
LARGE_SHARE = 0.05
SHOWN_ROWS = 20


@dataclass(frozen=True)
class Sentinel:
    """A number that is likely no value.

    expected    rows that would lie as far from the median by chance
    nearest     the nearest of the other numbers
    """

    number: float
    count: int
    expected: float
    nearest: float

    @property
    def p_value(self) -> float:
        """Of so many rows that far out."""
        return float(poisson.sf(self.count - 1, self.expected))


def sentinels(table: Table) -> dict[int, list[Sentinel]]:
    """The sentinels of each column that has some, by place, at a false-discovery rate over all columns.

    A code is one if it lies beyond all other numbers, at a gap, and so many rows have it as chance would not put there.
    The distance from the others' median is measured by their mean square deviation on the code's side: in a column that
    is skewed towards it, such as counts with many zeros, it is near.
    """
    candidates = [
        (place, sentinel)
        for place, (column, values) in enumerate(table)
        if column.kind in ("numeric", "mixed")
        for sentinel in _candidates(values.numbers[~np.isnan(values.numbers)])
    ]
    accepted, _ = accepted_by_fdr(np.array([sentinel.p_value for _, sentinel in candidates]), FALSE_DISCOVERY_RATE)
    by_place: dict[int, list[Sentinel]] = {}
    for (place, sentinel), is_accepted in zip(candidates, accepted, strict=True):
        if is_accepted:
            by_place.setdefault(place, []).append(sentinel)
    return by_place


def sentinel_findings(table: Table, found: dict[int, list[Sentinel]]) -> Iterator[Finding]:
    """A finding for each sentinel of each column."""
    for place, column_sentinels in found.items():
        column, numbers = table.columns[place], table.values[place].numbers
        n = int((~np.isnan(numbers)).sum())
        for sentinel in column_sentinels:
            rows = np.flatnonzero(numbers == sentinel.number)
            share, number = sentinel.count / n, in_words(sentinel.number)
            words = (
                f"is {number} in {sentinel.count:,} of {n:,} rows ({share:.1%}), and the nearest other number is "
                f"{in_words(sentinel.nearest)}: does {number} stand for a missing value?"
            )
            evidence = {
                "value": sentinel.number,
                "rows": sentinel.count,
                "share": share,
                "nearest_other": sentinel.nearest,
                "rows_by_chance": sentinel.expected,
                "p_value": sentinel.p_value,
                "first_rows": [table.dataset.ids[row] for row in rows[:SHOWN_ROWS]],
            }
            severity = Severity.MEDIUM if share >= LARGE_SHARE else Severity.LOW
            yield column_finding("sentinel_value", severity, share, column.name, words, evidence, number)


def _candidates(numbers: NDArray[np.float64]) -> Iterator[Sentinel]:
    """The codes at either end of a column; of several at one end the innermost must be at a gap."""
    different, counts = np.unique(numbers, return_counts=True)
    for side in (1, -1):
        inwards = np.argsort(-side * different)
        n_codes = 0
        while n_codes < min(MOST_CODES, len(inwards)) and CODES.fullmatch(in_words(different[inwards[n_codes]])):
            n_codes += 1
        if n_codes == 1 and different[inwards[0]] in INNER:
            continue
        for count in range(n_codes, 0, -1):
            codes, others = inwards[:count], inwards[count:][::-side]
            sentinels = list(_beyond(different[codes], counts[codes], different[others], counts[others], side))
            if sentinels:
                yield from sentinels
                break


def _beyond(
    codes: NDArray[np.float64], code_counts: NDArray[np.int64], others: NDArray[np.float64],
    counts: NDArray[np.int64], side: int,
) -> Iterator[Sentinel]:  # fmt: skip
    """The codes as sentinels if all lie far beyond the others, which are ascending."""
    if counts.sum() < MIN_ROWS or len(others) < MIN_VALUES:
        return
    median = float(others[np.searchsorted(np.cumsum(counts), counts.sum() / 2)])
    half = side * others >= side * median
    deviation = float(np.sqrt(np.average((others[half] - median) ** 2, weights=counts[half])))
    nearest = float(others[-1] if side > 0 else others[0])
    if deviation == 0 or side * (codes[-1] - nearest) < GAP * np.diff(others[half]).max():
        return
    for number, count in zip(codes.tolist(), code_counts.tolist(), strict=True):
        distance = side * (number - median) / deviation
        of_most = number == 0 and count > counts.sum()  # what most have none of is counted, not missing
        if distance >= FARTHEST and count >= MIN_COUNT and not of_most:
            yield Sentinel(number, count, float(counts.sum() * t.sf(distance, TAIL_FREEDOM)), nearest)
