"""Rank correlations, their ceiling and their interval."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import spearmanr

from dataaudit.attribution.ensemble import fitted_slope
from dataaudit.attribution.problem import Problem, Runs
from dataaudit.attribution.trust import choosing_subsets, gain, lds, noise_ceiling, trust
from dataaudit.training.pool import Pool


def test_lds_is_spearman_per_target() -> None:
    rng = np.random.default_rng(0)
    actual, predicted = rng.normal(size=(9, 4)).astype("f4"), rng.normal(size=(9, 4)).astype("f4")
    predicted[:, 1] = actual[:, 1] ** 3
    expected = [spearmanr(actual[:, i], predicted[:, i]).statistic for i in range(4)]
    np.testing.assert_allclose(lds(actual, predicted), expected)
    assert lds(actual, predicted)[1] == pytest.approx(1)


def test_a_constant_prediction_has_no_correlation_instead_of_zero() -> None:
    actual = np.arange(6, dtype="f4")[:, None]
    assert np.isnan(lds(actual, np.ones_like(actual))).all()


def simulated(pool: Pool, signal: float, noise: float, targets: int = 400) -> Runs:
    """The pool's runs with margins that are a subset's value plus a seed's noise."""
    runs = Problem.from_pool(pool).runs
    assert runs is not None
    rng = np.random.default_rng(0)
    value = {subset: rng.normal(size=targets) * signal for subset in runs.distinct()}
    margins = np.stack([value[subset] + rng.normal(size=targets) * noise for subset in runs.subsets])
    return replace(runs, margins=margins.astype("f4"))


def test_the_ceiling_is_high_without_noise_and_low_without_signal(small_pool: Pool) -> None:
    quiet, loud = simulated(small_pool, 1.0, 0.01), simulated(small_pool, 0.01, 1.0)
    high, low = (noise_ceiling(runs, runs.distinct()) for runs in (quiet, loud))
    assert high is not None
    assert high > 0.98
    assert low is not None
    assert low < 0.6


def test_without_repeated_subsets_there_is_no_ceiling(small_pool: Pool) -> None:
    runs = simulated(small_pool, 1.0, 0.1)
    assert noise_ceiling(replace(runs, subsets=np.arange(len(runs.subsets))), np.arange(8)) is None


def test_a_perfect_prediction_is_trusted_and_a_random_one_is_not(small_pool: Pool) -> None:
    runs = simulated(small_pool, 1.0, 0.2)
    actual = runs.subset_margins()
    perfect = trust(runs, actual)
    random = trust(runs, np.random.default_rng(1).normal(size=actual.shape).astype("f4"))
    assert perfect is not None
    assert perfect.lds == pytest.approx(1)
    assert random is not None
    assert random.interval[0] < 0 < random.interval[1]
    assert (random.n_subsets, random.n_targets) == (4, 400)


def test_subsets_that_choose_do_not_report(small_pool: Pool) -> None:
    runs = simulated(small_pool, 1.0, 0.1)
    chosen = choosing_subsets(runs)
    predicted = runs.subset_margins()
    predicted[chosen] = -100
    measured = trust(runs, predicted)
    assert measured is not None
    assert measured.lds == pytest.approx(1)
    assert (chosen.sum(), len(chosen)) == (2, 6)


def test_runs_on_one_subset_are_averaged(small_pool: Pool) -> None:
    runs = simulated(small_pool, 1.0, 0.1)
    twice = runs.subsets == runs.subsets[0]
    np.testing.assert_allclose(runs.subset_margins()[0], runs.margins[twice].mean(0))
    np.testing.assert_array_equal(runs.subset_masks()[0], runs.masks[0])


def test_chance_never_turns_the_signs_of_scores() -> None:
    predicted = np.random.default_rng(0).normal(size=(6, 4)).astype(np.float32)
    assert fitted_slope(3 * predicted + 1, predicted) == pytest.approx(3)
    assert fitted_slope(-predicted, predicted) == 1.0
    assert fitted_slope(predicted, np.zeros_like(predicted)) == 1.0


def test_a_gain_is_told_from_chance() -> None:
    rng = np.random.default_rng(0)
    actual = rng.normal(size=(30, 50)).astype(np.float32)
    good, fair = (actual + noise * rng.normal(size=actual.shape).astype(np.float32) for noise in (0.5, 3.0))
    more, error = gain(actual, good, fair)
    assert more > 5 * error > 0
    other = actual + 3.0 * rng.normal(size=actual.shape).astype(np.float32)
    more, error = gain(actual, other, fair)
    assert abs(more) < 3 * error
    assert gain(actual, fair, fair) == (0.0, 0.0)
