"""Attributions of groups of a pool's models, each group's from its own runs only, so that groups are exchangeable.

Models with gradients are attributed by TRAK, trees by the leaves that samples share. Regression on runs would need no
look into models, but hundreds of them: see the benchmarks.
"""

import tempfile
import warnings
from collections.abc import Sequence
from dataclasses import replace
from functools import reduce
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .. import plugins
from ..attribution.leaves import PoolLeaves
from ..attribution.problem import Problem, Runs
from ..dataset import Track, silent
from ..training.learning import LearningAlgorithm, has_trees, is_differentiable
from ..training.pool import Pool
from .residuals import Rows


def scores_of_groups(
    pool: Pool, groups: Sequence[NDArray[np.int64]], targets: NDArray[np.int64], label: str, track: Track
) -> list[Rows]:
    """(n_target, n_train) of every group, by the method that `method` names.

    targets   dataset rows
    """
    if not is_differentiable(pool.learner):
        leaves = PoolLeaves(pool, targets, pool.dataset.targets[targets], len(pool))
        return [
            reduce(np.add, (shared.scores() for shared in leaves.of_runs(runs))) / np.float32(len(runs))
            for runs in track(groups, label, len(groups))
        ]
    problem = Problem.from_pool(pool, rows=targets)
    backend = plugins.get("backends", "trak").BACKEND(ridges=())
    scores = []
    with tempfile.TemporaryDirectory(prefix="dataaudit-") as folder:
        for number, runs in enumerate(track(groups, label, len(groups))):
            with warnings.catch_warnings():
                warnings.simplefilter(
                    "ignore"
                )  # a group has too few subsets to fit a scale, which does not matter here
                scored = backend.attribute(_restricted(problem, pool, runs), Path(folder) / f"{number}.h5", silent)
            scores.append(np.ascontiguousarray(scored.scores().T / np.float32(scored.provenance["slope"])))
    return scores


def method(learner: LearningAlgorithm) -> str:
    """What a learner's models are attributed by; empty where nothing can."""
    if is_differentiable(learner):
        return "TRAK on the final models, at one fixed ridge"
    return "the leaves of trees that samples share" if has_trees(learner) else ""


def _restricted(problem: Problem, pool: Pool, runs: NDArray[np.int64]) -> Problem:
    """The problem as if the pool held these runs only; a pool's final models come first among its models."""
    assert problem.runs is not None
    doubts = None
    if problem.doubts is not None:
        margins = pool.margins(pool.dataset.rows("train"), pool.dataset.targets[pool.dataset.rows("train")])
        doubts = (1 / (1 + np.exp(margins[runs]))).mean(0)
    return replace(
        problem,
        models=tuple(problem.models[run] for run in runs),
        runs=Runs(problem.runs.masks[runs], problem.runs.margins[runs], problem.runs.subsets[runs]),
        doubts=doubts,
        run_of=np.arange(len(runs)),
        identity={**problem.identity, "runs": runs.tolist()},
    )
