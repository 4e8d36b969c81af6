"""The noise model gets back what was put in, says so of each label, and is corrected cautiously."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import expit

from dataaudit.checks.labels.label_noise import FLOOR, cautious_shift, fit_noise, judge, log_views, surest

CLASSES = 4


def drawn(
    wrong_share: float, alike: bool, seed: int = 0, n: int = 8000
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    """Two views (2, n, 4) of which half the first and a fifth of the second are to be believed, true and given labels.

    alike   wrong labels are exchanged within the pairs 0-1 and 2-3, which the views find alike; else at random
    """
    rng = np.random.default_rng(seed)
    centre = rng.integers(0, CLASSES, n)
    classes = np.arange(CLASSES)
    pull = 14.0 * (classes == centre[:, None]) + 8.0 * (classes == (centre ^ 1)[:, None])
    logs = pull + rng.normal(size=(2, n, CLASSES)) * 3
    logs -= np.log(np.exp(logs).sum(2, keepdims=True))
    p = np.exp(0.5 * logs[0] + 0.2 * logs[1])
    true = ((p / p.sum(1, keepdims=True)).cumsum(1) > rng.random((n, 1))).argmax(1)
    wrong = rng.random(n) < wrong_share
    other = true ^ 1 if alike else (true + rng.integers(1, CLASSES, n)) % CLASSES
    return logs, true, np.where(wrong, other, true)


@pytest.mark.parametrize("alike", [False, True])
def test_weights_and_noise_are_those_that_were_put_in(alike: bool) -> None:
    logs, true, given = drawn(0.08, alike)
    noise = fit_noise(logs, given)
    np.testing.assert_allclose(noise.weights, [0.5, 0.2], atol=0.07)
    assert noise.share == pytest.approx(0.08, abs=0.015)
    np.testing.assert_allclose(noise.mixing.sum(1), 1)
    within = noise.mixing[[0, 1, 2, 3], [1, 0, 3, 2]].mean()
    assert within == pytest.approx(0.08 if alike else 0.08 / 3, abs=0.015)
    assert fit_noise(logs, true).share < 0.01


@pytest.mark.parametrize("alike", [False, True])
def test_probabilities_come_true_and_the_rival_is_the_truth(alike: bool) -> None:
    logs, true, given = drawn(0.1, alike)
    verdicts = judge(fit_noise(logs, given), logs, given)
    wrong = verdicts.wrong()
    for low, high in ((0.05, 0.3), (0.3, 0.7), (0.7, 1.0)):
        within = (wrong > low) & (wrong <= high)
        assert within.sum() > 30
        assert (given != true)[within].mean() == pytest.approx(wrong[within].mean(), abs=0.12)
    assert (verdicts.rival != given).all()
    rows, q = surest(wrong)
    assert (verdicts.rival[rows] == true[rows]).mean() > 0.75
    assert (given == true)[rows].mean() < 0.25
    assert q[-1] <= 0.2


def test_views_that_tell_nothing_are_no_sign_of_wrong_labels() -> None:
    rng = np.random.default_rng(0)
    told = np.log(rng.dirichlet([5.0, 5.0], size=(3, 200)))
    noise = fit_noise(told, np.resize([0, 1], 200))
    assert noise.share < 0.02
    assert len(surest(judge(noise, told, np.resize([0, 1], 200)).wrong())[0]) == 0


def test_only_labels_more_likely_wrong_than_right_are_reported() -> None:
    rows, q = surest(np.array([0.1, 0.99, 0.49, 0.6, 0.98]))
    assert rows.tolist() == [1, 4, 3]
    np.testing.assert_allclose(q, [0.01, 0.015, 0.43 / 3])
    assert len(surest(np.array([0.7, 0.65]))[0]) == 0  # two reports of which 0.65 would be false
    assert len(surest(np.array([0.0, 0.3]))[0]) == 0


def test_the_shift_undoes_doubt_that_the_planted_errors_show_to_be_too_large() -> None:
    rng = np.random.default_rng(0)
    log_odds = rng.normal(-3, 3, 4000)
    wrong = (rng.random(4000) < expit(log_odds)).astype(float)
    assert 0.4 < cautious_shift(log_odds - 0.8, wrong) < 0.8
    assert -1 <= cautious_shift(log_odds + 0.8, wrong) < -0.7
    assert -0.4 < cautious_shift(log_odds, wrong) < 0.1
    assert cautious_shift(log_odds - 4, wrong) == 1
    from_few = cautious_shift(log_odds[:50] - 0.8, wrong[:50])
    assert from_few < cautious_shift(log_odds - 0.8, wrong)


def test_views_have_a_floor_that_no_certainty_breaks() -> None:
    logs = log_views([np.array([[1.0, 0.0]]), np.array([[0.3, 0.7]])])
    assert logs.shape == (2, 1, 2)
    np.testing.assert_allclose(np.exp(logs[0]), [[1, FLOOR]])
