"""Edits of rows of arrays."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...dataset import Edit, ReadOptions
from ...errors import DatasetError
from .arrays import Pair, StoredArray, pair_arrays, role_of, target_column
from .targets import Targets, read_targets


def edited_arrays(
    path: Path, arrays: Mapping[str, StoredArray], reading: ReadOptions, edits: Mapping[str, Edit]
) -> dict[str, NDArray[Any]]:
    """The arrays that the edits change, by name, after the edits.

    Any other array with as many rows, and the same split in its name, loses the same rows.
    """
    pairs = pair_arrays(path, arrays, reading)[0]
    targets = read_targets(target_column(path, pairs, reading)[0], str(path), reading.task)
    values = {pair.name: pair.targets for pair in pairs}
    removed: dict[str, set[int]] = {pair.name: set() for pair in pairs}
    label_rows: dict[tuple[str, tuple[str, ...]], NDArray[Any]] = {}
    moved_in: dict[str, list[tuple[Pair, int]]] = {pair.name: [] for pair in pairs}
    by_name = {pair.name: pair for pair in pairs}
    changed = set()
    for id in sorted(edits):
        edit, name, row = edits[id], id.rpartition("#")[0], int(id.rpartition("#")[2])
        changed.add(name)
        if edit.label is not None:
            if (name, edit.label) not in label_rows:
                label_rows[name, edit.label] = _label_row(edit.label, pairs, targets, name)
            values[name] = _with_target(values[name], row, label_rows[name, edit.label], edit)
        if edit.split is not None:
            target = next(pair.name for pair in pairs if pair.split == edit.split)
            changed.add(target)
            moved_in[target].append((by_name[name], row))
            for pair in (by_name[name], by_name[target]):
                _require_no_companions(arrays, pairs, pair, edit)
        if edit.remove or edit.split is not None:
            removed[name].add(row)
    edited: dict[str, NDArray[Any]] = {}
    for pair in (pair for pair in pairs if pair.name in changed):
        rows = [row for row in range(len(pair.targets)) if row not in removed[pair.name]]
        incoming = moved_in[pair.name]
        edited[pair.name] = np.concatenate(
            [_take_rows(pair.inputs, rows), *(_take_rows(source.inputs, [row]) for source, row in incoming)]
        )
        edited[pair.target_name] = np.concatenate(
            [values[pair.name][rows], *(values[source.name][[row]] for source, row in incoming)]
        )
        for name in _companions(arrays, pairs, pair):
            edited[name] = _take_rows(arrays[name], rows)
    return edited


def _take_rows(array: StoredArray, rows: Sequence[int]) -> NDArray[Any]:
    return np.asarray(array[0 : array.shape[0]])[list(rows)]


def _label_row(label: Sequence[str], pairs: Sequence[Pair], targets: Targets, name: str) -> NDArray[Any]:
    """A row of targets that encodes the label."""
    if targets.task == "regression":
        return np.asarray(float(label[0]))
    if targets.task == "multilabel":
        return np.isin(np.arange(pairs[0].targets.shape[1]), [int(word) for word in label])
    # Taken from a row with that label, of the same array if possible: classes may be numbers, words or one-hot.
    has_label = targets.usable & (targets.values == targets.class_names.index(label[0]))
    names = [pair.name for pair in pairs for _ in range(len(pair.targets))]
    target_rows = [row for pair in pairs for row in pair.targets]
    candidates = sorted(np.flatnonzero(has_label), key=lambda i: names[i] != name)
    return np.asarray(target_rows[candidates[0]])


def _with_target(values: NDArray[Any], row: int, target: NDArray[Any], edit: Edit) -> NDArray[Any]:
    """The targets with one row replaced; strings may grow longer, any other type that can't hold it is refused."""
    changed = (
        values.astype(np.promote_types(values.dtype, target.dtype)) if values.dtype.kind in "US" else values.copy()
    )
    with np.errstate(all="ignore"):
        changed[row] = target if target.ndim else target.item()
    if values.dtype.kind in "biu" and not np.array_equal(np.squeeze(changed[row]), np.squeeze(target)):
        raise DatasetError(
            f"{', '.join(edit.findings)}: targets of the type {values.dtype} can't hold {', '.join(edit.label or ())}; "
            "choose another remedy, or give them another type"
        )
    return changed


def _companions(arrays: Mapping[str, StoredArray], pairs: Sequence[Pair], pair: Pair) -> list[str]:
    used = {name for other in pairs for name in (other.name, other.target_name)}
    return [
        name
        for name, array in arrays.items()
        if name not in used and array.shape[:1] == (len(pair.targets),) and role_of(name, None)[1] == pair.split
    ]


def _require_no_companions(arrays: Mapping[str, StoredArray], pairs: Sequence[Pair], pair: Pair, edit: Edit) -> None:
    along = _companions(arrays, pairs, pair)
    if along:
        raise DatasetError(
            f"{', '.join(edit.findings)}: rows of {pair.name} can't change their split, since {along[0]} has a value "
            "for each of them too; remove the samples instead, or move that array out"
        )
