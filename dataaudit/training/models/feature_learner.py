"""A linear model on the features that a pretrained net gives images: convex, trained in seconds."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ...data.features.image_features import image_features
from ...data.features.vision_models import LITE0
from ...dataset import Dataset
from .linear_learner import LinearLearner


@dataclass(frozen=True)
class FeatureLearner(LinearLearner):
    """See the module. `features` names the net, see `vision_models.vision_model`."""

    features: str = LITE0

    name: ClassVar[str] = "image"

    def vectors(self, dataset: Dataset) -> NDArray[np.floating]:
        """(n, d) features of the images."""
        return image_features(dataset, self.features)

    def scaling(self, dataset: Dataset, rows: NDArray[np.int64] | None = None) -> nn.Sequential:
        inputs = self.tensors(dataset, dataset.rows("train")[:1] if rows is None else rows)
        return nn.Sequential(UnitRows(inputs))


class UnitRows(nn.Module):
    """(x - mean) / (deviation sqrt(d)), so that a usual row has length one; constant features are 0."""

    mean: Tensor
    scale: Tensor

    def __init__(self, rows: Tensor) -> None:
        super().__init__()
        deviation = rows.std(0, correction=0)
        self.register_buffer("mean", rows.mean(0))
        self.register_buffer("scale", torch.where(deviation > 1e-6, 1 / (deviation * rows.shape[1] ** 0.5), 0.0))

    def forward(self, x: Tensor) -> Tensor:
        return (x - self.mean) * self.scale
