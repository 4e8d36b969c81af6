"""Rank correlations, their ceiling and their interval."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import spearmanr

from dataaudit.evaluation import distinct_subsets, lds, noise_ceiling, subset_margins, trust
from dataaudit.pool import Pool


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


def simulated(pool: Pool, signal: float, noise: float, targets: int = 400) -> Pool:
    """The pool with outputs whose margins are a subset's value plus a seed's noise."""
    rng = np.random.default_rng(0)
    n = len(pool.dataset)
    value = {s: rng.normal(size=n) * signal for s in np.unique(pool.subsets)}
    margins = np.stack([value[s] + rng.normal(size=n) * noise for s in pool.subsets])
    outputs = np.zeros((len(pool), n, 2), np.float32)
    outputs[:, :, 0] = margins
    return replace(pool, outputs=outputs, dataset=replace(pool.dataset, targets=np.zeros(n, np.int64)))


def test_the_ceiling_is_high_without_noise_and_low_without_signal(small_pool: Pool) -> None:
    rows = np.arange(80)
    subsets, _ = distinct_subsets(small_pool)
    quiet = noise_ceiling(simulated(small_pool, 1.0, 0.01), rows, subsets)
    loud = noise_ceiling(simulated(small_pool, 0.01, 1.0), rows, subsets)
    assert quiet is not None
    assert quiet > 0.98
    assert loud is not None
    assert loud < 0.6


def test_a_perfect_prediction_is_trusted_and_a_random_one_is_not(small_pool: Pool) -> None:
    pool = simulated(small_pool, 1.0, 0.2)
    rows = pool.dataset.rows("test")
    actual = subset_margins(pool, rows)
    perfect = trust(pool, rows, actual)
    random = trust(pool, rows, np.random.default_rng(1).normal(size=actual.shape).astype("f4"))
    assert perfect is not None
    assert perfect.lds == pytest.approx(1)
    assert random is not None
    assert random.interval[0] < 0 < random.interval[1]
    assert random.n_subsets == 4
    assert random.n_targets == 20


def test_subsets_that_choose_do_not_report(small_pool: Pool) -> None:
    subsets, choosing = distinct_subsets(small_pool)
    pool = simulated(small_pool, 1.0, 0.1)
    rows = pool.dataset.rows("test")
    predicted = subset_margins(pool, rows)
    predicted[choosing] = -100
    measured = trust(pool, rows, predicted)
    assert measured is not None
    assert measured.lds == pytest.approx(1)
    assert choosing.sum() == 2
    assert len(subsets) == 6
