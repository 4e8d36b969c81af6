"""Label-free image descriptors that see fine detail: oriented gradients and whitened pixels.

Pixels are float32 (n, channels, height, width) in [0, 1].
"""

import math
from collections.abc import Iterable

import torch
from torch import Tensor
from torch.nn import functional

ORIENTATIONS = 8
GRID, COMPONENTS = 16, 96


def hog(pixels: Tensor, cells: int) -> Tensor:
    """Histograms of oriented gradients (Dalal & Triggs 2005) in cells x cells places: unit norm, (n, 8 cells^2)."""
    grey = pixels.mean(1, keepdim=True)
    wide, tall = (
        functional.pad(grey, (1, 1, 0, 0), mode="replicate"),
        functional.pad(grey, (0, 0, 1, 1), mode="replicate"),
    )
    dx, dy = wide[..., 2:] - wide[..., :-2], tall[:, :, 2:] - tall[:, :, :-2]
    strength = torch.hypot(dx, dy)
    angle = torch.remainder(torch.atan2(dy, dx), math.pi) / math.pi * ORIENTATIONS
    distance = (angle - torch.arange(ORIENTATIONS).view(1, -1, 1, 1)).abs()
    share = (1 - torch.minimum(distance, ORIENTATIONS - distance)).clamp(min=0)
    pooled = functional.adaptive_avg_pool2d(strength * share, cells)
    energy = functional.avg_pool2d(pooled.square().sum(1, keepdim=True), 3, 1, 1, count_include_pad=False)
    return functional.normalize((pooled / (energy.sqrt() + 0.02)).flatten(1))


class Whitening:
    """Unit-norm principal components, of equal variance, of values (n, d)."""

    def __init__(self, values: Tensor, components: int) -> None:
        self._mean = values.mean(0)
        covariance = (values - self._mean).T @ (values - self._mean) / len(values)
        variances, vectors = torch.linalg.eigh(covariance.double())
        deviation = variances.flip(0)[:components].clamp(min=0).sqrt()
        self._rotation = (vectors.flip(1)[:, :components] / (deviation + 1e-3 * deviation[0] + 1e-12)).float()

    def __call__(self, values: Tensor) -> Tensor:
        """(n, components)."""
        return functional.normalize((values - self._mean) @ self._rotation)


class WhitenedPixels:
    """Whitening of coarse pixels, each channel about its own mean."""

    def __init__(self, parts: Iterable[Tensor]) -> None:
        """Of images in parts."""
        self._whitening = Whitening(torch.cat([self._coarse(part) for part in parts]), COMPONENTS)

    def __call__(self, pixels: Tensor) -> Tensor:
        """(n, components)."""
        return self._whitening(self._coarse(pixels))

    @staticmethod
    def _coarse(pixels: Tensor) -> Tensor:
        coarse = functional.adaptive_avg_pool2d(pixels, GRID)
        return functional.normalize((coarse - coarse.mean((2, 3), keepdim=True)).flatten(1))
