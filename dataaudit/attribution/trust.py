"""How far scores can be trusted: linear datamodeling score against its noise ceiling."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from ..training.pool import BLOCK
from .problem import Runs

JACKKNIFE = 50
"""Most groups of subsets that the interval leaves out in turn."""


@dataclass(frozen=True)
class Trust:
    """LDS of scores on subsets of the pool that played no part in choosing anything about them.

    lds        mean over targets of the rank correlation over subsets, -1 to 1 (Park et al. 2023, definition 3)
    interval   95 %, see `_mean_and_error`
    ceiling    what a perfect predictor would reach given the seeds' noise; None if no subset was trained on twice
    """

    lds: float
    interval: tuple[float, float]
    ceiling: float | None
    n_subsets: int
    n_targets: int


def choosing_subsets(runs: Runs) -> NDArray[np.bool_]:
    """Which of the S distinct subsets are set aside for choosing hyperparameters: one pair in three.

    The others, those trained twice among them, report.
    """
    return np.asarray(runs.distinct() % BLOCK // 2 == 1)


def lds(actual: NDArray[np.float32], predicted: NDArray[np.float32]) -> NDArray[np.float64]:
    """Spearman correlation over subsets for each target: (S, t) and (S, t) give (t,), nan where one is constant."""
    a, b = rankdata(actual, axis=0), rankdata(predicted, axis=0)
    a, b = a - a.mean(0), b - b.mean(0)
    norm = np.sqrt((a**2).sum(0) * (b**2).sum(0))
    return np.asarray(np.divide((a * b).sum(0), norm, out=np.full(norm.shape, np.nan), where=norm > 0))


def noise_ceiling(runs: Runs, reporting: NDArray[np.int64]) -> float | None:
    """Square root of the reliability of the subsets' mean margins (Spearman-Brown), from subsets trained on twice.

    The single-run intraclass correlation r is the variance between subsets over all variance, each the mean over
    targets; a subset with R runs has reliability R r / (1 + (R - 1) r), averaged over the reporting subsets.
    1 where training has no seeds; else None if no subset was trained on twice or nothing varies.
    """
    if runs.seedless:
        return 1.0
    margins = runs.margins.astype(np.float64)
    subsets, first, counts = np.unique(runs.subsets, return_index=True, return_counts=True)
    repeated = subsets[counts > 1]
    total = margins[first].var(0, ddof=1).mean()
    if not len(repeated) or total <= 0:
        return None
    within = np.mean([margins[runs.subsets == subset].var(0, ddof=1).mean() for subset in repeated])
    r = max(0.0, 1 - within / total)
    times = counts[np.isin(subsets, reporting)]
    return float(np.sqrt(np.mean(times * r / (1 + (times - 1) * r))))


def trust(runs: Runs, predictions: NDArray[np.float32]) -> Trust | None:
    """Measure predictions (S, n_target) of the runs' margins; None if fewer than four subsets are left to report on.

    `predictions` must each have been made without the runs on their subset, as a Backend does.
    """
    reporting = np.flatnonzero(~choosing_subsets(runs))
    n_targets = runs.margins.shape[1]
    if len(reporting) < 4 or not n_targets:
        return None
    actual, predicted = runs.subset_margins()[reporting], predictions[reporting]
    value, error = _mean_and_error(len(reporting), lambda rows: lds(actual[rows], predicted[rows]))
    interval = (max(-1.0, value - 1.96 * error), min(1.0, value + 1.96 * error))
    return Trust(value, interval, noise_ceiling(runs, runs.distinct()[reporting]), len(reporting), n_targets)


def gain(
    actual: NDArray[np.float32], predicted: NDArray[np.float32], baseline: NDArray[np.float32]
) -> tuple[float, float]:
    """By how much the LDS of predictions (S, t) is above that of the baseline's, and its standard error."""
    return _mean_and_error(
        len(actual), lambda rows: lds(actual[rows], predicted[rows]) - lds(actual[rows], baseline[rows])
    )


def _mean_and_error(
    n_subsets: int, statistic: Callable[[NDArray[np.int64]], NDArray[np.float64]]
) -> tuple[float, float]:
    """Mean over targets of a statistic (t,) of some subsets, and its standard error over subsets and targets.

    The jackknife over subsets and the spread over targets; resampled subsets would tie in rank.
    """
    positions = np.arange(n_subsets)
    values = np.nan_to_num(statistic(positions))
    groups = np.array_split(positions, min(n_subsets, JACKKNIFE))
    leave_out_means = [np.nan_to_num(statistic(np.setdiff1d(positions, group))).mean() for group in groups]
    variance = (len(groups) - 1) * np.var(leave_out_means) + np.var(values) / len(values)
    return float(values.mean()), float(np.sqrt(variance))
