"""The default learner for images: a compact convolutional net, trained briefly on the CPU or a GPU.

Convolution, batch norm, pooling and ReLU, three or four times, then average pooling to 3 x 3 and a linear layer. Small
on purpose: an audit trains it dozens of times.
Its short training reaches 92 % on full Fashion-MNIST (see benchmarks/).

With `features`, a linear model on what a pretrained net says of each image instead.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from ...dataset import Dataset
from ..models.feature_learner import FeatureLearner
from ..models.module_learner import ModuleLearner, adapt_outputs, ending, n_outputs


@dataclass(frozen=True)
class ImageLearner(ModuleLearner):
    """See the module.

    augment   what training images go through. "shift": moved by up to an eighth of their edge; "flip": half of them are
              mirrored; "crop": a part of 50 % to 90 % of each edge is scaled up to the whole; "erase": a rectangle of
              a quarter to a half of each edge becomes noise (Zhong et al. 2020)
    """

    augment: Literal["none", "shift", "flip", "crop", "erase"] = "none"

    name: ClassVar[str] = "image"
    layout: ClassVar[torch.memory_format] = torch.channels_last

    def build(self, dataset: Dataset) -> nn.Module:
        channels, height, width = dataset.pixels.shape[1:]
        return network(channels, min(height, width), n_outputs(dataset), ending(dataset))

    def tensors(self, dataset: Dataset, rows: NDArray[np.int64]) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(dataset.pixels[rows])).float()

    def adapt(self, model: nn.Module, dataset: Dataset, rows: NDArray[np.int64]) -> None:
        sample = dataset.pixels[rows[:: max(1, len(rows) // 4096)]].astype(np.float32)
        standardise = model.get_submodule("0")
        assert isinstance(standardise, Standardise)
        standardise.mean.copy_(torch.from_numpy(sample.mean((0, 2, 3), keepdims=True)[0]))
        standardise.std.copy_(torch.from_numpy(sample.std((0, 2, 3), keepdims=True)[0]).clamp(min=1.0))
        adapt_outputs(model, dataset, rows)

    def batch(self, dataset: Dataset, rows: NDArray[np.int64], generator: torch.Generator) -> Tensor:
        pixels = self.tensors(dataset, rows)
        if self.augment == "shift":
            max_shift = max(1, min(pixels.shape[2:]) // 8)
            down, right = (torch.randint(-max_shift, max_shift + 1, (2,), generator=generator)).tolist()
            pixels = torch.roll(pixels, (down, right), (2, 3))
        elif self.augment == "flip":
            mirrored = torch.rand(len(pixels), generator=generator) < 0.5
            pixels = torch.where(mirrored[:, None, None, None], pixels.flip(3), pixels)
        elif self.augment == "crop":
            pixels = cropped(pixels, generator)
        elif self.augment == "erase":
            pixels = erased(pixels, generator)
        return pixels


def cropped(pixels: Tensor, generator: torch.Generator) -> Tensor:
    """A random part of each image, scaled up to the size of the whole."""
    scale = 0.5 + 0.4 * torch.rand(len(pixels), generator=generator)
    places = torch.zeros(len(pixels), 2, 3)
    places[:, 0, 0] = places[:, 1, 1] = scale
    places[:, :, 2] = (2 * torch.rand(len(pixels), 2, generator=generator) - 1) * (1 - scale[:, None])
    grid = functional.affine_grid(places, list(pixels.shape), align_corners=False)
    return functional.grid_sample(pixels, grid, padding_mode="border", align_corners=False)


def erased(pixels: Tensor, generator: torch.Generator) -> Tensor:
    """Each image with a random rectangle overwritten by noise."""
    inside = torch.ones(len(pixels), 1, 1, 1, dtype=torch.bool)
    for axis in (2, 3):
        edge = pixels.shape[axis]
        length = torch.randint(max(1, edge // 4), max(1, edge // 2) + 1, (len(pixels),), generator=generator)
        start = (torch.rand(len(pixels), generator=generator) * (edge - length + 1)).long()
        places = torch.arange(edge)
        within = (places >= start[:, None]) & (places < (start + length)[:, None])
        inside = inside & within.view(len(pixels), 1, *((edge, 1) if axis == 2 else (1, edge)))
    return torch.where(inside, 255 * torch.rand(pixels.shape, generator=generator), pixels)


class Standardise(nn.Module):
    """(x - mean) / std per channel, with the training rows' statistics, stored in the checkpoint."""

    mean: Tensor
    std: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(channels, 1, 1))
        self.register_buffer("std", torch.ones(channels, 1, 1))

    def forward(self, pixels: Tensor) -> Tensor:
        return (pixels - self.mean) / self.std


def network(channels: int, edge: int, outputs: int, end: Sequence[nn.Module] = ()) -> nn.Sequential:
    """The net for images whose shorter edge is `edge` pixels; `end` comes after its linear layer."""
    widths = (16, 32, 64) if edge <= 48 else (16, 32, 64, 64)
    layers: list[nn.Module] = [Standardise(channels)]
    for i, width in enumerate(widths):
        layers += [nn.Conv2d(channels, width, 3, padding=1, bias=False), nn.BatchNorm2d(width)]
        if i < len(widths) - 1 and edge >= 2 ** (i + 2):
            layers.append(nn.MaxPool2d(2))
        layers.append(nn.ReLU())  # the same before and after pooling, at a quarter of the cost
        channels = width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(3), nn.Flatten(), nn.Linear(channels * 9, outputs), *end)


LEARNER = ImageLearner
VARIANTS = {"features": FeatureLearner}
"""Learners in its place where an option of this name is given."""
