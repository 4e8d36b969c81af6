"""How likely each given number is wrong, from predictions that did not see it.

The model: a given number is the prediction plus noise, or with some chance it has nothing to do with the sample. Noise
is Student's t in units of a local spread, its two sides apart, so that heavy tails, skewness and spreads that grow with
the prediction are noise and not errors. A wrong number is drawn from the given ones, or from a Cauchy distribution
three times as wide, as slips of the decimal point or the sign are. All parameters are fitted by maximum likelihood.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit
from scipy.stats import cauchy, t

FIT_ROWS = 10_000
"""Rows that the few parameters are fitted on, evenly spaced, where there are more."""
WINDOW, FEWEST = 20, 30
"""The local spread is that of a twentieth of the training rows, those of the nearest predictions, and of FEWEST."""
LEAST_SPREAD = 0.1
"""Of the spread overall."""
CENTRES = 100
LEAST_RATIO = 10.0
"""Least likelihood-ratio statistic at which wrong numbers are claimed: p = 0.002 if it were chi-square."""
LEAST_CHANCE, MOST_CHANCE = -9.0, -1.1
"""Log-odds of a wrong number. A quarter of them can't be told from noise that has no mean."""
FREEDOM = (0.75, 50.0)


@dataclass(frozen=True)
class TargetNoise:
    """The fitted model.

    chance     of a wrong number
    spreads    of noise below and above the prediction, in local spreads
    freedoms   of its tails
    ratio      likelihood ratio, twice its logarithm, to a model without wrong numbers
    """

    chance: float
    spreads: tuple[float, float]
    freedoms: tuple[float, float]
    ratio: float

    @property
    def has_errors(self) -> bool:
        """Whether the data show that numbers are wrong, rather than that tails are heavy."""
        return self.ratio >= LEAST_RATIO and self.chance < expit(MOST_CHANCE)


@dataclass(frozen=True)
class TargetVerdicts:
    """For n samples: log-odds that the given number is wrong, and how far it lies off, in local spreads."""

    noise: TargetNoise
    log_odds: NDArray[np.float64]
    deviations: NDArray[np.float64]
    spreads: NDArray[np.float64]

    def wrong(self, shift: float = 0.0) -> NDArray[np.float64]:
        """(n,) probability that the given number is wrong, the log-odds shifted."""
        return np.asarray(expit(self.log_odds + shift))


def judge_targets(
    targets: NDArray[np.float64], predicted: NDArray[np.float64], train: NDArray[np.int64]
) -> TargetVerdicts:
    """Verdicts of the model, fitted on training rows, on numbers (n,), given out-of-sample predictions (n,)."""
    spread = _local_spread(targets, predicted, train)
    deviations = (targets - predicted) / spread
    if_wrong = _log_density_if_wrong(targets, targets[train]) + np.log(spread)
    fit_rows = train[:: -(-len(train) // FIT_ROWS)]
    noise = _fit(deviations[fit_rows], if_wrong[fit_rows])
    if_right = _log_density_if_right(deviations, *noise.spreads, *noise.freedoms)
    log_odds = np.log(noise.chance) - np.log1p(-noise.chance) + if_wrong - if_right
    return TargetVerdicts(noise, log_odds, deviations, spread)


def _local_spread(
    targets: NDArray[np.float64], predicted: NDArray[np.float64], train: NDArray[np.int64]
) -> NDArray[np.float64]:
    """(n,) median absolute residual of training rows with predictions nearby, as a normal's deviation."""
    order = train[np.argsort(predicted[train], kind="stable")]
    residuals = pd.Series(np.abs(targets[order] - predicted[order]))
    window = max(FEWEST, len(train) // WINDOW)
    local = residuals.rolling(window, center=True, min_periods=-(-min(window, len(train)) // 3)).median()
    least = max(LEAST_SPREAD * float(residuals.median()), 1e-9 * float(np.abs(targets[train]).max()), 1e-300)
    local = local.bfill().ffill().clip(lower=least)
    return np.asarray(np.interp(predicted, predicted[order], local) / 0.6745)


def _log_density_if_wrong(targets: NDArray[np.float64], train_targets: NDArray[np.float64]) -> NDArray[np.float64]:
    low, median, high = np.quantile(train_targets, [0.25, 0.5, 0.75])
    spread = float(high - low) / 1.349 or float(train_targets.std()) or 1.0
    kernel = spread / 3
    drawn = np.zeros(len(targets))
    for centre in np.quantile(train_targets, np.linspace(0.005, 0.995, CENTRES)):
        drawn += t.pdf((targets - centre) / kernel, 3) / kernel / CENTRES
    wide = cauchy.pdf(targets, median, 3 * spread)
    return np.asarray(np.log((drawn + wide) / 2 + 1e-300))


def _log_density_if_right(
    deviations: NDArray[np.float64], below: float, above: float, freedom_below: float, freedom_above: float
) -> NDArray[np.float64]:
    """Of a two-piece Student's t: continuous, each side with its own spread and tail."""
    peaks = float(t.pdf(0, freedom_below)), float(t.pdf(0, freedom_above))
    upper = t.logpdf(deviations / above, freedom_above) - np.log(peaks[1])
    lower = t.logpdf(deviations / below, freedom_below) - np.log(peaks[0])
    mass = below / (2 * peaks[0]) + above / (2 * peaks[1])
    return np.asarray(np.where(deviations > 0, upper, lower) - np.log(mass))


def _fit(deviations: NDArray[np.float64], if_wrong: NDArray[np.float64]) -> TargetNoise:
    def loss(parameters: NDArray[np.float64], log_odds: float) -> float:
        if_right = _log_density_if_right(deviations, *np.exp(parameters[:4]))
        chance = expit(log_odds)
        return float(-np.logaddexp(np.log1p(-chance) + if_right, np.log(chance) + if_wrong).sum())

    bounds: list[Any] = [(-3.0, 3.0)] * 2 + [tuple(np.log(FREEDOM))] * 2
    no_errors = minimize(loss, [0.0, 0.0, 1.0, 1.0], args=(-50.0,), method="L-BFGS-B", bounds=bounds)
    bounds.append((LEAST_CHANCE, MOST_CHANCE))
    start = [*no_errors.x[:2], 2.0, 2.0, -3.0]
    with_errors = minimize(lambda parameters: loss(parameters, parameters[4]), start, method="L-BFGS-B", bounds=bounds)
    ratio = max(0.0, 2 * float(no_errors.fun - with_errors.fun))
    best = np.append(no_errors.x, LEAST_CHANCE) if ratio < LEAST_RATIO else with_errors.x
    below, above, freedom_below, freedom_above = (float(value) for value in np.exp(best[:4]))
    return TargetNoise(float(expit(best[4])), (below, above), (freedom_below, freedom_above), ratio)
