"""The opinion on a dataset's numbers, formed from out-of-sample predictions of the pool and of boosted trees."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.model_selection import KFold

from ...dataset import Dataset
from ...training.pool import Pool
from .label_noise import surest
from .label_views import descriptors
from .target_noise import TargetVerdicts, judge_targets

FOLDS = 5
TREE_ROWS = 8_000
"""Training rows, drawn at random, that trees are fitted on at most."""
FENCE = 3.0
"""Trees are fitted first on numbers clipped to this many interquartile ranges beyond the quartiles."""
OUTLYING = 6.0
"""Then refitted without those this many deviations off."""
DECADE = 10.0
"""Numbers whose middle eight tenths span this factor are judged by their logarithms."""
COMMON_SHARE, TIMES_THE_NEXT = 0.05, 5
"""A number that this share of samples has, this many times as many as any other, such as zero, is not judged."""


@dataclass(frozen=True)
class TargetOpinion:
    """A dataset's numbers as judged by each view and by all together.

    spread       (n,) of the given numbers about the predicted ones
    assessable   (n,) numbers that are not one very common value, such as zero
    """

    views: dict[str, NDArray[np.float64]]
    predicted: NDArray[np.float64]
    spread: NDArray[np.float64]
    verdicts: TargetVerdicts
    assessable: NDArray[np.bool_]

    def wrong(self, shift: float = 0.0) -> NDArray[np.float64]:
        """(n,) probability that the number is wrong, zero where it is not assessable."""
        return np.where(self.assessable, self.verdicts.wrong(shift), 0.0)

    def reported(self, shift: float = 0.0) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Rows, surest first, and their q values."""
        if not self.verdicts.noise.has_errors:
            return np.zeros(0, np.int64), np.zeros(0)
        return surest(self.wrong(shift))


def target_opinion(pool: Pool, seed: int) -> TargetOpinion:
    """On the numbers that a pool was trained on."""
    dataset, train = pool.dataset, pool.dataset.rows("train")
    scale = _scale(dataset.targets[train])
    targets = scale.forward(dataset.targets)
    views = {
        "pool": scale.forward(np.asarray(pool.predictions, np.float64)),
        "trees": _tree_predictions(dataset, targets, descriptors(dataset), seed),
    }
    # Inverse-variance weights, as for independent normal errors.
    errors = [float(np.median(np.abs(targets - view)[train])) for view in views.values()]
    weights = 1 / np.square(np.maximum(errors, 1e-6 * max(errors) + 1e-300))
    predicted = np.average(np.stack(list(views.values())), axis=0, weights=weights / weights.max())
    verdicts = judge_targets(targets, predicted, train)
    return TargetOpinion(
        {name: scale.back(view) for name, view in views.items()},
        scale.back(predicted),
        (scale.back(predicted + verdicts.spreads) - scale.back(predicted - verdicts.spreads)) / 2,
        verdicts,
        ~_common_values(dataset),
    )


@dataclass(frozen=True)
class _Scale:
    """The identity, or, with a unit, the inverse hyperbolic sine, a logarithm of numbers larger than the unit."""

    unit: float

    def forward(self, numbers: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.arcsinh(numbers / self.unit) if self.unit else numbers

    def back(self, numbers: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.sinh(numbers) * self.unit if self.unit else numbers


def _scale(targets: NDArray[np.float64]) -> _Scale:
    low, high = np.quantile(np.abs(targets), [0.1, 0.9])
    one_sign = max((targets > 0).mean(), (targets < 0).mean()) >= 0.9
    return _Scale(float(low) if one_sign and high >= DECADE * low > 0 else 0.0)


def _tree_predictions(
    dataset: Dataset, targets: NDArray[np.float64], features: NDArray[np.float32], seed: int
) -> NDArray[np.float64]:
    """(n,) from boosted trees: cross-validated on training rows, fitted on them all for the others."""
    train = dataset.rows("train")
    low, high = np.quantile(targets[train], [0.25, 0.75])
    reach = FENCE * (high - low)
    clipped = np.clip(targets, low - reach, high + reach) if reach > 0 else targets
    trusted = np.ones(len(dataset), bool)
    for _ in range(2):
        predicted = _cross_fitted(clipped, features, train, trusted, seed)
        residuals = np.abs(targets - predicted)
        trusted = residuals <= OUTLYING * max(float(np.median(residuals[train])) / 0.6745, 1e-300)
    return predicted


def _cross_fitted(
    targets: NDArray[np.float64], features: NDArray[np.float32], train: NDArray[np.int64], trusted: NDArray[np.bool_],
    seed: int,
) -> NDArray[np.float64]:  # fmt: skip
    predicted, rng = np.zeros(len(targets)), np.random.default_rng(seed)
    folds = KFold(FOLDS, shuffle=True, random_state=seed).split(train)
    tasks = [(train[inside], train[outside]) for inside, outside in folds]
    tasks.append((train, np.setdiff1d(np.arange(len(targets)), train)))
    for fit_rows, predicted_rows in tasks:
        if len(predicted_rows):
            drawn = rng.permutation(fit_rows[trusted[fit_rows]])[:TREE_ROWS]
            model = HistGradientBoostingRegressor(min_samples_leaf=10, early_stopping=False, random_state=seed)
            predicted[predicted_rows] = model.fit(features[drawn], targets[drawn]).predict(features[predicted_rows])
    return predicted


def _common_values(dataset: Dataset) -> NDArray[np.bool_]:
    """(n,) rows with one number that is far more common than any other."""
    values, counts = np.unique(dataset.targets[dataset.rows("train")], return_counts=True)
    second, highest = np.sort(counts)[-2:]
    if highest < COMMON_SHARE * counts.sum() or highest < TIMES_THE_NEXT * second:
        return np.zeros(len(dataset), bool)
    return np.asarray(dataset.targets == values[counts.argmax()])
