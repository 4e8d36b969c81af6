"""Influence is computed on as many audited samples as can be afforded, those that may be copies first."""

import numpy as np
import pytest

from dataaudit.attribution import scoring
from dataaudit.attribution.problem import Problem
from dataaudit.attribution.scoring import sampled_in_words, scored_targets, states_used
from dataaudit.config import AuditConfig
from dataaudit.findings import Pair
from dataaudit.training.pool import Pool


def pair(test_id: str) -> Pair:
    return Pair(test_id, "0000.png", 1.0, float("nan"), 1.0, "copy", 1)


def test_few_targets_are_all_scored(small_pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    assert scored_targets(small_pool, 0) is None
    monkeypatch.setattr(scoring, "MOST_SCORES", 60 * 5)
    assert scored_targets(small_pool, 0, all_of_them=True) is None
    assert sampled_in_words(None, small_pool) == ()


def test_of_many_a_sample_is_scored_with_those_that_may_be_copies(
    small_pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scoring, "MOST_SCORES", 60 * 6)
    rows = scored_targets(small_pool, 0, [pair("0061.png"), pair("0079.png"), pair("0005.png")])
    assert rows is not None
    assert len(rows) == len(set(rows)) == 6
    assert (np.diff(rows) > 0).all()
    assert {61, 79} <= set(rows) <= set(range(60, 80))
    assert "on 6 of the 20 audited samples" in sampled_in_words(rows, small_pool)[0]
    crowded = scored_targets(small_pool, 0, [pair(f"{row:04d}.png") for row in range(60, 70)])
    assert crowded is not None
    assert (crowded >= 70).sum() >= 1  # others have room, whatever the number of suspects
    np.testing.assert_array_equal(scored_targets(small_pool, 3), scored_targets(small_pool, 3))


def test_linear_learners_keep_factors_and_afford_more(
    small_pool: Pool, linear_pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scoring, "MOST_SCORES", 60 * 6)
    monkeypatch.setattr(scoring, "MOST_PRODUCTS", 60 * 12)
    sampled = scored_targets(small_pool, 0), scored_targets(linear_pool, 0)
    assert [len(rows) for rows in sampled if rows is not None] == [6, 12]


def test_of_many_rows_the_final_states_are_attributed_and_checkpoints_all(
    small_pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = AuditConfig(small_pool.directory)
    assert states_used(config, small_pool) is None
    monkeypatch.setattr(scoring, "MANY_ROWS", 10)
    used = states_used(config, small_pool)
    assert Problem.from_pool(small_pool, max_models=used).run_of.tolist() == list(range(8))
    weights = small_pool.directory / "run-00000.pt"
    assert states_used(AuditConfig(small_pool.directory, checkpoints=(weights,), learner="a:b"), small_pool) is None
