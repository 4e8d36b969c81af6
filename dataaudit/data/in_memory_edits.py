"""Edits of data in memory: frames and arrays come back changed in the form that they had."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..dataset import Edit, ReadOptions
from ..errors import InputError
from .in_memory import ROOT, Tables, arrays_of, parts_of, tables_of
from .reading.array_edits import edited_arrays
from .reading.row_edits import describe_files, edit_rows
from .reading.split_names import split_of
from .reading.tables import Part


def edited(data: Any, options: ReadOptions, edits: Mapping[str, Edit]) -> Any:
    """`data`, read with `options`, after these edits by `train#17`; what was passed stays as it is.

    Frames keep their columns, types and index. Raises InputError for Hugging Face and torch datasets, and DatasetError
    for an edit that the data can't take.
    """
    parts = parts_of(data)
    tables = tables_of(parts, options)
    if tables is not None:
        changed = _edited_tables(tables, edits)
        new = {name: _as_it_came(parts[name], frame, tables.reading) for name, frame in changed.items()}
    elif all(isinstance(part, tuple | list) for part in parts.values()):
        arrays = arrays_of(parts)
        arrays |= edited_arrays(ROOT, arrays, options, edits)
        suffixes = {name: f"_{split_of(name)}" if len(parts) > 1 or isinstance(data, Mapping) else "" for name in parts}
        new = {name: (arrays[f"x{suffix}"], arrays[f"y{suffix}"]) for name, suffix in suffixes.items()}
    else:
        kind = type(next(iter(parts.values()))).__name__
        raise InputError(
            f"apply: expected frames or arrays, found {kind}; choose its rows by the ids in audit.samples, or save the "
            "dataset to a folder and use dataaudit apply"
        )
    return new if isinstance(data, Mapping) else next(iter(new.values()))


def _edited_tables(tables: Tables, edits: Mapping[str, Edit]) -> dict[str, pd.DataFrame]:
    parts = [Part(name, split_of(name), frame.reset_index(drop=True)) for name, frame in tables.frames.items()]
    files = describe_files(ROOT, parts, {name: ROOT / name for name in tables.frames}, tables.reading)
    rows = {name: _FrameRows(frame) for name, frame in tables.frames.items()}
    edit_rows(files, rows, edits)
    return {name: part.frame for name, part in rows.items()}


def _as_it_came(part: Any, frame: pd.DataFrame, reading: ReadOptions) -> Any:
    """A frame, or (X, y) where that is what it was made of."""
    if isinstance(part, pd.DataFrame):
        return frame
    inputs, targets = part
    features = frame.drop(columns=str(reading.label))
    if not isinstance(inputs, pd.DataFrame):
        features = _like(inputs, features.iloc[:, 0])
    return features, _like(targets, frame[str(reading.label)])


def _like(before: Any, values: "pd.Series[Any]") -> Any:
    """Values in the container that they came in."""
    if isinstance(before, pd.Series):
        return pd.Series(values, dtype=before.dtype, name=before.name)
    return list(values) if isinstance(before, list | tuple) else np.asarray(values)


class _FrameRows:
    """The rows of a frame, see `raw_rows.RawRows`; writing them replaces `frame`."""

    def __init__(self, frame: pd.DataFrame) -> None:
        self.frame = frame
        self.before = frame
        self.edited: dict[str, dict[int, Any]] = {}

    def __len__(self) -> int:
        return len(self.before)

    def values(self, column: str) -> list[Any]:
        return self.before[column].to_list()

    def put(self, row: int, column: str, value: Any) -> None:
        self.edited.setdefault(column, {})[row] = value

    def select(self, rows: Sequence[int]) -> pd.DataFrame:
        """These rows, with their edits."""
        changed = self.before.copy()
        for column, changes in self.edited.items():
            values = self.before[column].to_list()
            for row, value in changes.items():
                values[row] = value
            changed[column] = pd.Series(values, changed.index, self.before[column].dtype)
        return changed.iloc[list(rows)]

    def write(self, path: Path, rows: Sequence[int], incoming: Sequence[tuple["_FrameRows", Sequence[int]]]) -> None:
        arrived = [other.select(other_rows) for other, other_rows in incoming]
        self.frame = pd.concat([self.select(rows), *arrived]) if arrived else self.select(rows)
