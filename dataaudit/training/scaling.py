"""What a linear learner's parameters are scaled by, so that its loss curves about alike in every direction.

Parameters are (outputs, d + 1), biases last; inputs (n, d + 1) have a constant 1.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..dataset import Task
from ..errors import NumericsError

AXES = 64
"""More did no better."""
BLOCK = 8192
"""Rows whose products are summed at a time."""
ROUNDING, RAISED = 1e-6, 8
"""Of the largest curvature, what products of single precision leave of a zero; and how often more of it is tried."""
MOST_NUMBERS = 2**27
"""In the curvature by all outputs: 512 MB."""


class Scaling(Protocol):
    """To and from scaled parameters."""

    def forward(self, scaled: Tensor) -> Tensor:
        """The parameters; if outputs that all move alike make no difference to the loss, they sum to zero."""

    def backward(self, parameters: Tensor) -> Tensor:
        """The scaled parameters."""


@dataclass(frozen=True)
class AlongAxes:
    """By their curvature along some axes of the inputs, and by a mean one beside them (low-rank preconditioning).

    axes     (d + 1, k)
    along    (outputs, k) what multiplies a parameter's part along the axes, and
    beside   (outputs, 1) the rest of it
    centred  whether parameters are made to sum to zero
    """

    axes: Tensor
    along: Tensor
    beside: Tensor
    centred: bool

    @classmethod
    def of(cls, task: Task, inputs: Tensor, outputs: Tensor, penalty: float, axes: Tensor) -> "AlongAxes":
        """At a model with these outputs (n, outputs), of the mean loss + penalty / 2 |parameters|^2."""
        curvature = loss_curvature(task, outputs)
        along = curvature.T @ (inputs @ axes).square() / len(inputs)
        rest = curvature.T @ inputs.square().sum(1, keepdim=True) / len(inputs) - along.sum(1, keepdim=True)
        beside = rest.clamp(min=0) / max(1, len(axes) - axes.shape[1])
        return cls(axes, (along + penalty).rsqrt(), (beside + penalty).rsqrt(), task == "classification")

    def forward(self, scaled: Tensor) -> Tensor:
        parameters = scaled * self.beside + (scaled @ self.axes * (self.along - self.beside)) @ self.axes.T
        return parameters - parameters.mean(0) if self.centred else parameters

    def backward(self, parameters: Tensor) -> Tensor:
        inverse = 1 / self.along - 1 / self.beside
        return parameters / self.beside + (parameters @ self.axes * inverse) @ self.axes.T


@dataclass(frozen=True)
class ByOutput:
    """By all of each output's own curvature.

    factors  (outputs, d + 1, d + 1) upper triangular R^-1, where R^T R is the curvature
    centred  whether parameters are made to sum to zero
    """

    factors: NDArray[np.float32]
    centred: bool

    @staticmethod
    def pays(outputs: int, d: int, n: int) -> bool:
        """Whether a product with the factors takes less time than the loss of n samples, and there is memory for them.

        On 5,000 images of 17,130 parameters there was nothing gained, on 8,000 texts of 78,925 trainings took twice as
        long as with axes; on 20,000 images they take a third to a half.
        """
        return outputs * d <= n and can_be_held(outputs, d)

    @classmethod
    def of(cls, task: Task, inputs: Tensor, outputs: Tensor, penalty: float) -> "ByOutput":
        """See `AlongAxes.of`."""
        weights = loss_curvature(task, outputs) / len(inputs)
        factors = torch.empty(outputs.shape[1], inputs.shape[1], inputs.shape[1])
        unit = torch.eye(inputs.shape[1])
        for factor, weight in zip(factors, weights.T, strict=True):
            root = root_of(curvature_of(inputs, weight, penalty))
            torch.linalg.solve_triangular(root, unit, upper=True, out=factor)
        return cls(factors.numpy(), task == "classification")

    def forward(self, scaled: Tensor) -> Tensor:
        factors = torch.from_numpy(self.factors)
        parameters = torch.stack([factor.mv(row) for factor, row in zip(factors, scaled, strict=True)])
        return parameters - parameters.mean(0) if self.centred else parameters

    def backward(self, parameters: Tensor) -> Tensor:
        factors = torch.from_numpy(self.factors)
        scaled: Tensor = torch.linalg.solve_triangular(factors, parameters[..., None], upper=True)[..., 0]
        return scaled


def principal_axes(inputs: Tensor) -> NDArray[np.float32]:
    """(d + 1, k) of the inputs' second moments, as columns."""
    axes = torch.linalg.eigh((inputs.T @ inputs).double())[1][:, -AXES:]
    return np.ascontiguousarray(axes.float().numpy())


def can_be_held(outputs: int, d: int) -> bool:
    """Whether there is memory for a matrix (d, d) of each output."""
    return outputs * d * d <= MOST_NUMBERS


def curvature_of(inputs: Tensor, weights: Tensor, penalty: float) -> Tensor:
    """(d, d) sum_i w_i x_i x_i^T + penalty I of inputs (n, d) and weights (n,), none below zero."""
    curvature = inputs.new_zeros(inputs.shape[1], inputs.shape[1])
    for block, weight in zip(torch.split(inputs, BLOCK), torch.split(weights.sqrt(), BLOCK), strict=True):
        rows = block * weight[:, None]
        curvature.addmm_(rows.T, rows)
    curvature.diagonal().add_(penalty)
    return curvature


def root_of(curvature: Tensor) -> Tensor:
    """Upper triangular R, where R^T R is the curvature and as little more along its diagonal as rounding asks for.

    Raises NumericsError if the curvature is not finite.
    """
    more = ROUNDING * float(curvature.diagonal().max())
    for _ in range(RAISED):
        curvature.diagonal().add_(more)
        root: Tensor
        root, failed = torch.linalg.cholesky_ex(curvature, upper=True)
        if not failed:
            return root
        more *= 10
    raise NumericsError("the curvature of the training loss by the weights of an output is not finite")


def loss_curvature(task: Task, outputs: Tensor) -> Tensor:
    """(n, c) second derivatives of each sample's loss by its outputs; of numbers, in the unit of the outputs."""
    if task == "regression":
        return torch.ones_like(outputs)
    probabilities = outputs.softmax(1) if task == "classification" else outputs.sigmoid()
    return probabilities * (1 - probabilities)
