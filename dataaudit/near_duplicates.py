"""Near-duplicate images: for each query the most similar base images, found under many warps and then registered.

Candidates come from descriptors of the query shifted, zoomed and mirrored, corrected for hubs (CSLS, Lample et al.
2018: a pair's similarity less the mean similarity of each one's own neighbourhood). Each candidate is then aligned
with the query; its score is the evidence of the aligned pair plus its lead over the query's weaker candidates, so
that pictures which resemble half the dataset do not pass for copies.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from .dataset import Dataset, Track
from .image_features import WhitenedPixels, hog
from .registration import blur, likeness, register, warp

CANDIDATES = 8
CELLS = 5
NEIGHBOURS = 10
SHORTLIST = 48
QUERY_BLOCK, PAIR_BLOCK = 256, 512
MATCHING_EDGE = 32
"""Larger images are matched at this size."""
MIN_NULL = 25
TAIL_FROM, TAIL_TO = 0.75, 0.93
"""Quantiles between which the null's tail is fitted; what lies above may be duplicates and is not looked at."""


class _Warp(NamedTuple):
    scale: float
    shift_x: float
    shift_y: float
    mirrored: bool


def _warps() -> list[_Warp]:
    steps = (-1, 0, 1)
    moved = [(1.0, 0.18 * x, 0.18 * y) for x in steps for y in steps]
    zoomed = [(0.86, 0.1 * x, 0.1 * y) for x in steps for y in steps]
    return [_Warp(*w, mirrored) for mirrored in (False, True) for w in [*moved, *zoomed, (1.16, 0.0, 0.0)]]


WARPS = _warps()


@dataclass(frozen=True)
class Matches:
    """For each of q queries its CANDIDATES (fewer if the base is smaller) best base images, best first.

    base         (q, k) dataset rows
    similarity   (q, k) correlation after alignment, 0 to 1
    score        (q, k) evidence plus lead; larger is more surely a copy
    mirrored     (q, k) whether the query had to be mirrored
    """

    base: NDArray[np.int64]
    similarity: NDArray[np.float32]
    score: NDArray[np.float32]
    mirrored: NDArray[np.bool_]


def matching_pixels(dataset: Dataset) -> Tensor:
    """All images as float32 in [0, 1], at most MATCHING_EDGE or so a side."""
    inputs = torch.from_numpy(dataset.inputs)
    factor = max(1, round(min(inputs.shape[2:]) / MATCHING_EDGE))
    if factor == 1:
        return inputs.float() / 255
    return torch.cat([functional.avg_pool2d(part.float() / 255, factor) for part in torch.split(inputs, 1024)])


