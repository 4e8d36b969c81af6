"""The statistics of claims that are checked by retraining."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest, fisher_exact, t

from .findings import Verification

LEVEL = 0.95


@dataclass(frozen=True)
class Effect:
    """A mean change and its 95 % interval."""

    mean: float
    low: float
    high: float


def effect_over_seeds(changes: NDArray[np.floating]) -> Effect:
    """Of changes (seeds,) of one figure, each paired within a training seed: Student's interval over seeds."""
    changes = np.asarray(changes, np.float64)
    return _interval(float(changes.mean()), float(changes.var(ddof=1) / len(changes)), len(changes) - 1)


def effect_over_seeds_and_samples(changes: NDArray[np.floating]) -> Effect:
    """Of changes (seeds, samples): other seeds and other samples could both have been drawn.

    The variances of the seeds' means and of the samples' means add up (two-way random effects; their shared residual is
    counted twice, so the interval is on the wide side). Student's t with the seeds' degrees of freedom.
    """
    changes = np.asarray(changes, np.float64)
    seeds, samples = changes.shape
    variance = changes.mean(1).var(ddof=1) / seeds + changes.mean(0).var(ddof=1) / samples
    return _interval(float(changes.mean()), float(variance), seeds - 1)


def _interval(mean: float, variance: float, freedom: int) -> Effect:
    half = float(t.ppf((1 + LEVEL) / 2, freedom)) * variance**0.5
    return Effect(mean, mean - half, mean + half)


def more_often(happened: int, of: int, random: int, of_random: int) -> float:
    """One-sided p-value that something happens more often than after a random removal (Fisher's exact test)."""
    return float(fisher_exact([[happened, of - happened], [random, of_random - random]], alternative="greater").pvalue)


def proportion_interval(part: int, whole: int) -> tuple[float, float]:
    """95 % interval of a share (Wilson 1927)."""
    found = binomtest(part, whole).proportion_ci(LEVEL, "wilson")
    return float(found.low), float(found.high)


def random_like(
    labels: NDArray[np.int64], rows: NDArray[np.int64], removed: NDArray[np.int64], seed: int
) -> NDArray[np.int64]:
    """As many random training rows of each class as `removed` has, none of them among it.

    Where a class has too few others left, all of these are taken.
    """
    rng = np.random.default_rng(seed)
    others = np.setdiff1d(rows, removed)
    chosen = [
        rng.permutation(others[labels[others] == label])[:count]
        for label, count in zip(*np.unique(labels[removed], return_counts=True), strict=True)
    ]
    return np.sort(np.concatenate([*chosen, np.zeros(0, np.int64)]))


def judged(measure: str, effect: Effect, random: float, seeds: int) -> Verification:
    """Confirmed if the effect is above zero and above what the random removal did, refuted if it lies below zero."""
    status = Verification(measure=measure, effect=effect.mean, interval=(effect.low, effect.high), random=random,
                          seeds=seeds)  # fmt: skip
    if effect.low > max(0.0, random):
        return replace(status, status="confirmed")
    return replace(status, status="refuted" if effect.high < 0 else "inconclusive")
