"""Arrays in HDF5 files: read a slice at a time, or replaced in a copy that is otherwise the same."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
from numpy.typing import NDArray

from ...errors import InputError


@contextmanager
def stored_arrays(path: Path) -> Iterator[dict[str, h5py.Dataset]]:
    """The arrays of any HDF5 file by their paths in it, `train/x`; slices are read when they are asked for.

    Links to other files are not followed. Raises InputError for a file that is no HDF5 file, and for an array whose
    values lie in another file.
    """
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        raise InputError(f"{path}: not readable as HDF5: {error}") from error
    with file:
        arrays: dict[str, h5py.Dataset] = {}

        def collect(name: str, item: Any) -> None:
            if isinstance(item, h5py.Dataset):
                arrays[name] = item

        file.visititems(collect)
        for name, array in arrays.items():
            if array.external or array.is_virtual:
                raise InputError(f"{path}: the array {name!r} has its values in another file; copy them into this one")
        yield arrays


def copy_with_arrays(path: Path, new: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write a copy of any HDF5 file in which these arrays, by their paths in it, have other values and lengths."""
    with h5py.File(path, "r") as source, h5py.File(new, "w") as target:
        _copy_group(source, target, arrays)


def _copy_group(source: h5py.Group, target: h5py.Group, arrays: Mapping[str, NDArray[Any]]) -> None:
    for name, value in source.attrs.items():
        target.attrs[name] = value
    for name in source:
        path = f"{source.name}/{name}".lstrip("/")
        link = source.get(name, getlink=True)
        if not isinstance(link, h5py.HardLink):
            target[name] = link
        elif path in arrays:
            _replace(source[name], target, name, arrays[path])
        elif isinstance(source[name], h5py.Group) and any(key.startswith(f"{path}/") for key in arrays):
            _copy_group(source[name], target.create_group(name), arrays)
        else:
            source.copy(name, target)


def _replace(old: h5py.Dataset, target: h5py.Group, name: str, values: NDArray[Any]) -> None:
    layout = {}
    if old.chunks and len(values):
        limits = [None if limit is None else size for limit, size in zip(old.maxshape, values.shape, strict=True)]
        layout = {
            "chunks": tuple(map(min, old.chunks, values.shape)), "maxshape": tuple(limits),
            "compression": old.compression, "compression_opts": old.compression_opts, "shuffle": old.shuffle,
        }  # fmt: skip
    dtype = values.dtype if values.dtype.kind == "S" else old.dtype
    new = target.create_dataset(name, data=values, dtype=dtype, **layout)
    for key, value in old.attrs.items():
        new.attrs[key] = value
