"""A small net on vectors: a linear model beside two hidden layers, their outputs added (Cheng et al. 2016)."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ...data.features.vectors import features
from ...dataset import Dataset
from .module_learner import ModuleLearner, adapt_outputs, ending, n_outputs


@dataclass(frozen=True)
class VectorLearner(ModuleLearner):
    """See the module. `width` is that of the hidden layers."""

    learning_rate: float = 0.005
    weight_decay: float = 0.01
    width: int = 64

    name: ClassVar[str] = "vector"

    def build(self, dataset: Dataset) -> nn.Module:
        net = WideAndDeep(features(dataset).shape[1], self.width, n_outputs(dataset))
        return nn.Sequential(net, *ending(dataset))

    def tensors(self, dataset: Dataset, rows: NDArray[np.int64]) -> Tensor:
        return torch.from_numpy(features(dataset)[rows])

    def adapt(self, model: nn.Module, dataset: Dataset, rows: NDArray[np.int64]) -> None:
        adapt_outputs(model, dataset, rows)

    def passes(self, n_rows: int) -> int:
        return self.epochs or max(4, min(40, round(30_000 / max(n_rows, 1))))


class WideAndDeep(nn.Module):
    """x -> A x + the output of two hidden layers."""

    def __init__(self, inputs: int, width: int, outputs: int) -> None:
        super().__init__()
        self.wide = nn.Linear(inputs, outputs)
        self.deep = nn.Sequential(
            nn.Linear(inputs, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, outputs)
        )

    def forward(self, x: Tensor) -> Tensor:
        wide: Tensor = self.wide(x)
        deep: Tensor = self.deep(x)
        return wide + deep
