"""How far scores can be trusted: linear datamodeling score against its noise ceiling."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from .pool import BLOCK, Pool


@dataclass(frozen=True)
class Trust:
    """LDS of scores on subsets of the pool that played no part in choosing anything about them.

    lds        mean over targets of the rank correlation over subsets, -1 to 1 (Park et al. 2023, definition 3)
    interval   95 %, from the jackknife over subsets and the spread over targets (resampled subsets would tie in rank)
    ceiling    what a perfect predictor would reach given the seeds' noise; None if no subset was trained on twice
    """

    lds: float
    interval: tuple[float, float]
    ceiling: float | None
    n_subsets: int
    n_targets: int


def distinct_subsets(pool: Pool) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Numbers of the pool's S distinct subsets, and which of them are set aside for choosing hyperparameters.

    One pair in three chooses; the others, those trained twice among them, report.
    """
    subsets = np.unique(pool.subsets)
    return subsets, subsets % BLOCK // 2 == 1


def subset_margins(pool: Pool, rows: NDArray[np.int64]) -> NDArray[np.float32]:
    """(S, len(rows)) margins, averaged over the runs on each distinct subset."""
    margins = pool.margins(rows)
    return np.stack([margins[pool.subsets == subset].mean(0) for subset in np.unique(pool.subsets)])


def lds(actual: NDArray[np.float32], predicted: NDArray[np.float32]) -> NDArray[np.float64]:
    """Spearman correlation over subsets for each target: (S, t) and (S, t) give (t,), nan where one is constant."""
    a, b = rankdata(actual, axis=0), rankdata(predicted, axis=0)
    a, b = a - a.mean(0), b - b.mean(0)
    norm = np.sqrt((a**2).sum(0) * (b**2).sum(0))
    return np.asarray(np.divide((a * b).sum(0), norm, out=np.full(norm.shape, np.nan), where=norm > 0))


def noise_ceiling(pool: Pool, rows: NDArray[np.int64], reporting: NDArray[np.int64]) -> float | None:
    """Square root of the reliability of the subsets' mean margins (Spearman-Brown), from subsets trained on twice.

    The single-run intraclass correlation r is the variance between subsets over all variance, each the mean over
    targets; a subset with R runs has reliability R r / (1 + (R - 1) r), averaged over the reporting subsets.
    """
    margins = pool.margins(rows).astype(np.float64)
    twice = [s for s in np.unique(pool.subsets) if (pool.subsets == s).sum() > 1]
    if not twice:
        return None
    within = np.mean([margins[pool.subsets == s].var(0, ddof=1).mean() for s in twice])
    first = [int(np.flatnonzero(pool.subsets == s)[0]) for s in np.unique(pool.subsets)]
    total = margins[first].var(0, ddof=1).mean()
    if total <= 0:
        return None
    r = max(0.0, 1 - within / total)
    runs = np.array([(pool.subsets == s).sum() for s in reporting])
    return float(np.sqrt(np.mean(runs * r / (1 + (runs - 1) * r))))


def trust(pool: Pool, rows: NDArray[np.int64], predictions: NDArray[np.float32]) -> Trust | None:
    """Measure predictions (S, t) of the margins of `rows`; None if fewer than four subsets are left to report on.

    `predictions` must each have been made without the runs on their subset, as a Backend does.
    """
    subsets, choosing = distinct_subsets(pool)
    reporting = np.flatnonzero(~choosing)
    if len(reporting) < 4 or not len(rows):
        return None
    actual = subset_margins(pool, rows)[reporting]
    predicted = predictions[reporting]
    value = float(np.nanmean(lds(actual, predicted)))
    without_one = [np.nanmean(lds(np.delete(actual, j, 0), np.delete(predicted, j, 0))) for j in range(len(reporting))]
    of_subsets = (len(reporting) - 1) * np.var(without_one)
    of_targets = np.nanvar(lds(actual, predicted)) / len(rows)
    half = 1.96 * float(np.sqrt(of_subsets + of_targets))
    low, high = max(-1.0, value - half), min(1.0, value + half)
    ceiling = noise_ceiling(pool, rows, subsets[reporting])
    return Trust(value, (low, high), ceiling, len(reporting), len(rows))
