"""A small stratified sample of labels to review, from which the share of wrong ones follows by design.

Labels are put into strata by how likely they are wrong. Strata get decisions by Neyman's allocation (1934) on the
shares expected there, shrunk towards a few wrong labels everywhere: most where they tell most, some from what is
believed clean, and some of the very likeliest, where the list of label errors ends.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

CUTS: dict[int, tuple[float, ...]] = {
    1: (), 2: (0.2,), 3: (0.08, 0.3), 4: (0.04, 0.15, 0.45), 5: (0.02, 0.08, 0.2, 0.5),
}  # fmt: skip
"""Where strata end, as shares of a split's labels, the likeliest wrong first; by the number of strata."""
FEWEST = 3
"""Labels of a stratum that are drawn at least, if there are so many."""
FIRST, OF_FIRST = 200, 0.1
"""Of many labels, those in a stratum of their own before five others; and the share of the sample that comes from it at
least: two in a hundred of them are far more than may be listed, so these answers tell where the list ends."""
FOR_A_STRATUM, FOR_A_SPLIT = 6, 12
"""Decisions that a stratum, and a split, is worth."""
SHRINKAGE = 0.03


@dataclass(frozen=True)
class Stratum:
    """Labels of one split, about equally likely wrong: how many there are, and the rows drawn."""

    split: str
    size: int
    rows: NDArray[np.int64]


def review_sample(wrong: NDArray[np.float64], splits: NDArray[np.str_], count: int, seed: int) -> tuple[Stratum, ...]:
    """Strata whose rows are `count` in all, or every row where there are fewer.

    wrong    (n,) probability that each label is wrong; nan where it was not judged, which is drawn from, too
    splits   (n,)
    """
    rng = np.random.default_rng(seed)
    of_splits = [np.flatnonzero(splits == split) for split in dict.fromkeys(splits.tolist())]
    shares = np.array([len(rows) for rows in of_splits]) / max(1, len(splits))
    counts = np.maximum(FOR_A_SPLIT, shares * count)
    strata: list[tuple[str, NDArray[np.int64], int]] = []
    for rows, wanted in zip(of_splits, counts / counts.sum() * count, strict=True):
        judged = np.nan_to_num(wrong[rows], nan=0.5)
        ordered = rows[np.argsort(-judged, kind="stable")]
        cuts = [round(cut * len(rows)) for cut in CUTS[int(np.clip(wanted // FOR_A_STRATUM, 1, 5))]]
        is_cut = len(cuts) == len(CUTS[5]) and cuts[0] > FIRST
        cuts = [FIRST, *cuts] if is_cut else cuts
        parts = [part for part in np.split(ordered, cuts) if len(part)]
        expected = np.array([np.nan_to_num(wrong[part], nan=0.5).mean() for part in parts])
        of_first = max(FEWEST, round(OF_FIRST * wanted)) if is_cut else FEWEST
        fewest = np.array([of_first, *[FEWEST] * (len(parts) - 1)])
        for part, drawn in zip(parts, _allocated(parts, expected, fewest, round(wanted)), strict=True):
            strata.append((str(splits[rows[0]]), part, drawn))
    return tuple(
        Stratum(split, len(part), np.sort(rng.choice(part, drawn, replace=False))) for split, part, drawn in strata
    )


def _allocated(
    parts: list[NDArray[np.int64]], expected: NDArray[np.float64], fewest: NDArray[np.int64], count: int
) -> list[int]:
    """Rows to draw of each part, `count` in all as far as there are so many."""
    sizes = np.array([len(part) for part in parts])
    share = (expected + SHRINKAGE) / (1 + 2 * SHRINKAGE)
    weight = sizes * np.sqrt(share * (1 - share))
    drawn = np.minimum(sizes, fewest)
    while drawn.sum() < min(count, sizes.sum()):
        # The part whose next row lowers the variance of the estimate most.
        gain = np.where(drawn < sizes, weight / np.sqrt(drawn * (drawn + 1.0)), -1)
        drawn[gain.argmax()] += 1
    return [int(rows) for rows in drawn]
