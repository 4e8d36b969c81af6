"""The statistics of claims that are checked by retraining."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest, fisher_exact, t

from ..findings import Verification

LEVEL = 0.95


@dataclass(frozen=True)
class Effect:
    """A mean change, its 95 % interval, and the one-sided p-value of its being zero or less."""

    mean: float
    low: float
    high: float
    p_value: float = 1.0


def effect_over_seeds(changes: NDArray[np.floating]) -> Effect:
    """Of changes (seeds,) of one figure, each paired within a training seed: Student's interval over seeds.

    A single one is that of a learner without seeds, and exact.
    """
    changes = np.asarray(changes, np.float64)
    if len(changes) == 1:
        return Effect(float(changes[0]), float(changes[0]), float(changes[0]), float(changes[0] <= 0))
    return _interval(float(changes.mean()), float(changes.var(ddof=1) / len(changes)), len(changes) - 1)


def effect_over_seeds_and_samples(changes: NDArray[np.floating]) -> Effect:
    """Of changes (seeds, samples): other seeds and other samples could both have been drawn.

    The variances of the seeds' means and of the samples' means add up, less the residual that is in both (two-way
    random effects). Student's t with Satterthwaite's degrees of freedom (1946). With a single seed, of a learner that
    has none, samples alone vary.
    """
    changes = np.asarray(changes, np.float64)
    seeds, samples = changes.shape
    if seeds == 1:
        return _interval(float(changes.mean()), float(changes.var(ddof=1)) / samples, samples - 1)
    by_seed, by_sample = changes.mean(1), changes.mean(0)
    residual = changes - by_seed[:, None] - by_sample + changes.mean()
    parts = np.array([by_seed.var(ddof=1) / seeds, by_sample.var(ddof=1) / samples])
    shared = float(np.square(residual).sum() / ((seeds - 1) * (samples - 1))) / (seeds * samples)
    variance = max(float(parts.sum()) - shared, float(parts.max()))
    weight = float((parts**2 / np.array([seeds - 1, samples - 1])).sum())
    return _interval(float(changes.mean()), variance, float(parts.sum()) ** 2 / weight if weight > 0 else seeds - 1)


def _interval(mean: float, variance: float, degrees_of_freedom: float) -> Effect:
    error = variance**0.5
    half = float(t.ppf((1 + LEVEL) / 2, degrees_of_freedom)) * error
    return Effect(
        mean, mean - half, mean + half, float(t.sf(mean / error, degrees_of_freedom)) if error > 0 else float(mean <= 0)
    )


def more_often(hits: int, n: int, random_hits: int, n_random: int) -> float:
    """One-sided p-value that something happens more often than after a random removal (Fisher's exact test)."""
    return float(fisher_exact([[hits, n - hits], [random_hits, n_random - random_hits]], alternative="greater").pvalue)


def below_random(value: float, random: NDArray[np.floating]) -> float:
    """One-sided p-value that a value lies no lower than those after random removals (m,).

    Student's prediction interval, for the value of a learner without seeds, which is exact.
    """
    mean, deviation = float(random.mean()), float(random.std(ddof=1)) * (1 + 1 / len(random)) ** 0.5
    return float(t.cdf((value - mean) / deviation, len(random) - 1)) if deviation > 0 else float(value >= mean)


def proportion_interval(hits: int, n: int) -> tuple[float, float]:
    """95 % interval of a share (Wilson 1927)."""
    interval = binomtest(hits, n).proportion_ci(LEVEL, "wilson")
    return float(interval.low), float(interval.high)


def accepted_by_fdr(p_values: NDArray[np.float64], rate: float) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Which hypotheses are rejected at a false-discovery rate, and each one's q value (Benjamini & Hochberg 1995)."""
    count = len(p_values)
    order = np.argsort(p_values, kind="stable")
    q = np.empty(count)
    q[order] = np.minimum.accumulate((p_values[order] * count / np.arange(1, count + 1))[::-1])[::-1].clip(max=1)
    return q <= rate, q


def random_like(
    labels: NDArray[np.int64], rows: NDArray[np.int64], removed: NDArray[np.int64], seed: int
) -> NDArray[np.int64]:
    """As many random training rows of each class as `removed` has, none of them among it.

    Where a class has too few others left, all of these are taken.
    """
    rng = np.random.default_rng(seed)
    candidates = np.setdiff1d(rows, removed)
    chosen = [
        rng.permutation(candidates[labels[candidates] == label])[:count]
        for label, count in zip(*np.unique(labels[removed], return_counts=True), strict=True)
    ]
    return np.sort(np.concatenate([*chosen, np.zeros(0, np.int64)]))


def preference_verification(measure: str, margins: NDArray[np.floating], random: float) -> Verification:
    """Whether margins (seeds,) are above zero: a level, not a change, so that no more than "consistent" is shown.

    `random` is reported for comparison.
    """
    effect = effect_over_seeds(margins)
    status: Literal["consistent", "refuted", "inconclusive"] = "inconclusive"
    if effect.low > 0:
        status = "consistent"
    elif effect.high < 0:
        status = "refuted"
    return Verification(status, measure, effect.mean, (effect.low, effect.high), random, len(margins))


def effect_verification(measure: str, effect: Effect, random: float, seeds: int) -> Verification:
    """Confirmed if the effect is above zero and above what the random removal did, else inconclusive."""
    return Verification(
        "confirmed" if effect.low > max(0.0, random) else "inconclusive",
        measure, effect.mean, (effect.low, effect.high), random, seeds,
    )  # fmt: skip
