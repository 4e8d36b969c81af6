"""Whether a rewritten dataset is the old one with the edits and nothing else, told from what is read of both."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..data.reading.frames import row_digests
from ..dataset import Dataset, Edit
from ..errors import DatasetError

Sample = tuple[str, str, str]
"""(split, label in words, digest of the content)"""


def require_as_planned(before: Dataset, after: Dataset, edits: Mapping[str, Edit], shown: Path) -> None:
    """Raise DatasetError unless the samples are those that the edits leave, with their labels, splits and contents.

    Splits that are made for every audit anew are not compared.
    """
    for what in ("format", "modality", "task"):
        expected, found = _kind(before, what), _kind(after, what)
        if expected != found:
            raise DatasetError(
                f"{shown}: after these changes it would be read as {found!r}, and no longer as {expected!r}; say in "
                "dataaudit.toml in the dataset how it is to be read, or decide for fewer changes; nothing was written"
            )
    kept = [row for row, id in enumerate(before.ids) if not edits.get(id, Edit()).remove]
    expected_contents, found_contents = _comparable(before, kept, after)
    wanted = Counter(
        _after(before, row, edits.get(before.ids[row], Edit()), content)
        for row, content in zip(kept, expected_contents, strict=True)
    )
    there = Counter(
        _without_own_split(after, (str(split), after.label(row), content))
        for row, (split, content) in enumerate(zip(after.splits, found_contents, strict=True))
    )
    broken = sum(not edits.get(one.id, Edit()).remove for one in before.rejected)
    if wanted != there or broken != len(after.rejected):
        raise DatasetError(
            f"{shown}: the changed copy does not hold what it should: {(wanted - there).total()} samples are missing "
            f"or different, {(there - wanted).total()} are not expected, {len(after.rejected)} are unreadable instead "
            f"of {broken}; nothing was written. Has the dataset been changed meanwhile?"
        )


def _kind(dataset: Dataset, what: str) -> str:
    return dataset.layout.format if what == "format" else str(getattr(dataset, what))


def _after(before: Dataset, row: int, edit: Edit, content: str) -> Sample:
    split = edit.split or str(before.splits[row])
    return _without_own_split(before, (split, _label(before, row, edit), content))


def _label(before: Dataset, row: int, edit: Edit) -> str:
    if edit.label is None:
        return before.label(row)
    if before.task == "regression":
        return before.in_words(float(edit.label[0]))
    return ", ".join(name for name in before.class_names if name in edit.label)


def _without_own_split(dataset: Dataset, sample: Sample) -> Sample:
    return ("", *sample[1:]) if dataset.layout.splits_drawn else sample


def _comparable(before: Dataset, kept: Sequence[int], after: Dataset) -> tuple[Sequence[str], Sequence[str]]:
    """Digests of the contents of both, alike for equal ones.

    A column may be of another type without some rows: whole numbers where none is missing any more.
    """
    if before.modality != "table":
        return [before.contents[row] for row in kept], after.contents
    old, new = before.frame.iloc[np.asarray(kept, np.int64)], after.frame
    if list(old) != list(new):
        return row_digests(old), row_digests(new)
    pairs = {name: _alike(old[name], new[name]) for name in new}
    return (
        row_digests(pd.DataFrame({name: one for name, (one, _) in pairs.items()})),
        row_digests(pd.DataFrame({name: other for name, (_, other) in pairs.items()})),
    )


def _alike(old: "pd.Series[Any]", new: "pd.Series[Any]") -> "tuple[pd.Series[Any], pd.Series[Any]]":
    """Both columns in one type."""
    old, new = old.reset_index(drop=True), new.reset_index(drop=True)
    if old.dtype == new.dtype:
        return old, new
    if pd.api.types.is_numeric_dtype(new.dtype) and not pd.api.types.is_bool_dtype(new.dtype):
        return pd.to_numeric(old.astype(object), errors="coerce").astype(float), new.astype(float)
    if pd.api.types.is_datetime64_any_dtype(new.dtype):
        dates = pd.to_datetime(old.astype(object), utc=True, errors="coerce", format="ISO8601")
        return dates.dt.tz_localize(None), new
    return _words(old), _words(new)


def _words(column: "pd.Series[Any]") -> "pd.Series[Any]":
    return column.astype(object).map(str, na_action="ignore").astype(object)
