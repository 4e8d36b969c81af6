"""Edits of rows of arrays."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...dataset import Edit, ReadOptions
from ...errors import DatasetError
from .arrays import Pair, Stored, paired, role_of, target_column
from .targets import Targets, read_targets


def edited_arrays(
    path: Path, arrays: Mapping[str, Stored], reading: ReadOptions, edits: Mapping[str, Edit]
) -> dict[str, NDArray[Any]]:
    """The arrays that the edits change, by name, as they are afterwards.

    An array beside inputs and targets that has as many rows and names the same split loses the same rows.
    """
    pairs = paired(path, arrays, reading)[0]
    targets = read_targets(target_column(path, pairs, reading)[0], str(path))
    values = {pair.name: pair.targets for pair in pairs}
    leaving: dict[str, set[int]] = {pair.name: set() for pair in pairs}
    spelt: dict[tuple[str, tuple[str, ...]], NDArray[Any]] = {}
    coming: dict[str, list[tuple[Pair, int]]] = {pair.name: [] for pair in pairs}
    by_name = {pair.name: pair for pair in pairs}
    changed = set()
    for id in sorted(edits):
        edit, name, row = edits[id], id.rpartition("#")[0], int(id.rpartition("#")[2])
        changed.add(name)
        if edit.label is not None:
            if (name, edit.label) not in spelt:
                spelt[name, edit.label] = _row(edit.label, pairs, targets, name)
            values[name] = _put(values[name], row, spelt[name, edit.label], edit)
        if edit.split is not None:
            target = next(pair.name for pair in pairs if pair.split == edit.split)
            changed.add(target)
            coming[target].append((by_name[name], row))
            for one in (by_name[name], by_name[target]):
                _require_nothing_along(arrays, pairs, one, edit)
        if edit.remove or edit.split is not None:
            leaving[name].add(row)
    found: dict[str, NDArray[Any]] = {}
    for pair in (pair for pair in pairs if pair.name in changed):
        rows = [row for row in range(len(pair.targets)) if row not in leaving[pair.name]]
        more = coming[pair.name]
        found[pair.name] = np.concatenate(
            [_rows(pair.inputs, rows), *(_rows(other.inputs, [row]) for other, row in more)]
        )
        found[pair.target_name] = np.concatenate(
            [values[pair.name][rows], *(values[other.name][[row]] for other, row in more)]
        )
        for name in _along(arrays, pairs, pair):
            found[name] = _rows(arrays[name], rows)
    return found


def _rows(array: Stored, rows: Sequence[int]) -> NDArray[Any]:
    return np.asarray(array[0 : array.shape[0]])[list(rows)]


def _row(label: Sequence[str], pairs: Sequence[Pair], targets: Targets, name: str) -> NDArray[Any]:
    """A row of targets that says the label."""
    if targets.task == "regression":
        return np.asarray(float(label[0]))
    if targets.task == "multilabel":
        return np.isin(np.arange(pairs[0].targets.shape[1]), [int(word) for word in label])
    # Taken from a row that has it, the array's own first: classes may be numbers, words or positions set.
    wanted = targets.usable & (targets.values == targets.class_names.index(label[0]))
    names = [pair.name for pair in pairs for _ in range(len(pair.targets))]
    rows = [row for pair in pairs for row in pair.targets]
    fitting = sorted(np.flatnonzero(wanted), key=lambda at: names[at] != name)
    return np.asarray(rows[fitting[0]])


def _put(values: NDArray[Any], row: int, new: NDArray[Any], edit: Edit) -> NDArray[Any]:
    """The targets with another one in one row; a type that can't hold it is refused, words may grow longer."""
    changed = values.astype(np.promote_types(values.dtype, new.dtype)) if values.dtype.kind in "US" else values.copy()
    with np.errstate(all="ignore"):
        changed[row] = new if new.ndim else new.item()
    if values.dtype.kind in "biu" and not np.array_equal(np.squeeze(changed[row]), np.squeeze(new)):
        raise DatasetError(
            f"{', '.join(edit.findings)}: targets of the type {values.dtype} can't hold {', '.join(edit.label or ())}; "
            "choose another remedy, or give them another type"
        )
    return changed


def _along(arrays: Mapping[str, Stored], pairs: Sequence[Pair], pair: Pair) -> list[str]:
    used = {name for one in pairs for name in (one.name, one.target_name)}
    return [
        name
        for name, array in arrays.items()
        if name not in used and array.shape[:1] == (len(pair.targets),) and role_of(name, None)[1] == pair.split
    ]


def _require_nothing_along(arrays: Mapping[str, Stored], pairs: Sequence[Pair], pair: Pair, edit: Edit) -> None:
    along = _along(arrays, pairs, pair)
    if along:
        raise DatasetError(
            f"{', '.join(edit.findings)}: rows of {pair.name} can't change their split, since {along[0]} has a value "
            "for each of them too; remove the samples instead, or move that array out"
        )
