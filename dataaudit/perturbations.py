"""Which features of a training sample matter: derivatives of its influence by its own input."""

from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from .api import Labelled, configured, own_objective, problem_of
from .curvature import Curvature, RawGradients
from .errors import InputError
from .objectives import PerSample
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
    backend = configured("influence", settings)
    if backend.solver == "newton":
        raise InputError("solver: expected one with the same curvature for all samples, found 'newton'; take 'exact'")
    problem = problem_of(module, train, target, None, own_objective(loss, output))
    positions = np.asarray(samples)
    count = len(problem.train)
    if positions.ndim != 1 or not np.issubdtype(positions.dtype, np.integer) or not positions.size:
        raise InputError(f"samples: expected positions (m,), found {positions.dtype} {positions.shape}")
    if not 0 <= positions.min() <= positions.max() < count:
        raise InputError(
            f"samples: expected positions from 0 to {count - 1}, found {positions.min()} to {positions.max()}"
        )
    gradients = RawGradients(problem, 0)
    inverse = backend.inverse(Curvature(problem, gradients))
    right = inverse.rotate(gradients.target(0, len(problem.target)))
    solved = inverse.back(inverse.divide(right, backend.shift(inverse, backend.strength, count)))
    parameters = gradients.features.parameters
    return np.concatenate(
        [
            _derivatives(problem, module, parameters, solved, positions[start : start + ROWS])
            for start in range(0, len(positions), ROWS)
        ]
    )


def _derivatives(
    problem: Problem,
    module: nn.Module,
    parameters: list[nn.Parameter],
    solved: Tensor,
    positions: NDArray[np.int64],
) -> NDArray[np.float32]:
    """Derivatives by the inputs of <v, -grad L(x_i)> for each row v of `solved`, by double backward."""
    device = parameters[0].device
    inputs, labels = (part.to(device) for part in problem.train.batch(positions))
    if not inputs.is_floating_point():
        raise InputError(f"train: expected floating-point inputs, found {inputs.dtype}")
    inputs = inputs.detach().requires_grad_()
    # A sample's input moves its own loss alone, so the derivative of the sum is each sample's own.
    loss = problem.objective.loss(module(inputs), labels).sum()
    slopes = torch.autograd.grad(-loss, parameters, create_graph=True)
    result = np.empty((len(positions), len(solved), *inputs.shape[1:]), np.float32)
    for number, vector in enumerate(solved.to(parameters[0])):
        pieces = torch.split(vector, [p.numel() for p in parameters])
        weights = [piece.view(p.shape) for piece, p in zip(pieces, parameters, strict=True)]
        (by_input,) = torch.autograd.grad(slopes, inputs, weights, retain_graph=True)
        result[:, number] = by_input.cpu().numpy()
    return result
