"""LearningAlgorithm: the interface of anything that the audit trains."""

from collections.abc import Iterator, Mapping
from typing import Any, Protocol, TypeGuard

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from ..dataset import Dataset


class LearningAlgorithm(Protocol):
    """A deterministic training procedure: the same rows and seed give the same model.

    One with `prepare(dataset)` has what all trainings share computed there, and derived with the dataset, once.
    """

    @property
    def recipe(self) -> Mapping[str, Any]:
        """Everything that changes a trained model, as plain data. Stored results of another recipe are refused."""

    def fit(self, dataset: Dataset, rows: NDArray[np.int64], seed: int) -> Any:
        """Train on the given rows."""

    def outputs(self, model: Any, dataset: Dataset, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """(len(rows), c) in evaluation mode: logits of classes or labels; for regression one value, as targets are."""

    def seconds_per_run(self, dataset: Dataset, n_rows: int) -> float:
        """About how long one `fit` on `n_rows` rows takes on one core, measured on a few steps."""


class Differentiable(LearningAlgorithm, Protocol):
    """A LearningAlgorithm whose models are torch modules, as gradient backends need."""

    def trajectory(self, dataset: Dataset, rows: NDArray[np.int64], seed: int) -> Iterator[nn.Module]:
        """Snapshots of the module in the course of one training, whose gradients attributions average over.

        All are in evaluation mode; the last is the one that `fit` returns.
        """

    def build(self, dataset: Dataset) -> nn.Module:
        """An untrained module of the right shape, to load a stored state into."""

    def tensors(self, dataset: Dataset, rows: NDArray[np.int64]) -> Tensor:
        """The module's inputs for these rows, as one batch."""


class Linear(Differentiable, Protocol):
    """A Differentiable whose outputs are linear in its scaled inputs and a constant, fitted to the optimum."""

    @property
    def penalty(self) -> float:
        """It minimises the sum of losses + penalty / 2 |parameters|^2, parameters being in units of the outputs."""

    def scaling(self, dataset: Dataset, rows: NDArray[np.int64] | None = None) -> nn.Module:
        """What the module's inputs go through first, fitted on these rows."""

    def weighted(self, weight: float) -> "Linear":
        """The learner that multiplies every loss by this weight."""

    def starting(self, model: nn.Module, dataset: Dataset, tolerance: float) -> "Linear":
        """The learner whose training starts at this model of it: it ends where any other does, and sooner nearby.

        dataset     on whose training rows the model is trained, or on most of them
        tolerance   change of the mean loss at which it ends
        """


class Trees(LearningAlgorithm, Protocol):
    """A LearningAlgorithm whose models are trees, or ensembles of them."""

    def leaves(self, model: Any, dataset: Dataset, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """(len(rows), trees) numbers, from 0, of the leaves that these rows fall into; those of a tree are its own."""


def is_seedless(learner: LearningAlgorithm) -> bool:
    """Whether the rows alone decide the model, as the optimum of a convex loss: then it says so by `seedless`."""
    return bool(getattr(learner, "seedless", False))


def is_linear(learner: LearningAlgorithm) -> TypeGuard[Linear]:
    """Whether attributions of the learner can be exact."""
    return is_differentiable(learner) and all(hasattr(learner, name) for name in ("penalty", "weighted"))


def has_trees(learner: LearningAlgorithm) -> TypeGuard[Trees]:
    """Whether the learner's models tell which leaves samples share."""
    return hasattr(learner, "leaves")


def is_differentiable(learner: LearningAlgorithm) -> TypeGuard[Differentiable]:
    """Whether gradient backends can be used on the learner's own models."""
    return all(hasattr(learner, name) for name in ("trajectory", "build", "tensors"))
