"""Splits: how they are named, how one is made where there is none, and how a sample of too many rows is drawn."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ...dataset import DRAWN, SPLITS, ReadOptions, Split, stratified_split
from ...errors import DatasetError

SPLIT_NAMES: dict[str, Split] = {
    "train": "train", "training": "train",
    "val": "val", "valid": "val", "validation": "val", "dev": "val",
    "test": "test", "testing": "test", "eval": "test", "evaluation": "test",
}  # fmt: skip
SPLIT_COLUMNS = ("split", "fold", "subset")
TEST_FRACTION = 0.2
IN_WORDS: dict[Split, str] = {"train": "training", "val": "validation", "test": "test"}


def one_name_a_split(root: Path, names: Sequence[str], what: str) -> None:
    """Raise DatasetError if two of these names stand for the same split."""
    for split in SPLITS:
        same = [name for name in names if SPLIT_NAMES[name.lower()] == split]
        if len(same) > 1:
            raise DatasetError(f"{root}: the {what} {' and '.join(same)} both name the {split} split; merge them")


@dataclass(frozen=True)
class SplitColumn:
    """A column that names the split of every row."""

    name: str
    splits: tuple[Split, ...]


def split_column(root: Path, frame: pd.DataFrame, asked: str | None, taken: Collection[str]) -> SplitColumn | None:
    """The column asked for, else one called `split`, `fold` or `subset` whose values are names of splits.

    taken   columns that it can't be

    Raises DatasetError for one that names splits in some rows only.
    """
    if asked is not None and asked not in frame.columns:
        raise DatasetError(f"{root}: there is no column {asked!r} for the splits, as dataaudit.toml says")
    usual = [name for name in frame.columns if name.lower() in SPLIT_COLUMNS and name not in taken]
    for name in usual if asked is None else [asked]:
        values = (
            frame[name].astype(object).map(lambda value: value.strip().lower() if isinstance(value, str) else value)
        )
        known = values.isin(list(SPLIT_NAMES)).to_numpy()
        if known.all():
            return SplitColumn(name, tuple(SPLIT_NAMES[value] for value in values))
        if known.any() or asked is not None:
            row = int(np.flatnonzero(~known)[0])
            raise DatasetError(
                f"{root}: expected names of splits ({', '.join(SPLIT_NAMES)}) in the column {name!r}, found "
                f"{frame[name].iloc[row]!r} in data row {row}"
            )
    return None


def settled(
    root: Path, named: Sequence[Split | None], strata: NDArray[np.int64], origin: str, unit: str, seed: int,
    notes: list[str],
) -> tuple[NDArray[np.str_], str]:  # fmt: skip
    """The split of every sample, and where it comes from: given by name, or a stratified fifth set aside for testing.

    named    split of each sample, None where nothing names one
    strata   (n,) groups that the fifth is taken from evenly; -1 for samples that stay in training
    origin   what named them, "split folders"
    unit     what the samples are, "images"

    Raises DatasetError if there are splits but none for training.
    """
    present = {split for split in named if split}
    if present and "train" not in present:
        raise DatasetError(
            f"{root}: expected a training split (train/ or training/), found only {', '.join(sorted(present))}"
        )
    if len(present) > 1:
        if "test" not in present:
            notes.append("no test split: the validation split is audited in its place")
        return np.array([split or "train" for split in named]), origin
    test = np.zeros(len(named), bool)
    eligible = np.flatnonzero(strata >= 0)
    test[eligible] = stratified_split(strata[eligible], TEST_FRACTION, seed)
    thing = origin.removeprefix("split ").removesuffix("s")
    why = f"only a training {thing}" if present else f"no {origin}"
    notes.append(f"{why}: {test.sum()} of {len(named)} {unit} were set aside for testing")
    return np.where(test, "test", "train"), f"{DRAWN}: stratified fifth for testing, seed {seed}"


def sampled(
    splits: NDArray[np.str_], strata: NDArray[np.int64], reading: ReadOptions, unit: str, notes: list[str]
) -> NDArray[np.int64]:
    """Rows to keep, ascending: all, or a stratified sample of those splits that are too large.

    Training keeps `reading.most` rows at most, any other split a fifth of that. Rows with a negative stratum are
    dropped.
    """
    kept = []
    for split in SPLITS:
        rows = np.flatnonzero((splits == split) & (strata >= 0))
        most = reading.most if split == "train" else max(1, reading.most // 5)
        if len(rows) > most:
            notes.append(f"sampled {most:,} of {len(rows):,} {IN_WORDS[split]} {unit}, seed {reading.seed}")
            rows = rows[_drawn(strata[rows], most, reading.seed)]
        kept.append(rows)
    return np.sort(np.concatenate(kept)).astype(np.int64)


def _drawn(strata: NDArray[np.int64], count: int, seed: int) -> NDArray[np.int64]:
    """`count` positions, from each group in proportion, a small one's share rounded up as long as there is room."""
    order = np.random.default_rng(seed).permutation(len(strata))
    order = order[np.argsort(strata[order], kind="stable")]
    _, starts, sizes = np.unique(strata[order], return_index=True, return_counts=True)
    # A row's place within its group, from 0 to 1: the rows that come first everywhere are an even sample.
    place = (np.arange(len(order)) - np.repeat(starts, sizes)) / np.repeat(sizes, sizes)
    return order[np.argsort(place, kind="stable")[:count]]
