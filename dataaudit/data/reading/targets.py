"""Targets: the column that holds them, and the task that they define."""

import difflib
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ...dataset import STRATA, Task, UnreadableSample
from ...errors import DatasetError
from .word_columns import as_number

LABEL_NAMES = ("label", "labels", "target", "y", "class", "category")
FEW_NUMBERS = 20
FEW_SHARE = 0.05
"""Whole numbers are classes if no more than FEW_NUMBERS, or this share of the rows, are different."""
MOST_CLASSES_SHARE = 0.5
"""Words are not classes if there are more different ones than this share of the rows."""
NO_LABEL = "no label"


@dataclass(frozen=True)
class Targets:
    """The targets of all samples.

    values    (n,) class numbers, float64 (n,) or bool (n, c); 0 where `usable` is not
    usable    (n,) bool
    reasons   why each row is not usable, "" where it is
    note      the task and how it was determined, for the reader
    """

    task: Task
    values: NDArray[Any]
    class_names: tuple[str, ...]
    reasons: NDArray[np.object_]
    note: str

    @property
    def usable(self) -> NDArray[np.bool_]:
        """(n,) rows that have a target."""
        return np.asarray(self.reasons == "")

    @property
    def strata(self) -> NDArray[np.int64]:
        """(n,) groups to sample evenly from: classes, tenths of the values, or rarest labels; -1 where unusable."""
        usable = self.usable
        groups = np.full(len(usable), -1)
        if self.task == "classification":
            groups[usable] = self.values[usable]
        elif self.task == "multilabel":
            order = np.argsort(self.values[usable].sum(0), kind="stable")
            ranked = self.values[usable][:, order]
            groups[usable] = np.where(ranked.any(1), ranked.argmax(1), len(order))
        else:
            numbers = self.values[usable]
            tenths = max(1, min(STRATA, len(numbers) // 10))
            edges = np.quantile(numbers, np.linspace(0, 1, tenths + 1)[1:-1]) if len(numbers) else np.zeros(0)
            groups[usable] = np.searchsorted(edges, numbers, side="right")
        return groups.astype(np.int64)


def label_column(columns: Sequence[str], requested: str | None, where: str, typed_labels: Sequence[str] = ()) -> str:
    """The target column: the requested one, else the only one with a usual name, in any case.

    typed_labels   columns whose types mark them as labels, used where no name does

    Raises DatasetError that lists the columns.
    """
    listed = ", ".join(map(repr, columns[:30])) + (f" and {len(columns) - 30} more" if len(columns) > 30 else "")
    if requested is not None:
        if requested in columns:
            return requested
        near = difflib.get_close_matches(requested, columns, 1)
        hint = f", did you mean {near[0]!r}?" if near else ""
        raise DatasetError(f"{where}: there is no column {requested!r} for the labels{hint}; there are: {listed}")
    candidates = [name for name in columns if name.lower() in LABEL_NAMES] or list(typed_labels)
    if len(candidates) == 1:
        return candidates[0]
    if candidates:
        raise DatasetError(
            f"{where}: several columns could be the label: {', '.join(map(repr, candidates))}; say which with --label "
            "NAME"
        )
    raise DatasetError(
        f"{where}: expected a column called {', '.join(LABEL_NAMES[:-1])} or {LABEL_NAMES[-1]}, found {listed}; "
        "say which one holds the labels with --label NAME"
    )


def read_targets(column: "pd.Series[Any]", where: str) -> Targets:
    """Determine the task from the values of a column.

    Lists are sets of labels (multilabel); a list of zeros and ones that repeats a value marks which labels are set.
    Words and truth values are classes. Numbers with a fraction anywhere are numbers to predict (regression). Whole
    numbers are classes as long as no more than 20, or a twentieth of the rows if that is more, are different; else they
    are numbers to predict. A row without a value has no target.

    Raises DatasetError for words that are nearly all different, and for values of no such kind.
    """
    values = column.astype(object).to_numpy()
    missing = pd.isna(column).to_numpy() | np.array([isinstance(v, str) and not v.strip() for v in values], bool)
    reasons = np.where(missing, f"{NO_LABEL}: {column.name!r} is empty here", "").astype(object)
    present = [value for value, is_missing in zip(values, missing, strict=True) if not is_missing]
    if not present:
        raise DatasetError(f"{where}: expected labels in {column.name!r}, found none in {len(values)} rows")
    if _are_lists(present):
        return _label_sets(values, reasons, where, str(column.name))
    if all(isinstance(value, bool | np.bool_) for value in present):
        names = [str(bool(value)) for value in present]
        return _classes(names, ~missing, reasons, ["False", "True"], "True or False")
    if all(isinstance(value, int | float | np.number) and not isinstance(value, bool) for value in present):
        return _numbers(np.array([as_number(value) for value in present]), ~missing, reasons)
    if any(not isinstance(value, str | int | float | np.generic) for value in present):
        unsupported = next(value for value in present if not isinstance(value, str | int | float | np.generic))
        raise DatasetError(
            f"{where}: expected words, numbers or lists in {column.name!r}, found {type(unsupported).__name__}: "
            f"{str(unsupported)[:80]!r}"
        )
    names = [str(value) for value in present]
    distinct = len(set(names))
    if distinct > max(FEW_NUMBERS, MOST_CLASSES_SHARE * len(names)):
        raise DatasetError(
            f"{where}: expected classes in {column.name!r}, found {distinct:,} different values in {len(names):,} "
            f"rows, such as {names[0][:60]!r}; name another column with --label NAME"
        )
    return _classes(names, ~missing, reasons, sorted(set(names)), "words")


def require_enough(
    root: Path,
    task: Task,
    splits: NDArray[np.str_],
    values: NDArray[Any],
    rejected: Sequence[UnreadableSample],
    unit: str,
) -> None:
    """Raise DatasetError unless there is something to train on and something to audit it against."""
    details = f"; {len(rejected)} left out, the first: {rejected[0].id}: {rejected[0].reason}" if rejected else ""
    train = values[splits == "train"]
    if not len(train):
        raise DatasetError(f"{root}: expected training {unit} with labels, found none{details}")
    n_distinct = len(np.unique(train, axis=0))
    if n_distinct < 2:
        noun = {"classification": "classes", "regression": "values of the target", "multilabel": "sets of labels"}[task]
        raise DatasetError(f"{root}: expected training {unit} of at least two {noun}, found {n_distinct}{details}")
    if len(train) == len(splits):
        raise DatasetError(f"{root}: nothing to audit against: no usable {unit} outside the training split{details}")


def _are_lists(values: Sequence[Any]) -> bool:
    if all(isinstance(value, list | tuple | np.ndarray) for value in values):
        return True
    return all(
        isinstance(value, str) and value.lstrip().startswith("[") and _parse_list(value) is not None for value in values
    )


def _parse_list(value: str) -> list[Any] | None:
    try:
        parsed = json.loads(value)
    except ValueError:
        return None
    return parsed if isinstance(parsed, list) else None


def _classes(
    names: Sequence[str],
    usable: NDArray[np.bool_],
    reasons: NDArray[np.object_],
    order: Iterable[str],
    description: str,
) -> Targets:
    used = set(names)
    classes = tuple(name for name in order if name in used)
    index = {name: i for i, name in enumerate(classes)}
    values = np.zeros(len(usable), np.int64)
    values[usable] = [index[name] for name in names]
    return Targets("classification", values, classes, reasons, f"classification: the targets are {description}")


def _numbers(numbers: NDArray[np.float64], usable: NDArray[np.bool_], reasons: NDArray[np.object_]) -> Targets:
    finite = np.isfinite(numbers)
    rows = np.flatnonzero(usable)
    reasons[rows[~finite]] = f"{NO_LABEL}: an infinite number"
    numbers, rows = numbers[finite], rows[finite]
    distinct = np.unique(numbers)
    is_integer = bool((numbers == np.round(numbers)).all())
    if is_integer and len(distinct) <= max(FEW_NUMBERS, FEW_SHARE * len(numbers)):
        has_number = reasons == ""
        return _classes(
            [str(int(value)) for value in numbers], has_number, reasons, [str(int(value)) for value in distinct],
            f"{len(distinct)} whole numbers",
        )  # fmt: skip
    values = np.zeros(len(reasons))
    values[rows] = numbers
    description = f"{len(distinct):,} different whole numbers" if is_integer else "numbers with fractions"
    return Targets("regression", values, (), reasons, f"regression: the targets are {description}")


def _label_sets(values: NDArray[np.object_], reasons: NDArray[np.object_], where: str, name: str) -> Targets:
    lists: list[list[Any]] = []
    for row, value in enumerate(values):
        if reasons[row]:
            lists.append([])
            continue
        parsed = _parse_list(value) if isinstance(value, str) else list(value)
        is_valid = parsed is not None and all(isinstance(item, str | int | np.integer) for item in parsed)
        if not is_valid:
            reasons[row] = f"{NO_LABEL}: {name!r} should be a list of names or whole numbers"
        lists.append(parsed if is_valid and parsed is not None else [])
    lengths = {len(labels) for labels, reason in zip(lists, reasons, strict=True) if not reason}
    marked = len(lengths) == 1 and all(label in (0, 1) for labels in lists for label in labels)
    if marked and any(len(set(labels)) < len(labels) for labels in lists):
        lists = [[i for i, is_set in enumerate(labels) if is_set] for labels in lists]
    counts = Counter(str(label) for labels in lists for label in labels)
    if not counts:
        raise DatasetError(f"{where}: expected lists of labels in {name!r}, found only empty ones")
    classes = sorted(counts, key=int) if all(map(_is_whole, counts)) else sorted(counts)
    index = {label: i for i, label in enumerate(classes)}
    indicators = np.zeros((len(lists), len(classes)), bool)
    for row, labels in enumerate(lists):
        indicators[row, [index[str(label)] for label in labels]] = True
    return Targets("multilabel", indicators, tuple(classes), reasons, "multilabel: the targets are lists")


def _is_whole(name: str) -> bool:
    return name.lstrip("-").isdigit() and name.isascii()
