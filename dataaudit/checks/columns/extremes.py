"""Single numbers far beyond all others of their column, such as an age of 455."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import f

from ...findings import Finding, Severity
from ..proof import accepted_by_fdr
from .table import Table, column_finding, in_words

TAIL, MIN_TAIL = 0.1, 20
"""Share of the rows that are a tail, and fewest rows of one; more where these have few different numbers."""
MOST = 5
"""Most rows of a tail that can be extreme."""
MIN_VALUES = 10
"""Fewest different numbers of a tail."""
FALSE_DISCOVERY_RATE = 0.001


@dataclass(frozen=True)
class Extreme:
    """The rows of a column that lie beyond all others on one side.

    rows       positions, the farthest first
    boundary   the number next to them
    p_value    of a gap so large between the boundary and them
    """

    rows: tuple[int, ...]
    boundary: float
    p_value: float


def extreme_findings(table: Table, left_out: Mapping[int, Collection[float]]) -> Iterator[Finding]:
    """A finding for each column and side, at a false-discovery rate over all of them.

    left_out   numbers that are no values, by the column's place
    """
    candidates = []
    for place, (column, values) in enumerate(table):
        if column.kind != "numeric":
            continue
        numbers = np.where(np.isin(values.numbers, list(left_out.get(place, ()))), np.nan, values.numbers)
        for side in (1, -1):
            if (extreme := farthest(numbers, side)) is not None:
                candidates.append((column.name, side, numbers, extreme))
    accepted, _ = accepted_by_fdr(np.array([extreme.p_value for *_, extreme in candidates]), FALSE_DISCOVERY_RATE)
    for (name, side, numbers, extreme), is_accepted in zip(candidates, accepted, strict=True):
        if is_accepted:
            yield _finding(table, name, side, numbers, extreme)


def farthest(numbers: NDArray[np.float64], side: int) -> Extreme | None:
    """The rows beyond the least likely gap of a column's upper (side 1) or lower (-1) tail, nan is ignored.

    If a tail is exponential, the gap behind the k-th number, times k, is exponential, and the ratio of it to the mean
    of those further in has an F distribution (Rényi 1953); if it is lighter, such gaps are smaller. It is tested on the
    scale where the tail is lightest: the numbers, their logarithms (a power law has an exponential tail there), or, if
    some are not above zero, those of their distances from the median.
    """
    rows = np.flatnonzero(~np.isnan(numbers))
    rows = rows[np.argsort(-side * numbers[rows], kind="stable")]
    ordered = numbers[rows]
    steps = np.flatnonzero(np.diff(ordered))
    if len(steps) < MIN_VALUES:
        return None
    size = max(MIN_TAIL, round(TAIL * len(rows)), int(steps[MIN_VALUES - 1]) + 1)
    if len(rows) < 2 * size:
        return None
    median = float(np.median(ordered))
    distances = side * (ordered[: size + 1] - median)
    if distances[-1] <= 0:
        return None
    scales = [distances, np.log(distances)]
    if ordered.min() > 0:
        scales[1] = side * np.log(ordered[: size + 1])
    p_values = np.max([_gap_p_values(scale) for scale in scales], axis=0)
    count = int(p_values.argmin()) + 1
    p_value = min(1.0, float(p_values[count - 1]) * MOST)
    return Extreme(tuple(rows[:count].tolist()), float(ordered[count]), p_value)


def _gap_p_values(tail: NDArray[np.float64]) -> NDArray[np.float64]:
    """(MOST,) p-values of the gaps behind the first, the first two ... of a descending tail."""
    spacings = -np.diff(tail) * np.arange(1, len(tail))
    inner = np.array([spacings[count:].mean() for count in range(1, MOST + 1)])
    ratios = np.divide(spacings[:MOST], inner, out=np.full(MOST, np.inf), where=inner > 0)
    freedom = 2 * (len(spacings) - np.arange(1, MOST + 1))
    return np.asarray(f.sf(ratios, 2, freedom))


def _finding(table: Table, name: str, side: int, numbers: NDArray[np.float64], extreme: Extreme) -> Finding:
    values = [float(numbers[row]) for row in extreme.rows]
    shown = ", ".join(map(in_words, values))
    rows = "row" if len(values) == 1 else "rows"
    words = (
        f"is {shown} in {len(values)} {rows}, {'above' if side > 0 else 'below'} all others by far: the next is "
        f"{in_words(extreme.boundary)}"
    )
    evidence = {"values": values, "next": extreme.boundary, "p_value": extreme.p_value}
    ids = [table.dataset.ids[row] for row in extreme.rows]
    score = float(-np.log10(max(extreme.p_value, 1e-300)))
    return column_finding(
        "extreme_value", Severity.LOW, score, name, words, evidence, "high" if side > 0 else "low", ids
    )
