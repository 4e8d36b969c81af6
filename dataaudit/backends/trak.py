"""TRAK (Park et al. 2023) on the pool's models, with loss gradients and a chosen ridge.

For each model m, with Phi the features of the training rows' log-likelihood gradients and phi(z) those of the
target's margin gradient:

    tau_m(., z) = Phi (Phi^T Phi + lambda I)^-1 phi(z),    lambda = ridge * mean_i |phi_i|^2

averaged over models. The paper's equation 17 takes margin gradients for the training rows too and multiplies by the
mean of 1 - p_i afterwards; here 1 - p_i is inside Phi, which predicts held-out runs better. Features are the gradient
coordinates that carry most energy instead of random projections, the ridge is never zero and is chosen on held-out
subsets of the pool, and scores are not thresholded.
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
from ..evaluation import distinct_subsets, lds, subset_margins
from ..gradients import GradientFeatures, Of
from ..pool import Pool

FEATURE_BYTES = 512 << 20
TARGET_BLOCK = 1024


@dataclass(frozen=True)
class Trak:
    """Settings.

    dimensions   most gradient coordinates kept per model (fewer beyond FEATURE_BYTES)
    ridges       candidates, relative to the mean squared norm of a training row's features
    choosing     models used to choose the ridge
    """

    dimensions: int = 4096
    ridges: tuple[float, ...] = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
    choosing: int = 4

    def identity(self, pool: Pool) -> Mapping[str, Any]:
        """See `attribution.Backend`."""
        return {
            "backend": "trak",
            "settings": {**asdict(self), "ridges": list(self.ridges)},
            "runs": len(pool),
            "seeds": pool.seeds.tolist(),
            "data": pool.dataset.fingerprint,
            "recipe": dict(pool.learner.recipe),
            "dataaudit": __version__,
            "torch": torch.__version__,
        }

    def attribute(self, pool: Pool, path: Path, track: Track) -> Attribution:
        """See `attribution.Backend`. Raises NumericsError if a gradient is not finite, naming run and sample."""
        dataset = pool.dataset
        train, target = dataset.rows("train"), dataset.rows(dataset.target_split)
        subsets, choosing = distinct_subsets(pool)
        first = [int(np.flatnonzero(pool.subsets == subset)[0]) for subset in subsets]
        contrasts = torch.from_numpy(pool.masks[first][:, train].astype(np.float32) - 0.5)
        actual = subset_margins(pool, target)

        runs = range(min(self.choosing, len(pool)))
        by_ridge = np.stack(
            [
                self._predict_by_ridge(pool, run, train, target, contrasts)
                for run in track(runs, "choosing ridge", len(runs))
            ]
        )
        quality = [
            float(np.nan_to_num(np.nanmean(lds(actual[choosing], _leave_out(pool, by_ridge[:, i])[choosing]))))
            for i in range(len(self.ridges))
        ]
        ridge = self.ridges[int(np.argmax(quality))]

        predictions = np.zeros((len(pool), len(subsets), len(target)), np.float32)
        self_influence = np.zeros(len(train), np.float32)
        energy = []
        with store.writing(path, [dataset.ids[i] for i in train], [dataset.ids[i] for i in target]) as file:
            for run in track(range(len(pool)), "attributing", len(pool)):
                kernel = self._kernel(pool, run, train)
                energy.append(kernel.map.energy)
                for start in range(0, len(target), TARGET_BLOCK):
                    rows = target[start : start + TARGET_BLOCK]
                    block = kernel.scores(ridge, _features(pool, run, kernel.map, rows, "margin")[0])
                    predictions[run, :, start : start + TARGET_BLOCK] = (contrasts @ block).numpy()
                    file.add(start, (block / len(pool)).numpy())
                self_influence += kernel.self_influence(ridge).numpy() / len(pool)
            held_out = _leave_out(pool, predictions)
            slope = _slope(actual[choosing], held_out[choosing])
            provenance = {
                "identity": self.identity(pool),
                "ridge": ridge,
                "lds_by_ridge": dict(zip(map(str, self.ridges), quality, strict=True)),
                "slope": slope,
                "coverage": kernel.map.coverage,
                "energy": float(np.mean(energy)),
                "coordinates": kernel.map.dimensions,
            }
            file.finish(self_influence, held_out, provenance)
        return Attribution.load(path)

    def _predict_by_ridge(
        self, pool: Pool, run: int, train: NDArray[np.int64], target: NDArray[np.int64], contrasts: Tensor
    ) -> NDArray[np.float32]:
        """(len(ridges), S, t) predicted margins of the subsets, up to a constant per target."""
        kernel = self._kernel(pool, run, train)
        combined = [kernel.combined(ridge, contrasts) for ridge in self.ridges]
        blocks = []
        for start in range(0, len(target), TARGET_BLOCK):
            features = _features(pool, run, kernel.map, target[start : start + TARGET_BLOCK], "margin")[0]
            blocks.append(torch.stack([rows @ features.T for rows in combined]))
        return torch.cat(blocks, 2).numpy()

    def _kernel(self, pool: Pool, run: int, train: NDArray[np.int64]) -> "_Kernel":
        dataset = pool.dataset
        inputs, labels = pool.learner.tensors(dataset, train), torch.from_numpy(dataset.targets[train])
        dimensions = min(self.dimensions, FEATURE_BYTES // (4 * len(train)))
        with _naming(pool, run, train):
            gradients = GradientFeatures(pool.model(run), inputs, labels, dimensions)
        return _Kernel(gradients, *_features(pool, run, gradients, train, "loss"))


class _Kernel:
    """One model's training features Phi (n, k), and the ridge solves with them on their smaller side."""

    def __init__(self, gradients: GradientFeatures, phi: Tensor, doubt: Tensor) -> None:
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


def _features(
    pool: Pool, run: int, gradients: GradientFeatures, rows: NDArray[np.int64], of: Of
) -> tuple[Tensor, Tensor]:
    """Features and 1 - p of dataset rows."""
    labels = torch.from_numpy(pool.dataset.targets[rows])
    with _naming(pool, run, rows):
        return gradients(pool.learner.tensors(pool.dataset, rows), labels, of)


@contextmanager
def _naming(pool: Pool, run: int, rows: NDArray[np.int64]) -> Iterator[None]:
    """Errors about a position become errors about a run and a sample."""
    try:
        yield
    except SampleError as error:
        raise NumericsError(
            f"run {run}: {error.what} of {pool.dataset.ids[rows[error.position]]!r} is not finite"
        ) from error


def _leave_out(pool: Pool, predictions: NDArray[np.float32]) -> NDArray[np.float32]:
    """(S, t) from (runs, S, t): each subset's prediction averaged over the runs that were trained on another subset."""
    subsets = np.unique(pool.subsets)
    return np.stack([predictions[(pool.subsets != s)[: len(predictions)], j].mean(0) for j, s in enumerate(subsets)])


def _slope(actual: NDArray[np.float32], predicted: NDArray[np.float32]) -> float:
    """Least-squares slope of actual on predicted, both centred per target; 1.0 where nothing was predicted."""
    a, p = actual - actual.mean(0), predicted - predicted.mean(0)
    square = float((p * p).sum())
    return float((a * p).sum()) / square if square > 0 else 1.0


BACKEND = Trak
