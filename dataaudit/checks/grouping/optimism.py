"""How much better a model does on groups that it was trained on than on new ones."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor

from ...dataset import Dataset, Task
from ...training.pool import QUALITY

ROWS = 1500
"""Samples, of groups drawn at random, that are predicted at most."""
FOLDS, REPEATS, TREES = 5, 2, 30
RESAMPLES = 999
LEVEL = 0.95


@dataclass(frozen=True)
class Optimism:
    """Quality, as `measure` says, in cross-validation over samples and over whole groups.

    interval   95 %, of the difference: over groups (percentile bootstrap)
    """

    measure: str
    over_samples: float
    over_groups: float
    interval: tuple[float, float]
    samples: int
    groups: int

    def __str__(self) -> str:
        low, high = self.interval
        return (
            f"a quick model reaches {self.measure} {self.over_samples:.2f} on samples drawn at random, and "
            f"{self.over_groups:.2f} on groups that it was not trained on (difference "
            f"{self.over_samples - self.over_groups:.2f}, 95 % {low:.2f} to {high:.2f})"
        )


def optimism(
    dataset: Dataset, rows: NDArray[np.int64], features: NDArray[np.float32], units: NDArray[np.int64], seed: int
) -> Optimism | None:
    """The optimism of a split that parts groups, by extremely randomised trees; None for fewer groups than folds.

    rows       (n,) of the dataset
    features   (n, d) of these
    units      (n,) equal numbers for those of one group
    """
    rng = np.random.default_rng(seed)
    drawn = whole_groups(units, ROWS, rng)
    features, targets = features[drawn], dataset.targets[rows[drawn]]
    unit = np.unique(units[drawn], return_inverse=True)[1]
    n, n_units = len(drawn), int(unit.max()) + 1
    if n_units < FOLDS:
        return None
    over_samples, over_groups = np.zeros(n), np.zeros(n)
    for _ in range(REPEATS):
        over_samples += _errors(dataset.task, features, targets, rng.permutation(n) % FOLDS) / REPEATS
        over_groups += _errors(dataset.task, features, targets, (rng.permutation(n_units) % FOLDS)[unit]) / REPEATS
    baseline = np.square(targets - targets.mean()) if dataset.task == "regression" else np.ones(n)
    sums = [np.bincount(unit, values, n_units) for values in (over_samples, over_groups, baseline)]
    weights = rng.multinomial(n_units, np.full(n_units, 1 / n_units), RESAMPLES)
    differences = weights @ (sums[1] - sums[0]) / np.maximum(weights @ sums[2], 1e-300)
    low, high = np.quantile(differences, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    by_sample, by_group = (1 - float(part.sum() / max(sums[2].sum(), 1e-300)) for part in sums[:2])
    return Optimism(QUALITY[dataset.task], by_sample, by_group, (float(low), float(high)), n, n_units)


def whole_groups(units: NDArray[np.int64], most: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Positions, ascending, of the samples of randomly drawn groups: `most` at most but for the last group's."""
    _, unit, sizes = np.unique(units, return_inverse=True, return_counts=True)
    order = rng.permutation(len(sizes))
    drawn = order[: 1 + int(np.searchsorted(np.cumsum(sizes[order]), most))]
    return np.flatnonzero(np.isin(unit, drawn))


def _errors(
    task: Task, features: NDArray[np.float32], targets: NDArray[Any], folds: NDArray[np.int64]
) -> NDArray[np.float64]:
    """(n,) whether each sample is predicted wrongly out of its fold; the squared error, or share of labels."""
    errors = np.zeros(len(targets))
    for fold in range(FOLDS):
        held_out = folds == fold
        model: Any = (ExtraTreesRegressor if task == "regression" else ExtraTreesClassifier)(
            TREES, max_features="sqrt", random_state=0
        )
        predicted = model.fit(features[~held_out], targets[~held_out]).predict(features[held_out])
        given = targets[held_out]
        if task == "regression":
            errors[held_out] = np.square(predicted - given)
        else:
            errors[held_out] = (predicted != given).reshape(len(given), -1).mean(1)
    return errors
