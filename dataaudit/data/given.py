"""Features and class probabilities that the user brings, aligned with a dataset's samples.

They come as an array, a DataFrame, a mapping from split or file to either, or a file of one: .npy, .npz, .parquet or
.csv. Rows are keyed by sample id, in a column or array `id` or the frame's index, or in the order of the data: rows of
files as they stand, one file after another in the order train, val, test; images by path, as in samples.csv.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import norm

from ..dataset import Dataset
from ..errors import InputError

ENDINGS = (".npy", ".npz", ".parquet", ".csv")
IDS = ("id", "ids", "sample_id")
NO_NAMES: Mapping[str, str] = {}
SUM_TOLERANCE = 1e-3
"""Of a row of probabilities, from one: what float16 or rounding to three places leaves."""
SUSPICIOUS_GAP, SUSPICIOUS_Z = 0.05, 5.0
"""Accuracy on training samples above that on others, and its z-score, from which probabilities look in-sample."""


@dataclass(frozen=True)
class Given:
    """Rows (m, d) that are not aligned yet.

    where   what an error calls them, "--features emb.npy"
    ids     of the rows; None where they are in the order of the data
    names   of the columns; None where they have none
    index   of the frame that they came in; None where they came otherwise, or the index only counts the rows
    """

    where: str
    values: NDArray[Any]
    ids: tuple[str, ...] | None = None
    names: tuple[str, ...] | None = None
    index: tuple[str, ...] | None = None


def with_features(
    dataset: Dataset, given: Any, where: str = "features", own_names: Mapping[str, str] = NO_NAMES
) -> Dataset:
    """The dataset with these features (n, d) in place of any computed here.

    own_names   names of the user's own by sample id, which rows may be keyed by, too

    Raises InputError if their rows can't be aligned with the samples, or a value is not finite.
    """
    aligned = _aligned(dataset, _read(given, where), own_names)
    note = f"features of your own, {aligned.values.shape[1]:,} columns"
    return _noted(replace(dataset, features=np.ascontiguousarray(aligned.values, np.float32)), note)


def with_pred_probs(
    dataset: Dataset, given: Any, where: str = "pred_probs", own_names: Mapping[str, str] = NO_NAMES
) -> Dataset:
    """The dataset with these out-of-sample class probabilities (n, c) in place of the pool's.

    Columns named like the classes, in any order, are put in theirs; others are taken in the order of the classes.
    Probabilities that fit the labels of the training split suspiciously better than those of others are noted.

    Raises InputError if rows or columns can't be aligned, a value is not in [0, 1], or a row doesn't sum to one.
    """
    if dataset.task == "regression":
        raise InputError(f"{where}: expected classes, which probabilities are of; the targets here are numbers")
    aligned = _aligned(dataset, _read(given, where), own_names)
    probabilities = _by_class(aligned, dataset.class_names).astype(np.float64)
    rows = np.flatnonzero(((probabilities < 0) | (probabilities > 1)).any(1))
    if len(rows):
        value = probabilities[rows[0]][(probabilities[rows[0]] < 0) | (probabilities[rows[0]] > 1)][0]
        raise InputError(f"{where}: {dataset.ids[rows[0]]}: expected probabilities from 0 to 1, found {value:.6g}")
    if dataset.task == "classification":
        sums = probabilities.sum(1)
        rows = np.flatnonzero(np.abs(sums - 1) > SUM_TOLERANCE)
        if len(rows):
            raise InputError(
                f"{where}: {dataset.ids[rows[0]]}: expected a row that sums to 1, found {sums[rows[0]]:.4g}, and so in "
                f"{len(rows):,} of {len(sums):,} rows; pass probabilities (a softmax of logits), not scores"
            )
        probabilities /= sums[:, None]
    audited = replace(dataset, pred_probs=probabilities)
    audited = _noted(audited, "class probabilities of your own model, taken to be out of sample")
    return _noted(audited, *_in_sample_warning(audited, where))


def _noted(dataset: Dataset, *notes: str) -> Dataset:
    return replace(dataset, layout=replace(dataset.layout, notes=(*dataset.layout.notes, *notes)))


def _in_sample_warning(dataset: Dataset, where: str) -> list[str]:
    """Models are as good on training samples as on others, if they saw none of either."""
    if dataset.task != "classification" or dataset.pred_probs is None:
        return []
    right = dataset.pred_probs.argmax(1) == dataset.targets
    train = dataset.splits == "train"
    n, m = int(train.sum()), int((~train).sum())
    inside, outside, overall = float(right[train].mean()), float(right[~train].mean()), float(right.mean())
    deviation = np.sqrt(max(overall * (1 - overall), 1e-12) * (1 / n + 1 / m))
    gap = inside - outside
    if gap < SUSPICIOUS_GAP or gap / deviation < SUSPICIOUS_Z:
        return []
    return [
        f"{where} fit the labels suspiciously well: {inside:.1%} of the training samples against {outside:.1%} of the "
        f"others (p = {norm.sf(gap / deviation):.1g}); if the model was trained on them, label errors there are "
        "missed: pass probabilities of cross-validation"
    ]


def _read(given: Any, where: str) -> Given:
    if isinstance(given, str | Path):
        return _read_file(Path(given), where)
    if isinstance(given, Mapping):
        parts = {str(name): _read(part, f"{where}[{name!r}]") for name, part in given.items()}
        return _joined(parts, where)
    if isinstance(given, pd.DataFrame):
        return _of_frame(given, where)
    try:
        values = np.asarray(given)
    except (TypeError, ValueError) as error:
        raise InputError(f"{where}: expected numbers (n, d), found {type(given).__name__}: {error}") from error
    return Given(where, values)


def _joined(parts: Mapping[str, Given], where: str) -> Given:
    """Parts by split or file, keyed: `train#17`."""
    if not parts:
        raise InputError(f"{where}: expected a part for every split, found none")
    first = next(iter(parts.values()))
    for name, part in parts.items():
        if part.values.ndim != 2 or part.values.shape[1:] != first.values.shape[1:] or part.names != first.names:
            raise InputError(
                f"{where}: expected parts of as many columns; {first.where} is {first.values.shape}, "
                f"{name!r} is {part.values.shape}"
            )
    ids = [
        id for name, part in parts.items() for id in (part.ids or [f"{name}#{row}" for row in range(len(part.values))])
    ]
    return Given(where, np.concatenate([part.values for part in parts.values()]), tuple(ids), first.names)


def _read_file(path: Path, where: str) -> Given:
    where = f"{where} {path}"
    ending = path.suffix.lower()
    if ending not in ENDINGS:
        raise InputError(f"{where}: expected a file that ends in {', '.join(ENDINGS)}")
    try:
        if ending == ".npy":
            return Given(where, np.load(path, mmap_mode="r", allow_pickle=False))
        if ending == ".npz":
            with np.load(path, allow_pickle=False) as archive:
                return _of_archive({name: archive[name] for name in archive.files}, where)
        return _of_frame(pd.read_csv(path) if ending == ".csv" else pd.read_parquet(path), where)
    except (OSError, ValueError, ImportError, EOFError) as error:  # what numpy, pandas and zip files raise
        if isinstance(error, InputError):
            raise
        raise InputError(f"{where}: not readable: {error}") from error


def _of_archive(arrays: Mapping[str, NDArray[Any]], where: str) -> Given:
    ids = next((arrays[name] for name in IDS if name in arrays), None)
    values = {name: array for name, array in arrays.items() if name not in IDS}
    if len(values) != 1:
        if values and ids is None:
            return _joined({name: Given(f"{where}[{name!r}]", array) for name, array in values.items()}, where)
        raise InputError(
            f"{where}: expected one array beside the ids, or one for every split; found {', '.join(arrays) or 'none'}"
        )
    return Given(where, next(iter(values.values())), None if ids is None else tuple(map(str, ids)))


def _of_frame(frame: pd.DataFrame, where: str) -> Given:
    column = next((name for name in frame if str(name).lower() in IDS), None)
    ids: tuple[str, ...] | None = None
    if column is not None:
        ids = tuple(map(str, frame[column]))
        frame = frame.drop(columns=column)
    index = None if isinstance(frame.index, pd.RangeIndex) else tuple(map(str, frame.index))
    if column is None and frame.index.inferred_type == "string":
        ids = index
    words = [name for name in frame if not pd.api.types.is_numeric_dtype(frame[name])]
    if words:
        raise InputError(
            f"{where}: expected numbers in every column but the ids ({', '.join(IDS)}), found words in "
            f"{str(words[0])!r}"
        )
    return Given(where, frame.to_numpy(), ids, tuple(map(str, frame.columns)), index)


def _aligned(dataset: Dataset, given: Given, own_names: Mapping[str, str]) -> Given:
    """With a row for each of the dataset's samples, in their order, all of them finite numbers."""
    values = given.values
    if values.ndim != 2 or not values.shape[1]:
        raise InputError(f"{given.where}: expected two axes, (samples, columns), found the shape {values.shape}")
    if values.dtype.kind not in "biuf":
        raise InputError(f"{given.where}: expected numbers, found {values.dtype}")
    given = _by_sample_id(given, own_names)
    places = _keyed(dataset, given.ids, given.where) if given.ids is not None else _in_order(dataset, given)
    values = np.asarray(values[places])
    for row in np.flatnonzero(~np.isfinite(values).all(1))[:1]:
        column = int(np.flatnonzero(~np.isfinite(values[row]))[0])
        name = given.names[column] if given.names else column
        raise InputError(
            f"{given.where}: row {places[row]} ({dataset.ids[row]}), column {name}: expected a finite number, found "
            f"{values[row, column]}"
        )
    return replace(given, values=values, ids=dataset.ids)


