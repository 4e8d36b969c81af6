"""Targets, and the task that they define."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ...dataset import STRATA, Task, UnreadableSample
from ...errors import DatasetError
from .label_numbers import FEW_NUMBERS, are_codes
from .label_sets import are_lists, parse_list, set_separator, split_names
from .missing_words import MISSING
from .word_columns import as_number

MOST_CLASSES_SHARE = 0.5
"""Words are not classes if there are more different ones than this share of the rows."""
NO_LABEL = "no label"
FREQUENT = 0.25
"""Of the median count of the other classes: NA and the like are a class from this share on."""


@dataclass(frozen=True)
class Targets:
    """The targets of all samples.

    values    (n,) class numbers, float64 (n,) or bool (n, c); 0 where `usable` is not
    usable    (n,) bool
    reasons   why each row is not usable, "" where it is
    note      the task and how it was determined, for the reader
    separator   what stands between the labels of a set in one cell; "" where there is none
    """

    task: Task
    values: NDArray[Any]
    class_names: tuple[str, ...]
    reasons: NDArray[np.object_]
    note: str
    separator: str = ""

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


def read_targets(column: "pd.Series[Any]", where: str, task: Task | None = None) -> Targets:
    """Determine the task from the values of a column, or read them for the task that is named.

    Lists are sets of labels (multilabel); a list of zeros and ones that repeats a value marks which labels are set.
    Words and truth values are classes, except words such as `a;b` whose parts recur: these are sets, too. Numbers with
    a fraction anywhere are numbers to predict (regression). Whole numbers are classes or numbers to predict, see
    `label_numbers.are_codes`. A row without a value has no target; see `_missing` for words such as NA.

    Raises DatasetError for words that are nearly all different, for values of no such kind, and for values that can't
    be read for the task.
    """
    values, name = column.astype(object).to_numpy(), str(column.name)
    reasons, remark = _missing(values, name)
    usable = reasons == ""
    present = list(values[usable])
    if not present:
        raise DatasetError(f"{where}: expected labels in {name!r}, found none in {len(values)} rows")
    targets = _read_present(present, values, reasons, where, name, task)
    return replace(targets, note=targets.note + remark)


def _read_present(
    present: list[Any], values: NDArray[np.object_], reasons: NDArray[np.object_], where: str, name: str,
    task: Task | None,
) -> Targets:  # fmt: skip
    """`read_targets` once it is known which rows have a value."""
    if are_lists(present):
        _require_task(task, ("multilabel",), where, name, "lists", present)
        lists = [parse_list(value) if isinstance(value, str) else list(value) for value in present]
        return _label_sets(lists, reasons, where, name, "lists")
    if all(isinstance(value, bool | np.bool_) for value in present):
        _require_task(task, ("classification",), where, name, "true and false", present)
        return _classes([str(bool(value)) for value in present], reasons, ["False", "True"], "True or False")
    if all(isinstance(value, int | float | np.number) and not isinstance(value, bool) for value in present):
        _require_task(task, ("classification", "regression"), where, name, "numbers", present)
        return _numbers(np.array([as_number(value) for value in present]), reasons, where, name, task)
    if any(not isinstance(value, str | int | float | np.generic) for value in present):
        unsupported = next(value for value in present if not isinstance(value, str | int | float | np.generic))
        raise DatasetError(
            f"{where}: expected words, numbers or lists in {name!r}, found {type(unsupported).__name__}: "
            f"{str(unsupported)[:80]!r}"
        )
    _require_task(task, ("classification", "multilabel"), where, name, "words", present)
    names = [str(value) for value in present]
    separator = set_separator(names, task == "multilabel") if task != "classification" else ""
    if separator or task == "multilabel":
        sets = [split_names(value, separator) if separator else [value] for value in names]
        description = f"sets with {separator!r} between the labels" if separator else "sets of one label each"
        hint = "" if task else "; --task classification reads each set as a class"
        targets = _label_sets(sets, reasons, where, name, description + hint)
        return replace(targets, separator=separator)
    _require_recurring(names, where, name)
    return _classes(names, reasons, sorted(set(names)), "words")


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


def _missing(values: NDArray[np.object_], name: str) -> tuple[NDArray[np.object_], str]:
    """Why each row has no target, "" where it has; and what is to be said of words such as NA.

    Such a word is a class where it is about as frequent as others: at least FREQUENT of the median of their counts.
    """
    blank = pd.isna(values) | np.array([isinstance(value, str) and not value.strip() for value in values], bool)
    reasons = np.where(blank, f"{NO_LABEL}: {name!r} is empty here", "").astype(object)
    words = Counter(value for value in values[~blank] if _is_missing_word(value))
    others = Counter(str(value) for value in values[~blank] if not _is_missing_word(value)) if words else {}
    remark = ""
    for word, count in words.items():
        if others and count >= FREQUENT * np.median(list(others.values())):
            remark += f"; {word!r}, in {count:,} rows, is read as a class: empty these cells if they are missing labels"
            continue
        is_word = np.array([isinstance(value, str) and value == word for value in values], bool)
        reasons[is_word] = f"{NO_LABEL}: {name!r} is {word!r} here"
        remark += f"; {word!r}, in {count:,} rows, is read as a missing label: give it another name if it is a class"
    return reasons, remark


def _is_missing_word(value: Any) -> bool:
    return isinstance(value, str) and value in MISSING


def _require_task(
    task: Task | None, possible: Sequence[Task], where: str, name: str, found: str, present: Sequence[Any]
) -> None:
    if task is not None and task not in possible:
        expected = {"classification": "words or numbers", "regression": "numbers", "multilabel": "lists or words"}[task]
        raise DatasetError(
            f"{where}: task = {task}: expected {expected} in {name!r}, found {found}, such as {str(present[0])[:60]!r};"
            f" leave --task out, or name another column with --label NAME"
        )


def _require_recurring(names: Sequence[str], where: str, name: str) -> None:
    distinct = len(set(names))
    if distinct > max(FEW_NUMBERS, MOST_CLASSES_SHARE * len(names)):
        raise DatasetError(
            f"{where}: expected classes in {name!r}, found {distinct:,} different values in {len(names):,} "
            f"rows, such as {names[0][:60]!r}; name another column with --label NAME"
        )


def _classes(
    names: Sequence[str], reasons: NDArray[np.object_], order: Iterable[str], description: str
) -> Targets:  # fmt: skip
    used, usable = set(names), np.asarray(reasons == "")
    classes = tuple(name for name in order if name in used)
    index = {name: i for i, name in enumerate(classes)}
    values = np.zeros(len(usable), np.int64)
    values[usable] = [index[name] for name in names]
    return Targets("classification", values, classes, reasons, f"classification: the targets are {description}")


def _numbers(
    numbers: NDArray[np.float64], reasons: NDArray[np.object_], where: str, name: str, task: Task | None
) -> Targets:
    rows, finite = np.flatnonzero(reasons == ""), np.isfinite(numbers)
    reasons[rows[~finite]] = f"{NO_LABEL}: an infinite number"
    numbers, rows = numbers[finite], rows[finite]
    distinct = np.unique(numbers)
    is_integer = bool((numbers == np.round(numbers)).all())
    as_classes = task == "classification" if task else is_integer and are_codes(name, numbers)
    if as_classes:
        spelling = {value: str(int(value)) if is_integer else f"{value:.12g}" for value in distinct.tolist()}
        names = [spelling[value] for value in numbers.tolist()]
        _require_recurring(names, where, name)
        hint = "; --task regression reads them as numbers to predict" if not task and len(distinct) > 2 else ""
        described = f"{len(distinct):,} {'whole ' * is_integer}numbers"
        return _classes(names, reasons, dict.fromkeys(spelling.values()), described + hint)
    values = np.zeros(len(reasons))
    values[rows] = numbers
    hint = "; --task classification reads them as classes" if not task and is_integer else ""
    described = f"{len(distinct):,} different whole numbers{hint}" if is_integer else "numbers with fractions"
    return Targets("regression", values, (), reasons, f"regression: the targets are {described}")


def _label_sets(
    present: Sequence[list[Any] | None], reasons: NDArray[np.object_], where: str, name: str, description: str
) -> Targets:
    lists: list[list[Any]] = [[] for _ in reasons]
    for row, labels in zip(np.flatnonzero(reasons == "").tolist(), present, strict=True):
        if labels is not None and all(isinstance(label, str | int | np.integer) for label in labels):
            lists[row] = labels
        else:
            reasons[row] = f"{NO_LABEL}: {name!r} should be a list of names or whole numbers"
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
    return Targets("multilabel", indicators, tuple(classes), reasons, f"multilabel: the targets are {description}")


def _is_whole(name: str) -> bool:
    return name.lstrip("-").isdigit() and name.isascii()
