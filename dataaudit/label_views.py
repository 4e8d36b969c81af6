"""Out-of-sample class probabilities from unlike views of the same data, for telling wrong labels from hard samples."""

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.neighbors import NearestNeighbors

from .dataset import Dataset
from .image_features import hog
from .near_duplicates import matching_pixels

CELLS = 7
COMPONENTS = 100
FOLDS = 5
NEIGHBOURS = 16


def descriptors(dataset: Dataset) -> NDArray[np.float32]:
    """(n, d) label-free descriptors: principal components of oriented gradients, fitted on the training rows."""
    features = torch.cat([hog(part, CELLS) for part in torch.split(matching_pixels(dataset.pixels), 4096)]).numpy()
    train = features[dataset.rows("train")]
    components = min(COMPONENTS, *train.shape)
    projected = PCA(components, random_state=0).fit(train).transform(features)
    return np.asarray(projected / max(float(projected.std()), 1e-12), np.float32)


def linear_probabilities(dataset: Dataset, features: NDArray[np.float32], seed: int) -> NDArray[np.float64]:
    """(n, c) from logistic regression: cross-validated on training rows, fitted on them all for the others."""
    train = dataset.rows("train")
    probabilities = np.zeros((len(dataset), len(dataset.class_names)))
    counts = np.bincount(dataset.targets[train])
    splitter = StratifiedKFold if counts[counts > 0].min() >= FOLDS else KFold
    folds = splitter(min(FOLDS, len(train)), shuffle=True, random_state=seed)
    tasks = [(train[inside], train[outside]) for inside, outside in folds.split(train, dataset.targets[train])]
    tasks.append((train, np.setdiff1d(np.arange(len(dataset)), train)))
    for fitted, asked in tasks:
        classes = np.unique(dataset.targets[fitted])
        if len(classes) == 1:
            probabilities[asked, classes[0]] = 1.0
        elif len(asked):
            model = LogisticRegression(C=0.05, max_iter=300).fit(features[fitted], dataset.targets[fitted])
            probabilities[np.ix_(asked, classes)] = model.predict_proba(features[asked])
    return probabilities


def neighbour_probabilities(dataset: Dataset, features: NDArray[np.float32]) -> NDArray[np.float64]:
    """(n, c) smoothed shares of labels among the nearest training rows, the row itself left out."""
    train = dataset.rows("train")
    k = min(NEIGHBOURS, len(train) - 1)
    nearest = NearestNeighbors(n_neighbors=k + 1).fit(features[train]).kneighbors(features, return_distance=False)
    own = train[nearest] == np.arange(len(dataset))[:, None]
    own[~own.any(1), -1] = True  # not a training row: drop the farthest instead
    neighbours = train[nearest][~own].reshape(len(dataset), k)
    classes = len(dataset.class_names)
    votes = np.stack([(dataset.targets[neighbours] == c).sum(1) for c in range(classes)], 1)
    return np.asarray((votes + 0.5) / (k + 0.5 * classes))
