"""The default learner for texts: a linear model on words and pairs of words.

With `embedding`, on sentence embeddings instead, by a pretrained net.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from ...data.features.sentence_embeddings import sentence_embeddings
from ...data.features.vectors import features
from ...dataset import Dataset
from ...errors import DatasetError
from ..models.linear_learner import LinearLearner


@dataclass(frozen=True)
class TextLearner(LinearLearner):
    """See the module. `embedding` names the net, see `sentence_models.sentence_model`."""

    embedding: str | None = None

    name: ClassVar[str] = "text"

    def vectors(self, dataset: Dataset) -> NDArray[np.floating]:
        """(n, d) components of the texts' words, or their embeddings."""
        if dataset.modality != "text":
            raise DatasetError(f"{dataset.root}: expected texts, found a dataset of the modality {dataset.modality!r}")
        return features(dataset) if self.embedding is None else sentence_embeddings(dataset, self.embedding)


LEARNER = TextLearner
