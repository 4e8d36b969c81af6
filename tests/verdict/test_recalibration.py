"""Probabilities recalibrated by a reviewer's answers: what is planted is recovered, and lists keep their precision."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import expit, logit

from dataaudit.checks.labels.review_sample import review_sample
from dataaudit.verdict.recalibration import Recalibration, recalibration, worth_a_look

from ..checks.labels.test_review_sample import N, noisy

DRAWS = 25
NOTHING = recalibration(np.zeros(0), np.zeros(0, bool))


def answered(seed: int, intercept: float, slope: float, n: int) -> Recalibration:
    rng = np.random.default_rng(seed)
    log_odds = rng.normal(0, 4, n)
    return recalibration(log_odds, rng.random(n) < expit(intercept + slope * log_odds))


@pytest.mark.parametrize(("intercept", "slope"), [(0.0, 1.0), (1.5, 0.4), (-2.0, 0.7)])
def test_slope_and_intercept_are_recovered(intercept: float, slope: float) -> None:
    found = answered(0, intercept, slope, 4000)
    assert found.intercepts.mean() == pytest.approx(intercept, abs=0.2)
    assert found.slopes.mean() == pytest.approx(slope, rel=0.1)
    held = [
        np.quantile(one.intercepts, 0.025) <= intercept <= np.quantile(one.intercepts, 0.975)
        for one in (answered(seed, intercept, slope, 60) for seed in range(60))
    ]
    assert np.mean(held) >= 0.85


def test_probabilities_add_up_to_what_was_found() -> None:
    rng = np.random.default_rng(1)
    log_odds = rng.normal(-1, 3, 400)
    wrong = rng.random(400) < expit(1 + 0.5 * log_odds)
    assert recalibration(log_odds, wrong).wrong(log_odds).sum() == pytest.approx(wrong.sum(), rel=0.05)


def test_without_an_answer_intervals_are_wide_and_answers_narrow_them() -> None:
    unsure = np.full(100, 0.5)
    before = NOTHING.share(unsure)
    after = answered(0, 0.0, 1.0, 60).share(unsure)
    assert before.high - before.low > 0.8
    assert after.high - after.low < 0.6
    assert after.low <= expit(0.5) <= after.high


def test_where_every_label_judged_is_right_none_is_reported() -> None:
    log_odds = np.linspace(4, -9, 60)
    assert recalibration(log_odds, np.zeros(60, bool)).count(np.linspace(4, -9, 2000)) == 0


def test_an_empty_dataset_and_equal_log_odds_are_no_error() -> None:
    assert NOTHING.count(np.zeros(0)) == 0
    assert worth_a_look(NOTHING, np.zeros(0)) == ()
    assert NOTHING.share(np.zeros(0), 3).expected == 1.0
    assert [share.labels for share in worth_a_look(NOTHING, np.zeros(70))] == [50, 70]
    infinite = np.array([np.inf, -np.inf])
    assert recalibration(infinite, np.array([True, False])).wrong(infinite) == pytest.approx([1, 0], abs=0.05)


def relisted(kind: str, rate: float, seed: int) -> tuple[NDArray[np.bool_], list[bool]]:
    """Which of the labels listed after 60 answers are wrong, and whether the intervals of the next ones hold."""
    wrong, probability = noisy(kind, rate, np.random.default_rng(seed))
    log_odds = logit(probability)
    drawn = np.concatenate([s.rows for s in review_sample(probability, np.full(N, "train"), 60, seed)])
    posterior = recalibration(log_odds[drawn], wrong[drawn])
    rest = np.setdiff1d(np.arange(N), drawn)
    rest = rest[np.argsort(-log_odds[rest])]
    count = posterior.count(log_odds[rest])
    shares = worth_a_look(posterior, log_odds[rest[count:]])
    hold = [s.low - 1e-9 <= wrong[rest[count:][: s.labels]].mean() <= s.high + 1e-9 for s in shares]
    return wrong[rest[:count]], hold


@pytest.mark.parametrize("kind", ["clean", "random", "confusable", "hard", "unknown"])
def test_the_list_keeps_its_precision_and_intervals_hold(kind: str) -> None:
    for rate in [0.0] if kind == "clean" else [0.02, 0.08, 0.3]:
        lists, holds = zip(*(relisted(kind, rate, seed) for seed in range(DRAWS)), strict=True)
        listed = np.concatenate(lists)
        if kind in ("clean", "unknown"):
            assert len(listed) / DRAWS < 1
        else:
            assert not len(listed) or listed.mean() >= 0.75
        if rate < 0.3:  # of more, the two laws differ from a line by more than is allowed for
            assert np.mean(holds) >= 0.9
        if (kind, rate) == ("random", 0.08):
            assert len(listed) / DRAWS >= 0.6 * rate * N
