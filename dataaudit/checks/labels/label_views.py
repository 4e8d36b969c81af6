"""Out-of-sample class probabilities from different views of the same data, to tell wrong labels from hard samples."""

import numpy as np
import torch
from joblib import Parallel, delayed
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.neighbors import NearestNeighbors
from threadpoolctl import threadpool_limits

from ...data.features import vectors
from ...data.features.columns import encode
from ...data.features.images import hog
from ...data.features.sentence_embeddings import sentence_embeddings
from ...data.features.sentence_models import MINILM
from ...data.features.texts import character_features
from ...dataset import Dataset
from ..matching.pixels import Pixels

CELLS = 7
COMPONENTS, COVARIANCE = 100, 2048
FOLDS = 5
NEIGHBOURS = 16


def descriptors(dataset: Dataset) -> NDArray[np.float32]:
    """(n, d) label-free descriptors, fitted on the training rows, computed once for a dataset.

    image: principal components of oriented gradients; text: components of its characters; table: encoded columns;
    array: its values, standardised; those of the dataset's features, where it has any. At most COMPONENTS dimensions,
    for text a few more; one deviation all in all.
    """
    return dataset.derive("descriptors", lambda: _descriptors(dataset))


def _descriptors(dataset: Dataset) -> NDArray[np.float32]:
    train = dataset.rows("train")
    if dataset.features is not None:
        return _scaled(principal_components(vectors.features(dataset), train))
    if dataset.modality == "image":
        return gradients(dataset)
    if dataset.modality == "text":
        features = character_features(np.asarray(dataset.inputs), train)
        return _scaled(features - features[train].mean(0))
    if dataset.modality == "table":
        return _scaled(principal_components(encode(dataset.frame, train), train))
    flat = np.nan_to_num(np.asarray(dataset.inputs).reshape(len(dataset), -1).astype(np.float32))
    deviation = flat[train].std(0)
    return _scaled(principal_components((flat - flat[train].mean(0)) / np.where(deviation > 0, deviation, 1), train))


def gradients(dataset: Dataset) -> NDArray[np.float32]:
    """(n, d) of images: their `descriptors` where the dataset has no features."""
    return dataset.derive("gradients", lambda: _gradients(dataset))


def _gradients(dataset: Dataset) -> NDArray[np.float32]:
    oriented = torch.cat([hog(part, CELLS) for _, part in Pixels(dataset.pixels).blocks()]).numpy()
    return _scaled(principal_components(oriented, dataset.rows("train")))


def sentences(dataset: Dataset) -> NDArray[np.float32]:
    """(n, d) of texts: principal components of their embeddings by the net of the extra `text`."""
    return dataset.derive("sentences", lambda: _sentences(dataset))


def _sentences(dataset: Dataset) -> NDArray[np.float32]:
    embeddings = sentence_embeddings(dataset, MINILM).astype(np.float32)
    return _scaled(principal_components(embeddings, dataset.rows("train")))


def principal_components(features: NDArray[np.float32], train: NDArray[np.int64]) -> NDArray[np.float32]:
    """(n, d) principal components of the training rows, at most COMPONENTS; one of zeros where these are all alike."""
    train_features = features[train]
    if len(train_features) < 2 or not (train_features != train_features[0]).any():
        return np.zeros((len(features), 1), np.float32)
    n, d = train_features.shape
    solver = "covariance_eigh" if d <= min(n, COVARIANCE) else "auto"  # which needs no centred copy
    pca = PCA(min(COMPONENTS, n, d), svd_solver=solver, random_state=0).fit(train_features)
    return np.asarray(pca.transform(features), np.float32)


def _scaled(features: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(features / max(float(features.std()), 1e-12), np.float32)


def linear_probabilities(dataset: Dataset, features: NDArray[np.float32], seed: int) -> NDArray[np.float64]:
    """(n, c) from logistic regression: cross-validated on training rows, fitted on them all for the others."""
    train = dataset.rows("train")
    probabilities = np.zeros((len(dataset), len(dataset.class_names)))
    counts = np.bincount(dataset.targets[train])
    splitter = StratifiedKFold if counts[counts > 0].min() >= FOLDS else KFold
    folds = splitter(min(FOLDS, len(train)), shuffle=True, random_state=seed)
    tasks = [(train[inside], train[outside]) for inside, outside in folds.split(train, dataset.targets[train])]
    tasks.append((train, np.setdiff1d(np.arange(len(dataset)), train)))

    def fill(fit_rows: NDArray[np.int64], predicted_rows: NDArray[np.int64]) -> None:
        classes = np.unique(dataset.targets[fit_rows])
        if len(classes) == 1:
            probabilities[predicted_rows, classes[0]] = 1.0
        elif len(predicted_rows):
            model = LogisticRegression(C=0.05, max_iter=300).fit(features[fit_rows], dataset.targets[fit_rows])
            probabilities[np.ix_(predicted_rows, classes)] = model.predict_proba(features[predicted_rows])

    with threadpool_limits(1, user_api="blas"):  # a fit on two cores takes three times as long as on one
        Parallel(require="sharedmem")(delayed(fill)(*rows) for rows in tasks)
    return probabilities


def nearest_training(dataset: Dataset, features: NDArray[np.float32]) -> NDArray[np.int64]:
    """(n, k) the nearest training rows of every row, itself left out."""
    train = dataset.rows("train")
    k = min(NEIGHBOURS, len(train) - 1)
    nearest = NearestNeighbors(n_neighbors=k + 1).fit(features[train]).kneighbors(features, return_distance=False)
    is_self = train[nearest] == np.arange(len(dataset))[:, None]
    is_self[~is_self.any(1), -1] = True  # not a training row: drop the farthest instead
    return np.asarray(train[nearest][~is_self].reshape(len(dataset), k), np.int64)


def neighbour_probabilities(dataset: Dataset, neighbours: NDArray[np.int64]) -> NDArray[np.float64]:
    """(n, c) smoothed shares of labels among the nearest training rows (n, k)."""
    classes = len(dataset.class_names)
    votes = np.stack([(dataset.targets[neighbours] == c).sum(1) for c in range(classes)], 1)
    return np.asarray((votes + 0.5) / (neighbours.shape[1] + 0.5 * classes))
