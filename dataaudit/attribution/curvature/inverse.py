"""The inverse of a model's curvature, in coordinates that suit the solver."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import Tensor

from .solvers import Product, relative_residual, shifted

SYSTEM_BYTES = 256 << 20
"""Most memory for the vectors of the systems that are solved together."""


class Inverse(Protocol):
    """(H + shift I)^-1 in coordinates in which every shift is cheap, where there are such.

    width   k, how many there are
    mean    trace(H) / d
    notes   facts about the solution for the provenance, as plain data
    """

    width: int
    mean: float
    notes: dict[str, Any]

    def rotate(self, rows: Tensor) -> Tensor:
        """Gradients (m, d) in these coordinates, (m, k)."""

    def divide(self, rotated: Tensor, shift: float) -> Tensor:
        """(H + shift I)^-1 applied to each row of (m, k), float32."""

    def back(self, rotated: Tensor) -> Tensor:
        """(m, d) from (m, k)."""


@dataclass
class Spectral:
    """By all eigenvectors, or the leading ones.

    eigenvalues   (k,) float64
    """

    eigenvalues: Tensor
    mean: float
    rotate: Callable[[Tensor], Tensor]
    back: Callable[[Tensor], Tensor]
    notes: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.width = len(self.eigenvalues)

    def divide(self, rotated: Tensor, shift: float) -> Tensor:
        return (rotated / (self.eigenvalues + shift)).float()


@dataclass
class Iterative:
    """By a solver for (product, rhs, shift), in groups of rows; the worst residual seen is noted."""

    product: Product
    solver: Callable[[Product, Tensor, float], Tensor]
    width: int
    mean: float
    tolerance: float
    notes: dict[str, Any] = field(default_factory=lambda: {"residual": 0.0})

    def rotate(self, rows: Tensor) -> Tensor:
        return rows

    def back(self, rotated: Tensor) -> Tensor:
        return rotated

    def divide(self, rotated: Tensor, shift: float) -> Tensor:
        solved = torch.empty(rotated.shape)
        step, worst = max(1, SYSTEM_BYTES // (32 * self.width)), 0.0
        for start in range(0, len(rotated), step):
            rhs = rotated[start : start + step].double()
            solution = self.solver(self.product, rhs, shift)
            worst = max(worst, relative_residual(shifted(self.product, shift), solution, rhs))
            solved[start : start + step] = solution
        if not worst <= self.tolerance:
            warn_unconverged(worst, self.tolerance, f"damping shift {shift:.2g}; stronger damping converges faster")
        self.notes["residual"] = max(self.notes["residual"], worst)
        return solved


def warn_unconverged(residual: float, tolerance: float, advice: str) -> None:
    """Warn that a solver has not converged."""
    warnings.warn(
        f"influence has not converged: relative residual {residual:.2g}, tolerance {tolerance:.2g} ({advice})",
        stacklevel=3,
    )
