"""How well scores agree with what retraining does: leave-one-out, removal of the top, planted label errors.

Everything here compares arrays; `evaluate` trains and scores.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from ..attribution.attribution import Attribution


@dataclass(frozen=True)
class LeaveOneOut:
    """Predicted and actual drop of every target's output (m, n_target) when one of m training samples is left out.

    correlation    Pearson, over all m x n_target pairs
    reproducible   Pearson between the actual drops of one half of the training seeds and those of the other: where this
                   is near 0, the effect of leaving one sample out is lost in the seeds' noise, whatever the scores
    """

    predicted: NDArray[np.float32]
    actual: NDArray[np.float32]
    correlation: float
    reproducible: float


def leave_one_out(
    predicted: NDArray[np.float32], full: NDArray[np.float32], without: NDArray[np.float32]
) -> LeaveOneOut:
    """From scores (m, t), margins of the whole training set (times, t), and without each sample (m, times, t)."""
    drops = full[None] - without
    actual = drops.mean(1)
    return LeaveOneOut(
        predicted, actual, pearson(predicted, actual), pearson(drops[:, ::2].mean(1), drops[:, 1::2].mean(1))
    )


@dataclass(frozen=True)
class Removal:
    """What removing the k training samples with the largest scores does to a target's output.

    sizes       (K,) how many are removed
    predicted   (targets, K) sum of their scores
    actual      (targets, K) drop of the output after retraining
    random      (targets, K) the same after removing as many random training samples of the target's class
    """

    sizes: tuple[int, ...]
    predicted: NDArray[np.float32]
    actual: NDArray[np.float32]
    random: NDArray[np.float32]


def top_removals(
    attribution: Attribution, targets: NDArray[np.int64], sizes: tuple[int, ...]
) -> tuple[list[list[NDArray[np.int64]]], NDArray[np.float32]]:
    """Positions of the training samples with the largest scores, by target and size, and the sums of their scores."""
    removed, predicted = [], np.zeros((len(targets), len(sizes)), np.float32)
    for row, target in enumerate(targets):
        scores = attribution.scores(int(target), int(target) + 1)[:, 0]
        order = np.argsort(-scores, kind="stable")
        removed.append([order[:size] for size in sizes])
        predicted[row] = [scores[order[:size]].sum() for size in sizes]
    return removed, predicted


def random_removals(
    labels: NDArray[np.int64], target_labels: NDArray[np.int64], sizes: tuple[int, ...], seed: int
) -> list[list[NDArray[np.int64]]]:
    """Positions of random training samples of each target's class, by target and size; at most the class."""
    rng = np.random.default_rng(seed)
    shuffled = [rng.permutation(np.flatnonzero(labels == label)) for label in target_labels]
    return [[order[:size] for size in sizes] for order in shuffled]


def detection_auc(scores: NDArray[np.float64] | NDArray[np.float32], planted: NDArray[np.bool_]) -> float:
    """Chance that a planted fault scores higher than another sample, 0.5 for guessing."""
    return float(roc_auc_score(planted, scores))


def pearson(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    """Correlation over all entries; nan where one does not vary."""
    x, y = a.ravel() - a.mean(dtype=np.float64), b.ravel() - b.mean(dtype=np.float64)
    norm = float(np.sqrt((x @ x) * (y @ y)))
    return float(x @ y) / norm if norm > 0 else float("nan")
