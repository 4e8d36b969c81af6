"""Planted label errors: labels exchanged on purpose, to see how many are found again."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...dataset import Dataset

PLANTED_SHARE = 0.05
FEWEST, MOST = 10, 500


@dataclass(frozen=True)
class PlantedLabels:
    """Targets (n, ...) of a dataset with errors planted in its training split, and the dataset rows of each sort."""

    labels: NDArray[Any]
    rows: dict[str, NDArray[np.int64]]

    @property
    def all_rows(self) -> NDArray[np.int64]:
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
    rng, n_classes = np.random.default_rng([seed, len(dataset)]), len(dataset.class_names)
    chosen = _chosen(dataset, trusted, rng)
    if n_classes < 2 or len(chosen) < 2:
        return None
    rows = {"random": np.sort(chosen[::2]), "confusable": np.sort(chosen[1::2])}
    labels = dataset.targets.copy()
    labels[rows["random"]] = (labels[rows["random"]] + rng.integers(1, n_classes, len(rows["random"]))) % n_classes
    alternatives = probabilities[rows["confusable"]].copy()
    alternatives[np.arange(len(alternatives)), labels[rows["confusable"]]] = -1
    labels[rows["confusable"]] = alternatives.argmax(1)
    return PlantedLabels(labels, rows)


def plant_in_numbers(dataset: Dataset, trusted: NDArray[np.bool_], seed: int) -> PlantedLabels | None:
    """Corrupt the numbers of as many of the trusted training rows as `plant` would; None where these are too few.

    "swapped" ones trade places, of "decimal point" ones half are ten times and half a tenth of what they were, and
    "sign" ones are what they were with another sign.
    """
    rng = np.random.default_rng([seed, len(dataset)])
    chosen = _chosen(dataset, trusted, rng)
    if len(chosen) < 6:
        return None
    swapped, tenfold, negated = (np.sort(part) for part in np.array_split(chosen, 3))
    labels = dataset.targets.copy()
    labels[swapped] = labels[np.roll(swapped, 1)]
    labels[tenfold[::2]] *= 10
    labels[tenfold[1::2]] /= 10
    labels[negated] *= -1
    rows = {"swapped": swapped, "decimal point": tenfold, "sign": negated}
    # What is the same as before, zeros and equal numbers that traded places, is no fault.
    changed = {sort: part[labels[part] != dataset.targets[part]] for sort, part in rows.items()}
    return PlantedLabels(labels, changed)


def _chosen(dataset: Dataset, trusted: NDArray[np.bool_], rng: np.random.Generator) -> NDArray[np.int64]:
    train = dataset.rows("train")
    count = min(max(FEWEST, min(MOST, round(PLANTED_SHARE * len(train)))), len(train) // 5)
    return rng.permutation(train[trusted[train]])[:count]
