"""How much better a model does on groups that it was trained on than on new ones."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor

from ...dataset import Dataset
from ...training.pool import QUALITY

ROWS = 1500
"""Samples, of groups drawn at random, that are predicted at most."""
FOLDS, REPEATS, TREES = 5, 3, 50
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


def optimism(dataset: Dataset, features: NDArray[np.float32], units: NDArray[np.int64], seed: int) -> Optimism | None:
    """The optimism of a split that parts groups, by extremely randomised trees; None for fewer groups than folds.

    features   (n, d) of all samples
    units      (n,) equal numbers for samples of one group
    """
    rng = np.random.default_rng(seed)
    rows, unit = _drawn_groups(units, rng)
    n_units = int(unit.max()) + 1
    if n_units < FOLDS:
        return None
    over_samples, over_groups = np.zeros(len(rows)), np.zeros(len(rows))
    for _ in range(REPEATS):
        over_samples += _errors(dataset, features, rows, rng.permutation(len(rows)) % FOLDS) / REPEATS
        over_groups += _errors(dataset, features, rows, (rng.permutation(n_units) % FOLDS)[unit]) / REPEATS
    baseline = np.ones(len(rows))
    if dataset.task == "regression":
        baseline = np.square(dataset.targets[rows] - dataset.targets[rows].mean())
    sums = [np.bincount(unit, values, n_units) for values in (over_samples, over_groups, baseline)]
    weights = rng.multinomial(n_units, np.full(n_units, 1 / n_units), RESAMPLES)
    differences = weights @ (sums[1] - sums[0]) / np.maximum(weights @ sums[2], 1e-300)
    low, high = np.quantile(differences, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    by_sample, by_group = (1 - float(part.sum() / max(sums[2].sum(), 1e-300)) for part in sums[:2])
    return Optimism(QUALITY[dataset.task], by_sample, by_group, (float(low), float(high)), len(rows), n_units)


def _drawn_groups(units: NDArray[np.int64], rng: np.random.Generator) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows of randomly drawn groups, ROWS at most but for the last group's, and the number of each row's group."""
    _, unit, sizes = np.unique(units, return_inverse=True, return_counts=True)
    order = rng.permutation(len(sizes))
    drawn = order[: 1 + int(np.searchsorted(np.cumsum(sizes[order]), ROWS))]
    rows = np.flatnonzero(np.isin(unit, drawn))
    return rows, np.unique(unit[rows], return_inverse=True)[1]


def _errors(
    dataset: Dataset, features: NDArray[np.float32], rows: NDArray[np.int64], folds: NDArray[np.int64]
) -> NDArray[np.float64]:
    """(len(rows),) whether each sample is predicted wrongly out of its fold; the squared error, or share of labels."""
    errors = np.zeros(len(rows))
    for held_out in _folds(folds):
        model: Any = (ExtraTreesRegressor if dataset.task == "regression" else ExtraTreesClassifier)(
            TREES, random_state=0
        )
        model.fit(features[rows[~held_out]], dataset.targets[rows[~held_out]])
        predicted, given = model.predict(features[rows[held_out]]), dataset.targets[rows[held_out]]
        if dataset.task == "regression":
            errors[held_out] = np.square(predicted - given)
        else:
            errors[held_out] = (predicted != given).reshape(len(given), -1).mean(1)
    return errors


def _folds(folds: NDArray[np.int64]) -> Iterator[NDArray[np.bool_]]:
    for fold in range(FOLDS):
        held_out = folds == fold
        if held_out.any():
            yield held_out
