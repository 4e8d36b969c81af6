"""A user's own training procedure as a LearningAlgorithm."""

import time
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...dataset import Dataset


class OwnLearner:
    """An object with `fit(dataset, rows, seed)` and `outputs(model, dataset, rows)`.

    Other members of a LearningAlgorithm or a Differentiable are taken from the object if it has them, so that one with
    `trajectory`, `build` and `tensors` is attributed by its own models' gradients.
    """

    def __init__(self, learner: Any, spec: str, source: str = "") -> None:
        self._learner, self._spec, self._source = learner, spec, source

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._learner, name)

    @property
    def recipe(self) -> Mapping[str, Any]:
        return {"learner": self._spec, "source": self._source, **dict(getattr(self._learner, "recipe", {}))}

    def fit(self, dataset: Dataset, rows: NDArray[np.int64], seed: int) -> Any:
        return self._learner.fit(dataset, rows, seed)

    def outputs(self, model: Any, dataset: Dataset, rows: NDArray[np.int64]) -> Any:
        return self._learner.outputs(model, dataset, rows)

    def seconds_per_run(self, dataset: Dataset, n_rows: int) -> float:
        return seconds_of_fit(self, dataset, n_rows)


def seconds_of_fit(learner: Any, dataset: Dataset, n_rows: int) -> float:
    """About how long one `fit` on `n_rows` rows takes, from one `fit` on a few."""
    rows = few_rows(dataset)
    start = time.perf_counter()
    learner.fit(dataset, rows, 0)
    return (time.perf_counter() - start) / len(rows) * n_rows


def few_rows(dataset: Dataset, count: int = 256) -> NDArray[np.int64]:
    """A few training rows, of every class if `count` allows."""
    train = dataset.rows("train")
    one_per_class = train[np.unique(dataset.strata[train], return_index=True)[1]]
    random_others = np.setdiff1d(np.random.default_rng(0).permutation(train)[:count], one_per_class)
    return np.sort(np.concatenate([one_per_class, random_others])[:count])
