"""A scikit-learn-compatible tree, or ensemble of trees, as a learner: samples that share leaves are treated alike."""

import copy
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_limits

from ...dataset import Dataset
from .own_estimator import EstimatorLearner

HISTOGRAMS = (HistGradientBoostingClassifier, HistGradientBoostingRegressor)


class TreesLearner(EstimatorLearner):
    """An estimator, or a Pipeline that ends in one, that tells leaves by `apply`, as scikit-learn's do.

    scikit-learn's boosting on histograms has no `apply`: its leaves are told by what each tree adds to an output.
    """

    def leaves(self, model: Any, dataset: Dataset, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """See `learning.Trees`."""
        inputs = self._inputs(dataset, rows)
        with threadpool_limits(1):
            if isinstance(model, Pipeline):
                for _, step in model.steps[:-1]:
                    inputs = inputs if step in (None, "passthrough") else step.transform(inputs)
                model = model.steps[-1][1]
            leaves = _numbers(model, inputs) if isinstance(model, HISTOGRAMS) else model.apply(inputs)
        columns = np.asarray(leaves).reshape(len(rows), -1).T
        return np.stack([np.unique(column, return_inverse=True)[1] for column in columns], 1)


def grows_trees(estimator: Any) -> bool:
    """Whether it is served by a TreesLearner."""
    last = estimator.steps[-1][1] if isinstance(estimator, Pipeline) else estimator
    return isinstance(last, HISTOGRAMS) or callable(getattr(last, "apply", None))


def _numbers(model: Any, inputs: Any) -> NDArray[np.float64]:
    """(n, trees) what each tree adds to an output once its leaves' values are their numbers."""
    numbered = copy.deepcopy(model)
    for stage in numbered._predictors:
        for tree in stage:
            tree.nodes["value"] = np.arange(len(tree.nodes))
    is_regressor = isinstance(model, HistGradientBoostingRegressor)
    staged = numbered.staged_predict if is_regressor else numbered.staged_decision_function
    outputs = np.stack([stage.reshape(len(stage), -1) for stage in staged(inputs)], 1)
    return np.asarray(np.round(np.diff(outputs - outputs[:, :1].min(0), axis=1, prepend=0)))
