"""The eigenbasis of an eigenvalue-corrected Kronecker factorisation (EK-FAC) of the curvature.

A layer's weight and bias are one matrix (outputs, inputs + 1). With its inputs a, to which 1 is appended, and the
gradients b of its outputs, over all samples and positions,

    H_layer ~ (Q_B kron Q_A) diag(Lambda) (Q_B kron Q_A)^T,   Q_A, Q_B the eigenvectors of sum a a^T and sum b b^T,
    Lambda = sum_i (Q_B^T G_i Q_A)^2

elementwise, with G_i the gradient of sample i (George et al. 2018, eq. 8; Grosse et al. 2023, eq. 19 and 20). Other
parameters (scales and shifts of norms, biases of shared weights, whatever torch.func differentiates) have blocks of
their own, dense where they are small and diagonal where not; no parameter is left out.
"""

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn

from ..gradients.blocks import Pass
from .gauss_newton import BYTES, Curvature, SeededGradients

SIDE = 8192
"""Longest side with a basis of its own; a longer one is taken to be diagonal."""
DENSE = 1024
"""Most parameters of another kind with a dense block."""


class _Block(Protocol):
    """Some of the coordinates, and an orthonormal basis of them."""

    columns: Tensor

    def add(self, rows: Tensor, part: Pass) -> None:
        """Accumulate second moments from the gradients of some samples, (m, d), and their pass."""

    def finish(self) -> None:
        """Compute the basis from the accumulated moments."""

    def rotate(self, coordinates: Tensor) -> Tensor:
        """Q^T applied to each row of (m, k)."""

    def back(self, coordinates: Tensor) -> Tensor:
        """Q applied to each row of (m, k)."""


class _Kronecker:
    """A weight, with its bias if it has one, of layers that apply it to every position alike."""

    def __init__(self, layers: list[nn.Module], weight: Tensor, bias: Tensor | None, shape: tuple[int, int]) -> None:
        out, width = shape
        matrix = weight.view(out, width)
        self._layers, self._bias = layers, bias is not None
        # Row by row of (outputs, inputs + 1).
        self.columns = (matrix if bias is None else torch.cat([matrix, bias[:, None]], 1)).flatten()
        self._sides = (out, width + self._bias)
        self._left, self._right = (
            torch.zeros(side, side, dtype=torch.float64) if side <= SIDE else None for side in self._sides
        )

    def add(self, rows: Tensor, part: Pass) -> None:
        for layer in self._layers:
            for a, b in part.calls(layer):
                inputs, gradients = _positions(layer, a, b)
                if self._bias:
                    inputs = torch.cat([inputs, inputs.new_ones(len(inputs), 1)], 1)
                if self._right is not None:
                    self._right += (inputs.T @ inputs).to(self._right)
                if self._left is not None:
                    self._left += (gradients.T @ gradients).to(self._left)

    def finish(self) -> None:
        self._left, self._right = (
            None if moment is None else torch.linalg.eigh(moment)[1].float() for moment in (self._left, self._right)
        )

    def rotate(self, coordinates: Tensor) -> Tensor:
        matrix = coordinates.reshape(-1, *self._sides)
        matrix = matrix if self._right is None else matrix @ self._right
        return (matrix if self._left is None else self._left.T @ matrix).flatten(1)

    def back(self, coordinates: Tensor) -> Tensor:
        matrix = coordinates.reshape(-1, *self._sides)
        matrix = matrix if self._right is None else matrix @ self._right.T
        return (matrix if self._left is None else self._left @ matrix).flatten(1)


class _Dense:
    """A small parameter: the eigenvectors of its gradients' own second moment."""

    def __init__(self, columns: Tensor) -> None:
        self.columns = columns
        self._basis = torch.zeros(len(columns), len(columns), dtype=torch.float64)

    def add(self, rows: Tensor, part: Pass) -> None:
        gradients = rows[:, self.columns].double()
        self._basis += gradients.T @ gradients

    def finish(self) -> None:
        self._basis = torch.linalg.eigh(self._basis)[1].float()

    def rotate(self, coordinates: Tensor) -> Tensor:
        return coordinates @ self._basis

    def back(self, coordinates: Tensor) -> Tensor:
        return coordinates @ self._basis.T


