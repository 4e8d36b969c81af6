"""The training samples that most support a sample's given label, and those that support the suggested one."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.preprocessing import normalize

from ...dataset import Dataset
from ..detection import CheckContext

N_SUPPORTING = 3
MAX_BY_INFLUENCE = 60
"""Rows whose supporting samples are chosen by influence, at a gradient each; later ones' by similarity."""


def supporting_samples(
    context: CheckContext, features: NDArray[np.float32], suggested: NDArray[np.int64], rows: NDArray[np.int64]
) -> Iterator[tuple[list[dict[str, Any]], list[dict[str, Any]]]]:
    """For each row the training samples that most support its given and its suggested label.

    features, suggested   (n, d) descriptors and (n,) labels of all samples
    """
    given = context.dataset.targets
    train, first = context.dataset.rows("train"), rows[:MAX_BY_INFLUENCE]
    if context.influences is not None and len(first):
        scores = context.influences(np.tile(first, 2), np.concatenate([given[first], suggested[first]]))
        for i, row in enumerate(first):
            yield (
                _top_samples(context.dataset, row, given[row], "influence", scores[:, i]),
                _top_samples(context.dataset, row, suggested[row], "influence", scores[:, len(first) + i]),
            )
        rows = rows[MAX_BY_INFLUENCE:]
    directions = normalize(features[train])
    for row in rows:
        similarity = directions @ normalize(features[[row]])[0]
        yield (
            _top_samples(context.dataset, row, given[row], "similarity", similarity),
            _top_samples(context.dataset, row, suggested[row], "similarity", similarity),
        )


def _top_samples(
    dataset: Dataset, row: np.int64, label: np.int64, measure: str, scores: NDArray[np.float32]
) -> list[dict[str, Any]]:
    """The other training samples of this label with the largest scores (n_train,), best first."""
    train = dataset.rows("train")
    candidates = np.flatnonzero((dataset.targets[train] == label) & (train != row))
    order = candidates[np.argsort(-scores[candidates], kind="stable")][:N_SUPPORTING]
    name = dataset.class_names[label]
    return [{"id": dataset.ids[train[i]], "label": name, measure: float(scores[i])} for i in order]
