"""TRAK (Park et al. 2023), with tempered weights and a chosen ridge.

For each model m, with f the output, Q_m = -dL/df (1 - p for classification) and Phi_m the features of the training
samples' gradients of f, each times its Q_m^a:

    tau(., z) = Q^c * mean over m of Q_m^b * Phi_m (Phi_m^T Phi_m + lambda I)^-1 phi_m(z),   Q = mean over m of Q_m,
    lambda = ridge * mean_i |phi_i|^2

The paper's equation 17 has a = b = 0 and c = 1. A Newton step on the loss has the curvature p (1 - p) in the Gram
matrix, near a = 1/2. Between the two, tempered (`gradient="tempered"`), scores predict held-out runs best on both tasks
measured, as saturated samples neither dominate the Gram matrix nor vanish from the sum:
a = 1/4 with b = 1/4 and c = 0, or, for a pool, whose models did not train on every sample, b = 0 and c = 1/2.
`"output"` is equation 17 itself, which is right for least squares; `"loss"` has a = 1 and b = c = 0, the empirical
Fisher matrix, for any loss.

Features are the gradient coordinates that carry most energy instead of random projections, weighed by layer (see
`gradients.per_sample`), and the ridge is never zero.
"""

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from ...dataset import Track
from ...errors import InputError, NumericsError
from ...training.objectives import BINARY, CLASSIFICATION, REGRESSION
from ..attribution import Attribution, identity
from ..ensemble import score_ensemble
from ..gradients.model_gradients import BLOCK
from ..gradients.passes import Passed, Wanted, passes
from ..gradients.per_sample import EARLY, TEMPER, Quantity
from ..problem import Problem
from ..regression.soft_threshold import thresholded
from ..regularisation import Strengths

FEATURE_BYTES = 512 << 20
MANY_ROWS, ENERGY = 4096, 0.99
"""In pools, and beyond so many training rows, only those coordinates are kept that carry this share of the energy: on a
table of 20,000 rows 1,024 of 6,365 did as well as 4,096, in a fifth of the time; on one of 1,800, 1,662 in half of it.
"""
GIVEN_RIDGE, POOL_RIDGE = 0.5, 0.3
"""Defaults, of given models and of a pool's, whose runs may favour another ridge. Five given models of digits and
images have an LDS of .619 and .523 with .5, .604 and .518 with .3; pools of nets of three sets of images .614, .393 and
.591 with .5, .621, .407 and .601 with .3."""
POOL_ROWS = 2_000
"""Training rows beyond which a pool's default grows, with their power of 3/4. Of 2,000 rows of four tables .3 or 1 is
best, of 20,000 rows 1 or 3 (.3, .95 and 3: LDS .47, .51, .53 of flights, .56, .57, .57 of diamonds), of 80,000 from 3
on."""
GIVEN_CONVOLUTIONS = 0.5
"""Most of the weighed energy that first convolutions hold and are left out with, of given models: the LDS of five is
the same (.530, .533), and a pass takes two thirds of the time. In a pool of 20 it would fall from .614 to .598, and
without a perceptron's first layer, 46 %, by .08, so that this is for convolutions of given models alone."""
SHARES = (1.0, 0.5, 0.2, 0.1, 0.05, 0.02)
"""Shares of the scores among which `sparse` chooses."""


