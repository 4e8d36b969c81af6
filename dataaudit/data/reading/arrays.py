"""Arrays by name as a dataset: which are inputs and targets of which split, images or numbers."""

import functools
import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ...dataset import (
    OTHER_ARRAY,
    SPLITS,
    Dataset,
    IgnoredPath,
    Layout,
    Modality,
    ReadOptions,
    Split,
    Track,
    UnreadableSample,
)
from ...errors import DatasetError
from ..images import Decoded, resized
from .copies import equal_digests, unsampled_copies
from .pictures import working_size
from .split_names import SPLIT_NAMES
from .splits import resolve_splits, sample_rows
from .targets import Targets, read_targets, require_enough
from .text_files import path_text

INPUTS = ("x", "images", "data", "inputs", "features")
TARGETS = ("y", "labels", "label", "targets", "target")
BLOCK_BYTES = 16 << 20
"""Read at a time."""
KEPT_BYTES = 1 << 30
"""Memory that the kept rows may take; fewer rows are kept where they would take more."""


class StoredArray(Protocol):
    """An array on disk."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    @property
    def dtype(self) -> np.dtype[Any]: ...

    def __getitem__(self, rows: slice) -> NDArray[Any]: ...


@dataclass(frozen=True)
class Pair:
    """Inputs and targets of one split."""

    split: Split | None
    name: str
    inputs: StoredArray
    target_name: str
    targets: NDArray[Any]


def has_inputs(names: Sequence[str]) -> bool:
    """Whether one of these arrays is called like inputs."""
    return any(role_of(name, None)[0] == "inputs" for name in names)


def dataset_of(
    path: Path, arrays: Mapping[str, StoredArray], format: str, reading: ReadOptions, track: Track
) -> Dataset:
    """Make a dataset of `x_train`, `y_train`, `x_test`, ... (also `train_x`, `train/x`, `X_train`), or of `x` and `y`.

    Inputs of bytes, (n, h, w), (n, h, w, 1 or 3) or (n, 1 or 3, h, w), are images; any other numbers an array, whose
    rows with a value that is not finite are rejected. Targets are (n,), or (n, c) of zeros and ones: one class a row if
    every row has a single one, else sets of labels. Only the rows that are kept are ever in memory.

    Raises DatasetError for missing arrays, other shapes, and anything but numbers.
    """
    notes: list[str] = []
    pairs, ignored = pair_arrays(path, arrays, reading)
    column, one_hot = target_column(path, pairs, reading)
    targets = read_targets(column, str(path), reading.task)
    notes.append(targets.note + (", one of them set in each row" if one_hot else ""))
    named_splits = [pair.split for pair in pairs for _ in range(pair.inputs.shape[0])]
    copies = functools.cache(lambda: [_equal_rows(path, pairs, len(named_splits), track)])
    splits, origin = resolve_splits(
        path, named_splits, targets.strata, "split arrays", "rows", reading.seed, notes, copies
    )
    ids = [f"{pair.name}#{row}" for pair in pairs for row in range(pair.inputs.shape[0])]
    reading = _within_memory(pairs[0].inputs, reading, notes)
    rows = sample_rows(splits, targets.strata, reading, "rows", notes)
    modality, inputs, contents, reasons = _read_inputs(path, pairs, rows, notes, track)
    readable = np.flatnonzero(reasons == "")
    kept_rows = rows[readable]
    rejected = [
        _rejected(ids, splits, targets, row, str(targets.reasons[row]), _digest(pairs, row))
        for row in np.flatnonzero(~targets.usable).tolist()
    ]
    rejected += [
        _rejected(ids, splits, targets, int(rows[i]), str(reasons[i]), contents[i])
        for i in np.flatnonzero(reasons != "").tolist()
    ]
    require_enough(path, targets.task, splits[kept_rows], targets.values[kept_rows], rejected, "rows")
    return Dataset(
        root=path,
        ids=tuple(ids[row] for row in kept_rows),
        inputs=inputs if len(readable) == len(inputs) else inputs[readable],
        targets=targets.values[kept_rows],
        splits=splits[kept_rows],
        class_names=targets.class_names,
        contents=tuple(contents[i] for i in readable),
        sources=(),
        layout=Layout(format, origin, ignored, tuple(notes)),
        rejected=tuple(rejected),
        modality=modality,
        task=targets.task,
        unsampled=unsampled_copies(copies, splits, targets.usable, rows, ids.__getitem__),
    )


def _rejected(
    ids: Sequence[str], splits: NDArray[np.str_], targets: Targets, row: int, reason: str, content: str
) -> UnreadableSample:
    has_class = targets.task == "classification" and targets.usable[row]
    name = targets.class_names[targets.values[row]] if has_class else ""
    return UnreadableSample(ids[row], splits[row], name, reason, content)


def _digest(pairs: Sequence[Pair], row: int) -> str:
    """SHA-256 of one row of inputs, counted through all pairs."""
    for pair in pairs:
        count = pair.inputs.shape[0]
        if row < count:
            return hashlib.sha256(np.ascontiguousarray(pair.inputs[row : row + 1]).tobytes()).hexdigest()
        row -= count
    raise IndexError(row)


def _equal_rows(path: Path, pairs: Sequence[Pair], n: int, track: Track) -> NDArray[np.int64]:
    """Codes of equal rows; those that will be rejected equal none."""
    blocks = (block for _, block in _blocks(path, pairs, np.arange(n), track))
    return equal_digests(
        hashlib.sha256(np.ascontiguousarray(row).tobytes()).hexdigest() if is_finite else None
        for block in blocks
        for row, is_finite in zip(block, _finite(_floats(block)), strict=True)
    )


def _floats(block: NDArray[Any]) -> NDArray[np.float32]:
    """As the learner sees them, without negative zeros."""
    with np.errstate(over="ignore"):
        floats: NDArray[np.float32] = block.astype(np.float32) + np.float32(0)
    return floats


def _finite(block: NDArray[np.float32]) -> NDArray[np.bool_]:
    """(n,) rows of finite values."""
    return np.asarray(np.isfinite(block).reshape(len(block), -1).all(1))


def role_of(name: str, label: str | None) -> tuple[str, Split | None]:
    """("inputs", "targets" or "", split), by the name of an array."""
    words = [word for word in re.split(r"[/_.\-]+", name.lower()) if word]
    splits = [SPLIT_NAMES[word] for word in words if word in SPLIT_NAMES]
    stem = "_".join(word for word in words if word not in SPLIT_NAMES)
    if len(splits) > 1:
        return "", None
    targets = TARGETS if label is None else (label.lower(),)
    role = "targets" if stem in targets or name == label else "inputs" if stem in INPUTS else ""
    return role, splits[0] if splits else None


def pair_arrays(
    path: Path, arrays: Mapping[str, StoredArray], reading: ReadOptions
) -> tuple[list[Pair], tuple[IgnoredPath, ...]]:
    """The arrays that belong together, and those that are neither inputs nor targets."""
    roles: dict[tuple[str, Split | None], str] = {}
    ignored = []
    for name in arrays:
        role, split = role_of(name, reading.label)
        if not role:
            ignored.append(IgnoredPath(name, OTHER_ARRAY))
        elif (role, split) in roles:
            raise DatasetError(
                f"{path}: the arrays {roles[role, split]!r} and {name!r} could both be the {role}"
                f"{f' of the {split} split' if split else ''}; say which are the targets with --label NAME, or drop one"
            )
        else:
            roles[role, split] = name
    listed = ", ".join(f"{name} {tuple(array.shape)}" for name, array in arrays.items()) or "none"
    splits = [split for split in (*SPLITS, None) if ("inputs", split) in roles or ("targets", split) in roles]
    if not splits or (None in splits and len(splits) > 1):
        raise DatasetError(f"{path}: expected arrays x_train, y_train, x_test, y_test, or x and y; found {listed}")
    pairs = []
    for split in splits:
        for role in ("inputs", "targets"):
            if (role, split) not in roles:
                expected_name = f"{'x' if role == 'inputs' else 'y'}{f'_{split}' if split else ''}"
                raise DatasetError(f"{path}: expected an array {expected_name} beside the others, found {listed}")
        inputs, targets = roles["inputs", split], roles["targets", split]
        _check(path, inputs, arrays[inputs], targets, arrays[targets])
        values = arrays[targets][0 : arrays[targets].shape[0]]
        pairs.append(Pair(split, inputs, arrays[inputs], targets, np.asarray(values)))
    first = pairs[0]
    for pair in pairs[1:]:
        if pair.inputs.shape[1:] != first.inputs.shape[1:] or pair.inputs.dtype.kind != first.inputs.dtype.kind:
            raise DatasetError(
                f"{path}: expected rows of one shape and type; {first.name} is {tuple(first.inputs.shape)} "
                f"{first.inputs.dtype}, {pair.name} is {tuple(pair.inputs.shape)} {pair.inputs.dtype}"
            )
    return pairs, tuple(ignored)


def _check(path: Path, inputs_name: str, inputs: StoredArray, targets_name: str, targets: StoredArray) -> None:
    if inputs.dtype.kind not in "biuf":
        raise DatasetError(f"{path}: expected numbers in {inputs_name}, found {inputs.dtype}")
    for name, array in ((inputs_name, inputs), (targets_name, targets)):
        if not array.shape:
            raise DatasetError(f"{path}: expected rows in {name}, found a single value")
    if inputs.shape[0] != targets.shape[0]:
        raise DatasetError(
            f"{path}: expected as many rows in {inputs_name} as in {targets_name}, found {inputs.shape[0]:,} and "
            f"{targets.shape[0]:,}"
        )
    if 0 in inputs.shape:
        raise DatasetError(f"{path}: expected rows in {inputs_name}, found the shape {tuple(inputs.shape)}")


def target_column(path: Path, pairs: Sequence[Pair], reading: ReadOptions) -> tuple["pd.Series[Any]", bool]:
    """All targets, one after another, and whether they were one-hot."""
    name = reading.label or "y"
    shapes = {pair.targets.shape[1:] for pair in pairs}
    if len(shapes) > 1:
        raise DatasetError(f"{path}: expected targets of one shape, found rows of {' and '.join(map(str, shapes))}")
    targets = np.concatenate([pair.targets for pair in pairs])
    if targets.shape[1:] == (1,):
        targets = targets[:, 0]
    if targets.ndim == 1:
        words = [value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else value for value in targets]
        return pd.Series(words, dtype=object if targets.dtype.kind in "OSU" else None, name=name), False
    if targets.ndim != 2 or targets.dtype.kind not in "biuf" or not np.isin(targets, (0, 1)).all():
        raise DatasetError(
            f"{path}: expected targets (n,), or (n, c) of zeros and ones; found {targets.shape} {targets.dtype}"
        )
    if (targets.sum(1) == 1).all():
        return pd.Series(targets.argmax(1), name=name), True
    lists = np.empty(len(targets), object)
    lists[:] = [np.flatnonzero(row) for row in targets]
    return pd.Series(lists, name=name), False


def _within_memory(inputs: StoredArray, reading: ReadOptions, notes: list[str]) -> ReadOptions:
    item_bytes = 1 if inputs.dtype == np.uint8 else 4
    row_bytes = item_bytes * int(np.prod(inputs.shape[1:], dtype=np.int64))
    max_rows = max(1, KEPT_BYTES // row_bytes)
    if max_rows >= reading.max_rows or inputs.shape[0] <= max_rows:
        return reading
    notes.append(f"a row takes {row_bytes:,} bytes: at most {max_rows:,} training rows are kept")
    return replace(reading, max_rows=max_rows)


def _read_inputs(
    path: Path, pairs: Sequence[Pair], rows: NDArray[np.int64], notes: list[str], track: Track
) -> tuple[Modality, NDArray[Any], list[str], NDArray[np.object_]]:
    """Modality, inputs of these rows, their digests, and why each is not usable ("" where it is)."""
    shape, kind = pairs[0].inputs.shape[1:], pairs[0].inputs.dtype
    axes = _image_axes(shape) if kind == np.uint8 else None
    reasons = np.full(len(rows), "", object)
    contents: list[str] = []
    if axes is None:
        notes.append(f"the learner sees numbers of the shape {shape or (1,)}")
        numbers = np.zeros((len(rows), *(shape or (1,))), np.float32)
        for start, block in _blocks(path, pairs, rows, track):
            part = _floats(block.reshape(len(block), *numbers.shape[1:]))
            numbers[start : start + len(part)] = part
            reasons[start : start + len(part)][~_finite(part)] = "a value that is not finite"
            contents.extend(hashlib.sha256(row.tobytes()).hexdigest() for row in part)
        return "array", numbers, contents, reasons
    channels, height, width = (1, *shape) if len(shape) == 2 else tuple(shape[axis] for axis in axes)
    size = working_size(Counter({(width, height): 1}))
    notes.append(f"one image size, {width}x{height}; the learner sees {size[0]}x{size[1]} "
                 f"{'grey' if channels == 1 else 'RGB'} pixels")  # fmt: skip
    pixels = np.zeros((len(rows), channels, size[1], size[0]), np.uint8)
    for start, block in _blocks(path, pairs, rows, track):
        upright = block.reshape(-1, channels, height, width) if len(shape) == 2 else block.transpose(
            0, *(1 + axis for axis in axes)
        )  # fmt: skip
        for i, image in enumerate(upright, start):
            decoded = Decoded(image[0] if channels == 1 else image.transpose(1, 2, 0), "L" if channels == 1 else "RGB")
            pixels[i] = image if size == (width, height) else resized(decoded, channels, size[1], size[0])
            contents.append(decoded.digest)
    return "image", pixels, contents, reasons


def _image_axes(shape: tuple[int, ...]) -> tuple[int, ...] | None:
    """The axes of channels, height and width in a row of this shape; None if it is no image."""
    if len(shape) == 2:
        return (0, 1)
    if len(shape) != 3:
        return None
    if shape[2] in (1, 3):
        return (2, 0, 1)
    return (0, 1, 2) if shape[0] in (1, 3) else None


def _blocks(
    path: Path, pairs: Sequence[Pair], rows: NDArray[np.int64], track: Track
) -> Iterator[tuple[int, NDArray[Any]]]:
    """(position of the first, values) of the requested rows, in order, a block of each array at a time."""
    row_bytes = max(1, int(np.prod(pairs[0].inputs.shape[1:], dtype=np.int64)) * pairs[0].inputs.dtype.itemsize)
    step = max(1, BLOCK_BYTES // row_bytes)
    starts = np.cumsum([0, *(pair.inputs.shape[0] for pair in pairs)])
    spans = [(pair, offset, start) for pair, offset in zip(pairs, starts, strict=False)
             for start in range(0, pair.inputs.shape[0], step)]  # fmt: skip
    for pair, offset, start in track(iter(spans), "reading arrays", len(spans)):
        requested = rows[
            np.searchsorted(rows, offset + start) : np.searchsorted(
                rows, min(offset + start + step, offset + pair.inputs.shape[0])
            )
        ]
        if not len(requested):
            continue
        try:
            block = pair.inputs[start : start + step]
        except (OSError, ValueError) as error:
            raise DatasetError(f"{path_text(path)}: {pair.name}, from row {start}: not readable: {error}") from error
        yield int(np.searchsorted(rows, requested[0])), np.asarray(block[requested - offset - start])
