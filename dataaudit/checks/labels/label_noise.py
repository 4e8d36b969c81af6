"""How likely each given label is wrong, from several views' class probabilities that did not see it.

The model: a sample's true class has log-odds that are a weighted sum of the views' log-probabilities; its given label
is another class with a chance that depends on the two classes only (class-conditional noise, Natarajan et al. 2013;
fitting through a mixing matrix is the forward correction of Patrini et al. 2017). Other classes are given at random
and, where the data show it, the more often the more alike they look to the views. Weights and the two chances are those
of maximum likelihood, the share of wrong labels under a weak prior.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq, minimize
from scipy.special import expit, log_softmax, logit, softmax

from ...verdict.recalibration import EXPECTED_FALSE
from ..detection import Calibration

FLOOR = 1e-4
FIT_ROWS = 10_000
"""Rows that the few parameters are fitted on, evenly spaced, where there are more."""
LEAST_CHANCE, NO_CHANCE = -9.0, -14.0
"""Log-odds of a wrong label where the data show none, so that clean labels are left alone; and of one that is given
for its likeness where the data don't show that."""
LEAST_RATIO = 10.0
"""Least likelihood-ratio statistic at which wrong labels are held to be given for their likeness: p = 0.002 if it were
chi-square. Else samples that are merely hard would make alike classes look mixed up."""
MOST_WEIGHT = 1.5
"""Of a view; above 1 are those of views less sure of themselves than they might be."""
RIGHT_BEFOREHAND = 5
"""Right labels that the prior of the share of wrong ones counts as: where views tell nothing it stays at none."""
LARGEST_SHIFT = 1.0
ONE_SIDED = 1.645
"""The normal distribution's 95 % quantile."""


@dataclass(frozen=True)
class LabelNoise:
    """The fitted model.

    weights   (k,) of the views' log-probabilities; 1 is that of independent, calibrated views
    mixing    (c, c) chance that a sample of the row's class is given the column's label
    """

    weights: NDArray[np.float64]
    mixing: NDArray[np.float64]

    @property
    def share(self) -> float:
        """Of wrong labels, where classes are equally frequent."""
        return float(1 - self.mixing.diagonal().mean())


@dataclass(frozen=True)
class Verdicts:
    """For n samples: log-odds that the given label is wrong, and the likeliest other class."""

    log_odds: NDArray[np.float64]
    rival: NDArray[np.int64]

    def wrong(self, shift: float = 0.0) -> NDArray[np.float64]:
        """(n,) probability that the given label is wrong, the log-odds shifted."""
        return np.asarray(expit(self.log_odds + shift))


