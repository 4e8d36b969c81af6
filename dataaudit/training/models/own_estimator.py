"""A scikit-learn-compatible estimator as a learner: it has no gradients, so attributions rest on its runs alone."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import sklearn
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_limits

from ...data.features.vectors import features
from ...dataset import Dataset
from ...errors import InputError
from .own_learner import seconds_of_fit

FLOOR = 1e-6
"""Probabilities are clipped here before their logarithm is taken."""


class EstimatorLearner:
    """Fits a clone of the estimator for every run, with the run's seed as every `random_state`.

    A Pipeline is given the inputs as read (a frame, strings, flat arrays), any other estimator rows of numbers, see
    `features`.
    """

    def __init__(self, estimator: Any, spec: str, source: str = "") -> None:
        self._estimator, self._spec, self._source = estimator, spec, source

    @property
    def recipe(self) -> Mapping[str, Any]:
        settings = {name: repr(value) for name, value in sorted(self._estimator.get_params().items())}
        return {
            "learner": self._spec,
            "source": self._source,
            "settings": settings,
            "scikit-learn": sklearn.__version__,
        }

    def fit(self, dataset: Dataset, rows: NDArray[np.int64], seed: int) -> Any:
        model = clone(self._estimator)
        parameters = model.get_params(deep=True)
        seeds = {name: seed % 2**32 for name in parameters if name.rpartition("__")[2] == "random_state"}
        # Runs already share the cores.
        jobs = {name: 1 for name, value in parameters.items() if name.rpartition("__")[2] == "n_jobs" and value}
        model.set_params(**seeds, **jobs)
        with threadpool_limits(1):
            model.fit(self._inputs(dataset, rows), dataset.targets[rows])
        return model

    def outputs(self, model: Any, dataset: Dataset, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Log-probabilities, decision values where there are none, or predicted values.

        Raises InputError for a classifier that has neither `predict_proba` nor `decision_function`.
        """
        inputs = self._inputs(dataset, rows)
        with threadpool_limits(1):
            if dataset.task == "regression":
                return np.asarray(model.predict(inputs), np.float32).reshape(len(rows), -1)
            if hasattr(model, "predict_proba"):
                predicted = model.predict_proba(inputs)
            elif hasattr(model, "decision_function"):
                predicted = model.decision_function(inputs)
            else:
                raise InputError(
                    f"{self._spec}: expected a classifier with predict_proba or decision_function, found "
                    f"{type(model).__name__} with neither; a prediction alone has no margin to attribute"
                )
        if isinstance(predicted, list):  # scikit-learn's trees give one (n, 2) for each label
            predicted = np.stack([of_label[:, -1] for of_label in predicted], 1)
        values = np.asarray(predicted, np.float64)
        if not hasattr(model, "predict_proba"):
            return (np.stack([-values, values], 1) / 2 if values.ndim == 1 else values).astype(np.float32)
        if dataset.task == "multilabel":
            clipped = np.clip(values, FLOOR, 1 - FLOOR)
            return np.asarray(np.log(clipped) - np.log1p(-clipped), np.float32)
        logits = np.full((len(rows), len(dataset.class_names)), np.log(FLOOR), np.float32)
        logits[:, np.asarray(model.classes_, np.int64)] = np.log(np.maximum(values, FLOOR))
        return logits

    def seconds_per_run(self, dataset: Dataset, n_rows: int) -> float:
        return seconds_of_fit(self, dataset, n_rows)

    def _inputs(self, dataset: Dataset, rows: NDArray[np.int64]) -> Any:
        if not isinstance(self._estimator, Pipeline):
            return features(dataset)[rows]
        inputs = dataset.take(rows)
        return inputs.reshape(len(rows), -1) if isinstance(inputs, np.ndarray) and inputs.ndim > 2 else inputs
