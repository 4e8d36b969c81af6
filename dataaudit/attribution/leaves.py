"""Influence in trees by the leaves that samples share (Lin & Jeon 2006; BoostIn, Brophy et al. 2023).

A leaf predicts by a mean over its training samples: one more of them moves it by that sample's gradient over their
number. With the splits of the trees as they are, and gradients by the model's outputs,

    score(i, z) = K(i, z) <grad f(z), -grad L_i>,    K(i, z) = mean over trees of [same leaf] / training samples in it
"""

from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array

from ..training.learning import Trees
from ..training.objectives import OF_TASK
from ..training.pool import Pool


class SharedLeaves:
    """One run's model, and the leaves in which its training samples and the targets lie."""

    def __init__(self, pool: Pool, run: int, targets: NDArray[np.int64], labels: NDArray[Any] | None = None) -> None:
        """Fits the model again where it was not kept.

        targets   dataset rows
        labels    (n_target, ...) theirs, in place of the given ones
        """
        dataset, learner = pool.dataset, cast(Trees, pool.learner)
        train = dataset.rows("train")
        leaves = learner.leaves(pool.fitted(run), dataset, np.concatenate([train, targets]))
        members = _members(leaves)
        self._trees = leaves.shape[1]
        self._of_train = members[: len(train)]
        self._of_targets = members[len(train) :] / np.maximum(self._of_train.sum(0), 1)
        objective = OF_TASK[dataset.task]
        of_targets = dataset.targets[targets] if labels is None else labels
        self._by_loss, self._by_output = (
            objective.seeds(torch.from_numpy(pool.outputs[run][rows]), torch.from_numpy(of_rows))[which].numpy()
            for which, (rows, of_rows) in enumerate(((train, dataset.targets[train]), (targets, of_targets)))
        )

    def scores(self, start: int = 0, stop: int | None = None) -> NDArray[np.float32]:
        """(m, n_train) of a range of targets. All training samples count, as if added."""
        rows = slice(start, stop)
        shared = (self._of_targets[rows] @ self._of_train.T).toarray() / np.float32(self._trees)
        return np.asarray(shared * (self._by_output[rows] @ self._by_loss.T), np.float32)


def _members(leaves: NDArray[np.int64]) -> csr_array:
    """(n, all leaves) 1 where the sample is in the leaf, from the numbers of each tree's (n, trees)."""
    n, trees = leaves.shape
    ends = np.cumsum(leaves.max(0) + 1)
    columns = leaves + np.concatenate([[0], ends[:-1]])
    return csr_array(
        (np.ones(n * trees, np.float32), columns.ravel(), np.arange(0, n * trees + 1, trees)), (n, int(ends[-1]))
    )
