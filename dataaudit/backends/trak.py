"""TRAK (Park et al. 2023), with loss gradients and a chosen ridge.

For each model m, with Phi the features of the training rows' log-likelihood gradients and phi(z) those of the
target's margin gradient:

    tau_m(., z) = Phi (Phi^T Phi + lambda I)^-1 phi(z),    lambda = ridge * mean_i |phi_i|^2

averaged over models. The paper's equation 17 takes margin gradients for the training rows too and multiplies by the
mean of 1 - p_i afterwards; here 1 - p_i is inside Phi, which predicts held-out runs better. Features are the gradient
coordinates that carry most energy instead of random projections, the ridge is never zero and is chosen on held-out
subsets of a pool, and scores are not thresholded.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .. import __version__, store
from ..attribution import Attribution
from ..dataset import Track
from ..errors import NumericsError, SampleError
from ..evaluation import choosing_subsets, lds
from ..gradients import SAMPLE, GradientFeatures, Of
from ..problem import Problem, Runs, Samples

FEATURE_BYTES = 512 << 20
BLOCK = 1024
"""Samples that are loaded, and targets that are scored, at a time."""


@dataclass(frozen=True)
class Trak:
    """Settings.

    dimensions   most gradient coordinates kept per model (fewer beyond FEATURE_BYTES)
    ridges       candidates, relative to the mean squared norm of a training row's features
    ridge        the one that is taken when there are no runs to choose by
    choosing     models used to choose the ridge
    """

    dimensions: int = 4096
    ridges: tuple[float, ...] = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
    ridge: float = 0.3
    choosing: int = 4

    def identity(self, problem: Problem) -> Mapping[str, Any]:
        """See `attribution.Backend`."""
        return {
            "backend": "trak",
            "settings": {**asdict(self), "ridges": list(self.ridges)},
            "dataaudit": __version__,
            "torch": torch.__version__,
            **problem.identity,
        }

    def attribute(self, problem: Problem, path: Path, track: Track) -> Attribution:
        """See `attribution.Backend`. Raises NumericsError if a gradient is not finite, naming model and sample."""
        train, target, runs = problem.train, problem.target, problem.runs
        n_models = len(problem.models)
        contrasts = torch.zeros(0, len(train))
        ridge, quality = self.ridge, {}
        if runs is not None:
            contrasts = torch.from_numpy(runs.subset_masks().astype(np.float32) - 0.5)
            quality = self._quality_by_ridge(problem, runs, contrasts, track)
            ridge = max(quality, key=lambda candidate: quality[candidate])
        predictions = np.zeros((n_models, len(contrasts), len(target)), np.float32)
        self_influence = np.zeros(len(train), np.float32)
        energy = []
        with store.writing(path, train.ids, target.ids) as file:
            for number in track(range(n_models), "attributing", n_models):
                kernel = self._kernel(problem, number)
                energy.append(kernel.map.energy)
                for start in range(0, len(target), BLOCK):
                    block = kernel.scores(ridge, kernel.targets(target, start))
                    predictions[number, :, start : start + BLOCK] = (contrasts @ block).numpy()
                    file.add(start, (block / n_models).numpy())
                self_influence += kernel.self_influence(ridge).numpy() / n_models
            held_out, slope = predictions[0], 1.0
            if runs is not None:
                held_out = _leave_out(runs, predictions)
                chosen = choosing_subsets(runs)
                slope = _slope(runs.subset_margins()[chosen], held_out[chosen])
            provenance = {
                "identity": self.identity(problem),
                "ridge": ridge,
                "lds_by_ridge": {str(candidate): value for candidate, value in quality.items()},
                "slope": slope,
                "coverage": kernel.map.coverage,
                "energy": float(np.mean(energy)),
                "coordinates": kernel.map.dimensions,
            }
            file.finish(self_influence, held_out, provenance)
        return Attribution.load(path)

    def _quality_by_ridge(self, problem: Problem, runs: Runs, contrasts: Tensor, track: Track) -> dict[float, float]:
        """Each ridge's LDS on the choosing subsets."""
        target = problem.target
        numbers = range(min(self.choosing, len(problem.models)))
        predictions = np.zeros((len(self.ridges), len(numbers), len(contrasts), len(target)), np.float32)
        for number in track(numbers, "choosing the ridge", len(numbers)):
            kernel = self._kernel(problem, number)
            combined = torch.stack([kernel.combined(ridge, contrasts) for ridge in self.ridges])
            for start in range(0, len(target), BLOCK):
                predictions[:, number, :, start : start + BLOCK] = (combined @ kernel.targets(target, start).T).numpy()
        chosen = choosing_subsets(runs)
        actual = runs.subset_margins()[chosen]
        return {
            ridge: float(np.nan_to_num(np.nanmean(lds(actual, _leave_out(runs, predicted)[chosen]))))
            for ridge, predicted in zip(self.ridges, predictions, strict=True)
        }

    def _kernel(self, problem: Problem, number: int) -> "_Kernel":
        train = problem.train
        spread = np.linspace(0, len(train) - 1, min(SAMPLE, len(train))).astype(np.int64)
        dimensions = max(1, min(self.dimensions, FEATURE_BYTES // (4 * len(train))))
        with _naming(number, train, spread):
            gradients = GradientFeatures(
                problem.models[number](), train.inputs(spread), torch.from_numpy(train.labels[spread]), dimensions
            )
        phi = torch.empty(len(train), gradients.dimensions)
        doubt = torch.empty(len(train))
        for start in range(0, len(train), BLOCK):
            phi[start : start + BLOCK], doubt[start : start + BLOCK] = _features(
                gradients, number, train, start, "loss"
            )
        return _Kernel(number, gradients, phi, doubt)


class _Kernel:
    """One model's training features Phi (n, k), and the ridge solves with them on their smaller side."""

    def __init__(self, number: int, gradients: GradientFeatures, phi: Tensor, doubt: Tensor) -> None:
        self.number = number
        self.map = gradients
        self._phi, self._doubt = phi, doubt
        self._dual = phi.shape[0] <= phi.shape[1]
        self._gram = phi @ phi.T if self._dual else phi.T @ phi

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

    def targets(self, target: Samples, start: int) -> Tensor:
        """Margin gradient features (t, k) of one block of targets."""
        return _features(self.map, self.number, target, start, "margin")[0]

    def combined(self, ridge: float, weights: Tensor) -> Tensor:
        """weights (m, n) times Phi (Phi^T Phi + lambda I)^-1: (m, k)."""
        if self._dual:
            return torch.cholesky_solve(weights.T, self._factor(ridge)).T @ self._phi
        return torch.cholesky_solve((weights @ self._phi).T, self._factor(ridge)).T

    def scores(self, ridge: float, targets: Tensor) -> Tensor:
        """(n, t) for target features (t, k)."""
        factor = self._factor(ridge)
        if self._dual:
            return torch.cholesky_solve(self._phi @ targets.T, factor)
        return self._phi @ torch.cholesky_solve(targets.T, factor)

    def self_influence(self, ridge: float) -> Tensor:
        """(n,) score of each training row on its own margin; its margin gradient is its loss gradient over 1 - p."""
        factor = self._factor(ridge)
        if self._dual:
            # (K - K (K + lambda I)^-1 K) / lambda: its rounding error stays relative to each row's own norm.
            inner = torch.linalg.solve_triangular(factor, self._gram, upper=False).square().sum(0)
            leverage: Tensor = (self._gram.diagonal() - inner) / self._shift(ridge)
        else:
            leverage = torch.linalg.solve_triangular(factor, self._phi.T, upper=False).square().sum(0)
        return leverage.clamp(min=0) / self._doubt.clamp(min=1e-6)


def _features(gradients: GradientFeatures, number: int, samples: Samples, start: int, of: Of) -> tuple[Tensor, Tensor]:
    """Features and 1 - p of one block of samples."""
    positions = np.arange(start, min(start + BLOCK, len(samples)))
    with _naming(number, samples, positions):
        return gradients(samples.inputs(positions), torch.from_numpy(samples.labels[positions]), of)


@contextmanager
def _naming(number: int, samples: Samples, positions: NDArray[np.int64]) -> Iterator[None]:
    """Errors about a position become errors about a model and a sample."""
    try:
        yield
    except SampleError as error:
        name = samples.ids[positions[error.position]]
        raise NumericsError(f"model {number}: {error.what} of {name!r} is not finite") from error


def _leave_out(runs: Runs, predictions: NDArray[np.float32]) -> NDArray[np.float32]:
    """(S, t) from (models, S, t): each subset's prediction averaged over the models trained on another subset."""
    others = [runs.subsets[: len(predictions)] != subset for subset in runs.distinct()]
    return np.stack([predictions[other, j].mean(0) for j, other in enumerate(others)])


def _slope(actual: NDArray[np.float32], predicted: NDArray[np.float32]) -> float:
    """Least-squares slope of actual on predicted, both centred per target; 1.0 where nothing was predicted."""
    a, p = actual - actual.mean(0), predicted - predicted.mean(0)
    square = float((p * p).sum())
    return float((a * p).sum()) / square if square > 0 else 1.0


BACKEND = Trak
