"""A user's own training procedure, as the audit takes it."""

import time
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...dataset import Dataset


class OwnLearner:
    """An object with `fit(dataset, rows, seed)` and `outputs(model, dataset, rows)`.

    What else a LearningAlgorithm or a Differentiable has is taken from the object where it has it, so that one with
    `trajectory`, `build` and `tensors` is attributed by its own models' gradients.
    """

    def __init__(self, own: Any, spec: str, source: str = "") -> None:
        self._own, self._spec, self._source = own, spec, source

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._own, name)

    @property
    def recipe(self) -> Mapping[str, Any]:
        return {"learner": self._spec, "source": self._source, **dict(getattr(self._own, "recipe", {}))}

    def fit(self, dataset: Dataset, rows: NDArray[np.int64], seed: int) -> Any:
        return self._own.fit(dataset, rows, seed)

    def outputs(self, model: Any, dataset: Dataset, rows: NDArray[np.int64]) -> Any:
        return self._own.outputs(model, dataset, rows)

    def seconds_per_run(self, dataset: Dataset, n_rows: int) -> float:
        return seconds_of_fit(self, dataset, n_rows)


def seconds_of_fit(learner: Any, dataset: Dataset, n_rows: int) -> float:
    """About how long one `fit` on `n_rows` rows takes, from one on a few."""
    rows = few_rows(dataset)
    start = time.perf_counter()
    learner.fit(dataset, rows, 0)
    return (time.perf_counter() - start) / len(rows) * n_rows


def few_rows(dataset: Dataset, count: int = 256) -> NDArray[np.int64]:
    """Some training rows, of every class where there is room."""
    train = dataset.rows("train")
    first = train[np.unique(dataset.strata[train], return_index=True)[1]]
    others = np.setdiff1d(np.random.default_rng(0).permutation(train)[:count], first)
    return np.sort(np.concatenate([first, others])[:count])
