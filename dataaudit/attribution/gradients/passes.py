"""The gradient features of all of a problem's samples, under one of its models after the other.

Those of a pool's models are computed where models are trained, several at a time.
"""

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...dataset import Dataset
from ...training.learning import Differentiable
from ...training.objectives import Objective
from ...training.tasks import in_rounds
from ..problem import DatasetInputs, PoolModel, Problem, Samples
from .model_gradients import BLOCK, ModelGradients
from .per_sample import Quantity

IN_MEMORY = 2 << 30
"""Most bytes of features in memory at a time. Those of a model that has more are computed here, block by block."""


@dataclass(frozen=True)
class Wanted:
    """Which features, see `GradientFeatures`."""

    dimensions: int
    quantity: Quantity
    energy: float
    convolutions: float | None


@dataclass(frozen=True)
class Passed:
    """What one model makes of the samples.

    train     (n_train, k) features
    weights   (n_train,) see `GradientFeatures`
    target    (start, stop) -> (stop - start, k) of the outputs of a range of targets
    notes     facts for the provenance
    """

    train: Tensor
    weights: Tensor
    target: Callable[[int, int], Tensor]
    notes: Mapping[str, Any]


@dataclass(frozen=True)
class _Through:
    """One model, and the dataset rows and labels that are to be passed through it."""

    number: int
    state: Mapping[str, Any]
    train: tuple[NDArray[np.int64], NDArray[Any]]
    target: tuple[NDArray[np.int64], NDArray[Any]]
    objective: Objective
    wanted: Wanted


_Results = tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32], Mapping[str, Any], list[str]]


def passes(problem: Problem, numbers: Sequence[int], wanted: Wanted) -> Iterator[Passed]:
    """Through the models of these numbers. Warns and raises as `ModelGradients` does."""
    train, target, labels = problem.train.inputs, problem.target.inputs, (problem.train.labels, problem.target.labels)
    at_once = fitting(len(problem.train), len(problem.target), wanted.dimensions)
    models = [model for number in numbers if isinstance(model := problem.models[number], PoolModel)]
    if not (
        at_once
        and len(models) == len(numbers)
        and isinstance(train, DatasetInputs)
        and isinstance(target, DatasetInputs)
    ):
        return (_passed_here(problem, number, wanted) for number in numbers)
    through = (
        _Through(number, model.state(), (train.rows, labels[0]), (target.rows, labels[1]), problem.objective, wanted)
        for number, model in zip(numbers, models, strict=True)
    )
    # A map keeps no result.
    return map(_received, in_rounds(_passed_there, through, train.dataset, train.learner, at_once=at_once))


def fitting(n_train: int, n_target: int, dimensions: int) -> int:
    """How many models' features are in memory at a time; 0 where those of one are too many."""
    return IN_MEMORY // (4 * dimensions * (n_train + n_target))


def _received(results: _Results) -> Passed:
    *features, notes, messages = results
    for message in messages:
        warnings.warn(message, stacklevel=2)
    # What a cluster keeps in a store of its own can't be written to.
    phi, weights, target = (torch.from_numpy(np.require(values, requirements="W")) for values in features)
    return Passed(phi, weights, lambda start, stop: target[start:stop], notes)


def _passed_here(problem: Problem, number: int, wanted: Wanted) -> Passed:
    gradients = ModelGradients(problem, number, wanted.dimensions, wanted.quantity, wanted.energy, wanted.convolutions)
    phi, weights = gradients.train(wanted.quantity)
    return Passed(phi, weights, gradients.target, gradients.notes)


def _passed_there(through: _Through, dataset: Dataset, learner: Differentiable) -> _Results:
    module = learner.build(dataset)
    module.load_state_dict(cast(dict[str, Any], through.state))
    module.eval()
    train, target = (Samples.from_dataset(dataset, learner, *samples) for samples in (through.train, through.target))
    # As often as messages need, which name the model by its number.
    problem = Problem((lambda: module,) * (through.number + 1), train, target, through.objective, None, {})
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        # What comes mapped into memory is only read.
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        passed = _passed_here(problem, through.number, through.wanted)
        of_targets = torch.cat([passed.target(start, start + BLOCK) for start in range(0, len(target), BLOCK)])
    messages = [str(warning.message) for warning in caught if warning.category is UserWarning]
    return passed.train.numpy(), passed.weights.numpy(), of_targets.numpy(), passed.notes, messages
