"""The HDF5 layout of attribution scores.

/scores           float32 (n_train, n_target), chunked by target columns; or, where these are smaller, its factors:
/left/0, 1, ...   float32 (n_train, k), or a group of by_output (n_train, c) and inputs (n_train, d), whose products are
                  its rows, k = c d; and
/right/0, 1, ...  float32 (n_target, k), scores being the sum of left @ right.T
/self_influence   float32 (n_train,), absent where the backend has none
/held_out         float32 (n_subsets, n_target), the backend's predictions for held-out subsets
/train_ids        UTF-8 strings (n_train,)
/target_ids       UTF-8 strings (n_target,)
attributes        version, and provenance as JSON
"""

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np
from numpy.typing import NDArray

from ..errors import InputError

VERSION = 1
CHUNK_BYTES = 1 << 20
BLOCK_BYTES = 64 << 20
"""What is read at a time."""
SUM_BYTES = 512 << 20
"""Largest matrix that is summed in memory: on disk every block would be read and written again for every model."""
PAIRS = 512
"""Single scores that are computed from factors at a time."""


class ScoreWriter:
    """A score file under construction: a sum of blocks of columns, or of products of factors."""

    def __init__(self, file: h5py.File) -> None:
        self._file = file
        self._in_memory: NDArray[np.float32] | None = None

    def add(self, start: int, block: NDArray[np.float32]) -> None:
        """Add `block` (n_train, m) to the columns from `start` on."""
        columns = slice(start, start + block.shape[1])
        if self._in_memory is None and "scores" not in self._file:
            n, t = len(self._file["train_ids"]), len(self._file["target_ids"])
            width = max(1, min(t, CHUNK_BYTES // (4 * n)))
            self._file.create_dataset("scores", (n, t), "f4", chunks=(n, width), fillvalue=0.0)
            if 4 * n * t <= SUM_BYTES:
                self._in_memory = np.zeros((n, t), np.float32, order="F")
        if self._in_memory is None:
            self._file["scores"][:, columns] += block
        else:
            self._in_memory[:, columns] += block

    def factors(self, left: NDArray[np.float32]) -> h5py.Dataset:
        """Add left (n_train, k) @ right.T to all scores; returns right (n_target, k), to be filled."""
        self._file[f"left/{self._number}"] = left
        return self._right(left.shape[1])

    def products(self, by_output: NDArray[np.float32], inputs: NDArray[np.float32]) -> h5py.Dataset:
        """The same for the products of by_output (n_train, c) and inputs (n_train, d), k = c d."""
        left = self._file.create_group(f"left/{self._number}")
        left["by_output"], left["inputs"] = by_output, inputs
        return self._right(by_output.shape[1] * inputs.shape[1])

    @property
    def _number(self) -> int:
        return len(self._file["right"]) if "right" in self._file else 0

    def _right(self, width: int) -> h5py.Dataset:
        return self._file.create_dataset(f"right/{self._number}", (len(self._file["target_ids"]), width), "f4")

    def finish(
        self, self_influence: NDArray[np.float32] | None, held_out: NDArray[np.float32], provenance: Mapping[str, Any]
    ) -> None:
        """Write what is known only at the end."""
        if self._in_memory is not None:
            for columns in _slices(self._in_memory.shape[1], 4 * self._in_memory.shape[0]):
                self._file["scores"][:, columns] = self._in_memory[:, columns]
        if self_influence is not None:
            self._file["self_influence"] = self_influence.astype(np.float32)
        self._file["held_out"] = held_out.astype(np.float32)
        self._file.attrs["provenance"] = json.dumps(dict(provenance))


@contextmanager
def writing(path: Path, train_ids: Sequence[str], target_ids: Sequence[str]) -> Iterator[ScoreWriter]:
    """A score file, moved to `path` when the block ends without an error and removed otherwise."""
    temporary = path.with_suffix(".tmp")
    try:
        with h5py.File(temporary, "w") as file:
            strings = h5py.string_dtype("utf-8")
            file.create_dataset("train_ids", data=list(train_ids), dtype=strings)
            file.create_dataset("target_ids", data=list(target_ids), dtype=strings)
            file.attrs["version"] = VERSION
            yield ScoreWriter(file)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def copy(source: Path, destination: Path) -> None:
    """Copy a score file, whole or not at all. Raises InputError if it can't be written there."""
    try:
        if destination.exists() and not destination.is_file():
            raise InputError(
                f"{destination}: expected the path of a file, found a {_kind(destination)}; name a file, say scores.h5"
            )
        temporary = destination.with_name(destination.name + ".tmp")
        try:
            shutil.copyfile(source, temporary)
            temporary.replace(destination)
        finally:
            temporary.unlink(missing_ok=True)
    except (OSError, ValueError) as error:
        raise InputError(
            f"{destination}: scores can't be saved there: {error}; name a file in a folder that can be written"
        ) from error


@contextmanager
def _reading(path: Path) -> Iterator[h5py.File]:
    try:
        file = h5py.File(path, "r")
    except (OSError, ValueError) as error:
        raise InputError(
            f"{path}: expected a file of scores, as Attribution.save writes it; {_why(path, error)}"
        ) from error
    with file:
        missing = {"held_out", "train_ids", "target_ids", "provenance"} - set(file) - set(file.attrs)
        missing |= set() if "scores" in file or {"left", "right"} <= set(file) else {"scores"}
        if missing or file.attrs.get("version") != VERSION:
            raise InputError(
                f"{path}: expected scores of layout version {VERSION}, found version {file.attrs.get('version')}"
                + (f" without {', '.join(sorted(missing))}" if missing else "")
                + "; save them again with this version of dataaudit"
            )
        yield file


def _why(path: Path, error: Exception) -> str:
    """Why HDF5 can't open a path, and what to do."""
    if isinstance(error, PermissionError):
        return f"found one that may not be read: {error}; change its permissions"
    if not path.exists():
        return "found nothing there; check the path"
    if not path.is_file():
        return f"found a {_kind(path)}; name the file in it, such as {path / 'scores.h5'}"
    if not h5py.is_hdf5(path):
        return "found a file that is not HDF5; name another, or save the scores again"
    return f"found one that can't be read, such as after it was cut short: {error}; save the scores again"


def _kind(path: Path) -> str:
    return "folder" if path.is_dir() else "device or pipe"


class Header(NamedTuple):
    """All of a score file but its scores."""

    train_ids: tuple[str, ...]
    target_ids: tuple[str, ...]
    self_influence: NDArray[np.float32] | None
    held_out: NDArray[np.float32]
    provenance: dict[str, Any]


def read_header(path: Path) -> Header:
    """Everything but the scores. Raises InputError if the file is not a score file."""
    with _reading(path) as file:
        return Header(
            tuple(file["train_ids"].asstr()[:]),
            tuple(file["target_ids"].asstr()[:]),
            file["self_influence"][:] if "self_influence" in file else None,
            file["held_out"][:],
            json.loads(file.attrs["provenance"]),
        )


def read_columns(path: Path, columns: slice | NDArray[np.int64], negligible: float = 0.0) -> NDArray[np.float32]:
    """Scores (n_train, m) of a range of targets, or of those at positions (m,) in increasing order.

    negligible   of products, parts by an output whose weight is at most this share of the largest are left out
    """
    with _reading(path) as file:
        if "scores" in file:
            scores: NDArray[np.float32] = file["scores"][:, columns]
            return scores
        factors = [(left, right[columns]) for left, right in _factors(file)]
        total = np.zeros((len(file["train_ids"]), len(factors[0][1])), np.float32)
        for left, solved in factors:
            for rows in left.blocks(len(solved)):
                total[rows] += left.times(rows, solved, negligible)
        return total


def read_elements(path: Path, rows: NDArray[np.int64], columns: NDArray[np.int64]) -> NDArray[np.float32]:
    """Scores (m,) of pairs of a training sample and a target, by their positions (m,)."""
    elements = np.zeros(len(rows), np.float32)
    with _reading(path) as file:
        if "scores" in file:
            scores = file["scores"]
            for block, pairs in _pairs_by_block(columns, scores.shape[1], 4 * scores.shape[0]):
                elements[pairs] = scores[:, block][rows[pairs], columns[pairs] - block.start]
            return elements
        for left, right in _factors(file):
            for block, pairs in _pairs_by_block(columns, *right.shape):
                solved = right[block]
                for part in np.array_split(pairs, -(-len(pairs) // PAIRS)):
                    elements[part] += (left.take(rows[part]) * solved[columns[part] - block.start]).sum(1)
        return elements


def _pairs_by_block(
    columns: NDArray[np.int64], length: int, bytes_each: int
) -> Iterator[tuple[slice, NDArray[np.int64]]]:
    """Blocks of columns, and the positions of the pairs in each that has any."""
    order = np.argsort(columns, kind="stable")
    for block in _slices(length, bytes_each):
        pairs = order[slice(*np.searchsorted(columns[order], (block.start, block.stop)))]
        if len(pairs):
            yield block, pairs


def weighted_sums(path: Path, weights: NDArray[np.float32]) -> NDArray[np.float32]:
    """weights (m, n_train) @ scores, (m, n_target)."""
    with _reading(path) as file:
        total = np.zeros((len(weights), len(file["target_ids"])), np.float32)
        if "scores" in file:
            scores = file["scores"]
            for columns in _slices(scores.shape[1], 4 * scores.shape[0]):
                total[:, columns] = weights @ scores[:, columns]
            return total
        for left, right in _factors(file):
            combined = sum(left.sums(rows, weights[:, rows]) for rows in left.blocks(1))
            for columns in _slices(len(right), 4 * right.shape[1]):
                total[:, columns] += combined @ right[columns].T
        return total


def sums_over_targets(path: Path, weights: NDArray[np.float32]) -> NDArray[np.float32]:
    """scores @ weights (n_target,), (n_train,)."""
    with _reading(path) as file:
        total = np.zeros(len(file["train_ids"]), np.float32)
        if "scores" in file:
            scores = file["scores"]
            for columns in _slices(scores.shape[1], 4 * scores.shape[0]):
                total += scores[:, columns] @ weights[columns]
            return total
        for left, right in _factors(file):
            solved = np.zeros((1, right.shape[1]), np.float32)
            for columns in _slices(len(right), 4 * right.shape[1]):
                solved[0] += weights[columns] @ right[columns]
            for rows in left.blocks(1):
                total[rows] += left.times(rows, solved)[:, 0]
        return total


class _Whole:
    """A left factor (n, k) as it is."""

    def __init__(self, features: h5py.Dataset) -> None:
        self._features = features

    def blocks(self, width: int) -> Iterator[slice]:
        """Rows that are read at a time for this many targets."""
        return _slices(len(self._features), 4 * self._features.shape[1])

    def take(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """(m, k) of these rows."""
        distinct, place = np.unique(rows, return_inverse=True)
        features: NDArray[np.float32] = self._features[distinct][place]
        return features

    def times(self, rows: slice, solved: NDArray[np.float32], negligible: float = 0.0) -> NDArray[np.float32]:
        """These rows @ solved (m, k).T, exactly."""
        return np.asarray(self._features[rows] @ solved.T, np.float32)

    def sums(self, rows: slice, weights: NDArray[np.float32]) -> NDArray[np.float32]:
        """weights (m, len(rows)) @ these rows."""
        return np.asarray(weights @ self._features[rows], np.float32)


class _OfProducts:
    """A left factor (n, c d) of products, see `products.Products`; as `_Whole`."""

    def __init__(self, parts: h5py.Group) -> None:
        self._by_output: NDArray[np.float32] = parts["by_output"][:]
        self._largest = float(np.abs(self._by_output).max(initial=0.0))
        self._inputs = parts["inputs"]

    def blocks(self, width: int) -> Iterator[slice]:
        return _slices(len(self._inputs), 4 * max(self._inputs.shape[1], width))

    def take(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        distinct, place = np.unique(rows, return_inverse=True)
        products = self._by_output[rows][:, :, None] * self._inputs[distinct][place][:, None]
        return np.asarray(products.reshape(len(rows), -1), np.float32)

    def times(self, rows: slice, solved: NDArray[np.float32], negligible: float = 0.0) -> NDArray[np.float32]:
        inputs, by_output = self._inputs[rows], self._by_output[rows]
        by_class = solved.reshape(len(solved), by_output.shape[1], -1).transpose(1, 0, 2)
        times = np.zeros((len(inputs), len(solved)), np.float32)
        for weights, along in zip(by_output.T, by_class, strict=True):
            counting = np.flatnonzero(np.abs(weights) > negligible * self._largest)
            times[counting] += weights[counting, None] * (inputs[counting] @ along.T)
        return times

    def sums(self, rows: slice, weights: NDArray[np.float32]) -> NDArray[np.float32]:
        inputs, by_output = self._inputs[rows], self._by_output[rows]
        return np.stack([((weight[:, None] * by_output).T @ inputs).ravel() for weight in weights])


def _left(stored: h5py.Dataset | h5py.Group) -> _Whole | _OfProducts:
    return _OfProducts(stored) if isinstance(stored, h5py.Group) else _Whole(stored)


def _factors(file: h5py.File) -> Iterator[tuple[_Whole | _OfProducts, h5py.Dataset]]:
    """Each left factor with its right one."""
    for number in file["left"]:
        yield _left(file["left"][number]), file["right"][number]


def _slices(length: int, bytes_each: int) -> Iterator[slice]:
    step = max(1, BLOCK_BYTES // max(1, bytes_each))
    for start in range(0, length, step):
        yield slice(start, min(start + step, length))
