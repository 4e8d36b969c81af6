"""Estimated supports of all predictions: their order is that of a search, whatever the blocks they are read in."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import spearmanr

from dataaudit.checks.fragility import (
    Falls,
    estimates_in_words,
    predicted_fall,
    predicted_falls,
    shares,
    shares_in_words,
)
from dataaudit.dataset import silent
from dataaudit.training.models.linear_learner import LinearLearner
from dataaudit.training.pool import lead_over_best_other, train_pool

from ..fixtures import noisy_blobs_of, pool_scores

SIZES = (2, 4, 6, 9, 13, 19, 28, 42)


class InBlocks:
    """Scores that are read a few targets at a time."""

    def __init__(self, scores: NDArray[np.float32], width: int) -> None:
        self._scores, self._width, self.shape = scores, width, scores.shape

    def blocks(self, negligible: float = 0.0) -> Iterator[tuple[int, NDArray[np.float32]]]:
        for start in range(0, self.shape[1], self._width):
            yield start, self._scores[:, start : start + self._width]


@pytest.fixture
def scores() -> NDArray[np.float32]:
    return np.random.default_rng(0).normal(0.1, 1, (300, 23)).astype(np.float32)


def test_blocks_change_nothing(scores: NDArray[np.float32]) -> None:
    whole = predicted_falls(InBlocks(scores, 23), 40)  # type: ignore[arg-type]
    for width in (1, 4, 22):
        parts = predicted_falls(InBlocks(scores, width), 40)  # type: ignore[arg-type]
        assert np.array_equal(whole.sizes, parts.sizes)
        assert np.array_equal(whole.falls, parts.falls)


def test_falls_are_those_of_the_largest_scores_at_every_size_kept(scores: NDArray[np.float32]) -> None:
    falls = predicted_falls(InBlocks(scores, 5), 40)  # type: ignore[arg-type]
    largest = np.sort(scores[:, 7])[::-1]
    exact = predicted_fall(largest[:40], float(largest[largest > 0].sum()))
    assert falls.sizes[-1] == 40
    assert falls.falls[7] == pytest.approx(exact[falls.sizes - 1], rel=1e-4)
    assert exact[0] == pytest.approx(largest[0], rel=0.05)  # one of many: hardly more than its score
    assert exact[-1] > largest[:40].sum()
    assert np.isfinite(predicted_fall(largest[:40], float(largest[:40].sum()))).all()


def test_as_many_are_needed_as_bring_the_fall_up_to_the_lead() -> None:
    falls = Falls(np.array([1, 2, 4]), np.array([[1.0, 2.0, 4.0]] * 5, np.float32))
    needed = falls.needed(np.array([0.5, 1.5, 3.0, 4.5, np.nan]), 1.0)
    assert np.array_equal(needed, [1, 2, 3, np.nan, np.nan], equal_nan=True)
    assert np.array_equal(falls.needed(np.array([0.5, 1.5, 3.0, 4.5, 8.0]), 2.0), [1, 1, 2, 3, 4])


def test_estimates_order_predictions_as_a_search_does(tmp_path: Path) -> None:
    dataset, learner = noisy_blobs_of(tmp_path, 300, 40), LinearLearner()
    pool = train_pool(dataset, learner, tmp_path / "pool", 8, 0, silent)
    attribution = pool_scores(pool, tmp_path / "scores.h5", "linear")
    train, target = dataset.rows("train"), dataset.rows("test")

    def leads(removed: NDArray[np.int64]) -> NDArray[np.float32]:
        model = learner.fit(dataset, np.delete(train, removed), 0)
        return lead_over_best_other(learner.outputs(model, dataset, target)[None], dataset.targets[target])[0]

    lead = leads(np.zeros(0, np.int64))
    needed = predicted_falls(attribution, SIZES[-1]).needed(lead, 0.6)
    found = np.full(len(lead), np.nan)
    for i in np.flatnonzero(lead > 0)[:20]:
        order = np.argsort(-attribution.scores(int(i), int(i) + 1)[:, 0])
        found[i] = next((size for size in SIZES if leads(order[:size])[i] < 0), np.nan)
    both = np.isfinite(found) & np.isfinite(needed)
    assert both.sum() >= 12
    assert spearmanr(needed[both], found[both]).statistic > 0.9
    assert np.abs(np.log(needed[both] / found[both])).mean() < 0.5


def test_shares_come_with_intervals_and_in_words_and_of_few_predictions_not_at_all() -> None:
    sizes = np.array([2.0, 5.0, 9.0, *[np.inf] * 17])
    half, one, two = shares(sizes, 400)
    assert [(share.most, share.flip, share.drawn) for share in (half, one, two)] == [(2, 1, 20), (4, 1, 20), (8, 2, 20)]
    assert half.interval[0] < 1 / 20 < half.interval[1]
    (said,) = shares_in_words([half, one, two])
    assert "of 20 stable predictions drawn at random, 5% (1% to 24%) flip without at most 2 training samples" in said
    assert shares(sizes[:9], 400) == []
    assert shares_in_words([]) == ()


def test_the_most_fragile_are_named_first() -> None:
    (said,) = estimates_in_words(["x", "y", "z"], np.array([7.0, np.nan, 2.0]), 400)
    assert "of 3 stable and right predictions" in said
    assert said.endswith("most fragile: z (2), x (7)")
    assert estimates_in_words([], np.zeros(0), 400) == ()
