"""Headers: whether the first row of a table names its columns, and what they are called where it doesn't."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ...dataset import ReadOptions
from ...errors import DatasetError
from .label_columns import LABEL_NAMES
from .missing_words import MISSING
from .split_columns import SPLIT_COLUMNS

NUMERIC = 0.95
"""Least share of a column's cells that are numbers in a column of numbers."""
MOST_DISTINCT = 0.5
"""Most different values of a column of categories, as a share of its cells."""
MOST_STRANGE = 0.1
"""Most columns of numbers, as a share, of which the first row's is of another size."""
NUMBER = re.compile(r"\s*[+-]?(\d+([.,]\d*)?|[.,]\d+)([eE][+-]?\d+)?\s*")


def names_missing(first: Sequence[str], rows: Sequence[Sequence[str]]) -> bool:
    """Whether the first row is data like the rows below it.

    It is, if its cells above numbers are numbers of their size, and its cells above categories are among these: not if
    one is a word above numbers or a usual name of a label or split, nor if its numbers count columns, as 0, 1, 2 do.
    """
    columns = [[row[i] for row in rows if row != first and not _is_gap(row[i])] for i in range(len(first))]
    usual = {*LABEL_NAMES, *SPLIT_COLUMNS}
    numbers, strange_numbers, recurring, strange = [], 0, 0, 0
    for cell, values in zip(first, columns, strict=True):
        if _is_gap(cell) or not values:
            continue
        if cell.strip().lower() in usual and cell not in values:
            return False
        if np.mean([NUMBER.fullmatch(value) is not None for value in values]) >= NUMERIC:
            if not NUMBER.fullmatch(cell):
                return False
            numbers.append(_number(cell))
            strange_numbers += not _is_of_their_size(cell, values)
        elif len(set(values)) <= MOST_DISTINCT * len(values):
            recurring += cell in values
            strange += cell not in values
    are_all_known = recurring > 0 and not strange
    if (_count_columns(numbers) and not are_all_known) or strange_numbers > MOST_STRANGE * len(numbers):
        return False
    return recurring >= strange and (recurring > 0 or len(numbers) > 0)


def has_numbers(cells: Sequence[str]) -> bool:
    """Whether some of the names of columns are numbers, which might be data after all."""
    return any(NUMBER.fullmatch(cell) for cell in cells)


def column_names(cells: Sequence[str]) -> tuple[list[str], list[str]]:
    """The names of columns, made different where they are not, and the names that were there more than once."""
    names = [cell.strip() or f"Unnamed: {i}" for i, cell in enumerate(cells)]
    repeated = [name for name, count in Counter(names).items() if count > 1]
    taken: set[str] = set(names)
    seen: Counter[str] = Counter()
    for i, name in enumerate(names):
        if seen[name]:
            number = seen[name]
            while f"{name}.{number}" in taken:
                number += 1
            names[i] = f"{name}.{number}"
            taken.add(names[i])
        seen[name] += 1
    return names, repeated


def positions(count: int) -> list[str]:
    """The names of the columns of a file without a header: column_1, column_2, ..."""
    return [f"column_{number}" for number in range(1, count + 1)]


def with_named_label(path: Path, frame: pd.DataFrame, reading: ReadOptions) -> ReadOptions:
    """`reading`, its label the name of a column where a file without a header was read and it is a position, from 1.

    Raises DatasetError, which says what to type, where there is no header and no label is named, or one is by a value
    of the first row.
    """
    names, label = list(frame.columns), reading.label
    if names != positions(len(names)) or label in names:
        return reading
    cells = ", ".join(str(value) for value in frame.iloc[0, :8])
    cause = f"{path}: the table has no header, its first row, {cells}, is data like the rows below"
    holders = [name for name in names if label is not None and _says(frame[name].iloc[0], label)]
    position = int(label) if label is not None and label.isdecimal() and 0 < int(label) <= len(names) else None
    if holders:
        other = f", or --label {names[position - 1]} for column {position}" if position else ""
        raise DatasetError(
            f"{cause}, and {label!r} is a value in it; name the column instead: --label {holders[0]}{other}; or say "
            "--header if this row does name the columns"
        )
    if position:
        return replace(reading, label=names[position - 1])
    distinct = {name: frame[name].astype(str).nunique() for name in names}
    likely = min(names[::-1], key=lambda name: (distinct[name] < 2, distinct[name]))
    missing = "" if label is None else f"; there is no column {label!r}"
    raise DatasetError(
        f"{cause}, and the columns are called {names[0]} to {names[-1]}{missing}; say which one holds the labels, as "
        f"in --label {likely}; or say --header if this row does name the columns"
    )


def _says(value: Any, word: str) -> bool:
    """Whether a cell that was read is spelt so."""
    if isinstance(value, str):
        return value.strip() == word.strip()
    return NUMBER.fullmatch(word) is not None and bool(_number(word) == value)


def _is_gap(cell: str) -> bool:
    return cell.strip() in MISSING or not any(map(str.isalnum, cell))


def _number(cell: str) -> float:
    return float(cell.strip().replace(",", "."))


def _is_of_their_size(cell: str, values: Sequence[str]) -> bool:
    """Whether a number lies where the others do, or as far from them as they lie apart."""
    others = [_number(value) for value in values if NUMBER.fullmatch(value)]
    low, high = min(others), max(others)
    return 2 * low - high <= _number(cell) <= 2 * high - low


def _count_columns(numbers: Sequence[float]) -> bool:
    """Whether numbers rise by the same step, as those of columns, years or wavelengths do."""
    if len(numbers) == 2:
        return list(numbers) in ([0, 1], [1, 2])
    steps = np.diff(numbers)
    return len(steps) > 1 and bool(steps[0] > 0 and np.allclose(steps, steps[0]))
