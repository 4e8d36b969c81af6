"""A linear model on the features that a pretrained net gives images: convex, trained in seconds."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from ...data.features.image_features import image_features
from ...data.features.vision_models import LITE0
from ...dataset import Dataset, Track
from .linear_learner import LinearLearner


@dataclass(frozen=True)
class FeatureLearner(LinearLearner):
    """See the module. `features` names the net, see `vision_models.vision_model`."""

    features: str = LITE0

    name: ClassVar[str] = "image"

    def keep_features(self, dataset: Dataset, store: Path, track: Track) -> None:
        """Compute the features, but for those in the folder from earlier, before trainings ask for them at once."""
        image_features(dataset, self.features, store, track)

    def vectors(self, dataset: Dataset) -> NDArray[np.float32]:
        """(n, d) features of the images."""
        return image_features(dataset, self.features)