def search(pixels: Tensor, queries: NDArray[np.int64], base: NDArray[np.int64], track: Track, label: str) -> Matches:
    """Match query rows against base rows; a row never matches itself."""
    candidates, warps = _candidates(pixels, queries, base, track, label)
    starts = torch.tensor([(w.scale, w.scale, w.shift_x, w.shift_y) for w in WARPS])
    mirrors = torch.tensor([w.mirrored for w in WARPS])
    k = candidates.shape[1]
    left = np.repeat(queries, k)
    right, which = base[candidates.flatten().numpy()], warps.flatten()
    similarity, evidence = [], []
    spans = range(0, len(left), PAIR_BLOCK)
    for start in track(spans, f"{label}: aligning", len(spans)):
        span = slice(start, start + PAIR_BLOCK)
        moving, fixed = pixels[left[span]], pixels[right[span]]
        moving = torch.where(mirrors[which[span]][:, None, None, None], moving.flip(-1), moving)
        found = register(blur(moving), blur(fixed), starts[which[span]], steps=8)
        found = register(moving, fixed, found, steps=4)
        alike, sure = likeness(moving, fixed, found)
        similarity.append(alike)
        evidence.append(sure)
    alike, sure = torch.cat(similarity).view(-1, k), torch.cat(evidence).view(-1, k)
    sure, order = sure.sort(dim=1, descending=True, stable=True)
    score = sure + (sure - sure[:, k // 2 :].mean(1, keepdim=True))
    return Matches(
        base=right.reshape(-1, k)[np.arange(len(queries))[:, None], order.numpy()],
        similarity=alike.gather(1, order).numpy(),
        score=score.numpy(),
        mirrored=mirrors[which].view(-1, k).gather(1, order).numpy(),
    )


def _candidates(
    pixels: Tensor, queries: NDArray[np.int64], base: NDArray[np.int64], track: Track, label: str
) -> tuple[Tensor, Tensor]:
    """(q, k) positions in `base` and the number of the warp under which each matched best."""
    whitened = WhitenedPixels(pixels[base])

    def describe(images: Tensor) -> Tensor:
        return torch.cat([hog(images, CELLS), whitened(images)], 1)

    reference = torch.cat([describe(part) for part in torch.split(pixels[base], 4096)])
    shortlist, neighbours = min(SHORTLIST, len(base)), min(NEIGHBOURS, len(base))
    values, places, warps, crowding = [], [], [], []
    base_top = torch.full((neighbours, len(base)), -2.0)
    spans = range(0, len(queries), QUERY_BLOCK)
    for start in track(spans, f"{label}: comparing", len(spans)):
        rows = queries[start : start + QUERY_BLOCK]
        images = pixels[rows]
        best = torch.full((len(rows), len(base)), -9.0)
        which = torch.zeros(best.shape, dtype=torch.uint8)
        for number, w in enumerate(WARPS):
            moved = warp(
                images.flip(-1) if w.mirrored else images,
                torch.tensor([[w.scale, w.scale, w.shift_x, w.shift_y]]).expand(len(rows), 4),
            )[0]
            now = describe(moved) @ reference.T
            better = now > best
            best = torch.where(better, now, best)
            which[better] = number
        best[torch.from_numpy(rows[:, None] == base[None, :])] = -9.0
        value, place = best.topk(shortlist, 1)
        values.append(value)
        places.append(place)
        warps.append(which.gather(1, place))
        crowding.append(best.topk(neighbours, 1).values.mean(1, keepdim=True))
        base_top = torch.cat([base_top, best]).topk(neighbours, 0).values
    value, place = torch.cat(values), torch.cat(places)
    corrected = value - (torch.cat(crowding) + base_top.mean(0)[place]) / 2
    chosen = corrected.topk(min(CANDIDATES, shortlist), 1).indices
    return place.gather(1, chosen), torch.cat(warps).gather(1, chosen).int()


def by_class(
    null: NDArray[np.float32], null_classes: NDArray[np.int64], scores: NDArray[np.float32], classes: NDArray[np.int64]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Null and scores, each less its class's median null score and in units of its class's spread.

    Where one class is full of look-alikes, its high null must not hide copies in the others. A class with fewer than
    MIN_NULL null queries is measured by all.
    """
    standard_null, standard = null.copy(), scores.copy()
    for target in np.union1d(null_classes, classes):
        mine, asked = null_classes == target, classes == target
        own = null[mine] if mine.sum() >= MIN_NULL else null
        middle = np.median(own)
        spread = max(float(np.median(np.abs(own - middle))), 0.1)
        standard_null[mine] = (null[mine] - middle) / spread
        standard[asked] = (scores[asked] - middle) / spread
    return standard_null, standard


def tail_probability(null: NDArray[np.float32], scores: NDArray[np.float32]) -> NDArray[np.float64]:
    """Probability that a picture without a copy scores this high, from an exponential fit to the null's upper quarter.

    The fit looks at quantiles TAIL_FROM to TAIL_TO only, so seven in a hundred true copies in the null do no harm.
    Scores below the fitted tail get their empirical probability.
    """
    low, high = np.quantile(null, [TAIL_FROM, TAIL_TO])
    scale = max(float(high - low), 1e-6) / np.log((1 - TAIL_FROM) / (1 - TAIL_TO))
    empirical = 1 - np.searchsorted(np.sort(null), scores) / len(null)
    return np.where(
        scores > low, (1 - TAIL_FROM) * np.exp(-(scores - low) / scale), np.maximum(empirical, 1 - TAIL_FROM)
    )
