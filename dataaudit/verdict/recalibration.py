"""What a reviewer's answers make of the probabilities that labels are wrong.

Log-odds are recalibrated as Platt (1999) does it, by a slope and an intercept; both are uncertain after a few dozen
answers, so a posterior stands for them, on a grid. Labels are drawn for review by their log-odds, not by whether they
are wrong: the likelihood needs no weights (Rubin 1976). Without any answer the posterior is the prior, which is wide.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

EXPECTED_FALSE = 0.2
"""Share of the reported labels that may be right after all."""
CAUTION = 0.2
"""Probability that the list is longer than its precision allows: the lower limit of an 80 % interval, one-sided."""
MEANS, DEVIATIONS = np.array([0.0, 1.0]), np.array([2.0, 0.7])
"""Of the normal prior of intercept and slope; slopes below zero are left out."""
FURTHEST = 14.0
"""Log-odds beyond which one label is as sure as another."""
CELLS, REACH = 41, 5.0
"""Cells of the grid along either axis, and how many standard deviations it reaches from the mean."""
REFINEMENTS = 3
BEND = 0.5
"""Standard deviation of how far, in log-odds, labels alike may lie off the line; intervals allow for it."""
DRAWS = 400
NEXT = (50, 100, 200)
"""How many labels below the list are said to be worth a look."""
TAILS = (2.5, 97.5)
"""Percentiles that a 95 % interval ends at."""


@dataclass(frozen=True)
class Share:
    """Of wrong labels among `labels` of them: what is expected, and its 95 % interval."""

    labels: int
    expected: float
    low: float
    high: float


@dataclass(frozen=True)
class Recalibration:
    """Draws from the posterior of intercepts (d,) and slopes (d,)."""

    intercepts: NDArray[np.float64]
    slopes: NDArray[np.float64]

    def wrong(self, log_odds: NDArray[np.float64]) -> NDArray[np.float64]:
        """(n,) posterior probability that each label is wrong, of what was stated of it."""
        at = np.linspace(-FURTHEST, FURTHEST, 1 + round(20 * FURTHEST))
        return np.asarray(np.interp(_within(log_odds), at, self._drawn(at).mean(0)))

    def count(self, log_odds: NDArray[np.float64], expected_false: float = EXPECTED_FALSE) -> int:
        """How many of these labels, the likeliest wrong first, can be reported.

        Of them no more than `expected_false` are expected to be right, with the probability 1 - CAUTION, and each is
        more likely wrong than right.
        """
        ordered = np.sort(log_odds)[::-1]
        ordered = ordered[self.wrong(ordered) > 0.5]
        if not len(ordered):
            return 0
        ranks = np.arange(1, len(ordered) + 1)
        # Mean probabilities fall with the rank, so each draw has its own last label.
        last = [
            (np.cumsum(_probability(intercept + slope * _within(ordered))) >= (1 - expected_false) * ranks).sum()
            for intercept, slope in zip(self.intercepts, self.slopes, strict=True)
        ]
        return int(np.quantile(last, CAUTION, method="lower"))

    def share(self, log_odds: NDArray[np.float64], known_wrong: int = 0) -> Share:
        """Of wrong ones among these labels and others that are known to be wrong, by the posterior and by chance."""
        p, rng = self._drawn(log_odds), np.random.default_rng(0)
        labels = known_wrong + len(log_odds)
        bent = _probability(self._line(log_odds) + rng.normal(0, BEND, (len(self.slopes), 1)))
        drawn = (known_wrong + (rng.random(p.shape) < bent).sum(1)) / max(1, labels)
        low, high = np.percentile(drawn, TAILS)
        return Share(labels, (known_wrong + float(p.mean(0).sum())) / max(1, labels), float(low), float(high))

    def _drawn(self, log_odds: NDArray[np.float64]) -> NDArray[np.float64]:
        """(d, n) probabilities of every draw."""
        return _probability(self._line(log_odds))

    def _line(self, log_odds: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(self.intercepts[:, None] + self.slopes[:, None] * _within(log_odds))


def recalibration(log_odds: NDArray[np.float64], wrong: NDArray[np.bool_]) -> Recalibration:
    """From what was stated of the labels that a reviewer judged, and what they are, each (n,)."""
    stated = _within(log_odds)
    centre, spread = MEANS, DEVIATIONS
    steps = np.linspace(-REACH, REACH, CELLS)
    for _ in range(REFINEMENTS):  # the answers may leave little of the prior
        intercepts, slopes = centre[0] + spread[0] * steps[:, None], centre[1] + spread[1] * steps
        grid = np.stack(np.broadcast_arrays(intercepts, slopes))
        log_p = -(((grid - MEANS[:, None, None]) / DEVIATIONS[:, None, None]) ** 2).sum(0) / 2
        for one, is_wrong in zip(stated, wrong, strict=True):
            log_p -= np.logaddexp(0, (-1 if is_wrong else 1) * (intercepts + slopes * one))
        p = np.where(grid[1] > 0, np.exp(log_p - log_p[:, slopes > 0].max()), 0)
        p /= p.sum()
        centre = (p * grid).sum((1, 2))
        cell = spread * (steps[1] - steps[0])
        spread = np.sqrt((p * (grid - centre[:, None, None]) ** 2).sum((1, 2)) + cell**2 / 12)
    systematic = (np.arange(DRAWS) + 0.5) / DRAWS
    at = grid.reshape(2, -1)[:, np.searchsorted(p.cumsum(), systematic * p.sum())]
    drawn = at + cell[:, None] * np.random.default_rng(0).uniform(-0.5, 0.5, at.shape)
    return Recalibration(drawn[0], np.maximum(drawn[1], 0))


def worth_a_look(posterior: Recalibration, log_odds: NDArray[np.float64]) -> tuple[Share, ...]:
    """Of the first NEXT of these labels, the likeliest wrong first; the fewer of them there are, the fewer."""
    counts = dict.fromkeys(min(count, len(log_odds)) for count in NEXT)
    return tuple(posterior.share(log_odds[:count]) for count in counts if count)


def _within(log_odds: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.clip(log_odds, -FURTHEST, FURTHEST)


def _probability(log_odds: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(1 / (1 + np.exp(-log_odds)))
