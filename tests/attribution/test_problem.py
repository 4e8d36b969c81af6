"""Problems: what a pool asks of a backend."""

from pathlib import Path

import numpy as np
import pytest

from dataaudit.attribution.problem import Problem
from dataaudit.errors import InputError
from dataaudit.training.pool import Pool

from ..fixtures import pool_scores


def test_a_pool_brings_its_own_samples(small_pool: Pool, tmp_path: Path) -> None:
    scored = pool_scores(small_pool, tmp_path / "scores.h5")
    assert scored.shape == (60, 20)
    assert scored.target_ids[0] == small_pool.dataset.ids[60]


def test_a_pool_s_targets_can_be_given_another_label(small_pool: Pool, tmp_path: Path) -> None:
    dataset, path = small_pool.dataset, tmp_path / "scores.h5"
    target = dataset.rows("test")
    predicted = small_pool.probabilities[target].argmax(1)
    wrong = (dataset.targets[target] + 1) % 3
    own = pool_scores(small_pool, path).scores()
    np.testing.assert_array_equal(pool_scores(small_pool, path, labels=dataset.targets[target]).scores(), own)
    assert np.corrcoef(pool_scores(small_pool, path, labels=wrong).scores().ravel(), own.ravel())[0, 1] < 0
    assert Problem.from_pool(small_pool, predicted).identity["labels"] == predicted.tolist()
    with pytest.raises(InputError, match=r"expected class numbers \(20,\)"):
        Problem.from_pool(small_pool, np.array([0, 1]))
    with pytest.raises(InputError, match="expected numbers from 0 to 2, found 7"):
        Problem.from_pool(small_pool, np.full(20, 7))
