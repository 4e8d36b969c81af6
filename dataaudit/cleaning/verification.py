"""Whether a rewritten dataset, once read, is the old one with the edits and nothing else."""

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


def require_as_planned(before: Dataset, after: Dataset, edits: Mapping[str, Edit], output: Path) -> None:
    """Raise DatasetError unless the samples are those that the edits leave, with their labels, splits and contents.

    Splits that are drawn anew for every audit are not compared.
    """
    for name in ("format", "modality", "task"):
        expected, found = _property(before, name), _property(after, name)
        if expected != found:
            raise DatasetError(
                f"{output}: after these changes it would be read as {found!r}, and no longer as {expected!r}; say in "
                "dataaudit.toml in the dataset how it is to be read, or decide for fewer changes; nothing was written"
            )
    kept_rows = [row for row, id in enumerate(before.ids) if not edits.get(id, Edit()).remove]
    expected_contents, found_contents = _comparable_digests(before, kept_rows, after)
    expected_samples = Counter(
        _edited_sample(before, row, edits.get(before.ids[row], Edit()), content)
        for row, content in zip(kept_rows, expected_contents, strict=True)
    )
    found_samples = Counter(
        _without_drawn_split(after, (str(split), after.label(row), content))
        for row, (split, content) in enumerate(zip(after.splits, found_contents, strict=True))
    )
    n_unreadable = sum(not edits.get(sample.id, Edit()).remove for sample in before.rejected)
    if expected_samples != found_samples or n_unreadable != len(after.rejected):
        missing, unexpected = expected_samples - found_samples, found_samples - expected_samples
        raise DatasetError(
            f"{output}: the changed copy does not hold what it should: {missing.total()} samples are missing "
            f"or different, {unexpected.total()} are not expected, {len(after.rejected)} are unreadable instead "
            f"of {n_unreadable}; nothing was written. Has the dataset been changed meanwhile?"
        )


def _property(dataset: Dataset, name: str) -> str:
    return dataset.layout.format if name == "format" else str(getattr(dataset, name))


def _edited_sample(before: Dataset, row: int, edit: Edit, content: str) -> Sample:
    split = edit.split or str(before.splits[row])
    return _without_drawn_split(before, (split, _edited_label(before, row, edit), content))


def _edited_label(before: Dataset, row: int, edit: Edit) -> str:
    if edit.label is None:
        return before.label(row)
    if before.task == "regression":
        return before.in_words(float(edit.label[0]))
    return ", ".join(name for name in before.class_names if name in edit.label)


def _without_drawn_split(dataset: Dataset, sample: Sample) -> Sample:
    return ("", *sample[1:]) if dataset.layout.splits_drawn else sample


def _comparable_digests(before: Dataset, rows: Sequence[int], after: Dataset) -> tuple[Sequence[str], Sequence[str]]:
    """Digests of the contents of both, equal for equal contents.

    A column may have another type without the removed rows: whole numbers where no value is missing any more.
    """
    if before.modality != "table":
        return [before.contents[row] for row in rows], after.contents
    old, new = before.frame.iloc[np.asarray(rows, np.int64)], after.frame
    if list(old) != list(new):
        return row_digests(old), row_digests(new)
    pairs = {name: _same_type(old[name], new[name]) for name in new}
    return (
        row_digests(pd.DataFrame({name: left for name, (left, _) in pairs.items()})),
        row_digests(pd.DataFrame({name: right for name, (_, right) in pairs.items()})),
    )


def _same_type(old: "pd.Series[Any]", new: "pd.Series[Any]") -> "tuple[pd.Series[Any], pd.Series[Any]]":
    """Both columns in one type."""
    old, new = old.reset_index(drop=True), new.reset_index(drop=True)
    if old.dtype == new.dtype:
        return old, new
    if pd.api.types.is_numeric_dtype(new.dtype) and not pd.api.types.is_bool_dtype(new.dtype):
        return pd.to_numeric(old.astype(object), errors="coerce").astype(float), new.astype(float)
    if pd.api.types.is_datetime64_any_dtype(new.dtype):
        dates = pd.to_datetime(old.astype(object), utc=True, errors="coerce", format="ISO8601")
        return dates.dt.tz_localize(None), new
    return _as_strings(old), _as_strings(new)


def _as_strings(column: "pd.Series[Any]") -> "pd.Series[Any]":
    return column.astype(object).map(str, na_action="ignore").astype(object)
