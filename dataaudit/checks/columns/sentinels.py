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
MIN_ROWS, MIN_VALUES = 30, 3
"""Fewest rows and different numbers beside the code."""
FARTHEST = 3.5
"""Least distance from the median of the others, in deviations on the code's side."""
GAP = 2.0
"""Least gap between the code and the others, in the largest gap within their half on that side."""
TAIL_FREEDOM = 5
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
            share, number = sentinel.count / n, in_words(sentinel.number)
            words = (
                f"is {number} in {sentinel.count:,} of {n:,} rows ({share:.1%}), and {in_words(sentinel.nearest)} is the "
                f"nearest other number: does {number} stand for a missing value?"
            )
            evidence = {
                "value": sentinel.number,
                "rows": sentinel.count,
                "share": share,
                "nearest_other": sentinel.nearest,
                "rows_by_chance": sentinel.expected,
                "p_value": sentinel.p_value,
                "first_rows": [
                    table.dataset.ids[row] for row in np.flatnonzero(numbers == sentinel.number)[:SHOWN_ROWS]
                ],
            }
            severity = Severity.MEDIUM if share >= LARGE_SHARE else Severity.LOW
            yield column_finding("sentinel_value", severity, share, column.name, words, evidence, number)


def _candidates(numbers: NDArray[np.float64]) -> list[Sentinel]:
    different, counts = np.unique(numbers, return_counts=True)
    is_code = np.array([CODES.fullmatch(in_words(number)) is not None for number in _ends(different)], bool)
    ends = _ends(different)[is_code]
    others = ~np.isin(different, ends)
    if counts[others].sum() < MIN_ROWS or others.sum() < MIN_VALUES:
        return []
    values, rows = different[others], counts[others]
    median = float(_weighted_median(values, rows))
    candidates = []
    for number in ends:
        below = number < values[0]
        if not (below or number > values[-1]):
            continue
        side = values <= median if below else values >= median
        deviation = float(np.sqrt(np.average((values[side] - median) ** 2, weights=rows[side])))
        nearest = float(values[0] if below else values[-1])
        gaps = np.diff(values[side])
        distance = abs(number - median) / deviation if deviation else np.inf
        if distance >= FARTHEST and abs(number - nearest) >= GAP * (gaps.max() if len(gaps) else 0.0):
            expected = float(rows.sum() * t.sf(distance, TAIL_FREEDOM))
            candidates.append(Sentinel(float(number), int(counts[different == number][0]), expected, nearest))
    return candidates


def _ends(different: NDArray[np.float64]) -> NDArray[np.float64]:
    """The three smallest and the three largest numbers: a column may have several codes."""
    return np.unique(np.concatenate([different[:3], different[-3:]]))


def _weighted_median(values: NDArray[np.float64], counts: NDArray[np.int64]) -> np.float64:
    return np.float64(values[np.searchsorted(np.cumsum(counts), counts.sum() / 2)])
