"""Every sample as a row of numbers, fitted on the training inputs without their labels."""

import numpy as np
from numpy.typing import NDArray

from ...dataset import Dataset
from ..reading.frames import join_texts
from .columns import encode
from .texts import word_features

ROWS = 4096
"""Rows that are read at a time."""


def features(dataset: Dataset) -> NDArray[np.float32]:
    """(n, d) the features that vector learners see, computed once for a dataset.

    The dataset's own `features`, standardised, where there are any.

    image: pixels from 0 to 1; text: components of its words; table: encoded columns, then components
    of the words of its texts; array: its values, standardised.
    """
    return dataset.derive("features", lambda: _features(dataset))


def _features(dataset: Dataset) -> NDArray[np.float32]:
    train = dataset.rows("train")
    if dataset.features is not None:
        return _standardised(dataset.features, train)
    if dataset.modality == "table":
        columns = encode(dataset.frame, train)
        if not dataset.texts:
            return columns
        return np.concatenate([columns, word_features(join_texts(dataset.frame[list(dataset.texts)]), train)], 1)
    inputs = np.asarray(dataset.inputs)
    if dataset.modality == "text":
        return word_features(inputs, train)
    flat = inputs.reshape(len(inputs), -1).astype(np.float32)
    if dataset.modality == "image":
        return flat / np.float32(255)
    return _standardised(flat, train)


def _standardised(flat: NDArray[np.floating], train: NDArray[np.int64]) -> NDArray[np.float32]:
    """By the mean and deviation of the training rows, which are added up in blocks: copies of all may not fit."""
    blocks = np.array_split(train, -(-len(train) // ROWS))
    mean = sum(flat[rows].sum(0, dtype=np.float64) for rows in blocks) / len(train)
    variance = sum(np.square(flat[rows] - mean).sum(0) for rows in blocks) / len(train)
    spread = np.sqrt(variance).astype(np.float32)
    standardised: NDArray[np.float32] = np.subtract(flat, mean.astype(np.float32), dtype=np.float32)
    standardised /= np.where(spread > 0, spread, 1)
    return standardised