def log_views(views: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Log-probabilities (k, n, c), none below that of FLOOR."""
    return np.log(np.clip(np.stack(views), FLOOR, 1.0))


def fit_noise(views: NDArray[np.float64], labels: NDArray[np.int64]) -> LabelNoise:
    """Of log-probabilities (k, n, c) and given labels (n,)."""
    step = -(-len(labels) // FIT_ROWS)
    views, labels = views[:, ::step], labels[::step]
    n_views, _, classes = views.shape
    at_random = (1 - np.eye(classes)) / max(1, classes - 1)
    confusable = _confusability(views, labels)

    def model(parameters: NDArray[np.float64]) -> LabelNoise:
        chances = np.exp(parameters[n_views:])
        chances /= 1 + chances.sum()
        mixed = chances[0] * at_random + chances[1] * confusable
        return LabelNoise(np.exp(parameters[:n_views]), mixed + np.diag(1 - mixed.sum(1)))

    def loss(parameters: NDArray[np.float64]) -> float:
        noise = model(parameters)
        fit = np.log(_joint(noise, views, labels).sum(1) + 1e-300).mean()
        return float(-fit - RIGHT_BEFOREHAND / len(labels) * np.log(1 - noise.share))

    def fitted(start: NDArray[np.float64], most_alike: float) -> tuple[float, NDArray[np.float64]]:
        bounds = [(-8.0, np.log(MOST_WEIGHT))] * n_views + [(LEAST_CHANCE, 1.0), (NO_CHANCE, most_alike)]
        found = minimize(loss, start, method="L-BFGS-B", bounds=bounds)
        return 2 * len(labels) * float(found.fun), np.asarray(found.x)

    at_random_only, plain = fitted(np.r_[np.full(n_views, np.log(0.4)), -3.0, NO_CHANCE], NO_CHANCE)
    by_likeness_too, full = fitted(np.r_[plain[:-1], -3.0], 1.0)
    return model(full if at_random_only - by_likeness_too >= LEAST_RATIO else plain)


def judge(noise: LabelNoise, views: NDArray[np.float64], labels: NDArray[np.int64]) -> Verdicts:
    """The fitted model's verdicts on labels (n,), given log-probabilities (k, n, c)."""
    joint, rows = _joint(noise, views, labels), np.arange(len(labels))
    p_given = joint[rows, labels]
    joint[rows, labels] = 0.0
    return Verdicts(np.log(joint.sum(1) + 1e-300) - np.log(p_given + 1e-300), joint.argmax(1))


def surest(wrong: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Rows that are more likely wrong than right, surest first, and their q values.

    As many as keep the false-discovery rate at EXPECTED_FALSE. q is the mean probability of being right over the rows
    down to this one, the Bayesian form of Benjamini and Hochberg's (Efron & Tibshirani 2002; Newton et al. 2004).
    """
    order = np.argsort(-wrong, kind="stable")
    q = np.cumsum(1 - wrong[order]) / np.arange(1, len(wrong) + 1)
    count = int(((q <= EXPECTED_FALSE) & (wrong[order] > 0.5)).sum())
    return order[:count], q[:count]


def cautious_shift(log_odds: NDArray[np.float64], wrong: NDArray[np.float64]) -> float:
    """By how much log-odds must be raised to agree with the labels known: a conservative calibration intercept.

    wrong   (n,) 1 for a planted error, else the probability that the label was wrong already

    The maximum-likelihood intercept of Platt's (1999) logistic calibration makes the probabilities add up to the errors
    there are. Its one-sided 95 % lower limit is taken, and never more than LARGEST_SHIFT either way.
    """

    def surplus(shift: float) -> float:
        return float(expit(log_odds + shift).sum() - wrong.sum())

    if surplus(-LARGEST_SHIFT) >= 0:
        return -LARGEST_SHIFT
    shift = LARGEST_SHIFT if surplus(50.0) <= 0 else float(brentq(surplus, -LARGEST_SHIFT, 50.0))
    fitted = expit(log_odds + shift)
    return float(
        np.clip(shift - ONE_SIDED / np.sqrt((fitted * (1 - fitted)).sum() + 1e-12), -LARGEST_SHIFT, LARGEST_SHIFT)
    )


def log_odds_shift(calibration: Calibration | None) -> float:
    """Shift of the log-odds that turns the calibrated threshold into an even chance."""
    if calibration is None or calibration.threshold is None:
        return 0.0
    return -float(logit(calibration.threshold))


def _joint(noise: LabelNoise, views: NDArray[np.float64], labels: NDArray[np.int64]) -> NDArray[np.float64]:
    """(n, c) chance of each true class together with the given label."""
    true = np.exp(log_softmax(np.tensordot(noise.weights, views, 1), axis=1))
    return np.asarray(true * noise.mixing[:, labels].T)


def _confusability(views: NDArray[np.float64], labels: NDArray[np.int64]) -> NDArray[np.float64]:
    """(c, c) mean probability of each other class for samples labelled as the row's class; rows sum to one."""
    probabilities, classes = softmax(views.mean(0), axis=1), views.shape[2]
    mean = np.ones((classes, classes))
    for label in np.unique(labels):
        mean[label] = probabilities[labels == label].mean(0)
    np.fill_diagonal(mean, 0.0)
    return np.asarray(mean / np.maximum(mean.sum(1, keepdims=True), 1e-300))