class _Diagonal:
    """A large parameter, such as an embedding, in its own coordinates."""

    def __init__(self, columns: Tensor) -> None:
        self.columns = columns

    def add(self, rows: Tensor, part: Pass) -> None:
        pass

    def finish(self) -> None:
        pass

    def rotate(self, coordinates: Tensor) -> Tensor:
        return coordinates

    def back(self, coordinates: Tensor) -> Tensor:
        return coordinates


@dataclass(frozen=True)
class Eigenbasis:
    """An orthonormal basis in blocks, and the curvature along each of its vectors.

    eigenvalues   (d,) float64, in the order of the rotated coordinates
    """

    blocks: list[_Block]
    eigenvalues: Tensor

    def rotate(self, rows: Tensor) -> Tensor:
        """Q^T applied to each row of (m, d)."""
        return torch.cat([block.rotate(rows[:, block.columns]) for block in self.blocks], 1)

    def back(self, rotated: Tensor) -> Tensor:
        """Q applied to each row of (m, d)."""
        rows, parts = torch.empty_like(rotated), torch.split(rotated, [len(b.columns) for b in self.blocks], 1)
        for block, part in zip(self.blocks, parts, strict=True):
            rows[:, block.columns] = block.back(part)
        return rows


def eigenbasis(curvature: Curvature, seeds: Tensor) -> Eigenbasis:
    """The basis from each training sample's gradient J_i^T s_i, for derivatives `seeds` (n, ...) by the outputs."""
    blocks = _blocks(curvature.seeded)
    rows = max(1, BYTES // (4 * curvature.size))
    for positions in curvature.blocks(rows):
        inputs, _ = curvature.samples.batch(positions)
        batch_seeds, start = seeds[torch.from_numpy(positions)], 0
        gradients = curvature.seeded(inputs, batch_seeds, "output")[0]
        for part in curvature.seeded.passes(inputs, batch_seeds):
            for block in blocks:
                block.add(gradients[start : start + len(part.seed)], part)
            start += len(part.seed)
    for block in blocks:
        block.finish()
    basis = Eigenbasis(blocks, torch.zeros(curvature.size, dtype=torch.float64))
    for positions in curvature.blocks(rows):
        inputs, _ = curvature.samples.batch(positions)
        rotated = basis.rotate(curvature.seeded(inputs, seeds[torch.from_numpy(positions)], "output")[0])
        basis.eigenvalues.add_(rotated.square().sum(0, dtype=torch.float64))
    return basis


def _blocks(features: SeededGradients) -> list[_Block]:
    """A block for each layer with Kronecker factors, and one for each other parameter."""
    parameters, layers_of = features.parameters, features.layers_of
    bounds = torch.tensor([0, *(p.numel() for p in parameters)]).cumsum(0).tolist()
    columns = {p: torch.arange(bounds[i], bounds[i + 1]) for i, p in enumerate(parameters)}
    blocks: list[_Block] = []
    uncovered = dict.fromkeys(parameters)
    for parameter in parameters:
        layers = layers_of.get(parameter, [])
        if not layers or not all(_has_factors(layer) and layer.weight is parameter for layer in layers):
            continue
        bias = layers[0].bias
        paired = bias if isinstance(bias, nn.Parameter) and layers_of.get(bias) == layers else None
        out, width = parameter.flatten(1).shape
        blocks.append(_Kronecker(layers, columns[parameter], None if paired is None else columns[paired], (out, width)))
        del uncovered[parameter]
        if paired is not None:
            del uncovered[paired]
    return [
        *blocks,
        *(_Dense(columns[p]) if p.numel() <= DENSE else _Diagonal(columns[p]) for p in uncovered),
    ]


def _has_factors(layer: nn.Module) -> bool:
    return type(layer) is nn.Linear or (isinstance(layer, nn.Conv1d | nn.Conv2d) and layer.groups == 1)


def _positions(layer: nn.Module, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Inputs and gradients of outputs at every position of every sample, (N, I) and (N, O)."""
    if isinstance(layer, nn.Linear):
        return a.reshape(-1, a.shape[-1]), b.reshape(-1, b.shape[-1])
    assert isinstance(layer, nn.Conv1d | nn.Conv2d)
    kernel = layer.weight.shape[1:]
    units = torch.eye(kernel.numel(), dtype=a.dtype, device=a.device).view(-1, *kernel)
    # The layer's own forward knows its padding, stride and dilation.
    patches = layer._conv_forward(a, units, None)
    return patches.movedim(1, -1).reshape(-1, kernel.numel()), b.movedim(1, -1).reshape(-1, b.shape[1])
