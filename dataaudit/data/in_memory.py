"""Data in memory -> Dataset: frames, arrays, Hugging Face and torch datasets, by the same readers as files."""

from collections.abc import Mapping
from dataclasses import replace
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

    Frames are read as tables, see `tables.assembled`, so that words in them mean what they do in a file; arrays as in
    `arrays.dataset_of`; texts in place of inputs, and frames beside labels, as tables with a column of labels.

    Raises InputError for anything else, and whatever the readers of files raise.
    """
    dataset = _read(data, options, track)
    require_several_groups(dataset)
    return dataset


def _read(data: Any, options: ReadOptions, track: Track) -> Dataset:
    parts = data if isinstance(data, Mapping) else {WHOLE: data}
    if not parts:
        raise InputError(f"data: {EXPECTED}; found an empty mapping")
    if isinstance(data, Mapping):
        for name in parts:
            if split_of(str(name)) is None:
                raise InputError(f"data[{name!r}]: expected splits called {', '.join(SPLITS)}, found {name!r}")
    if all(_is_hugging_face(part) for part in parts.values()):
        return hugging_face.dataset_of(ROOT, dict(parts), options, track)
    parts = {str(name): _of_torch(part) for name, part in parts.items()}
    if all(isinstance(part, pd.DataFrame) for part in parts.values()):
        return _of_frames(parts, options)
    for name, part in parts.items():
        if not (isinstance(part, tuple | list) and len(part) == 2):
            raise InputError(f"data: {EXPECTED}; found {type(part).__name__}{f' for {name!r}' * (name != WHOLE)}")
    if all(_in_columns(inputs) for inputs, _ in parts.values()):
        frames = {name: _labelled_frame(name, part[0], part[1], options) for name, part in parts.items()}
        return _of_frames(frames, _labelled(options))
    arrays: dict[str, Any] = {}
    for name, (inputs, targets) in parts.items():
        suffix = "" if name == WHOLE else f"_{split_of(name)}"
        arrays |= {f"x{suffix}": np.asarray(inputs), f"y{suffix}": np.asarray(targets)}
    return dataset_of(ROOT, arrays, "arrays", options, track)


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


def _of_frames(frames: Mapping[str, pd.DataFrame], options: ReadOptions) -> Dataset:
    parts = [Part(name, split_of(name), frame.reset_index(drop=True)) for name, frame in frames.items()]
    return assembled(ROOT, parts, "splits", "frames", options, [])


def _in_columns(inputs: Any) -> bool:
    return isinstance(inputs, pd.DataFrame) or np.asarray(inputs).dtype.kind in "OU"


def _labelled(options: ReadOptions) -> ReadOptions:
    return options if options.label else replace(options, label=TARGET)


def _labelled_frame(name: str, inputs: Any, targets: Any, options: ReadOptions) -> pd.DataFrame:
    frame = inputs.reset_index(drop=True) if isinstance(inputs, pd.DataFrame) else pd.DataFrame({TEXT: list(inputs)})
    values, label = list(targets), options.label or TARGET
    if len(values) != len(frame):
        raise InputError(f"data: {name}: expected as many labels as rows, found {len(values):,} and {len(frame):,}")
    if label in frame:
        raise InputError(f"data: {name}: X has a column {label!r} already; name the labels' column by label=")
    return frame.assign(**{str(label): values})