def _by_sample_id(given: Given, own_names: Mapping[str, str]) -> Given:
    """Rows that are keyed by the user's own names, keyed by sample ids."""
    keys = given.ids or given.index
    if not own_names or keys is None or not set(own_names.values()) <= set(keys):
        return given
    id_of = {own: id for id, own in own_names.items()}
    return replace(given, ids=tuple(id_of.get(key, key) for key in keys))


def _keyed(dataset: Dataset, ids: Sequence[str], where: str) -> NDArray[np.int64]:
    place_of = {id: place for place, id in enumerate(ids)}
    if len(place_of) < len(ids):
        repeated = next(id for place, id in enumerate(ids) if place_of[id] != place)
        raise InputError(f"{where}: the id {repeated!r} stands for more than one row; ids must be unique")
    missing = [id for id in dataset.ids if id not in place_of]
    if missing:
        example = f", such as {ids[0]!r}" if ids else ""
        raise InputError(
            f"{where}: no row for {len(missing):,} of {len(dataset):,} samples, the first: {missing[0]!r}; "
            f"found {len(ids):,} ids{example}"
        )
    return np.array([place_of[id] for id in dataset.ids], np.int64)


def _in_order(dataset: Dataset, given: Given) -> NDArray[np.int64]:
    """Places of samples among rows in the order of the data, samples that could not be read included."""
    every_id = [*dataset.ids, *(sample.id for sample in dataset.rejected)]
    rows_of: dict[str, int] = {}
    for id in every_id:
        name, mark, row = id.rpartition("#")
        if not (mark and row.isdigit()):
            rows_of = {}
            break
        rows_of[name] = max(rows_of.get(name, 0), int(row) + 1)
    total = sum(rows_of.values()) or len(every_id)
    if len(given.values) != total:
        raise InputError(
            f"{given.where}: expected {total:,} rows, one for each sample in the order of the data, found "
            f"{len(given.values):,}; key the rows by sample id, in a column 'id', if they are in another order"
        )
    if not rows_of:
        order = {id: place for place, id in enumerate(sorted(every_id))}
        return np.array([order[id] for id in dataset.ids], np.int64)
    starts = dict(zip(rows_of, np.cumsum([0, *rows_of.values()]).tolist(), strict=False))
    return np.array([starts[id.rpartition("#")[0]] + int(id.rpartition("#")[2]) for id in dataset.ids], np.int64)


def _by_class(given: Given, classes: Sequence[str]) -> NDArray[Any]:
    count = given.values.shape[1]
    if count != len(classes):
        raise InputError(
            f"{given.where}: expected a column for each of the {len(classes)} classes ({', '.join(classes[:5])}"
            f"{', ...' if len(classes) > 5 else ''}), found {count}"
        )
    names = given.names
    if names is None or (all(name.isdigit() for name in names) and set(names) != set(classes)):
        return given.values
    if set(names) != set(classes):
        unknown = next(name for name in names if name not in classes)
        raise InputError(
            f"{given.where}: the column {unknown!r} is no class; expected {', '.join(map(repr, classes[:8]))}"
        )
    return given.values[:, [names.index(name) for name in classes]]
