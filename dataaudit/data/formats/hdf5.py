"""HDF5 (.h5, .hdf5) with arrays x_train, y_train, x_test, y_test (or train/x, x and y): a file, or one in a folder."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from ...dataset import Dataset, Edit, ReadOptions, Track
from ...errors import DatasetError, InputError
from ...files import rebuilding
from ..reading.array_edits import edited_arrays
from ..reading.arrays import dataset_of, has_inputs
from ..reading.folders import files_at
from ..reading.hdf5_files import copy_with_arrays, stored_arrays

EVIDENCE = 1
ENDINGS: Sequence[str] = (".h5", ".hdf5")


def matches(path: Path) -> bool:
    """An HDF5 file, or a folder with one at its top that is broken or has inputs in it."""
    return (path.is_file() and bool(files_at(path, ENDINGS))) or any(map(_has_inputs, files_at(path, ENDINGS)))


def _has_inputs(path: Path) -> bool:
    try:
        with stored_arrays(path) as arrays:
            return has_inputs(list(arrays))
    except (InputError, OSError, RuntimeError):
        return True


def load(path: Path, reading: ReadOptions, track: Track) -> Dataset:
    """Read one file a block of rows at a time; see `arrays.dataset_of`. Ids are `x_test#17`."""
    with stored_arrays(_file(path)) as arrays:
        return dataset_of(path, arrays, "hdf5", reading, track)


def rewrite(copy: Path, reading: ReadOptions, edits: Mapping[str, Edit]) -> Mapping[str, str]:
    """Write the file anew with the arrays that change, and all else as it was."""
    file = _file(copy)
    with stored_arrays(file) as arrays:
        changed = edited_arrays(copy, arrays, reading, edits)
    with rebuilding(file) as new:
        copy_with_arrays(file, new, changed)
    return {}


def _file(path: Path) -> Path:
    files = [file for file in files_at(path, ENDINGS) if path.is_file() or _has_inputs(file)]
    if len(files) != 1:
        listed = ", ".join(file.name for file in files) or "none"
        raise DatasetError(f"{path}: expected one HDF5 file with arrays, found {listed}; name the file itself")
    return files[0]
