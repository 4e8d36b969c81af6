"""Splits: their names, drawing a test split where there is none, and sampling of splits that are too large."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ...dataset import DRAWN, SPLITS, Groups, ReadOptions, Split
from ...errors import DatasetError
from .drawing import draw_test_fifth

SPLIT_NAMES: dict[str, Split] = {
    "train": "train", "training": "train",
    "val": "val", "valid": "val", "validation": "val", "dev": "val",
    "test": "test", "testing": "test", "eval": "test", "evaluation": "test",
}  # fmt: skip
SPLIT_COLUMNS = ("split", "fold", "subset")
IN_WORDS: dict[Split, str] = {"train": "training", "val": "validation", "test": "test"}


def require_one_name_per_split(root: Path, names: Sequence[str], noun: str) -> None:
    """Raise DatasetError if two of these names stand for the same split."""
    for split in SPLITS:
        duplicates = [name for name in names if SPLIT_NAMES[name.lower()] == split]
        if len(duplicates) > 1:
            raise DatasetError(f"{root}: the {noun} {' and '.join(duplicates)} both name the {split} split; merge them")


@dataclass(frozen=True)
class SplitColumn:
    """A column that names the split of every row."""

    name: str
    splits: tuple[Split, ...]


def split_column(
    root: Path, frame: pd.DataFrame, requested: str | None, excluded: Collection[str]
) -> SplitColumn | None:
    """The requested column, else one called `split`, `fold` or `subset` whose values are names of splits.

    excluded   columns that it can't be

    Raises DatasetError for one that names splits in some rows only.
    """
    if requested is not None and requested not in frame.columns:
        raise DatasetError(f"{root}: there is no column {requested!r} for the splits, as dataaudit.toml says")
    candidates = [name for name in frame.columns if name.lower() in SPLIT_COLUMNS and name not in excluded]
    for name in candidates if requested is None else [requested]:
        values = (
            frame[name].astype(object).map(lambda value: value.strip().lower() if isinstance(value, str) else value)
        )
        is_split_name = values.isin(list(SPLIT_NAMES)).to_numpy()
        if is_split_name.all():
            return SplitColumn(name, tuple(SPLIT_NAMES[value] for value in values))
        if is_split_name.any() or requested is not None:
            row = int(np.flatnonzero(~is_split_name)[0])
            raise DatasetError(
                f"{root}: expected names of splits ({', '.join(SPLIT_NAMES)}) in the column {name!r}, found "
                f"{frame[name].iloc[row]!r} in data row {row}"
            )
    return None


def resolve_splits(
    root: Path, named_splits: Sequence[Split | None], strata: NDArray[np.int64], origin: str, unit: str, seed: int,
    notes: list[str], copies: Callable[[], Sequence[NDArray[np.int64]]] = list, groups: Groups | None = None,
) -> tuple[NDArray[np.str_], str]:  # fmt: skip
    """The split of every sample, and its origin: given by name, or a stratified fifth set aside for testing.

    named_splits   split of each sample, None where none is named
    strata         (n,) groups that the fifth is taken from evenly; -1 for samples that stay in training
    origin         what named the splits, "split folders"
    unit           what the samples are, "images"
    copies         codes (n,) of equal samples, -1 for one that is like no other; only called where the fifth is drawn
    groups         of the samples; the fifth that is drawn parts neither groups nor copies

    Raises DatasetError if there are splits but none for training, or one group alone to draw from.
    """
    present = {split for split in named_splits if split}
    if present and "train" not in present:
        raise DatasetError(
            f"{root}: expected a training split (train/ or training/), found only {', '.join(sorted(present))}"
        )
    if len(present) > 1:
        if "test" not in present:
            notes.append("no test split: the validation split is audited in its place")
        return np.array([split or "train" for split in named_splits]), origin
    test = np.zeros(len(named_splits), bool)
    eligible = np.flatnonzero(strata >= 0)
    copies_of_eligible = [codes[eligible] for codes in copies()]
    groups = groups and groups.take(eligible)
    test[eligible] = draw_test_fifth(root, strata[eligible], copies_of_eligible, groups, unit, seed, notes)
    noun = origin.removeprefix("split ").removesuffix("s")
    reason = f"only a training {noun}" if present else f"no {origin}"
    notes.append(f"{reason}: {test.sum()} of {len(named_splits)} {unit} were set aside for testing")
    return np.where(test, "test", "train"), f"{DRAWN}: stratified fifth for testing, seed {seed}"


def sample_rows(
    splits: NDArray[np.str_], strata: NDArray[np.int64], reading: ReadOptions, unit: str, notes: list[str]
) -> NDArray[np.int64]:
    """Rows to keep, ascending: all, or a stratified sample of those splits that are too large.

    Training keeps `reading.max_rows` rows at most, any other split a fifth of that. Rows with a negative stratum are
    dropped.
    """
    sampled = []
    for split in SPLITS:
        rows = np.flatnonzero((splits == split) & (strata >= 0))
        limit = reading.max_rows if split == "train" else max(1, reading.max_rows // 5)
        if len(rows) > limit:
            notes.append(f"sampled {limit:,} of {len(rows):,} {IN_WORDS[split]} {unit}, seed {reading.seed}")
            rows = rows[_stratified_sample(strata[rows], limit, reading.seed)]
        sampled.append(rows)
    return np.sort(np.concatenate(sampled)).astype(np.int64)


def _stratified_sample(strata: NDArray[np.int64], count: int, seed: int) -> NDArray[np.int64]:
    """`count` positions, from each stratum in proportion, a small one's share rounded up as long as there is room."""
    order = np.random.default_rng(seed).permutation(len(strata))
    order = order[np.argsort(strata[order], kind="stable")]
    _, starts, sizes = np.unique(strata[order], return_index=True, return_counts=True)
    # A row's position within its stratum, from 0 to 1: the rows with the lowest ones are a stratified sample.
    position = (np.arange(len(order)) - np.repeat(starts, sizes)) / np.repeat(sizes, sizes)
    return order[np.argsort(position, kind="stable")[:count]]
