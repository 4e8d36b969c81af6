"""Influence in trees by the leaves that samples share (Lin & Jeon 2006; BoostIn, Brophy et al. 2023).

A leaf predicts by a mean over its training samples: one more of them moves it by that sample's gradient over their
number. With the splits of the trees as they are, and gradients by the model's outputs,

    score(i, z) = K(i, z) <grad f(z), -grad L_i>,    K(i, z) = mean over trees of [same leaf] / training samples in it
"""

from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array

from ..training.learning import Trees
from ..training.objectives import OF_TASK
from ..training.pool import Pool
from .problem import Samples


def leaf_scores(pool: Pool, run: int, targets: NDArray[np.int64]) -> NDArray[np.float32]:
    """(n_target, n_train) of the targets, dataset rows, by one run's model. All training samples count, as if added."""
    dataset, learner = pool.dataset, cast(Trees, pool.learner)
    train = dataset.rows("train")
    leaves = learner.leaves(pool.fitted(run), dataset, np.concatenate([train, targets]))
    members = _members(leaves)
    of_train, of_targets = members[: len(train)], members[len(train) :]
    sizes = np.maximum(of_train.sum(0), 1)
    shared = ((of_targets / sizes) @ of_train.T).toarray() / np.float32(leaves.shape[1])
    objective = OF_TASK[dataset.task]
    by_loss, by_output = (
        objective.seeds(
            torch.from_numpy(pool.outputs[run][rows]),
            torch.from_numpy(Samples.from_dataset(dataset, learner, rows).labels),
        )[which].numpy()
        for which, rows in enumerate((train, targets))
    )
    return np.asarray(shared * (by_output @ by_loss.T), np.float32)


def _members(leaves: NDArray[np.int64]) -> csr_array:
    """(n, all leaves) 1 where the sample is in the leaf, from the numbers of each tree's (n, trees)."""
    n, trees = leaves.shape
    ends = np.cumsum(leaves.max(0) + 1)
    columns = leaves + np.concatenate([[0], ends[:-1]])
    return csr_array(
        (np.ones(n * trees, np.float32), columns.ravel(), np.arange(0, n * trees + 1, trees)), (n, int(ends[-1]))
    )
