"""Columns that say the same: equal ones, codes for words, numbers in another unit."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import gammaln

from ...data.features.columns import UNUSED, Values
from ...findings import Finding, Severity, fingerprint
from .table import Table

CHANCE = 1e-6
"""Largest chance that any two of the columns agree by accident."""
MAX_SHOWN = 5


@dataclass(frozen=True)
class _Partition:
    """What a column says of the rows: which are alike.

    signature    equal for columns that part the rows alike
    log_chance   log of the probability that another column with as many rows of each value parts them so by accident
    """

    signature: str
    log_chance: float


def redundancy_findings(table: Table) -> Iterator[Finding]:
    """A finding for each group of columns of which each determines the others."""
    by_signature: dict[str, list[int]] = {}
    limit = np.log(CHANCE) - 2 * np.log(max(len(table.columns), 2))
    for place, (column, values) in enumerate(table):
        if column.kind in UNUSED or column.kind == "text":
            continue
        for partition in _partitions(values):
            if partition.log_chance < limit:
                by_signature.setdefault(partition.signature, []).append(place)
    reported: set[int] = set()
    for places in by_signature.values():
        if len(places) > 1 and not reported >= set(places):
            reported |= set(places)
            yield _finding(table, places)


def _partitions(values: Values) -> Iterator[_Partition]:
    """The column's rows by value, and by order of numbers in either direction."""
    number_codes, _ = pd.factorize(values.numbers, use_na_sentinel=False)
    codes, _ = pd.factorize(number_codes * (len(values.words) + 1) + values.codes)
    counts = np.bincount(codes)
    same_counts = np.bincount(counts)
    # Of n! orders of the rows, these give the same parts: equal rows are exchanged, and values with as many rows.
    orders = gammaln(counts + 1).sum()
    yield _Partition(_digest(codes), float(orders + gammaln(same_counts + 1).sum() - gammaln(len(codes) + 1)))
    if not (values.codes >= 0).any():
        ranks = pd.factorize(values.numbers, sort=True)[0]
        turned = np.where(ranks < 0, -1, ranks.max() - ranks)
        chance = float(orders - gammaln(len(codes) + 1))
        yield _Partition("order " + min(_digest(ranks), _digest(turned)), chance)


def _digest(codes: NDArray[np.int64]) -> str:
    return hashlib.sha256(np.ascontiguousarray(codes, np.int64).tobytes()).hexdigest()


def _finding(table: Table, places: list[int]) -> Finding:
    names = [table.columns[place].name for place in places]
    numbers = [table.values[place].numbers for place in places]
    equal = all(np.array_equal(numbers[0], other, equal_nan=True) for other in numbers[1:])
    equal = equal and all(table.frame.iloc[:, places[0]].equals(table.frame.iloc[:, place]) for place in places[1:])
    listed = ", ".join(map(repr, names[:MAX_SHOWN]))
    if len(names) > MAX_SHOWN:
        listed += f" and {len(names) - MAX_SHOWN} more"
    else:
        listed = " and ".join(listed.rsplit(", ", 1))
    words = "hold the same values" if equal else "say the same: their values correspond one to one"
    distinct = table.columns[places[0]].distinct
    evidence = {"columns": names, "values": distinct, "equal": equal}
    return Finding(
        "redundant_columns", Severity.LOW, (), float(len(names)),
        f"columns {listed} {words}, {distinct:,} different ones", fingerprint("redundant_columns", names), evidence,
    )  # fmt: skip
