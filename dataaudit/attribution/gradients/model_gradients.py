"""The gradient features of a problem's training samples and targets under one of its models."""

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...errors import NumericsError, SampleError
from ..problem import Problem, Samples
from .per_sample import PROBE, SAMPLE, GradientFeatures, Quantity

BLOCK = 1024
"""Samples loaded at a time."""


class ModelGradients:
    """See the module; `features` computes the coordinates, `notes` are facts about them for the provenance."""

    def __init__(
        self,
        problem: Problem,
        number: int,
        dimensions: int | None,
        quantity: Quantity = "loss",
        energy: float = 1.0,
        convolutions: float | None = None,
    ) -> None:
        """Build the model and choose coordinates on a spread of training samples, as `GradientFeatures` does.

        Warns about parameters that no gradient reaches. Raises NumericsError, naming model and sample, for a gradient
        that is not finite.
        """
        self._problem, self._number = problem, number
        spread = problem.train.spread(SAMPLE)
        self.module = problem.models[number]()
        with self._naming_sample(problem.train, spread):
            self.features = GradientFeatures(
                self.module,
                problem.objective,
                *problem.train.batch(spread),
                dimensions,
                quantity=quantity,
                energy=energy,
                convolutions=convolutions,
            )
        self.notes: Mapping[str, Any] = {
            "coverage": self.features.coverage,
            "energy": self.features.energy,
            "coordinates": self.features.dimensions,
        }
        if self.features.silent:
            warnings.warn(
                f"model {number}: no gradient reaches {', '.join(self.features.silent)} in {PROBE} training samples "
                "(a dead layer, or one that is not used); scores don't depend on it",
                stacklevel=2,
            )

    def train(self, quantity: Quantity) -> tuple[Tensor, Tensor]:
        """Features (n_train, k) and weights (n_train,), see `GradientFeatures`.

        Warns about samples whose loss has no gradient: their scores are zero.
        """
        samples = self._problem.train
        phi, weights = torch.empty(len(samples), self.features.dimensions), torch.empty(len(samples))
        for start in range(0, len(samples), BLOCK):
            rows = slice(start, start + BLOCK)
            phi[rows], weights[rows] = self.range(samples, start, start + BLOCK, quantity)
        silent = torch.nonzero((phi == 0).all(1) | (weights == 0)).flatten().tolist()
        if silent:
            warnings.warn(
                f"model {self._number}: {len(silent)} of {len(samples)} training samples have no loss gradient, "
                f"such as {samples.ids[silent[0]]!r}; their scores are zero",
                stacklevel=2,
            )
        return phi, weights

    def target(self, start: int, stop: int) -> Tensor:
        """(stop - start, k) of the outputs of a range of targets."""
        return self.range(self._problem.target, start, stop, "output")[0]

    def range(self, samples: Samples, start: int, stop: int, quantity: Quantity) -> tuple[Tensor, Tensor]:
        """Features (m, k) and weights (m,) of a range of samples."""
        positions = np.arange(start, min(stop, len(samples)))
        with self._naming_sample(samples, positions):
            return self.features(*samples.batch(positions), quantity)

    @contextmanager
    def _naming_sample(self, samples: Samples, positions: NDArray[np.int64]) -> Iterator[None]:
        """Errors about a position become errors about a model and a sample."""
        try:
            yield
        except SampleError as error:
            name = samples.ids[positions[error.position]]
            raise NumericsError(f"model {self._number}: {error.what} of {name!r} is not finite") from error
