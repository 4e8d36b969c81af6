"""Planted label errors: labels exchanged on purpose, to see how many are found again."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .dataset import Dataset

PLANTED_SHARE = 0.05
FEWEST, MOST = 10, 500


@dataclass(frozen=True)
class PlantedLabels:
    """Labels (n,) of a dataset with errors planted in its training split, and the dataset rows of each sort."""

    labels: NDArray[np.int64]
    rows: dict[str, NDArray[np.int64]]

    @property
    def every(self) -> NDArray[np.int64]:
        """All rows with a planted error."""
        return np.concatenate(list(self.rows.values()))


def planted_flips(dataset: Dataset, share: float, seed: int) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Labels (n,) with a share of the training split's flipped to a random other class, and which were (n_train,)."""
    rng = np.random.default_rng(seed)
    train, targets, n_classes = dataset.rows("train"), dataset.targets.copy(), len(dataset.class_names)
    flipped = np.zeros(len(train), bool)
    flipped[rng.permutation(len(train))[: max(1, round(share * len(train)))]] = True
    chosen = train[flipped]
    targets[chosen] = (targets[chosen] + rng.integers(1, n_classes, len(chosen))) % n_classes
    return targets, flipped


def plant(
    dataset: Dataset, probabilities: NDArray[np.float64], trusted: NDArray[np.bool_], seed: int
) -> PlantedLabels | None:
    """Exchange the labels of a few of the trusted training rows; None where that can't be done.

    "random" ones become any other class alike, "confusable" ones the class that `probabilities` (n, c) holds for the
    likeliest beside the given one. A twentieth of the training labels are exchanged, at least FEWEST and at most MOST,
    but never more than a fifth.
    """
    rng = np.random.default_rng([seed, len(dataset)])
    train, n_classes = dataset.rows("train"), len(dataset.class_names)
    wanted = min(max(FEWEST, min(MOST, round(PLANTED_SHARE * len(train)))), len(train) // 5)
    chosen = rng.permutation(train[trusted[train]])[:wanted]
    if n_classes < 2 or len(chosen) < 2:
        return None
    rows = {"random": np.sort(chosen[::2]), "confusable": np.sort(chosen[1::2])}
    labels = dataset.targets.copy()
    labels[rows["random"]] = (labels[rows["random"]] + rng.integers(1, n_classes, len(rows["random"]))) % n_classes
    others = probabilities[rows["confusable"]].copy()
    others[np.arange(len(others)), labels[rows["confusable"]]] = -1
    labels[rows["confusable"]] = others.argmax(1)
    return PlantedLabels(labels, rows)
