"""Problem: what an attribution backend is given, whether it comes from a pool or from a user's own models."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from .pool import Pool


@dataclass(frozen=True)
class Samples:
    """n labelled samples as models take them.

    labels   (n,) class numbers
    inputs   gives the float32 batch for positions among the n
    """

    ids: tuple[str, ...]
    labels: NDArray[np.int64]
    inputs: Callable[[NDArray[np.int64]], Tensor]

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True)
class Runs:
    """What training on R known subsets of the training samples did to the targets.

    masks     (R, n_train) bool
    margins   (R, n_target) margin of each target's label, log p / (1 - p)
    subsets   (R,) runs with equal numbers were trained on the same samples, with different seeds
    """

    masks: NDArray[np.bool_]
    margins: NDArray[np.float32]
    subsets: NDArray[np.int64]

    def distinct(self) -> NDArray[np.int64]:
        """Numbers of the S distinct subsets, ascending."""
        return np.unique(self.subsets)

    def subset_masks(self) -> NDArray[np.bool_]:
        """(S, n_train)."""
        return self.masks[np.unique(self.subsets, return_index=True)[1]]

    def subset_margins(self) -> NDArray[np.float32]:
        """(S, n_target), averaged over the runs on each distinct subset."""
        return np.stack([self.margins[self.subsets == subset].mean(0) for subset in self.distinct()])


@dataclass(frozen=True)
class Problem:
    """Models, training samples and targets.

    models     each makes one trained module in evaluation mode
    runs       if there are any, run r is the training of models[r]
    identity   what the result depends on besides the backend, as plain data
    """

    models: tuple[Callable[[], nn.Module], ...]
    train: Samples
    target: Samples
    runs: Runs | None
    identity: Mapping[str, Any]

    @classmethod
    def of(cls, pool: Pool) -> "Problem":
        """A pool's models, its training split, and its target split under the given labels."""
        dataset = pool.dataset
        train, target = dataset.rows("train"), dataset.rows(dataset.target_split)

        def samples(rows: NDArray[np.int64]) -> Samples:
            return Samples(
                tuple(dataset.ids[row] for row in rows),
                dataset.targets[rows],
                lambda positions: pool.learner.tensors(dataset, rows[positions]),
            )

        return cls(
            models=tuple(partial(pool.model, run) for run in range(len(pool))),
            train=samples(train),
            target=samples(target),
            runs=Runs(pool.masks[:, train], pool.margins(target), pool.subsets),
            identity={
                "data": dataset.fingerprint,
                "recipe": dict(pool.learner.recipe),
                "seeds": pool.seeds.tolist(),
            },
        )
