"""Columns that say the split of each row: by its name, by true and false, or by the number of a fold."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ...dataset import Split
from ...errors import DatasetError
from .split_names import ABBREVIATIONS, SPLIT_NAMES, split_of

SPLIT_COLUMNS = ("split", "fold", "subset", "partition", "set", "usage", "phase")
CERTAIN = ("split", "fold", "subset")
"""Of these, a column that names splits in some rows only is an error; any other is a feature then."""
FOLD_COLUMNS = ("fold", "folds", "kfold", "cv_fold", "fold_id")
FLAGS: dict[str, Split] = {f"{prefix}{word}": split for word, split in SPLIT_NAMES.items() for prefix in ("is_", "is")}
"""Columns of true and false: is_valid marks the validation rows, all others are for training."""
MOST_FOLDS = 20
EVEN_FOLDS = 0.5
"""Numbers are folds if the smallest has at least this share of the largest's rows."""


@dataclass(frozen=True)
class SplitColumn:
    """A column that says the split of every row.

    detail   how, where it is not by names of splits: ": 5 of 1 to 5 is the test split"
    """

    name: str
    splits: tuple[Split, ...]
    detail: str = ""

    @property
    def origin(self) -> str:
        """What named the splits, for the layout."""
        return f"split column {self.name!r}{self.detail}"


def split_column(
    root: Path, frame: pd.DataFrame, requested: str | None, excluded: Collection[str]
) -> SplitColumn | None:
    """The requested column, else the first with a usual name and values that are splits.

    Usual names are `split`, `fold`, `subset` and the like for names of splits, `is_valid`, `is_test` and the like for
    true and false, `fold` for whole numbers, of which the highest is the test split.

    excluded   columns that it can't be

    Raises DatasetError for a column called `split`, `fold` or `subset`, or a requested one, that names splits in some
    rows only.
    """
    if requested is not None and requested not in frame.columns:
        raise DatasetError(f"{root}: there is no column {requested!r} for the splits, as dataaudit.toml says")
    usual = [
        name
        for name in frame.columns
        if name not in excluded and name.lower() in {*SPLIT_COLUMNS, *FOLD_COLUMNS, *FLAGS}
    ]
    for name in usual if requested is None else [requested]:
        column = _named_splits(frame[name]) or _flags(frame[name]) or _folds(frame[name])
        if column is not None:
            return column
        values = [_split_of_value(value) for value in frame[name]]
        if requested is not None or (name.lower() in CERTAIN and any(values)):
            row = values.index(None)
            raise DatasetError(
                f"{root}: expected names of splits ({', '.join(SPLIT_NAMES)}) in the column {name!r}, found "
                f"{frame[name].iloc[row]!r} in data row {row}"
            )
    return None


def unused_split_columns(frame: pd.DataFrame, used: Collection[str]) -> list[str]:
    """Columns whose values are all names of splits, training and another, which nothing uses as such."""
    return [
        name
        for name in frame.columns
        if name not in used
        and (column := _named_splits(frame[name], abbreviated=False)) is not None
        and {"train"} < set(column.splits)
    ]


def _named_splits(column: "pd.Series[Any]", abbreviated: bool = True) -> SplitColumn | None:
    by_value: dict[str, Split] = {}
    splits: list[Split] = []
    for value in column:
        if not isinstance(value, str):
            return None
        if value not in by_value:
            split = _split_of_value(value, abbreviated)
            if split is None:
                return None
            by_value[value] = split
        splits.append(by_value[value])
    return SplitColumn(str(column.name), tuple(splits))


def _split_of_value(value: Any, abbreviated: bool = True) -> Split | None:
    if not isinstance(value, str):
        return None
    return split_of(value) or (ABBREVIATIONS.get(value.strip().lower()) if abbreviated else None)


def _flags(column: "pd.Series[Any]") -> SplitColumn | None:
    split = FLAGS.get(str(column.name).lower())
    words = {"true": True, "1": True, "1.0": True, "false": False, "0": False, "0.0": False}
    marks = [words.get(str(value).strip().lower()) for value in column]
    if split is None or None in marks or len(set(marks)) < 2:
        return None
    other: Split = "test" if split == "train" else "train"
    return SplitColumn(str(column.name), tuple(split if mark else other for mark in marks), f": true is {split}")


def _folds(column: "pd.Series[Any]") -> SplitColumn | None:
    if str(column.name).lower() not in FOLD_COLUMNS or not pd.api.types.is_integer_dtype(column.dtype):
        return None
    numbers, counts = np.unique(column.to_numpy(), return_counts=True)
    if not 2 <= len(numbers) <= MOST_FOLDS or counts.min() < EVEN_FOLDS * counts.max():
        return None
    last = numbers[-1]
    splits: tuple[Split, ...] = tuple("test" if value == last else "train" for value in column)
    return SplitColumn(str(column.name), splits, f": of the folds {numbers[0]} to {last}, {last} is the test split")
