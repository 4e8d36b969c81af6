"""Images as copies are looked for in them: small, and as numbers only where and while they are needed."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

MATCHING_EDGE = 32
"""Larger images are matched at this size."""
BLOCK = 4096


@dataclass(frozen=True)
class Pixels:
    """Images uint8 (n, channels, height, width), which give the pixels of any rows.

    As numbers all of them would take four times the memory, and what is computed of them many times.
    """

    inputs: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.inputs)

    def __getitem__(self, rows: NDArray[np.int64] | slice) -> Tensor:
        """See `matching_pixels`."""
        return matching_pixels(self.inputs[rows])

    def blocks(self, rows: NDArray[np.int64] | None = None) -> Iterator[tuple[slice, Tensor]]:
        """Those of all rows, or of these, some at a time, with their places."""
        for start in range(0, len(self) if rows is None else len(rows), BLOCK):
            places = slice(start, start + BLOCK)
            yield places, self[places if rows is None else rows[places]]

    def with_images(self, places: NDArray[np.int64], images: NDArray[np.uint8]) -> "Pixels":
        """With other images at these places."""
        inputs = np.array(self.inputs)
        inputs[places] = images
        return Pixels(inputs)


def matching_pixels(inputs: NDArray[np.uint8]) -> Tensor:
    """Images (n, channels, height, width) as float32 in [0, 1], at most MATCHING_EDGE or so a side."""
    images = torch.from_numpy(inputs)
    factor = max(1, round(min(images.shape[2:]) / MATCHING_EDGE))
    if factor == 1:
        return images.float() / 255
    return torch.cat([functional.avg_pool2d(part.float() / 255, factor) for part in torch.split(images, 1024)])
