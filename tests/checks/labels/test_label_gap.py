"""A few labels that stand apart are named; smooth tails, clean classes and pure noise name none, but by chance."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import logit

from dataaudit.checks.labels.label_gap import count_apart
from dataaudit.checks.labels.label_noise import fit_noise, judge, log_views, surest


def apart(wrong: NDArray[np.float64]) -> int:
    rest = np.setdiff1d(np.arange(len(wrong)), surest(wrong)[0])
    return count_apart(logit(wrong[rest]))


@pytest.mark.parametrize("seed", range(10))
def test_two_labels_far_from_a_smooth_rest_are_named_and_the_rest_alone_is_not(seed: int) -> None:
    rest = 1 - (0.996 + 0.0039 * np.random.default_rng(seed).random(300))
    assert apart(rest) == 0
    assert apart(np.append(rest, [0.61, 0.60])) == 2


def test_labels_that_are_more_likely_right_than_wrong_are_not_named() -> None:
    rest = 1 - (0.996 + 0.0039 * np.random.default_rng(0).random(300))
    assert apart(np.append(rest, [0.4, 0.4])) == 0


def test_a_handful_of_labels_or_equal_ones_say_nothing() -> None:
    assert count_apart(np.array([2.0, -5.0, -5.1])) == 0
    assert count_apart(np.full(100, -3.0)) == 0
    assert count_apart(np.zeros(0)) == 0


@pytest.mark.parametrize("tail", ["exponential", "normal", "logistic"])
def test_tails_that_fall_off_are_claimed_to_have_a_gap_no_more_often_than_stated(tail: str) -> None:
    rng: Any = np.random.default_rng(0)
    draws = getattr(rng, tail)(size=(1000, 400))
    claims = sum(count_apart(draw - np.sort(draw)[-8]) > 0 for draw in draws)
    assert claims <= 0.07 * len(draws)


@pytest.mark.parametrize("strength", [0.0, 1.0, 3.0])
def test_labels_drawn_as_the_views_say_are_almost_never_named(strength: float) -> None:
    """Of clean labels: none is wrong, however unsure the views are."""
    claims = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        odds = strength * rng.standard_normal(300)
        labels = (rng.random(300) < 1 / (1 + np.exp(-odds))).astype(np.int64)
        noisy = [1 / (1 + np.exp(-odds - 0.3 * rng.standard_normal(300))) for _ in range(3)]
        views = log_views([np.stack([1 - p, p], 1) for p in noisy])
        claims += apart(judge(fit_noise(views, labels), views, labels).wrong()) > 0
    assert claims <= 2
