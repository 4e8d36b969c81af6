"""Splits in time: whether test rows come after those that models are trained on."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.stats import mannwhitneyu

from ...data.features.columns import Column, read
from ...dataset import Dataset, Split
from ...findings import Finding, Severity, fingerprint

FEWEST_TIMES = 10
"""Different times of a column's training rows."""
FOLLOWS, PRECEDES = 0.9, 0.1
"""Chance that a row of the split is newer than a training row, from which the split is said to follow, or precede."""


def time_order(dataset: Dataset, columns: tuple[Column, ...], split: Split) -> Iterator[Finding]:
    """A finding where no column of dates says that the split follows training, and some say that it doesn't.

    columns   described by the training rows
    """
    train, rows = dataset.rows("train"), dataset.rows(split)
    later: dict[str, float] = {}
    spans: dict[str, list[str]] = {}
    for place, column in enumerate(columns):
        if column.kind != "date" or column.distinct < FEWEST_TIMES:
            continue
        seconds = read(dataset.frame.iloc[:, place]).numbers
        times = [seconds[part][~np.isnan(seconds[part])] for part in (rows, train)]
        if min(map(len, times)):
            area = float(mannwhitneyu(*times).statistic) / len(times[0]) / len(times[1])
            later[column.name], spans[column.name] = area, [_span(part) for part in times]
    if not later or max(later.values()) >= FOLLOWS:
        return
    name = min(later, key=lambda column: abs(later[column] - 0.5))
    how = "older" if later[name] <= PRECEDES else "interleaved"
    measured = (
        "whether the past follows from what came later" if how == "older" else "interpolation between known times"
    )
    also = f"; so it is by {', '.join(repr(other) for other in later if other != name)}" if len(later) > 1 else ""
    message = (
        f"{split} rows are from {spans[name][0]} by the column {name!r}, training rows from {spans[name][1]}: they are "
        f"{how}{also}. If that is when a row came about, the {split} split measures {measured}, not what comes next"
    )
    evidence = {"split": split, "column": name, "order": how, "newer_than_training": later, "spans": spans}
    yield Finding(
        "time_order", Severity.LOW, (), abs(1 - later[name]), message,
        fingerprint("time_order", [], f"{name}\0{split}"), evidence,
    )  # fmt: skip


def _span(seconds: NDArray[np.float64]) -> str:
    first, last = (str(np.datetime64(int(time), "s"))[:10] for time in (seconds.min(), seconds.max()))
    return f"{first} to {last}"