@dataclass(frozen=True)
class Trak:
    """Settings.

    dimensions   most gradient coordinates kept per model (fewer beyond FEATURE_BYTES)
    ridges       candidates, relative to the mean squared norm of a training sample's features
    ridge        used unless the runs favour another, see `choose_strength`; None for GIVEN_RIDGE, or a pool's default
    gradient     "tempered", "loss" or "output", see the module; None for the one that suits the objective
    sparse       threshold the scores softly, at a share of them that is cross-validated on a pool's runs
    """

    dimensions: int = 4096
    ridges: tuple[float, ...] = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
    ridge: float | None = None
    gradient: Literal["tempered", "loss", "output"] | None = None
    sparse: bool = False

    def __post_init__(self) -> None:
        if self.gradient not in (None, "tempered", "loss", "output"):
            raise InputError(f"gradient: expected 'tempered', 'loss' or 'output', found {self.gradient!r}")
        if self.dimensions < 1 or not all(ridge is None or ridge > 0 for ridge in (self.ridge, *self.ridges)):
            found = f"dimensions={self.dimensions}, ridges={self.ridges}, ridge={self.ridge}"
            raise InputError(f"backend 'trak': expected positive dimensions and ridges, found {found}")

    needs = ("models",)

    def identity(self, problem: Problem) -> Mapping[str, Any]:
        """See `attribution.Backend`."""
        return identity("trak", asdict(self), problem)

    def attribute(self, problem: Problem, path: Path, track: Track) -> Attribution:
        """See `attribution.Backend`. Raises NumericsError if a gradient is not finite, naming model and sample."""
        if not self.sparse:
            return self._dense(problem, path, track)
        with tempfile.TemporaryDirectory(prefix="dataaudit-") as folder:
            dense = self._dense(problem, Path(folder) / "whole.h5", track)
            fixed = replace(self, ridges=(dense.provenance["ridge"],), ridge=dense.provenance["ridge"])
            return thresholded(problem, dense, lambda part, file: fixed._dense(part, file, track), SHARES, path)

    def _dense(self, problem: Problem, path: Path, track: Track) -> Attribution:
        weighting = self._weighting(problem)
        of_pool = round(POOL_RIDGE * max(1.0, len(problem.train) / POOL_ROWS) ** 0.75, 2)
        ridge = self.ridge or (GIVEN_RIDGE if problem.runs is None else of_pool)
        factor = None if weighting.mean_exponent == 0 else _mean_weights(problem).pow(weighting.mean_exponent)
        return score_ensemble(
            problem,
            lambda numbers: self._kernels(problem, numbers, weighting, factor),
            Strengths("ridge", self.ridges, ridge),
            self.identity(problem),
            path,
            track,
        )

    def _weighting(self, problem: Problem) -> "_Weighting":
        """Raises InputError where tempering makes no sense."""
        probabilities = problem.objective in (CLASSIFICATION, BINARY)
        default = "tempered" if probabilities else "output" if problem.objective == REGRESSION else "loss"
        gradient = self.gradient or default
        if gradient == "tempered" and not probabilities:
            raise InputError(
                f"gradient 'tempered' needs the error probability of a classifier, found the objective "
                f"{problem.objective.name!r}; take 'loss' or 'output'"
            )
        if gradient == "tempered":
            return _Weighting("tempered", 0.25, 0.0) if problem.runs is None else _Weighting("tempered", 0.0, 0.5)
        return _Weighting("output", 0.0, 1.0) if gradient == "output" else _Weighting("loss", 0.0, 0.0)

    def _kernels(
        self, problem: Problem, numbers: range, weighting: "_Weighting", mean: Tensor | None
    ) -> "Iterator[_Kernel]":
        dimensions = max(1, min(self.dimensions, FEATURE_BYTES // (4 * len(problem.train))))
        energy = 1.0 if problem.runs is None and len(problem.train) <= MANY_ROWS else ENERGY
        convolutions = GIVEN_CONVOLUTIONS if problem.runs is None else EARLY
        passed = passes(problem, numbers, Wanted(dimensions, weighting.quantity, energy, convolutions))
        return map(partial(_Kernel, weighting=weighting, mean=mean), passed)


@dataclass(frozen=True)
class _Weighting:
    """The quantity whose gradients are the features, and the exponents b and c of the module docstring."""

    quantity: Quantity
    model_exponent: float
    mean_exponent: float


class _Kernel:
    """One model's training features Phi (n, k), and the ridge solves with them on their smaller side.

    left is Phi where k < n; else solves give the scores themselves.
    """

    def __init__(self, passed: Passed, weighting: _Weighting, mean: Tensor | None) -> None:
        """`mean` (n,) is Q^c; None for 1."""
        phi, weights = passed.train, passed.weights
        self.notes = passed.notes
        self._phi, self._targets = phi, passed.target
        # Multiplies each training sample's scores.
        self._factor = factor = mean if weighting.model_exponent == 0 else weights.pow(weighting.model_exponent)
        self._self_weights = torch.ones(())  # turn leverage into self-influence
        if factor is not None:
            # A sample's own loss rises by Q times what its output falls, and its output's features are phi / Q^a.
            inside = weights.pow(TEMPER) if weighting.quantity == "tempered" else torch.ones_like(weights)
            self._self_weights = factor * weights / inside.clamp(min=1e-6)
        self._dual = phi.shape[0] <= phi.shape[1]
        self._gram = phi @ phi.T if self._dual else phi.T @ phi
        self._solver: tuple[float, Tensor] | None = None
        self.left: Tensor | None = None
        if not self._dual:
            self.left = phi if factor is None else phi.mul_(factor[:, None])  # in place: it may take half a gigabyte

    def targets(self, start: int, stop: int) -> Tensor:
        """Features (m, k) of the targets' outputs, or in the dual form their products with Phi (m, n)."""
        features = self._targets(start, stop)
        return features @ self._phi.T if self._dual else features

    def solve(self, strength: float, targets: Tensor) -> Tensor:
        solved: Tensor = torch.cholesky_solve(targets.T, self._cholesky(strength)).T
        return solved if self._factor is None or not self._dual else solved * self._factor

    def self_influence(self, strength: float) -> Tensor:
        factor = self._cholesky(strength)
        if self._dual:
            # (K - K (K + lambda I)^-1 K) / lambda: its rounding error stays relative to each sample's own norm.
            inner = torch.linalg.solve_triangular(factor, self._gram, upper=False).square().sum(0)
            leverage: Tensor = (self._gram.diagonal() - inner) / self._shift(strength)
        else:
            leverage = torch.cat(
                [torch.linalg.solve_triangular(factor, rows.T, upper=False).square().sum(0) for rows in self._scaled()]
            )
        return (leverage.clamp(min=0) * self._self_weights).clamp(min=0)

    def _scaled(self) -> Iterator[Tensor]:
        """Phi in blocks, out of left."""
        for start in range(0, len(self._phi), BLOCK):
            rows = self._phi[start : start + BLOCK]
            if self._factor is not None:
                factor = self._factor[start : start + BLOCK, None]
                rows = rows / torch.where(factor == 0, 1.0, factor)
            yield rows

    def _shift(self, ridge: float) -> float:
        return ridge * float(self._gram.diagonal().sum()) / len(self._phi)

    def _cholesky(self, ridge: float) -> Tensor:
        if self._solver is not None and self._solver[0] == ridge:
            return self._solver[1]
        factor: Tensor
        factor, failed = torch.linalg.cholesky_ex(_shifted(self._gram, self._shift(ridge)))
        if failed:
            raise NumericsError(
                f"the gradients' Gram matrix is not positive definite at ridge {ridge}; "
                "the model's gradients may all be zero (a dead or saturated net)"
            )
        self._solver = ridge, factor
        return factor


def _shifted(gram: Tensor, shift: float) -> Tensor:
    shifted = gram.clone()
    shifted.diagonal().add_(shift)
    return shifted


def _mean_weights(problem: Problem) -> Tensor:
    """(n_train,) Q of equation 13, averaged over the models."""
    if problem.doubts is not None:
        return torch.from_numpy(problem.doubts)
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
