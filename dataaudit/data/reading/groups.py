"""Groups: which samples are of one patient, session or document, by a column or by a part of their paths."""

import re
from collections.abc import Collection, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ...dataset import Dataset, Groups
from ...errors import DatasetError
from .missing_words import without_missing_words

SHOWN = 12
"""Names quoted in a message at most."""


def column_groups(
    root: Path, frame: pd.DataFrame, requested: str | None, used: Collection[str], notes: list[str]
) -> Groups | None:
    """The groups that the requested column gives to the rows; None where none is requested.

    used   columns that hold labels or splits

    Raises DatasetError where there is no such column, or it holds something else.
    """
    if requested is None:
        return None
    if requested not in frame.columns:
        near = get_close_matches(requested, [str(name) for name in frame.columns], 1)
        hint = f"did you mean {near[0]!r}?" if near else f"the columns are: {', '.join(map(repr, frame))}"
        raise DatasetError(f"{root}: there is no column {requested!r} for the groups of --group; {hint}")
    if requested in used:
        raise DatasetError(
            f"{root}: the column {requested!r} holds labels or splits and can't group samples; name another by --group"
        )
    column = without_missing_words(frame[requested])
    if column.isna().all():
        raise DatasetError(f"{root}: the column {requested!r} for the groups of --group holds no value; name another")
    words = column.map(_in_words, na_action="ignore").to_numpy(object)
    return _noted(_groups(requested, words), f"groups are the values of the column {requested!r}", notes)


def path_groups(root: Path, ids: Sequence[str], requested: str | None, notes: list[str]) -> Groups | None:
    r"""The groups that a regular expression finds in paths, such as `patient_(\d+)`; None where none is requested.

    Raises DatasetError for an expression that is none, has not one pair of parentheses, or is found in no path.
    """
    if requested is None:
        return None
    where = f"{root}: --group {requested!r}"
    try:
        pattern = re.compile(requested)
    except re.error as error:
        raise DatasetError(f"{where}: not readable as a regular expression: {error}") from error
    if pattern.groups != 1:
        raise DatasetError(
            rf"{where}: expected one pair of parentheses around what names the group, as in 'patient_(\d+)', found "
            f"{pattern.groups}"
        )
    matches = [pattern.search(id) for id in ids]
    if not any(matches):
        raise DatasetError(f"{where}: expected it somewhere in the paths, found it in none; the first is {ids[0]!r}")
    words = np.array([match and match[1] for match in matches], object)
    return _noted(_groups(requested, words), f"groups are what {requested!r} finds in the paths", notes)


def require_several_groups(dataset: Dataset) -> None:
    """Raise DatasetError where training rows are all of one group: no part of them could be left out of training."""
    groups, train = dataset.groups, dataset.rows("train")
    if groups is not None and len(np.unique(groups.units[train])) < 2:
        raise DatasetError(
            f"{dataset.root}: expected training samples of at least two groups, found {len(train)} samples of one, "
            f"{groups.values[groups.codes[train[0]]]!r}; name another column or pattern by --group"
        )


def _in_words(value: Any) -> str:
    """A value as it is written; whole numbers without a point, which they have only where others are missing."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _groups(name: str, words: NDArray[np.object_]) -> Groups:
    codes, values = pd.factorize(words)
    return Groups(name, codes.astype(np.int64), tuple(map(str, values)))


def _noted(groups: Groups, origin: str, notes: list[str]) -> Groups:
    without = int((groups.codes < 0).sum())
    rest = f"; {without:,} of {len(groups.codes):,} samples have none, and stand alone" if without else ""
    notes.append(f"{origin}: {len(groups.values):,} groups{rest}")
    return groups
