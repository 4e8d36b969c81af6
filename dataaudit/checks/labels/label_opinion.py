"""The opinion on a dataset's labels, formed from out-of-sample views: the pool, linear models and neighbours."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ...data.features.sentence_embeddings import reads
from ...dataset import Dataset
from ...training.pool import Pool
from .label_noise import LabelNoise, Verdicts, fit_noise, judge, log_views
from .label_views import (
    descriptors,
    gradients,
    linear_probabilities,
    nearest_training,
    neighbour_probabilities,
    sentences,
)

MIN_LABEL_COUNT = 5
"""Training samples with a label, below which no sample's label of that kind is judged."""


@dataclass(frozen=True)
class LabelOpinion:
    """A dataset's labels as judged by each view and by all together.

    assessable   (n,) labels that enough training samples carry for the views to judge
    """

    dataset: Dataset
    features: NDArray[np.float32]
    views: dict[str, NDArray[np.float64]]
    noise: LabelNoise
    verdicts: Verdicts
    assessable: NDArray[np.bool_]

    def wrong(self, shift: float = 0.0) -> NDArray[np.float64]:
        """(n,) probability that the label is wrong, zero where it is not assessable."""
        return np.where(self.assessable, self.verdicts.wrong(shift), 0.0)


def label_opinion(pool: Pool, seed: int) -> LabelOpinion:
    """On the labels of classes that a pool was trained on."""
    dataset, train, features = pool.dataset, pool.dataset.rows("train"), descriptors(pool.dataset)
    views = _views(dataset, pool.probabilities, seed)
    noise = fit_noise(log_views(list(views.values()))[:, train], dataset.targets[train])
    return _opinion(dataset, features, views, noise)


def opinions_by_label(dataset: Dataset, probabilities: NDArray[np.float64], seed: int) -> list[LabelOpinion]:
    """On every label of sets by itself, as two classes, without and with it; all labels share one noise model.

    probabilities   (n, labels) of the pool
    """
    train, features = dataset.rows("train"), descriptors(dataset)
    binaries = [_as_binary(dataset, label) for label in range(len(dataset.class_names))]
    views = [
        _views(binary, np.stack([1 - positive, positive], 1), seed)
        for binary, positive in zip(binaries, probabilities.T, strict=True)
    ]
    logs = np.concatenate([log_views(list(label_views.values()))[:, train] for label_views in views], 1)
    noise = fit_noise(logs, dataset.targets[train].T.ravel().astype(np.int64))
    return [_opinion(binary, features, label_views, noise) for binary, label_views in zip(binaries, views, strict=True)]


def _as_binary(dataset: Dataset, label: int) -> Dataset:
    name = dataset.class_names[label]
    return replace(
        dataset,
        targets=dataset.targets[:, label].astype(np.int64),
        class_names=(f"without {name}", f"with {name}"),
        task="classification",
    )


def _views(dataset: Dataset, probabilities: NDArray[np.float64], seed: int) -> dict[str, NDArray[np.float64]]:
    linear, neighbours = _by_features(dataset, "descriptors", descriptors(dataset), seed)
    views = {"pool": probabilities, "linear": linear, "neighbours": neighbours}
    # Views that err unlike each other tell more.
    if dataset.modality == "image" and dataset.features is not None:  # all the others see features
        views["gradients"] = linear_probabilities(dataset, gradients(dataset), seed)
    if reads(dataset):  # all the others see words
        linear, neighbours = _by_features(dataset, "sentences", sentences(dataset), seed)
        views |= {"sentences": linear, "similar sentences": neighbours}
    return views


def _by_features(
    dataset: Dataset, name: str, features: NDArray[np.float32], seed: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """By a linear model and by neighbours, which are the same for all labels."""
    nearest = dataset.derive(f"nearest by {name}", lambda: nearest_training(dataset, features))
    return linear_probabilities(dataset, features, seed), neighbour_probabilities(dataset, nearest)


def _opinion(
    dataset: Dataset, features: NDArray[np.float32], views: dict[str, NDArray[np.float64]], noise: LabelNoise
) -> LabelOpinion:
    counts = np.bincount(dataset.targets[dataset.rows("train")], minlength=len(dataset.class_names))
    verdicts = judge(noise, log_views(list(views.values())), dataset.targets)
    return LabelOpinion(dataset, features, views, noise, verdicts, counts[dataset.targets] >= MIN_LABEL_COUNT)
