"""Problem: what an attribution backend is given, whether it comes from a pool or from a user's own models."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from ..dataset import Dataset
from ..errors import InputError, NumericsError
from ..training.learning import Differentiable, LearningAlgorithm, has_trees, is_linear, is_seedless
from ..training.objectives import CLASSIFICATION, OF_TASK, Objective
from ..training.pool import Pool
from .leaves import PoolLeaves

ROWS = 4096
"""Runs hashed at a time."""


@dataclass(frozen=True)
class DatasetInputs:
    """A dataset's rows as a learner's modules take them."""

    dataset: Dataset
    learner: LearningAlgorithm
    rows: NDArray[np.int64]

    def __call__(self, positions: NDArray[np.int64]) -> Tensor:
        return cast(Differentiable, self.learner).tensors(self.dataset, self.rows[positions])


@dataclass(frozen=True)
class PoolModel:
    """Makes the trained module of one of a pool's runs, see `Pool.model`."""

    pool: Pool
    run: int
    back: int

    def __call__(self) -> nn.Module:
        return self.pool.model(self.run, self.back)

    def state(self) -> dict[str, Any]:
        """What the learner's module is to load."""
        return self.pool.state(self.run, self.back)


@dataclass(frozen=True)
class Samples:
    """n labelled samples as model inputs.

    labels   (n, ...) class numbers, or other labels that the objective takes
    inputs   gives the batch for positions among the n
    """

    ids: tuple[str, ...]
    labels: NDArray[Any]
    inputs: Callable[[NDArray[np.int64]], Tensor]

    @classmethod
    def from_dataset(
        cls,
        dataset: Dataset,
        learner: LearningAlgorithm,
        rows: NDArray[np.int64],
        labels: NDArray[Any] | None = None,
    ) -> "Samples":
        """Rows of a dataset as a learner's modules take them, under their given labels or these (len(rows), ...)."""
        labels = dataset.targets[rows] if labels is None else labels
        if dataset.task == "regression":
            labels = labels.astype(np.float32)
        return cls(tuple(dataset.ids[row] for row in rows), labels, DatasetInputs(dataset, learner, rows))

    def __len__(self) -> int:
        return len(self.ids)

    def batch(self, positions: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
        """Inputs and labels of these samples."""
        return self.inputs(positions), torch.from_numpy(self.labels[positions])

    def require_finite(self, values: Tensor, what: str, start: int = 0) -> None:
        """Raises NumericsError, naming the sample, for values (m, k) of the m from `start` on that are not finite."""
        broken = torch.nonzero(~torch.isfinite(values).all(1)).flatten()
        if len(broken):
            raise NumericsError(f"{what} of {self.ids[start + int(broken[0])]!r} is not finite")

    def spread(self, count: int) -> NDArray[np.int64]:
        """Positions of at most `count` samples, evenly spaced."""
        return np.linspace(0, len(self) - 1, min(count, len(self))).astype(np.int64)


@dataclass(frozen=True)
class Runs:
    """What training on R known subsets of the training samples did to the targets, by which samples were in them.

    masks     (R, n_train) bool
    margins   (R, n_target) the output of each target, for classification the margin of its label, log p / (1 - p)
    subsets   (R,) runs with equal numbers were trained on the same samples, with different seeds
    seedless  whether another run on the same samples would give the same margins
    """

    masks: NDArray[np.bool_]
    margins: NDArray[np.float32]
    subsets: NDArray[np.int64]
    seedless: bool = False

    def distinct(self) -> NDArray[np.int64]:
        """Numbers of the S distinct subsets, ascending."""
        return np.unique(self.subsets)

    def subset_masks(self) -> NDArray[np.bool_]:
        """(S, n_train)."""
        return self.masks[np.unique(self.subsets, return_index=True)[1]]

    def subset_margins(self) -> NDArray[np.float32]:
        """(S, n_target), averaged over the runs on each distinct subset."""
        _, subset, counts = np.unique(self.subsets, return_inverse=True, return_counts=True)
        total = np.zeros((len(counts), self.margins.shape[1]))
        np.add.at(total, subset, self.margins)
        return (total / counts[:, None]).astype(np.float32)


@dataclass(frozen=True)
class Linear:
    """A learner whose outputs are linear in its inputs and a constant.

    outputs   how many there are
    penalty   it minimises the sum of losses + penalty / 2 |parameters|^2, in units of the outputs
    fit       its model of all training samples, each loss times this weight
    scaling   what the module's inputs go through before they are weighed
    weight    to score with, where the model is not fitted again; None to find one
    """

    outputs: int
    penalty: float
    fit: Callable[[float], nn.Module]
    scaling: nn.Module = field(default_factory=nn.Sequential)
    weight: float | None = None


@dataclass(frozen=True)
class Problem:
    """Models, training samples and targets.

    models     each makes one trained module in evaluation mode; there are none where only runs are known
    doubts     (n_train,) 1 - p of each training sample's label, averaged over a pool's runs; None where there is none
    run_of     (n_models,) which run each model is of, where there are runs; a run may have left several snapshots
    identity   what the result depends on besides the backend, as plain data
    linear     the learner, where it is linear in fixed inputs
    trees      the leaves of a pool's first runs, where its models consist of trees
    self_influence   whether that of the training samples is asked for as well
    """

    models: tuple[Callable[[], nn.Module], ...]
    train: Samples
    target: Samples
    objective: Objective
    runs: Runs | None
    identity: Mapping[str, Any]
    doubts: NDArray[np.float32] | None = None
    run_of: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    linear: Linear | None = None
    trees: PoolLeaves | None = None
    self_influence: bool = True

    @property
    def parts(self) -> tuple[Samples, Samples]:
        """Training samples and targets."""
        return self.train, self.target

    @classmethod
    def from_pool(
        cls,
        pool: Pool,
        labels: NDArray[Any] | None = None,
        rows: NDArray[np.int64] | None = None,
        max_models: int | None = None,
        surrogate: Pool | None = None,
    ) -> "Problem":
        """A pool's models, its training split, and its target split under the given labels or these (n_target,).

        rows        dataset rows to be the targets instead of the target split
        max_models  how many of the models to use, all by default
        surrogate   a pool on the same subsets whose models give the gradients that the pool's own can't
        """
        dataset, gradient_pool = pool.dataset, surrogate or pool
        train = dataset.rows("train")
        target = dataset.rows(dataset.target_split) if rows is None else rows
        target_labels = dataset.targets[target]
        if labels is not None:
            target_labels = checked_labels(labels, len(target), len(dataset.class_names))

        # Final models come first, since it is the first few that regularisation is chosen with.
        backs, run_of = np.nonzero(np.arange(gradient_pool.snapshots.max(initial=0))[:, None] < gradient_pool.snapshots)
        is_classification = dataset.task == "classification"
        return cls(
            models=tuple(
                PoolModel(gradient_pool, int(run), int(back)) for run, back in zip(run_of, backs, strict=True)
            )[:max_models],
            train=Samples.from_dataset(dataset, gradient_pool.learner, train),
            target=Samples.from_dataset(dataset, gradient_pool.learner, target, target_labels),
            objective=OF_TASK[dataset.task],
            runs=Runs(
                pool.masks[:, train], pool.margins(target, target_labels), pool.subsets, is_seedless(pool.learner)
            ),
            identity={
                "data": dataset.fingerprint,
                "recipe": dict(pool.learner.recipe),
                "seeds": pool.seeds.tolist(),
                **({} if labels is None else {"labels": target_labels.tolist()}),
                **({} if rows is None else {"rows": rows.tolist()}),
                **({} if max_models is None else {"models": max_models}),
                **({} if surrogate is None else {"surrogate": dict(surrogate.learner.recipe)}),
            },
            doubts=(1 / (1 + np.exp(pool.margins(train, dataset.targets[train])))).mean(0)
            if is_classification
            else None,
            run_of=run_of[:max_models],
            linear=_linear(gradient_pool, train),
            trees=PoolLeaves(pool, target, target_labels, min(max_models or len(pool), len(pool)))
            if has_trees(pool.learner)
            else None,
        )

    @classmethod
    def from_trained(
        cls,
        models: Sequence[Callable[[], nn.Module]],
        pool: Pool,
        identity: Mapping[str, Any],
        labels: NDArray[Any] | None = None,
        rows: NDArray[np.int64] | None = None,
        max_models: int | None = None,
    ) -> "Problem":
        """A user's own trained models, built by `models`, on a pool's dataset; its runs, if any, evaluate their scores.

        identity   what distinguishes these models from others, as plain data. Other parameters as for `from_pool`.
        """
        dataset = pool.dataset
        pool_problem = cls.from_pool(pool, labels, rows) if len(pool) else None
        train = dataset.rows("train")
        target = dataset.rows(dataset.target_split) if rows is None else rows
        target_labels = (
            dataset.targets[target] if labels is None else checked_labels(labels, len(target), len(dataset.class_names))
        )
        return cls(
            models=tuple(models)[:max_models],
            train=Samples.from_dataset(dataset, pool.learner, train),
            target=Samples.from_dataset(dataset, pool.learner, target, target_labels),
            objective=OF_TASK[dataset.task],
            runs=None if pool_problem is None else pool_problem.runs,
            identity={
                "data": dataset.fingerprint,
                "recipe": dict(pool.learner.recipe),
                **identity,
                "seeds": pool.seeds.tolist(),
                **({} if labels is None else {"labels": target_labels.tolist()}),
                **({} if rows is None else {"rows": rows.tolist()}),
                **({} if max_models is None else {"models": max_models}),
            },
        )

    @classmethod
    def from_runs(cls, runs: Runs) -> "Problem":
        """Outcomes of training alone, without models or samples."""
        masks, margins, subsets = (np.asarray(array) for array in (runs.masks, runs.margins, runs.subsets))
        if masks.ndim != 2 or margins.ndim != 2 or not len(masks) == len(margins) == len(subsets) or not masks.size:
            raise InputError(
                "expected runs with masks (R, n_train), margins (R, n_target) and subsets (R,); "
                f"found {masks.shape}, {margins.shape}, {subsets.shape}"
            )
        if masks.dtype != bool and not np.isin(masks, (0, 1)).all():
            raise InputError("masks: expected only 0 and 1, or booleans: whether each run trained on each sample")
        if subsets.ndim != 1 or not np.issubdtype(subsets.dtype, np.integer):
            raise InputError(f"subsets: expected whole numbers (R,), found {subsets.dtype} {subsets.shape}")
        _, first, subset = np.unique(subsets, return_index=True, return_inverse=True)
        for run in range(len(masks)):
            if (masks[run] != masks[first[subset[run]]]).any():
                raise InputError(
                    f"run {run} has the subset number {subsets[run]} of run {first[subset[run]]}, but another mask; "
                    "equal numbers stand for equal subsets (np.arange(R) if all differ)"
                )
        if not np.isfinite(margins).all():
            run, target = np.argwhere(~np.isfinite(margins))[0]
            raise NumericsError(f"run {run}: the output of target {target} is not finite")
        digest = hashlib.sha256()
        for array in (masks, margins, subsets):
            for start in range(0, len(array), ROWS):
                digest.update(np.ascontiguousarray(array[start : start + ROWS]).tobytes())

        def samples(name: str, count: int) -> Samples:
            return Samples(tuple(f"{name}#{i}" for i in range(count)), np.zeros(count, np.int64), _no_inputs)

        return cls(
            models=(),
            train=samples("train", masks.shape[1]),
            target=samples("target", margins.shape[1]),
            objective=CLASSIFICATION,
            runs=Runs(masks.astype(bool, copy=False), margins.astype(np.float32, copy=False), subsets.astype(np.int64)),
            identity={"content": digest.hexdigest()},
        )


def _linear(pool: Pool, rows: NDArray[np.int64]) -> Linear | None:
    learner = pool.learner
    if not is_linear(learner):
        return None

    def fit(weight: float) -> nn.Module:
        return cast(nn.Module, pool.near_all_rows.weighted(weight).fit(pool.dataset, rows, 0))

    return Linear(pool.outputs.shape[2], learner.penalty, fit, learner.scaling(pool.dataset, rows))


def _no_inputs(positions: NDArray[np.int64]) -> Tensor:
    raise InputError("there are only runs here, no samples")


def checked_labels(labels: ArrayLike, count: int, n_classes: int) -> NDArray[np.int64]:
    """Class numbers (count,). Raises InputError if they aren't."""
    numbers = np.asarray(labels)
    if numbers.shape != (count,) or not np.issubdtype(numbers.dtype, np.integer) or not numbers.size:
        raise InputError(f"labels: expected class numbers ({count},), found {numbers.dtype} {numbers.shape}")
    if not 0 <= numbers.min() <= numbers.max() < n_classes:
        raise InputError(
            f"labels: expected numbers from 0 to {n_classes - 1}, found {numbers.min()} to {numbers.max()}"
        )
    return numbers.astype(np.int64)
