"""NumPy .npz with arrays x_train, y_train, x_test, y_test (or train_x, x and y): a file, or one in a folder."""

import shutil
import tempfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from ...dataset import Dataset, Edit, ReadOptions, Track
from ...errors import DatasetError
from ...files import rebuilding
from ..reading.array_edits import edited_arrays
from ..reading.arrays import dataset_of, has_inputs
from ..reading.folders import files_at

EVIDENCE = 1
ENDINGS: Sequence[str] = (".npz",)
LOCAL_HEADER = 30
"""Bytes of a zip member's own header, before its name."""


def matches(path: Path) -> bool:
    """A .npz file, or a folder with one at its top that is broken or has inputs in it."""
    return (path.is_file() and bool(files_at(path, ENDINGS))) or any(map(_has_inputs, files_at(path, ENDINGS)))


def _has_inputs(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            return has_inputs([name.removesuffix(".npy") for name in archive.namelist()])
    except (OSError, ValueError, zipfile.BadZipFile):
        return True


def load(path: Path, reading: ReadOptions, track: Track) -> Dataset:
    """Read one archive; see `arrays.dataset_of`. Ids are `x_test#17`.

    Stored members are mapped where they lie, compressed ones are unpacked into a temporary file first. Pickled objects
    are refused: reading them could run code.
    """
    with _opened(_file(path)) as (_, arrays):
        return dataset_of(path, arrays, "npz", reading, track)


def rewrite(copy: Path, reading: ReadOptions, edits: Mapping[str, Edit]) -> Mapping[str, str]:
    """Write the archive anew with the arrays that change; all other members keep their bytes."""
    file = _file(copy)
    with rebuilding(file) as new, _opened(file) as (archive, arrays), zipfile.ZipFile(new, "w") as written:
        changed = edited_arrays(copy, arrays, reading, edits)
        for info in archive.infolist():
            array = changed.get(info.filename.removesuffix(".npy"))
            with archive.open(info) as before, written.open(_copy_info(info), "w", force_zip64=True) as after:
                if array is None:
                    shutil.copyfileobj(before, after, 1 << 20)
                else:
                    npy.write_array(after, array, allow_pickle=False)
    return {}


def _copy_info(info: zipfile.ZipInfo) -> zipfile.ZipInfo:
    new = zipfile.ZipInfo(info.filename, info.date_time)
    new.compress_type, new.external_attr = info.compress_type, info.external_attr
    return new


def _file(path: Path) -> Path:
    files = [file for file in files_at(path, ENDINGS) if path.is_file() or _has_inputs(file)]
    if len(files) != 1:
        listed = ", ".join(file.name for file in files) or "none"
        raise DatasetError(f"{path}: expected one .npz file with arrays, found {listed}; name the file itself")
    return files[0]


@contextmanager
def _opened(path: Path) -> Iterator[tuple[zipfile.ZipFile, dict[str, NDArray[Any]]]]:
    """The archive and its arrays, mapped."""
    with ExitStack() as stack:
        try:
            archive = stack.enter_context(zipfile.ZipFile(path))
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="dataaudit-")))
            members = [info for info in archive.infolist() if info.filename.endswith(".npy")]
            free, needed = (
                shutil.disk_usage(folder).free,
                sum(member.file_size for member in members if member.compress_type),
            )
            if needed > free:
                raise DatasetError(f"{path}: unpacked it takes {needed:,} bytes, {folder} has room for {free:,}")
            arrays = {
                info.filename.removesuffix(".npy"): _mapped(path, archive, info, folder / str(number))
                for number, info in enumerate(members)
            }
        except (OSError, ValueError, EOFError, zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
            raise DatasetError(f"{path}: not readable as a NumPy archive: {error}") from error
        yield archive, arrays


def _mapped(path: Path, archive: zipfile.ZipFile, info: zipfile.ZipInfo, temporary: Path) -> NDArray[Any]:
    if info.compress_type == zipfile.ZIP_STORED:
        with path.open("rb") as file:
            file.seek(info.header_offset)
            header = file.read(LOCAL_HEADER)
            lengths = int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:30], "little")
            file.seek(info.header_offset + LOCAL_HEADER + lengths)
            return _map(path, file, info)
    with archive.open(info) as packed, temporary.open("wb") as unpacked:
        shutil.copyfileobj(packed, unpacked, 1 << 20)
    with temporary.open("rb") as file:
        return _map(temporary, file, info)


def _map(path: Path, file: IO[bytes], info: zipfile.ZipInfo) -> NDArray[Any]:
    version = npy.read_magic(file)
    if version not in ((1, 0), (2, 0)):
        raise ValueError(f"{info.filename} is of version {version} of the .npy format")
    read_header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, fortran, dtype = read_header(file)
    if dtype.hasobject:
        raise ValueError(f"{info.filename} holds pickled objects, which are never loaded; save it as numbers or words")
    if not all(shape):
        return np.zeros(shape, dtype)
    return np.memmap(path, dtype, "r", file.tell(), shape, "F" if fortran else "C")
