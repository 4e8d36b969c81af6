"""TRAK (Park et al. 2023), with loss gradients and a chosen ridge.

For each model m, with Phi the features of the training samples' gradients of -loss and phi(z) those of the target's
output:

    tau_m(., z) = Phi (Phi^T Phi + lambda I)^-1 phi(z),    lambda = ridge * mean_i |phi_i|^2

averaged over models. The paper's equation 17 takes gradients of the output for the training samples too, and multiplies
the mean over models by the mean over models of Q = -dL/df afterwards (`gradient="output"`); with Q inside Phi, scores
predict held-out runs of classifiers better. Features are the gradient coordinates that carry most energy instead of
random projections, the ridge is never zero and is chosen on held-out subsets of a pool.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..attribution import Attribution, identity
from ..dataset import Track
from ..ensemble import Strengths, score_ensemble
from ..errors import InputError, NumericsError
from ..gradients import Of
from ..model_gradients import BLOCK, ModelGradients
from ..problem import Problem

FEATURE_BYTES = 512 << 20


@dataclass(frozen=True)
class Trak:
    """Settings.

    dimensions   most gradient coordinates kept per model (fewer beyond FEATURE_BYTES)
    ridges       candidates, relative to the mean squared norm of a training sample's features
    ridge        the one that is taken when there are no runs to choose by
    gradient     what the training samples' features are the gradients of, "loss" or "output"
    """

    dimensions: int = 4096
    ridges: tuple[float, ...] = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
    ridge: float = 0.3
    gradient: Of = "loss"

    def __post_init__(self) -> None:
        if self.gradient not in ("loss", "output"):
            raise InputError(f"gradient: expected 'loss' or 'output', found {self.gradient!r}")
        if self.dimensions < 1 or not all(ridge > 0 for ridge in (self.ridge, *self.ridges)):
            raise InputError(f"expected positive dimensions and ridges, found {self}")

    needs = ("models",)

    def identity(self, problem: Problem) -> Mapping[str, Any]:
        """See `attribution.Backend`."""
        return identity("trak", asdict(self), problem)

    def attribute(self, problem: Problem, path: Path, track: Track) -> Attribution:
        """See `attribution.Backend`. Raises NumericsError if a gradient is not finite, naming model and sample."""
        weights = _mean_weights(problem) if self.gradient == "output" else None
        return score_ensemble(
            problem,
            lambda number: self._kernel(problem, number, weights),
            Strengths("ridge", self.ridges, self.ridge),
            self.identity(problem),
            path,
            track,
        )

    def _kernel(self, problem: Problem, number: int, weights: Tensor | None) -> "_Kernel":
        dimensions = max(1, min(self.dimensions, FEATURE_BYTES // (4 * len(problem.train))))
        gradients = ModelGradients(problem, number, dimensions)
        return _Kernel(gradients.train(self.gradient), gradients.target, weights, gradients.notes)


class _Kernel:
    """One model's training features Phi (n, k), and the ridge solves with them on their smaller side.

    left is Phi where k < n; else solves give the scores themselves.
    """

    def __init__(
        self, phi: Tensor, targets: Callable[[int, int], Tensor], weights: Tensor | None, notes: Mapping[str, Any]
    ) -> None:
        self.notes = notes
        self._phi, self._targets, self._weights = phi, targets, weights
        self._dual = phi.shape[0] <= phi.shape[1]
        self._gram = phi @ phi.T if self._dual else phi.T @ phi
        self.left = None if self._dual else phi if weights is None else phi * weights[:, None]

    def targets(self, start: int, stop: int) -> Tensor:
        """Features (m, k) of the targets' outputs, or in the dual form their products with Phi (m, n)."""
        features = self._targets(start, stop)
        return features @ self._phi.T if self._dual else features

    def solve(self, strength: float, targets: Tensor) -> Tensor:
        solved: Tensor = torch.cholesky_solve(targets.T, self._factor(strength)).T
        return solved * self._weights if self._dual and self._weights is not None else solved

    def self_influence(self, strength: float) -> Tensor:
        factor = self._factor(strength)
        if self._dual:
            # (K - K (K + lambda I)^-1 K) / lambda: its rounding error stays relative to each sample's own norm.
            inner = torch.linalg.solve_triangular(factor, self._gram, upper=False).square().sum(0)
            leverage: Tensor = (self._gram.diagonal() - inner) / self._shift(strength)
        else:
            leverage = torch.linalg.solve_triangular(factor, self._phi.T, upper=False).square().sum(0)
        return leverage.clamp(min=0) * (1 if self._weights is None else self._weights.square())

    def _shift(self, ridge: float) -> float:
        return ridge * float(self._gram.diagonal().sum()) / len(self._phi)

    def _factor(self, ridge: float) -> Tensor:
        factor: Tensor
        factor, failed = torch.linalg.cholesky_ex(self._gram + self._shift(ridge) * torch.eye(len(self._gram)))
        if failed:
            raise NumericsError(
                f"the gradients' Gram matrix is not positive definite at ridge {ridge}; "
                "the model's gradients may all be zero (a dead or saturated net)"
            )
        return factor


def _mean_weights(problem: Problem) -> Tensor:
    """(n_train,) Q of equation 13, averaged over the models."""
    total = torch.zeros(len(problem.train))
    with torch.no_grad():
        for make in problem.models:
            module = make()
            device = next(module.parameters()).device
            for start in range(0, len(total), BLOCK):
                inputs, labels = problem.train.batch(np.arange(start, min(start + BLOCK, len(total))))
                weight = problem.objective.seeds(module(inputs.to(device)), labels.to(device))[2]
                total[start : start + BLOCK] += weight.cpu() / len(problem.models)
    return total


BACKEND = Trak
