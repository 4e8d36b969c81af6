"""The HDF5 layout of scores; the only file that imports h5py.

/scores           float32 (n_train, n_target), chunked by target columns
/self_influence   float32 (n_train,)
/held_out         float32 (n_subsets, n_target), the backend's predictions for held-out subsets
/train_ids        UTF-8 strings (n_train,)
/target_ids       UTF-8 strings (n_target,)
attributes        version, and provenance as JSON
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np
from numpy.typing import NDArray

from .errors import InputError

VERSION = 1
CHUNK_BYTES = 1 << 20


class ScoreWriter:
    """A score file under construction: blocks of columns are added up in place."""

    def __init__(self, file: h5py.File) -> None:
        self._file = file

    def add(self, start: int, block: NDArray[np.float32]) -> None:
        """Add `block` (n_train, m) to the columns from `start` on."""
        columns = slice(start, start + block.shape[1])
        self._file["scores"][:, columns] += block

    def finish(
        self, self_influence: NDArray[np.float32], held_out: NDArray[np.float32], provenance: Mapping[str, Any]
    ) -> None:
        """Write what is known only at the end."""
        self._file["self_influence"] = self_influence.astype(np.float32)
        self._file["held_out"] = held_out.astype(np.float32)
        self._file.attrs["provenance"] = json.dumps(dict(provenance))


@contextmanager
def writing(path: Path, train_ids: Sequence[str], target_ids: Sequence[str]) -> Iterator[ScoreWriter]:
    """A zeroed score file, moved to `path` when the block ends without an error and removed otherwise."""
    temporary = path.with_suffix(".tmp")
    try:
        with h5py.File(temporary, "w") as file:
            n, t = len(train_ids), len(target_ids)
            width = max(1, min(t, CHUNK_BYTES // (4 * n)))
            file.create_dataset("scores", (n, t), "f4", chunks=(n, width), fillvalue=0.0)
            strings = h5py.string_dtype("utf-8")
            file.create_dataset("train_ids", data=list(train_ids), dtype=strings)
            file.create_dataset("target_ids", data=list(target_ids), dtype=strings)
            file.attrs["version"] = VERSION
            yield ScoreWriter(file)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def _reading(path: Path) -> Iterator[h5py.File]:
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        raise InputError(f"{path}: expected an HDF5 file of scores: {error}") from error
    with file:
        missing = {"scores", "self_influence", "held_out", "train_ids", "target_ids"} - set(file)
        if missing or file.attrs.get("version") != VERSION:
            raise InputError(
                f"{path}: expected scores of layout version {VERSION}, found version {file.attrs.get('version')}"
                + (f" without {', '.join(sorted(missing))}" if missing else "")
            )
        yield file


class Header(NamedTuple):
    """All of a score file but its scores."""

    train_ids: tuple[str, ...]
    target_ids: tuple[str, ...]
    self_influence: NDArray[np.float32]
    held_out: NDArray[np.float32]
    provenance: dict[str, Any]


def read_header(path: Path) -> Header:
    """Everything but the scores. Raises InputError if the file is not a score file."""
    with _reading(path) as file:
        return Header(
            tuple(file["train_ids"].asstr()[:]),
            tuple(file["target_ids"].asstr()[:]),
            file["self_influence"][:],
            file["held_out"][:],
            json.loads(file.attrs["provenance"]),
        )


def read_columns(path: Path, start: int, stop: int) -> NDArray[np.float32]:
    """Scores (n_train, stop - start) of a range of targets."""
    with _reading(path) as file:
        columns: NDArray[np.float32] = file["scores"][:, start:stop]
        return columns
