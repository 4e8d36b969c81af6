"""Backends on numbers and on sets of labels: what they say is measured on what training did."""

from pathlib import Path

import pytest

from dataaudit.attribution.problem import Problem
from dataaudit.attribution.trust import trust
from dataaudit.dataset import Task, silent
from dataaudit.training.models.learner_spec import learner_of
from dataaudit.training.pool import train_pool

from ...fixtures import pool_scores
from ...fixtures_tables import make


@pytest.mark.parametrize("task", ["regression", "multilabel"])
@pytest.mark.parametrize("backend", ["trak", "influence", "datamodels", "tracin"])
def test_gradients_and_runs_serve_numbers_and_sets_of_labels(backend: str, task: Task, tmp_path: Path) -> None:
    dataset = make("table", task, 100, 25)
    pool = train_pool(dataset, learner_of("linear", "table"), tmp_path, 24, 0, silent)
    scored = pool_scores(pool, tmp_path / "scores.h5", backend)
    runs = Problem.from_pool(pool).runs
    assert runs is not None
    measured = trust(runs, scored.held_out)
    assert measured is not None
    assert measured.lds > (0.05 if backend == "tracin" else 0.3)
