"""Near-duplicate images: for each query the most similar base images, found under many warps and then registered.

Candidates come from descriptors of the query shifted, zoomed and mirrored, corrected for hubs, and half of them from
early feature maps if there are such. Each candidate is then aligned with the query; its score is the evidence of the
aligned pair plus its lead over the query's weaker candidates, so that pictures which resemble half the dataset do not
pass for copies.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from ...data.features.images import WhitenedPixels, hog
from ...dataset import Track
from .early_maps import EarlyMaps
from .hubs import ITSELF, Neighbourhoods
from .matcher import N_CANDIDATES, Candidates, Matches
from .pixels import Pixels
from .registration import blur, likeness, register, warp

CELLS = 5
AXES = 160
"""Principal axes of the descriptors on which all pairs are compared, for speed; the shortlist is compared on all."""
QUERY_BLOCK, BASE_BLOCK, PAIR_BLOCK = 256, 512, 512


class Warp(NamedTuple):
    scale: float
    shift_x: float
    shift_y: float
    mirrored: bool


def _warps() -> list[Warp]:
    steps = (-1, 0, 1)
    moved = [(1.0, 0.18 * x, 0.18 * y) for x in steps for y in steps]
    zoomed = [(0.86, 0.1 * x, 0.1 * y) for x in steps for y in steps]
    corners = [(0.74, 0.16 * x, 0.16 * y) for x in (-1, 1) for y in (-1, 1)]
    return [Warp(*w, mirrored) for mirrored in (False, True) for w in [*moved, *zoomed, *corners, (1.16, 0.0, 0.0)]]


WARPS = _warps()
FEW_WARPS = [Warp(1.0, 0.0, 0.0, mirrored) for mirrored in (False, True)]
"""Enough where copies are barely moved: registration starts here and bridges a tenth of the picture."""


@dataclass(frozen=True)
class WarpedCandidates(Candidates):
    """Candidates, their nearness that of the descriptors, corrected for hubs.

    warp       (q, k) positions in `warps`: under which of them the query looked most like it
    """

    warp: NDArray[np.int64]
    warps: Sequence[Warp]


def search(
    pixels: Pixels, queries: NDArray[np.int64], base: NDArray[np.int64], track: Track, label: str,
    warps: Sequence[Warp] = WARPS,
) -> Matches:  # fmt: skip
    """Match query rows against base rows; a row never matches itself."""
    return align(pixels, nominate(pixels, queries, base, track, label, warps), track, label)


def nominate(
    pixels: Pixels, queries: NDArray[np.int64], base: NDArray[np.int64], track: Track, label: str,
    warps: Sequence[Warp] = WARPS, count: int = N_CANDIDATES,
) -> WarpedCandidates:  # fmt: skip
    """The `count` likeliest base rows of every query row, by descriptors; never the query itself."""
    whitened = WhitenedPixels(part for _, part in pixels.blocks(base))

    def describe(images: Tensor) -> Tensor:
        return torch.cat([hog(images, CELLS), whitened(images)], 1)

    reference = torch.cat([describe(part) for _, part in pixels.blocks(base)])
    axes = torch.linalg.eigh((reference.T @ reference).double()).eigenvectors[:, -AXES:].float()
    rough = reference @ axes
    hoods = Neighbourhoods(base)
    values, places, warp_numbers = [], [], []
    spans = range(0, len(queries), QUERY_BLOCK)
    for start in track(spans, f"{label}: comparing", len(spans)):
        rows = queries[start : start + QUERY_BLOCK]
        images = pixels[rows]
        descriptors = torch.stack([describe(_warped(images, w)) for w in warps])
        approximate, place = hoods.shortlist(_best_products(descriptors @ axes, rough), rows)
        value, number = torch.einsum("wqd,qsd->wqs", descriptors, reference[place]).max(0)
        values.append(value.where(approximate > ITSELF, approximate))
        places.append(place)
        warp_numbers.append(number)
    place = torch.cat(places)
    corrected, chosen = hoods.corrected(torch.cat(values), place).topk(min(count, place.shape[1]), 1)
    return WarpedCandidates(
        queries=queries,
        base=base[place.gather(1, chosen).numpy()],
        warp=torch.cat(warp_numbers).gather(1, chosen).numpy(),
        nearness=corrected.numpy(),
        warps=warps,
    )


def _best_products(warped: Tensor, base: Tensor) -> Tensor:
    """(q, n_base) the largest product of any warp's (w, q, k) with each of the base (n_base, k).

    Base samples in parts: the products with all warps stay in the processor's cache.
    """
    best = torch.empty(warped.shape[1], len(base))
    for start in range(0, len(base), BASE_BLOCK):
        part = base[start : start + BASE_BLOCK]
        products = (warped.flatten(0, 1) @ part.T).view(*warped.shape[:2], -1)
        torch.amax(products, 0, out=best[:, start : start + len(part)])
    return best


def with_map_candidates(
    candidates: WarpedCandidates, maps: EarlyMaps, pixels: Pixels, base: NDArray[np.int64]
) -> WarpedCandidates:
    """The better half of the candidates, and then the nearest by early feature maps that are not among them.

    A pair that the descriptors nominated, too, keeps their warp; others start unmoved. Nearness stays that of the
    descriptors.
    """
    count = candidates.base.shape[1]
    kept = count - count // 2
    place, mirrored = maps.nearest(pixels, candidates.queries, base, count)
    rows = base[place.numpy()]
    same = rows[:, :, None] == candidates.base[:, None, :]
    unmoved = [candidates.warps.index(Warp(1.0, 0.0, 0.0, flip)) for flip in (False, True)]
    own_warp = np.take_along_axis(candidates.warp, same.argmax(2), 1)
    numbers = np.where(same.any(2), own_warp, np.where(mirrored.numpy(), unmoved[1], unmoved[0]))
    new_first = np.argsort(same[:, :, :kept].any(2), axis=1, kind="stable")[:, : count - kept]
    return replace(
        candidates,
        base=np.hstack([candidates.base[:, :kept], np.take_along_axis(rows, new_first, 1)]),
        warp=np.hstack([candidates.warp[:, :kept], np.take_along_axis(numbers, new_first, 1)]),
    )


def _warped(images: Tensor, w: Warp) -> Tensor:
    return warp(images.flip(-1) if w.mirrored else images, _position(w).expand(len(images), -1))[0]


def _position(w: Warp) -> Tensor:
    """As registration has it, (1, 5)."""
    return torch.tensor([[w.scale, w.scale, w.shift_x, w.shift_y, 0.0]])


def _coarse(images: Tensor) -> Tensor:
    """Blurred and half as large: a wider basin of attraction for less work."""
    height, width = images.shape[2:]
    return functional.adaptive_avg_pool2d(blur(images), (max(1, height // 2), max(1, width // 2)))


def align(pixels: Pixels, candidates: WarpedCandidates, track: Track, label: str) -> Matches:
    """Register every candidate with its query, and sort each query's candidates by the evidence.

    What covers a part of one picture misleads registration: a pair's evidence is the better of before and after it.
    """
    k = candidates.base.shape[1]
    starts = torch.cat([_position(w) for w in candidates.warps])
    mirrors = torch.tensor([w.mirrored for w in candidates.warps])
    left, right = np.repeat(candidates.queries, k), candidates.base.flatten()
    warp_numbers = torch.from_numpy(candidates.warp.flatten())
    similarity, evidence = [], []
    spans = range(0, len(left), PAIR_BLOCK)
    for start in track(spans, f"{label}: aligning", len(spans)):
        span = slice(start, start + PAIR_BLOCK)
        moving, fixed = pixels[left[span]], pixels[right[span]]
        moving = torch.where(mirrors[warp_numbers[span]][:, None, None, None], moving.flip(-1), moving)
        before = starts[warp_numbers[span]]
        after = register(moving, fixed, register(_coarse(moving), _coarse(fixed), before, steps=8), steps=4)
        alike, known = map(torch.stack, zip(*(likeness(moving, fixed, w) for w in (before, after)), strict=True))
        best, which = known.max(0)
        similarity.append(alike.gather(0, which[None])[0])
        evidence.append(best)
    all_similarity, all_evidence = torch.cat(similarity).view(-1, k), torch.cat(evidence).view(-1, k)
    all_evidence, order = all_evidence.sort(dim=1, descending=True, stable=True)
    score = all_evidence + (all_evidence - all_evidence[:, k // 2 :].mean(1, keepdim=True))
    return Matches(
        base=np.take_along_axis(candidates.base, order.numpy(), 1),
        similarity=all_similarity.gather(1, order).numpy(),
        score=score.numpy(),
        mirrored=mirrors[warp_numbers].view(-1, k).gather(1, order).numpy(),
    )
