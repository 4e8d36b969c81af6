"""The statistics of claims keep their stated rates."""

import numpy as np
import pytest

from dataaudit.checks.proof import (
    Effect,
    below_random,
    effect_over_seeds,
    effect_over_seeds_and_samples,
    effect_verification,
    more_often,
    proportion_interval,
    random_like,
)


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    rng = np.random.default_rng(0)
    covered, covered_both, covered_alike = [], [], []
    for _ in range(600):
        effect = effect_over_seeds(rng.normal(1.0, 2.0, 5))
        covered.append(effect.low <= 1.0 <= effect.high)
        seeds, samples = rng.normal(0, 0.5, (5, 1)), rng.normal(0, 2.0, (1, 60))
        both = effect_over_seeds_and_samples(1.0 + seeds + samples + rng.normal(0, 1.0, (5, 60)))
        covered_both.append(both.low <= 1.0 <= both.high)
        alike = effect_over_seeds_and_samples(1.0 + samples + rng.normal(0, 3.0, (5, 60)))
        covered_alike.append(alike.low <= 1.0 <= alike.high)
    assert 0.92 <= np.mean(covered) <= 0.98
    assert 0.92 <= np.mean(covered_both) <= 0.99
    assert 0.92 <= np.mean(covered_alike) <= 0.99


def test_samples_that_could_have_been_others_widen_the_interval() -> None:
    same_for_all_seeds = np.repeat(np.random.default_rng(0).normal(0.2, 3.0, (1, 30)), 6, 0)
    effect = effect_over_seeds_and_samples(same_for_all_seeds)
    assert effect.low < 0 < effect.high


def test_fisher_says_how_likely_the_flips_are_by_chance() -> None:
    assert more_often(4, 4, 0, 4) == pytest.approx(1 / 70)
    assert more_often(4, 4, 0, 8) == pytest.approx(1 / 495)
    assert more_often(2, 4, 4, 8) > 0.5


def test_a_random_removal_is_of_the_same_classes_and_touches_none_of_the_others() -> None:
    labels = np.array([0, 1, 2] * 20)
    removed = np.array([0, 3, 1, 2, 5])
    drawn = random_like(labels, np.arange(45), removed, 0)
    assert np.bincount(labels[drawn]).tolist() == [2, 1, 2]
    assert not set(drawn) & set(removed)
    assert drawn.max() < 45
    assert random_like(labels, np.arange(45), np.zeros(0, np.int64), 0).tolist() == []
    assert len(random_like(labels, np.arange(6), np.array([0, 3]), 0)) == 0


def test_a_claim_is_confirmed_only_above_zero_and_above_the_random_removal() -> None:
    assert effect_verification("x", Effect(2.0, 1.0, 3.0), 0.1, 4).status == "confirmed"
    assert effect_verification("x", Effect(2.0, 1.0, 3.0), 1.5, 4).status == "inconclusive"
    assert effect_verification("x", Effect(2.0, -0.1, 4.1), 0.0, 4).status == "inconclusive"
    assert effect_verification("x", Effect(-2.0, -3.0, -1.0), -4.0, 4).status == "inconclusive"


def test_wilson_interval_of_a_full_score_does_not_reach_one_hundred_percent_for_sure() -> None:
    low, high = proportion_interval(10, 10)
    assert low == pytest.approx(0.722, abs=0.001)
    assert high == 1.0


def test_a_single_training_is_exact_and_only_samples_vary() -> None:
    assert effect_over_seeds(np.array([0.7])) == Effect(0.7, 0.7, 0.7, 0.0)
    changes = np.random.default_rng(0).normal(0.3, 1, (1, 50))
    once, repeated = (effect_over_seeds_and_samples(np.repeat(changes, seeds, 0)) for seeds in (1, 4))
    np.testing.assert_allclose([*vars(once).values()], [*vars(repeated).values()])


def test_values_are_rarely_held_to_be_below_random_ones_that_are_like_them() -> None:
    drawn = np.random.default_rng(0).normal(5, 2, (2000, 9))
    below = np.array([below_random(float(values[0]), values[1:]) for values in drawn])
    assert 0.035 <= (below <= 0.05).mean() <= 0.065
    assert below_random(-9.0, drawn[0]) < 0.001
    assert (below_random(1.0, np.full(8, 2.0)), below_random(2.0, np.full(8, 2.0))) == (0.0, 1.0)
