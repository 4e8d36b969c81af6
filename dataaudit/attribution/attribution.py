"""Attribution: how much each training sample moves each target's output, read lazily from a file."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from ..dataset import Track
from ..errors import InputError
from ..versions import VERSION
from . import store
from .problem import Problem

BLOCK_BYTES = 256 << 20


@dataclass(frozen=True)
class Attribution:
    """Scores (n_train, n_target): the predicted drop of the target's output when the training sample is removed.

    Positive means that including the sample raises the target's output. Units are those of the output (for
    classification the margin log p/(1 - p)): the backend's raw scores times one slope fitted on runs of the pool.

    self_influence   (n_train,) predicted rise of each training sample's own loss when it is removed, never negative;
                     None where the backend has none
    held_out         (n_subsets, n_target) predicted margins of the pool's distinct subsets, up to a constant per
                     target, each made without the runs on that subset; what the scores' trust is measured on
    provenance       backend and its settings, slope, fingerprints, seed, versions
    """

    path: Path
    train_ids: tuple[str, ...]
    target_ids: tuple[str, ...]
    self_influence: NDArray[np.float32] | None
    held_out: NDArray[np.float32]
    provenance: Mapping[str, Any]

    @classmethod
    def load(cls, path: Path | str) -> "Attribution":
        """Open a score file. Raises InputError if it is none."""
        header = store.read_header(Path(path))
        slope = np.float32(header.provenance["slope"])
        return cls(
            Path(path),
            header.train_ids,
            header.target_ids,
            None if header.self_influence is None else header.self_influence * slope,
            header.held_out * slope,
            header.provenance,
        )

    def __repr__(self) -> str:
        n_train, n_target = self.shape
        return f"Attribution({n_train} training samples x {n_target} targets, {self.provenance['identity']['backend']})"

    def save(self, path: Path | str) -> None:
        """Copy the score file to `path`, whole or not at all. Raises InputError if it can't be written there."""
        store.copy(self.path, Path(path))

    @property
    def shape(self) -> tuple[int, int]:
        """(n_train, n_target)."""
        return len(self.train_ids), len(self.target_ids)

    def scores(self, start: int = 0, stop: int | None = None) -> NDArray[np.float32]:
        """Scores float32 (n_train, stop - start) of a range of targets, all of them by default."""
        stop = self.shape[1] if stop is None else stop
        if not 0 <= start <= stop <= self.shape[1]:
            raise InputError(f"targets {start} to {stop} asked for, but there are {self.shape[1]}")
        return store.read_columns(self.path, slice(start, stop)) * np.float32(self.provenance["slope"])

    def of_targets(self, columns: NDArray[np.int64]) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """(position, scores (n_train,)) of each of these targets, by their positions (m,) in increasing order.

        They are computed in blocks of at most 256 MiB: of factors one alone costs nearly as much as a hundred.
        """
        width = max(1, BLOCK_BYTES // (4 * max(1, self.shape[0])))
        for start in range(0, len(columns), width):
            some = columns[start : start + width]
            scores = store.read_columns(self.path, some) * np.float32(self.provenance["slope"])
            yield from zip(some.tolist(), scores.T, strict=True)

    def blocks(self, negligible: float = 0.0) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """(first target, scores (n_train, m)) for all targets, in blocks of at most 256 MiB.

        negligible   for estimates, of scores that are kept as products: see `store.read_columns`
        """
        width = max(1, BLOCK_BYTES // (4 * max(1, self.shape[0])))
        for start in range(0, self.shape[1], width):
            stop = min(start + width, self.shape[1])
            yield (
                start,
                store.read_columns(self.path, slice(start, stop), negligible) * np.float32(self.provenance["slope"]),
            )

    def top(self, k: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Positions and scores, (n_target, k) each, of the training samples with the largest scores, best first."""
        k = min(k, self.shape[0])
        positions = np.empty((self.shape[1], k), np.int64)
        values = np.empty((self.shape[1], k), np.float32)
        for start, block in self.blocks():
            largest = torch.from_numpy(block).topk(k, dim=0)
            positions[start : start + block.shape[1]] = largest.indices.T
            values[start : start + block.shape[1]] = largest.values.T
        return positions, values

    def sums(self, weights: NDArray[np.float32]) -> NDArray[np.float32]:
        """Weighted sums over training samples, (m, n_target) for weights (m, n_train): subsets as 0-1 rows.

        What training on a subset is predicted to do, up to a constant for each target.
        """
        weights = np.asarray(weights, np.float32)
        if weights.ndim != 2 or weights.shape[1] != self.shape[0]:
            raise InputError(f"weights: expected rows of {self.shape[0]} training samples, found {weights.shape}")
        return store.weighted_sums(self.path, weights) * np.float32(self.provenance["slope"])

    def sums_over_targets(self, weights: NDArray[np.floating] | None = None) -> NDArray[np.float32]:
        """(n_train,) each training sample's summed score over all targets, each times its weight (n_target,)."""
        weights = np.ones(self.shape[1]) if weights is None else weights
        return store.sums_over_targets(self.path, weights.astype(np.float32)) * np.float32(self.provenance["slope"])

    def at(self, train: NDArray[np.int64], target: NDArray[np.int64]) -> NDArray[np.float32]:
        """Single scores (m,), by positions (m,) of training samples and targets."""
        return store.read_elements(self.path, train, target) * np.float32(self.provenance["slope"])


def identity(backend: str, settings: Mapping[str, Any], problem: Problem) -> dict[str, Any]:
    """What a backend's scores depend on, as plain JSON-compatible data."""
    return {
        "backend": backend,
        "settings": {name: list(value) if isinstance(value, tuple) else value for name, value in settings.items()},
        "dataaudit": VERSION,
        "torch": torch.__version__,
        **problem.identity,
    }


def require(backend: "Backend", name: str, problem: Problem) -> None:
    """Raises InputError if the problem lacks what the backend needs."""
    if "models" in backend.needs and not problem.models:
        raise InputError(
            f"the backend {name!r} needs the gradients of trained torch modules, and there are only runs; "
            "'datamodels' works from runs alone"
        )
    if "linear" in backend.needs and problem.linear is None:
        raise InputError(
            f"the backend {name!r} serves audits by one of our linear learners (texts, features, 'linear'), and a "
            "single trained model of one linear layer with biases on at most 2,048 fixed inputs; 'influence' with "
            "solver='newton' is exact for other convex models"
        )
    if "trees" in backend.needs and not problem.trees:
        raise InputError(f"the backend {name!r} serves audits whose learner is a tree or an ensemble of trees")
    if "runs" in backend.needs and problem.runs is None:
        raise InputError(f"the backend {name!r} needs the outcomes of training on known subsets: pass Runs of your own")


class Backend(Protocol):
    """A plugin of `backends`.

    needs   "models": trained torch modules; "runs": outcomes of training on known subsets; "linear": a linear learner;
            "trees": a learner of trees; "inputs": no more than the samples

    Those with `is_baseline` say what is like what and know nothing of influence.
    """

    needs: tuple[str, ...]

    def identity(self, problem: Problem) -> Mapping[str, Any]:
        """What the scores depend on, as plain data: kept scores are reused if their provenance has the same."""

    def attribute(self, problem: Problem, path: Path, track: Track) -> Attribution:
        """Score every training sample on every target."""
