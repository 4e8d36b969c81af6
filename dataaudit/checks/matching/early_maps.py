"""Candidates for copies of images by a pretrained net's early feature maps, where the extra `vision` is installed.

These change less than gradients and pixels do when a picture is covered in part, re-encoded or turned a little, and
more when it is blurred or cropped.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from ...data.features.efficientnet_lite import efficientnet_lite0, weights_file
from ...data.features.images import Whitening
from .hubs import Neighbourhoods
from .pixels import Pixels

EDGE, CELLS, COMPONENTS = 64, 4, 192
BATCH, QUERY_BLOCK = 64, 256


@dataclass(frozen=True)
class EarlyMaps:
    """Images as an early block of the net sees them.

    describe   pixels float32 (m, channels, height, width) in [0, 1] -> maps float16 (m, d)
    maps       (n, d) of all images
    """

    describe: Callable[[Tensor], Tensor]
    maps: Tensor

    @classmethod
    def of(cls, pixels: Pixels) -> "EarlyMaps | None":
        """Of all images; None without the weights."""
        file = weights_file()
        if file is None:
            return None
        net = efficientnet_lite0(file)

        def describe(images: Tensor) -> Tensor:
            parts = []
            with torch.inference_mode():
                for part in torch.split(images, BATCH):
                    colours = part.expand(-1, 3, -1, -1)
                    enlarged = functional.interpolate(colours, (EDGE, EDGE), mode="bilinear", align_corners=False) * 255
                    early = net.early(enlarged.contiguous(memory_format=torch.channels_last))
                    parts.append(functional.adaptive_avg_pool2d(early, CELLS).flatten(1).half())
            return torch.cat(parts)

        return cls(describe, torch.cat([describe(part) for _, part in pixels.blocks()]))

    def with_images(self, places: NDArray[np.int64], pixels: Tensor) -> "EarlyMaps":
        """With other images at these places."""
        maps = self.maps.clone()
        maps[places] = self.describe(pixels)
        return EarlyMaps(self.describe, maps)

    def nearest(
        self, pixels: Pixels, queries: NDArray[np.int64], base: NDArray[np.int64], count: int
    ) -> tuple[Tensor, Tensor]:
        """Of every query row the `count` nearest others of the base: places in it and whether mirrored, (q, count)."""
        of_base = self.maps[base].float()
        whitening = Whitening(of_base, COMPONENTS)
        reference = whitening(of_base).T
        hoods = Neighbourhoods(base)
        values, places, mirrored = [], [], []
        for start in range(0, len(queries), QUERY_BLOCK):
            rows = queries[start : start + QUERY_BLOCK]
            plain = whitening(self.maps[rows].float()) @ reference
            flipped = whitening(self.describe(pixels[rows].flip(-1)).float()) @ reference
            value, place = hoods.shortlist(torch.maximum(plain, flipped), rows)
            values.append(value)
            places.append(place)
            mirrored.append((flipped > plain).gather(1, place))
        place = torch.cat(places)
        chosen = hoods.corrected(torch.cat(values), place).topk(count, 1).indices
        return place.gather(1, chosen), torch.cat(mirrored).gather(1, chosen)
