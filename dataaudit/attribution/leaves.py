"""Influence in trees by the leaves that samples share (Lin & Jeon 2006; BoostIn, Brophy et al. 2023).

A leaf predicts by a mean over its training samples: one more of them moves it by that sample's gradient over their
number. With the splits of the trees as they are, and gradients by the model's outputs,

    score(i, z) = K(i, z) <grad f(z), -grad L_i>,    K(i, z) = mean over trees of [same leaf] / training samples in it
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from joblib import Parallel, delayed, effective_n_jobs
from numpy.typing import NDArray
from scipy.sparse import csr_array

from ..dataset import Dataset
from ..training.learning import Trees
from ..training.objectives import OF_TASK
from ..training.pool import Pool
from ..training.tasks import in_rounds

MODELS_AT_ONCE = 16
"""Most models whose leaves are in memory: a byte or two a row and tree."""


@dataclass(frozen=True)
class PoolLeaves:
    """The leaves of the models of a pool's first runs, as many as `count`.

    targets   dataset rows
    labels    (n_target, ...) theirs
    """

    pool: Pool
    targets: NDArray[np.int64]
    labels: NDArray[Any]
    count: int

    def __len__(self) -> int:
        return self.count

    def of_runs(self, runs: Iterable[int]) -> Iterator["SharedLeaves"]:
        """One after another. The models are fitted again where trainings are done, as they are not kept."""
        pool = self.pool
        rows = np.concatenate([pool.dataset.rows("train"), self.targets])
        numbers = [int(run) for run in runs]
        fits = ((np.flatnonzero(pool.masks[run]), int(pool.seeds[run]), rows) for run in numbers)
        leaves = in_rounds(_leaves, fits, pool.dataset, pool.learner, at_once=MODELS_AT_ONCE)
        for run in numbers:
            yield SharedLeaves(next(leaves), self, run)


def _leaves(
    fit: tuple[NDArray[np.int64], int, NDArray[np.int64]], dataset: Dataset, learner: Trees
) -> NDArray[np.integer]:
    """(len(rows), trees) of the model of these training rows and seed."""
    training_rows, seed, rows = fit
    leaves = learner.leaves(learner.fit(dataset, training_rows, seed), dataset, rows)
    return leaves.astype(np.min_scalar_type(int(leaves.max(initial=0))))


class SharedLeaves:
    """The leaves of one run's model in which the training samples and the targets lie."""

    def __init__(self, leaves: NDArray[np.integer], of: PoolLeaves, run: int) -> None:
        """`leaves` (n_train + n_target, trees) are numbered from 0, each tree's by themselves."""
        pool = of.pool
        dataset, train = pool.dataset, pool.dataset.rows("train")
        members = _members(leaves)
        self._trees = leaves.shape[1]
        self._of_train = members[: len(train)]
        self._of_targets = members[len(train) :] / np.maximum(self._of_train.sum(0), 1)
        objective = OF_TASK[dataset.task]
        self._by_loss, self._by_output = (
            objective.seeds(torch.from_numpy(pool.outputs[run][rows]), torch.from_numpy(of_rows))[which].numpy()
            for which, (rows, of_rows) in enumerate(((train, dataset.targets[train]), (of.targets, of.labels)))
        )

    def scores(self, start: int = 0, stop: int | None = None) -> NDArray[np.float32]:
        """(m, n_train) of a range of targets. All training samples count, as if added."""
        rows = np.arange(self._of_targets.shape[0])[start:stop]
        parts = np.array_split(rows, effective_n_jobs(None))
        scores = Parallel(require="sharedmem")(delayed(self._scores)(part) for part in parts)
        return np.concatenate(scores)

    def _scores(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        shared = (self._of_targets[rows] @ self._of_train.T).toarray() / np.float32(self._trees)
        return np.asarray(shared * (self._by_output[rows] @ self._by_loss.T), np.float32)


def _members(leaves: NDArray[np.integer]) -> csr_array:
    """(n, all leaves) 1 where the sample is in the leaf, from the numbers of each tree's (n, trees)."""
    n, trees = leaves.shape
    ends = np.cumsum(leaves.max(0).astype(np.int64) + 1)
    columns = leaves + np.concatenate([[0], ends[:-1]])
    return csr_array(
        (np.ones(n * trees, np.float32), columns.ravel(), np.arange(0, n * trees + 1, trees)), (n, int(ends[-1]))
    )
