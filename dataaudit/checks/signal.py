"""Whether models have learnt anything: without a signal nothing can be said of single samples.

Predictions that did not see a sample are compared with its target by ranks, column by column, so that it does not
matter how sure they are: an overconfident model, whose log-loss is above that of the class frequencies, may still tell
classes apart. Were inputs and targets unrelated, the targets of a split could as well be permuted; the sum of centred
products then has the mean zero and the variance of a linear permutation statistic (Hoeffding 1951). Two training rows
each have a part in predicting the other, so that what chance does to one of them it does to both: the variance of
training rows is taken twice, its most.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm, rankdata

from ..dataset import Dataset
from ..training.pool import quality
from .detection import CheckContext

LEVEL = 0.02
"""p-value above which there is no signal."""
FLOOR = 1e-12


@dataclass(frozen=True)
class Signal:
    """What out-of-sample predictions tell of the targets.

    log_loss, prior_log_loss   mean over training samples of the pool's models, and of the class frequencies; for
                               numbers squared error over variance, and 1
    p_value                    one-sided, of predictions and targets being unrelated
    reason                     why nothing can be said, in words; empty where there is a signal
    """

    log_loss: float
    prior_log_loss: float
    p_value: float
    reason: str


def signal(context: CheckContext, other_views: Sequence[NDArray[np.float64]] = ()) -> Signal:
    """Of the pool's models, and of other out-of-sample predictions in which there may be a signal that these miss.

    other_views   each (n, c) class probabilities, (n, labels) those of labels or (n,) numbers
    """
    dataset, pool = context.dataset, context.pool
    predicted = np.asarray(pool.predictions if dataset.task == "regression" else pool.probabilities, np.float64)
    views = [predicted, *other_views]
    p_value = min(1.0, len(views) * min(_p_value(dataset, view) for view in views))  # Bonferroni
    loss, prior_loss = _losses(dataset, predicted)
    if dataset.task == "regression":
        compared = f"the mean (R² {1 - loss:.2f}"
    else:
        compared = f"the class frequencies (log-loss {loss:.2f} against {prior_loss:.2f}"
    reason = f"no signal: the models do not beat {compared}, p = {p_value:.2g}), so nothing can be said"
    if (dataset.targets == dataset.targets[0]).all():
        reason = "all targets are equal, so there is nothing to learn"
    return Signal(loss, prior_loss, p_value, reason if p_value > LEVEL else "")


def _p_value(dataset: Dataset, predicted: NDArray[np.float64]) -> float:
    """One-sided, that predictions (n,) or (n, k) go with the targets no more than permuted ones would."""
    predicted, given = predicted.reshape(len(dataset), -1), _columns(dataset)
    total = variance = 0.0
    for split in dataset.sizes():
        rows = dataset.rows(split)
        ranks = _standardised(rankdata(predicted[rows], axis=0))
        targets = _standardised(given[rows])
        total += float((ranks * targets).sum())
        once = float(((ranks.T @ ranks) * (targets.T @ targets)).sum()) / max(1, len(rows) - 1)
        variance += 2 * once if split == "train" else once
    return float(norm.sf(total / variance**0.5)) if variance > 0 else 1.0


def _columns(dataset: Dataset) -> NDArray[np.float64]:
    """(n, k) an indicator for each class or label, or the ranks of numbers."""
    if dataset.task == "classification":
        return np.asarray(dataset.targets[:, None] == np.arange(len(dataset.class_names)), np.float64)
    if dataset.task == "multilabel":
        return dataset.targets.astype(np.float64)
    return np.asarray(rankdata(dataset.targets)[:, None], np.float64)


def _standardised(columns: NDArray[Any]) -> NDArray[np.float64]:
    """Columns of mean 0 and deviation 1, so that each counts alike; zeros where all values are equal."""
    deviation = columns.std(0)
    return np.asarray((columns - columns.mean(0)) / np.where(deviation > 0, deviation, np.inf), np.float64)


def _losses(dataset: Dataset, predicted: NDArray[np.float64]) -> tuple[float, float]:
    """Of predictions out of sample, and of ones without inputs, on the training rows."""
    train = dataset.rows("train")
    if dataset.task == "regression":
        return 1 - quality(dataset, predicted[train], train), 1.0
    given = _columns(dataset)[train]
    frequencies = np.broadcast_to(given.mean(0), given.shape)
    return _log_loss(dataset, predicted[train], given), _log_loss(dataset, frequencies, given)


def _log_loss(dataset: Dataset, predicted: NDArray[np.float64], given: NDArray[np.float64]) -> float:
    """Mean over samples, and over labels where these are in sets."""
    p_given = (
        predicted[given > 0] if dataset.task == "classification" else np.where(given > 0, predicted, 1 - predicted)
    )
    return float(-np.log(np.maximum(p_given, FLOOR)).mean())
