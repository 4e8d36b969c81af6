"""Prior scores corrected by runs: a Bayesian linear regression with the scores as prior mean and scale.

With tau (n_train,) one target's prior scores, h the outputs they predict for each run (made without models trained on
the run's subset, see Attribution.held_out), y the run's output and x its mask - 0.5, both centred:

    y = (a + d) h + x^T u + e,    d ~ N(0, SLOPE a'^2),  u_i ~ N(0, s^2 v_i),  e ~ N(0, noise s'^2)
    v_i = |tau_i| / mean |tau| + FLOOR

Where the prior scores are large they may be far off; where they are zero, samples hardly matter. a is one slope for
all targets, s and a' are such that x^T u and d h / sqrt(SLOPE) vary as much over runs as each other; the noise is
relative to that, one number for all targets, chosen on held-out runs. Scores are the posterior mean (a + d) tau + u.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from .run_rows import Centred, Floats, Split

NOISES = tuple(10.0 ** (k / 2) for k in range(-4, 7))
"""Candidates; at the largest the prior scores are left as they are."""
SLOPE = 0.3
FLOOR = 0.05


@dataclass(frozen=True)
class Correction:
    """The corrected scores for c noises: scores are tau * slopes[c] + weights[:, c]."""

    slopes: Floats
    weights: Floats


def common_slope(rows: Centred) -> float:
    """Least-squares slope of outputs on the prior's predictions over all targets; 0 where it predicts nothing."""
    square = float((rows.prior**2).sum())
    return float((rows.prior * rows.outputs).sum()) / square if square > 0 else 0.0


def correct(rows: Centred, target: int, tau: Floats, slope: float, noises: Sequence[float]) -> Correction:
    """Posterior means for each of the noises. tau (n_train,) are the target's prior scores, slope is a.

    A target that never changes has zero scores, whatever the prior says.
    """
    x, h = rows.contrasts, rows.prior[:, target]
    if not rows.outputs[:, target].any():
        return Correction(np.zeros(len(noises)), np.zeros((len(tau), len(noises))))
    variance = np.abs(tau) / max(float(np.abs(tau).mean()), np.finfo(float).tiny) + FLOOR
    variance *= 4 / variance.sum()  # contrasts are +-0.5: x^T u varies by 1
    square = float(h @ h) / rows.count
    slope_variance = SLOPE / square if square > 0 else 0.0
    residual = rows.outputs[:, target] - slope * h
    slopes, weights = np.empty(len(noises)), np.empty((len(tau), len(noises)))
    if rows.gram is None:
        kernel = (x * variance) @ x.T + slope_variance * np.outer(h, h)
        for index, noise in enumerate(noises):
            dual = cho_solve(_shifted(kernel, noise), residual)
            slopes[index], weights[:, index] = slope + slope_variance * (h @ dual), variance * (x.T @ dual)
        return Correction(slopes, weights)
    scale = np.append(np.sqrt(variance), np.sqrt(slope_variance))
    cross = x.T @ h
    inner = np.block([[rows.gram, cross[:, None]], [cross[None, :], h[None, None] @ h]]) * np.outer(scale, scale)
    image = scale * np.append(x.T @ residual, h @ residual)
    for index, noise in enumerate(noises):
        primal = scale * cho_solve(_shifted(inner, noise), image)
        slopes[index], weights[:, index] = slope + primal[-1], primal[:-1]
    return Correction(slopes, weights)


def moments(splits: Sequence[Split], target: int, tau: Floats, noises: Sequence[float]) -> Floats:
    """(3, c) of the predictions of held-out runs, see Split.moments, summed over the splits."""
    total = np.zeros((3, len(noises)))
    for split in splits:
        corrected = correct(split.fitted, target, tau, common_slope(split.fitted), noises)
        total += split.moments(target, corrected.weights, corrected.slopes)
    return total


def _shifted(matrix: Floats, noise: float) -> tuple[Floats, bool]:
    shifted = matrix.copy()
    shifted[np.diag_indices_from(shifted)] += noise
    factor: tuple[Floats, bool] = cho_factor(shifted, lower=True, overwrite_a=True, check_finite=False)
    return factor
