"""Which features of a training sample matter: derivatives of its influence by its own input."""

import copy
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from ..errors import InputError
from ..training.objectives import PerSample
from .curvature.gauss_newton import Curvature, RawGradients
from .own_models import Labelled, configured_backend, custom_objective, problem_of
from .problem import Problem

ROWS = 64
"""Training samples differentiated together."""


def perturbation(
    module: nn.Module,
    train: Labelled,
    target: Labelled,
    samples: ArrayLike,
    *,
    loss: PerSample | None = None,
    output: PerSample | None = None,
    **settings: Any,
) -> NDArray[np.float32]:
    """How the influence of training samples on targets moves with their inputs.

    module     in evaluation mode, twice differentiable by its inputs and parameters
    train      inputs (n_train, ...) of floating-point numbers and labels (n_train,), as for `attribute`
    target     likewise
    samples    positions (m,) of the training samples to perturb
    loss       (outputs, labels) -> (n,), with `output`: see `attribute`
    settings   those of the backend `influence`

    Returns float32 (m, n_target, *input shape): d score(i, z) / d x_i with H held fixed, in units of the output per
    unit of the input (Koh & Liang 2017, eq. 5, of the output instead of the loss and with the sign of scores). Along
    it the sample would raise the target's output the most.

    Raises InputError for positions that are none, inputs that are not floating-point, or newton, which has no H that is
    the same for all samples.
    """
    if not isinstance(module, nn.Module):
        raise InputError(f"module: expected one torch module, found {type(module).__name__}")
    backend = configured_backend("influence", settings)
    if backend.solver == "newton":
        raise InputError("solver: expected one with the same curvature for all samples, found 'newton'; take 'exact'")
    problem = problem_of(module, train, target, custom_objective(loss, output))
    positions = np.asarray(samples)
    count = len(problem.train)
    if positions.ndim != 1 or not np.issubdtype(positions.dtype, np.integer) or not positions.size:
        raise InputError(f"samples: expected positions (m,), found {positions.dtype} {positions.shape}")
    if not 0 <= positions.min() <= positions.max() < count:
        raise InputError(
            f"samples: expected positions from 0 to {count - 1}, found {positions.min()} to {positions.max()}"
        )
    influence = InfluenceOfInput(problem, backend)
    blocks = [problem.train.batch(positions[start : start + ROWS]) for start in range(0, len(positions), ROWS)]
    return np.concatenate([influence.slopes(inputs, labels) for inputs, labels in blocks])


class InfluenceOfInput:
    """Scores on a problem's targets as functions of a training sample's input: the first model's, with H held fixed."""

    def __init__(self, problem: Problem, backend: Any) -> None:
        """`backend`: the backend `influence`, configured."""
        gradients = RawGradients(problem, 0)
        inverse = backend.inverse(Curvature(problem, gradients))
        target_gradients = inverse.rotate(gradients.target(0, len(problem.target)))
        solved = inverse.back(
            inverse.divide(target_gradients, backend.shift(inverse, backend.strength, len(problem.train)))
        )
        self._module, self._loss = gradients.module, problem.objective.loss
        self._parameters = gradients.features.parameters
        self._vectors = solved.to(self._parameters[0])

    def with_slope_fixed_at(self, sample: Tensor, label: Tensor) -> "InfluenceOfInput":
        """The same with the loss's derivative by the outputs fixed at that of one sample (1, ...).

        Otherwise an input also changes its influence by making its label more or less probable.
        """
        outputs = self._module(sample.to(self._vectors.device)).detach().requires_grad_()
        (slope,) = torch.autograd.grad(self._loss(outputs, label.to(outputs.device)).sum(), outputs)
        fixed = copy.copy(self)
        fixed._loss = lambda outputs, _: (outputs * slope).flatten(1).sum(1)
        return fixed

    def scores(self, inputs: Tensor, labels: Tensor) -> NDArray[np.float32]:
        """(m, n_target) of m samples."""
        device = self._vectors.device
        rows = []
        for sample, label in zip(inputs.to(device), labels.to(device), strict=True):
            pieces = torch.autograd.grad(-self._loss(self._module(sample[None]), label[None]).sum(), self._parameters)
            rows.append(self._vectors @ torch.cat([piece.flatten() for piece in pieces]))
        return np.asarray(torch.stack(rows).cpu().numpy(), np.float32)

    def slopes(self, inputs: Tensor, labels: Tensor, targets: slice = slice(None)) -> NDArray[np.float32]:
        """(m, n_target, *input shape) derivatives of the scores of m samples by their inputs, by double backward."""
        device, vectors = self._vectors.device, self._vectors[targets]
        if not inputs.is_floating_point():
            raise InputError(f"train: expected floating-point inputs, found {inputs.dtype}")
        inputs = inputs.to(device).detach().requires_grad_()
        # A sample's input changes its own loss only, so the derivative of the sum is each sample's.
        loss = self._loss(self._module(inputs), labels.to(device)).sum()
        steps = torch.autograd.grad(-loss, self._parameters, create_graph=True)
        result = np.empty((len(inputs), len(vectors), *inputs.shape[1:]), np.float32)
        for number, vector in enumerate(vectors):
            pieces = torch.split(vector, [p.numel() for p in self._parameters])
            weights = [piece.view(p.shape) for piece, p in zip(pieces, self._parameters, strict=True)]
            differentiable = [(step, weight) for step, weight in zip(steps, weights, strict=True) if step.requires_grad]
            ends, directions = zip(*differentiable, strict=True)
            (by_input,) = torch.autograd.grad(ends, inputs, directions, retain_graph=True)
            result[:, number] = by_input.cpu().numpy()
        return result
