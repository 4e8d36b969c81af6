"""Copies among images: found by descriptors under many warps and by early feature maps, then registered.

See `near_duplicates.py`.
"""

import numpy as np
from numpy.typing import NDArray

from ...dataset import Track
from ...findings import Agreement
from ..planting.images import altered_in_turn
from .early_maps import EarlyMaps
from .matcher import N_CANDIDATES, N_CANDIDATES_QUICK, Matches
from .near_duplicates import (
    FEW_WARPS,
    WARPS,
    WarpedCandidates,
    align,
    nominate,
    with_map_candidates,
)  # fmt: skip
from .pixels import Pixels


class ImageMatcher:
    """See Matcher.

    inputs     images uint8 (n, channels, height, width)
    contents   (n,) equal for equal images
    pixels     what they are matched by, if that is known
    maps       early feature maps of these, if they are known
    """

    alike = float("inf")

    def __init__(
        self,
        inputs: NDArray[np.uint8],
        contents: NDArray[np.int64],
        pixels: Pixels | None = None,
        maps: EarlyMaps | None = None,
    ) -> None:
        self.inputs, self.contents = inputs, contents
        self.pixels = Pixels(inputs) if pixels is None else pixels
        self._maps = maps
        self.codes = np.zeros((len(inputs), 0), np.int64)

    def nominate(
        self, queries: NDArray[np.int64], base: NDArray[np.int64], track: Track, label: str, quick: bool = False
    ) -> WarpedCandidates:
        """By descriptors and early feature maps; in a quick search by descriptors, only mirrored and not moved."""
        if quick:
            return nominate(self.pixels, queries, base, track, label, FEW_WARPS, N_CANDIDATES_QUICK)
        candidates = nominate(self.pixels, queries, base, track, label, WARPS, N_CANDIDATES)
        maps = self.maps
        return candidates if maps is None else with_map_candidates(candidates, maps, self.pixels, base)

    @property
    def maps(self) -> EarlyMaps | None:
        """Of all images, computed when first asked for; None without the net."""
        if self._maps is None:
            self._maps = EarlyMaps.of(self.pixels)
        return self._maps

    def align(self, candidates: WarpedCandidates, track: Track, label: str) -> Matches:
        """By registration."""
        return align(self.pixels, candidates, track, label)

    def with_copies(
        self, rows: NDArray[np.int64], places: NDArray[np.int64], rng: np.random.Generator
    ) -> tuple["ImageMatcher", list[str]]:
        """See `planting/images.py`. The matcher returned is for matching only: its inputs are those before."""
        altered, sorts = altered_in_turn(self.inputs[rows], rng)
        pixels = self.pixels.with_images(places, altered)
        maps = None if self.maps is None else self.maps.with_images(places, pixels[places])
        return ImageMatcher(self.inputs, self.contents, pixels, maps), sorts

    def agreement(self, left: int, right: int) -> Agreement:
        """Equal in every pixel or near."""
        return "equal" if self.contents[left] == self.contents[right] else "near"

    def differences(self, left: int, right: int) -> list[list[str]]:
        """None in words: pictures are shown."""
        return []
