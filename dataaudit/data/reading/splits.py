"""Splits: drawing a test split where there is none, and sampling of splits that are too large."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...dataset import DRAWN, PER_OTHER, SAMPLED, SPLITS, Groups, ReadOptions, Split
from ...errors import DatasetError
from .drawing import draw_test_fifth

IN_WORDS: dict[Split, str] = {"train": "training", "val": "validation", "test": "test"}


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
        limit = reading.max_rows if split == "train" else max(1, reading.max_rows // PER_OTHER)
        if len(rows) > limit:
            notes.append(f"{SAMPLED} {limit:,} of {len(rows):,} {IN_WORDS[split]} {unit}, seed {reading.seed}")
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
