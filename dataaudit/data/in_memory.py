"""Data in memory -> Dataset: frames, arrays, Hugging Face and torch datasets, by the same readers as files."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..dataset import SPLITS, Dataset, ReadOptions, Track
from ..errors import InputError
from .formats import hugging_face
from .reading.arrays import dataset_of
from .reading.groups import require_several_groups
from .reading.split_names import split_of
from .reading.tables import Part, assembled

ROOT = Path("data in memory")
"""What data without a place on disk is called; no folder that settings could lie in."""
WHOLE = "rows"
"""Prefix of ids where there are no splits: `rows#17`."""
EXPECTED = (
    "expected a path, a DataFrame, (X, y), a mapping from split to either, a Hugging Face Dataset or DatasetDict, or "
    "a torch Dataset of (input, label)"
)
TEXT, TARGET = "text", "label"


def read_in_memory(data: Any, options: ReadOptions, track: Track) -> Dataset:
    """The dataset that these objects make. Ids are `train#17`, rows counted from 0; `rows#17` without splits.
    `own_names` gives the names that the data itself has for them.

    Frames are read as tables, see `tables.assembled`, so that words in them mean what they do in a file; arrays as in
    `arrays.dataset_of`; texts in place of inputs, and frames beside labels, as tables with a column of labels.

    Raises InputError for anything else, and whatever the readers of files raise.
    """
    dataset = _read(data, options, track)
    require_several_groups(dataset)
    return dataset


def parts_of(data: Any) -> dict[str, Any]:
    """The parts by split, or the whole as `rows`. Raises InputError for names that are no splits."""
    parts = data if isinstance(data, Mapping) else {WHOLE: data}
    if not parts:
        raise InputError(f"data: {EXPECTED}; found an empty mapping")
    if isinstance(data, Mapping):
        for name in parts:
            if split_of(str(name)) is None:
                raise InputError(f"data[{name!r}]: expected splits called {', '.join(SPLITS)}, found {name!r}")
    return {str(name): part for name, part in parts.items()}


def _read(data: Any, options: ReadOptions, track: Track) -> Dataset:
    parts = parts_of(data)
    if all(_is_hugging_face(part) for part in parts.values()):
        return hugging_face.dataset_of(ROOT, parts, options, track)
    parts = {name: _of_torch(part) for name, part in parts.items()}
    tables = tables_of(parts, options)
    if tables is None:
        return dataset_of(ROOT, arrays_of(parts), "arrays", options, track)
    rows = [Part(name, split_of(name), frame.reset_index(drop=True)) for name, frame in tables.frames.items()]
    return assembled(ROOT, rows, "splits", "frames", tables.reading, [])


@dataclass(frozen=True)
class Tables:
    """Frames by split, as they came or with their labels as a column, and how they are read."""

    frames: Mapping[str, pd.DataFrame]
    reading: ReadOptions


def tables_of(parts: Mapping[str, Any], options: ReadOptions) -> Tables | None:
    """Frames, and frames or texts beside labels, as tables; None for anything else."""
    if all(isinstance(part, pd.DataFrame) for part in parts.values()):
        return Tables(parts, options)
    if not all(_is_pair(part) and _in_columns(part[0]) for part in parts.values()):
        return None
    reading = options if options.label else replace(options, label=TARGET)
    label = str(reading.label)
    return Tables({name: _labelled_frame(name, part[0], part[1], label) for name, part in parts.items()}, reading)


def arrays_of(parts: Mapping[str, Any]) -> dict[str, Any]:
    """(X, y) of each part by the names that files of arrays have: x_train, y_train. Raises InputError for others."""
    arrays: dict[str, Any] = {}
    for name, part in parts.items():
        if not _is_pair(part):
            raise InputError(f"data: {EXPECTED}; found {type(part).__name__}{f' for {name!r}' * (name != WHOLE)}")
        suffix = "" if name == WHOLE else f"_{split_of(name)}"
        arrays |= {f"x{suffix}": np.asarray(part[0]), f"y{suffix}": np.asarray(part[1])}
    return arrays


def own_names(data: Any) -> dict[str, str]:
    """What samples are called by the id that they are read under; empty where that is their name.

    Rows of frames have their own index if it is one (not rows counted from 0) and unique; arrays the split's name.
    """
    parts = parts_of(data)
    inputs = {name: part[0] if _is_pair(part) else part for name, part in parts.items()}
    frames = {name: part for name, part in inputs.items() if isinstance(part, pd.DataFrame)}
    if not frames and not any(_is_hugging_face(part) for part in parts.values()):
        prefixes = {name: "x" if name == WHOLE else f"x_{split_of(name)}" for name in parts}
        return {f"{prefixes[name]}#{row}": f"{name}#{row}" for name in parts for row in range(len(inputs[name]))}
    if len(frames) < len(parts) or all(_is_counted(frame.index) for frame in frames.values()):
        return {}
    names = {f"{name}#{row}": str(own) for name, frame in frames.items() for row, own in enumerate(frame.index)}
    return names if len(set(names.values())) == len(names) else {}


def _is_counted(index: "pd.Index[Any]") -> bool:
    return isinstance(index, pd.RangeIndex) and index.start == 0 and index.step == 1


def _is_pair(part: Any) -> bool:
    return isinstance(part, tuple | list) and len(part) == 2


def _is_hugging_face(part: Any) -> bool:
    return type(part).__module__.partition(".")[0] == "datasets" and hasattr(part, "with_format")


def _of_torch(part: Any) -> Any:
    """(X, y) of a torch Dataset whose items are (input, label); anything else as it is."""
    is_indexed = hasattr(part, "__getitem__") and hasattr(part, "__len__")
    if not is_indexed or isinstance(part, tuple | list | np.ndarray | pd.DataFrame | Mapping) or not len(part):
        return part
    first = part[0]
    if not (isinstance(first, tuple | list) and len(first) == 2):
        return part
    items = [part[row] for row in range(len(part))]
    return np.stack([np.asarray(item) for item, _ in items]), np.array([np.asarray(label) for _, label in items])


def _in_columns(inputs: Any) -> bool:
    return isinstance(inputs, pd.DataFrame) or np.asarray(inputs).dtype.kind in "OU"


def _labelled_frame(name: str, inputs: Any, targets: Any, label: str) -> pd.DataFrame:
    frame = inputs if isinstance(inputs, pd.DataFrame) else pd.DataFrame({TEXT: list(inputs)})
    values = list(targets)
    if len(values) != len(frame):
        raise InputError(f"data: {name}: expected as many labels as rows, found {len(values):,} and {len(frame):,}")
    if label in frame:
        raise InputError(f"data: {name}: X has a column {label!r} already; name the labels' column by label=")
    return frame.assign(**{label: values})
