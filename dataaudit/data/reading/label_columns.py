"""The column that holds the targets, or one column of zeros and ones for each label of a set."""

import difflib
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from ...errors import DatasetError

LABEL_NAMES = ("label", "labels", "target", "y", "class", "category")
FEWEST_MARKS = 2
"""Columns of zeros and ones, from this many on, may be one for each label."""
LISTED = 30
"""Columns that an error names, beside the last."""


def label_columns(
    frame: pd.DataFrame, requested: str | None, where: str, typed_labels: Sequence[str] = (), excluded: str = ""
) -> tuple[str, ...]:
    """The target column, see `label_column`, or the columns that `requested` lists with commas between them.

    excluded   a column that it can't be

    Raises DatasetError, which names columns of zeros and ones that may be labels.
    """
    columns = [str(name) for name in frame if name != excluded]
    listed = tuple(name.strip() for name in (requested or "").split(","))
    if requested not in columns and len(listed) > 1 and set(listed) <= set(columns):
        return listed
    try:
        return (label_column(columns, requested, where, typed_labels),)
    except DatasetError as error:
        marks = [name for name in columns if _is_marks(frame[name])] if requested is None else []
        if len(marks) < FEWEST_MARKS:
            raise
        raise DatasetError(
            f"{error}; if there is one column of 0 and 1 for each label of a set: --label {','.join(marks)!r}"
        ) from error


def label_column(columns: Sequence[str], requested: str | None, where: str, typed_labels: Sequence[str] = ()) -> str:
    """The target column: the requested one, else the only one with a usual name, in any case.

    typed_labels   columns whose types mark them as labels, used where no name does

    Raises DatasetError that lists the columns.
    """
    listed = ", ".join(map(repr, columns[:LISTED]))
    if len(columns) > LISTED:  # the last one is often the label
        between = len(columns) - LISTED - 1
        listed += (f", {between} more" if between else "") + f" and {columns[-1]!r}"
    if requested is not None:
        if requested in columns:
            return requested
        near = difflib.get_close_matches(requested, columns, 1)
        hint = f", did you mean {near[0]!r}?" if near else ""
        raise DatasetError(f"{where}: there is no column {requested!r} for the labels{hint}; there are: {listed}")
    usual = [name for name in columns if name.lower() in LABEL_NAMES]
    if {"x", "z"} <= {name.lower() for name in columns}:
        usual = [name for name in usual if name.lower() != "y"]  # a coordinate, or a width
    candidates = usual or list(typed_labels)
    if len(candidates) == 1:
        return candidates[0]
    if candidates:
        raise DatasetError(
            f"{where}: several columns could be the label: {', '.join(map(repr, candidates))}; say which with --label "
            "NAME"
        )
    raise DatasetError(
        f"{where}: expected a column called {', '.join(LABEL_NAMES[:-1])} or {LABEL_NAMES[-1]}, found {listed}; "
        "say which one holds the labels with --label NAME"
    )


def target_values(frame: pd.DataFrame, columns: Sequence[str], where: str) -> "pd.Series[Any]":
    """The column of the targets; of several columns, the list of those that are set in each row, None for unknown.

    Raises DatasetError for anything but zeros, ones and missing values in several columns.
    """
    if len(columns) == 1:
        return frame[columns[0]]
    marks = np.empty((len(frame), len(columns)))
    for place, name in enumerate(columns):
        numbers = pd.to_numeric(frame[name], errors="coerce").to_numpy(np.float64, na_value=np.nan)
        wrong = ~np.isin(numbers, (0, 1)) & frame[name].notna().to_numpy()
        if wrong.any():
            row = int(np.flatnonzero(wrong)[0])
            raise DatasetError(
                f"{where}: expected 0 or 1 in each of the columns {', '.join(columns)}, found "
                f"{str(frame[name].iloc[row])!r} in {name!r}, data row {row}"
            )
        marks[:, place] = numbers
    sets = np.empty(len(frame), object)
    for row, row_marks in enumerate(marks):
        known = not np.isnan(row_marks).any()
        sets[row] = [name for name, mark in zip(columns, row_marks, strict=True) if mark] if known else None
    return pd.Series(sets, frame.index, object, name=", ".join(columns))


def _is_marks(column: "pd.Series[Any]") -> bool:
    """Whether a column holds zeros and ones, both."""
    is_number = pd.api.types.is_numeric_dtype(column.dtype) or pd.api.types.is_bool_dtype(column.dtype)
    return is_number and not column.hasnans and set(column.unique().tolist()) == {0, 1}
