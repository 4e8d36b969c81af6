"""Models as a user would write them, named by import path in tests."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import softmax
from sklearn.dummy import DummyClassifier
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from torch import Tensor, nn

from dataaudit.data.features.vectors import features
from dataaudit.dataset import Dataset


class Centroids:
    """A learner in two methods: minus the squared distances to class means."""

    def fit(self, dataset: Dataset, rows: NDArray[np.int64], seed: int) -> NDArray[np.float32]:
        x, targets = features(dataset)[rows], dataset.targets[rows]
        every = np.arange(len(dataset.class_names))
        return np.stack([x[targets == c].mean(0) if (targets == c).any() else x.mean(0) + 9 for c in every])

    def outputs(self, model: NDArray[np.float32], dataset: Dataset, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        return -np.square(features(dataset)[rows][:, None] - model[None]).sum(2)


class Silent(Centroids):
    """Gives no numbers."""

    def outputs(self, model: Any, dataset: Dataset, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        return np.full((len(rows), len(dataset.class_names)), np.nan, np.float32)


class Narrow(Centroids):
    """Gives too few columns."""

    def outputs(self, model: Any, dataset: Dataset, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        return np.zeros((len(rows), 1), np.float32)


class Probabilities(Centroids):
    """Gives probabilities where logits are expected."""

    def outputs(self, model: Any, dataset: Dataset, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        return np.asarray(softmax(super().outputs(model, dataset, rows), 1))


class Broken(Centroids):
    def fit(self, dataset: Dataset, rows: NDArray[np.int64], seed: int) -> Any:
        raise KeyError("no such column")


words = make_pipeline(CountVectorizer(), LogisticRegression(C=5.0))
guesser = DummyClassifier(strategy="prior")
nothing = 3


class OnlyLabels:
    """An estimator that predicts and says no more."""

    def __init__(self) -> None:
        self.classes_ = np.arange(3)

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        return {}

    def set_params(self, **parameters: Any) -> "OnlyLabels":
        return self

    def fit(self, inputs: Any, targets: Any) -> "OnlyLabels":
        return self

    def predict(self, inputs: Any) -> NDArray[np.int64]:
        return np.zeros(len(inputs), np.int64)


def net(dataset: Dataset) -> nn.Module:
    """A factory that looks at the data."""
    width = features(dataset).shape[1]
    return nn.Sequential(nn.Linear(width, 8), nn.Tanh(), nn.Linear(8, max(1, len(dataset.class_names))))


def text_instead(dataset: Dataset) -> str:
    return "no module"


class Fixed(nn.Module):
    """A class whose instances fit other data."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(2, 3)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.linear(x)
        return out


class Letters(nn.Module):
    """A text classifier that makes its own batches from the strings."""

    def __init__(self, dataset: Dataset) -> None:
        super().__init__()
        self.embedding = nn.Embedding(128, 16)
        self.linear = nn.Linear(16, len(dataset.class_names))

    def encode(self, texts: NDArray[Any]) -> Tensor:
        codes = [[min(ord(letter), 127) for letter in text[:60].ljust(60)] for text in texts]
        return torch.tensor(codes)

    def forward(self, codes: Tensor) -> Tensor:
        out: Tensor = self.linear(self.embedding(codes).mean(1))
        return out
