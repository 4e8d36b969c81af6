"""Features of training samples that are products of two small parts, as gradients of a linear model are."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Products:
    """A factor (n, c d), never made as a whole: each row is all products of by_output (n, c) and inputs (n, d)."""

    by_output: Tensor
    inputs: Tensor

    @property
    def width(self) -> int:
        """c d."""
        return self.by_output.shape[1] * self.inputs.shape[1]

    def sums(self, weights: Tensor) -> Tensor:
        """weights (m, n) @ this factor, (m, c d)."""
        sums = [((weight[:, None] * self.by_output).T @ self.inputs).flatten() for weight in weights]
        return torch.stack(sums) if sums else weights.new_zeros(0, self.width)
