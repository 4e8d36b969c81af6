"""How many training samples each prediction hangs on, estimated from influence, and how many predictions hang on few.

Of a target whose positive scores sum to P, removing samples whose scores sum to S is predicted to lower the margin by

    fall = -P log(1 - S / P)

that is by S while S is small; what is left then weighs more, as everything removed before no longer holds the
prediction up: d fall = dS P / (P - S). How much of this comes true differs between learners, so one scale is fitted
to retrainings. A scale of each target's own, fitted on the pool's runs, is noise: it made predicted falls of linear
models and nets worse.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from ..attribution.attribution import Attribution
from .proof import proportion_interval

EXACT, STEP = 16, 1.1
"""Falls are kept for sizes up to EXACT, and beyond it for sizes this factor apart; between them they are interpolated.
"""
NEGLIGIBLE = 1e-4
"""Of the largest residual: on 60,000 images what smaller ones add moved a support by 0.2 % and cost half the time."""
MOST_OF_SUPPORT = 0.99
"""Of S / P: without any support the fall would be without bound."""

SHARES = (0.005, 0.01, 0.02)
"""Of the training samples: how many predictions at most so many decide is told."""
LEAST_DRAWN = 10
"""Predictions drawn at random that shares are told of: of fewer, the interval says nothing."""
NAMED = 5
"""Most fragile predictions that are named."""


@dataclass(frozen=True)
class Falls:
    """Predicted falls of every target's margin as more of the samples that support it most are removed.

    sizes   (g,) numbers of training samples removed, ascending
    falls   (n_target, g) in units of the scores
    """

    sizes: NDArray[np.int64]
    falls: NDArray[np.float32]

    def needed(self, leads: NDArray[np.floating], scale: float) -> NDArray[np.float64]:
        """(n_target,) least number of samples without which leads (n_target,) are predicted to be lost.

        nan where even the largest size is predicted to be too small, or the lead is nan.
        """
        needed = np.full(len(leads), np.nan)
        sizes = np.concatenate([[0], self.sizes])
        for i in np.flatnonzero(scale * self.falls[:, -1] >= leads):
            falls = np.concatenate([[0.0], scale * self.falls[i]])
            needed[i] = max(1, np.ceil(np.interp(leads[i], falls, sizes) - 1e-6))
        return needed


def predicted_fall(scores: NDArray[np.floating], support: float) -> NDArray[np.float32]:
    """(k,) falls without the first 1, 2, ... k samples of these scores, of a target whose positive scores sum to
    `support`; see the module."""
    part = np.minimum(np.cumsum(scores, dtype=np.float64) / max(support, 1e-30), MOST_OF_SUPPORT)
    return np.asarray(-support * np.log1p(-part), np.float32)


def predicted_falls(attribution: Attribution, most: int) -> Falls:
    """Of all targets, up to the removal of `most` samples, in one pass over the scores."""
    sizes = [size for size in range(1, EXACT + 1) if size < most]
    while sizes and (size := int(np.ceil(STEP * sizes[-1]))) < most:
        sizes.append(size)
    grid = np.array([*sizes, most])
    falls = np.zeros((attribution.shape[1], len(grid)), np.float32)
    for start, block in attribution.blocks(NEGLIGIBLE):
        positive = torch.from_numpy(block).clamp(min=0)
        largest, support = positive.topk(most, dim=0).values.numpy(), positive.sum(0, dtype=torch.float64).numpy()
        for column in range(block.shape[1]):
            falls[start + column] = predicted_fall(largest[:, column], float(support[column]))[grid - 1]
    return Falls(grid, falls)


@dataclass(frozen=True)
class Share:
    """Of the `drawn` predictions, those that flip without `most` or fewer training samples, a `share` of them all.

    interval   95 %, of the share of predictions
    """

    share: float
    most: int
    flip: int
    drawn: int
    interval: tuple[float, float]


def shares(sizes: NDArray[np.float64], n_train: int) -> list[Share]:
    """Of predictions drawn at random, with the sizes of the supports found, inf where none was; none of too few."""
    if len(sizes) < LEAST_DRAWN:
        return []
    counts = [(share, most := _at_most(share, n_train), int((sizes <= most).sum())) for share in SHARES]
    return [Share(*count, len(sizes), proportion_interval(count[2], len(sizes))) for count in counts]


def shares_in_words(shares: Sequence[Share]) -> tuple[str, ...]:
    """A sentence, if there are any."""
    if not shares:
        return ()
    parts = [
        f"{one.flip / one.drawn:.0%} ({one.interval[0]:.0%} to {one.interval[1]:.0%}) flip without at most "
        f"{one.most:,} training samples ({one.share:.1%})"
        for one in shares
    ]
    return (f"of {shares[0].drawn} stable predictions drawn at random, {', '.join(parts)}; with 95 % intervals",)


def estimates_in_words(ids: Sequence[str], needed: NDArray[np.float64], n_train: int) -> tuple[str, ...]:
    """A sentence on the estimates of predictions, with the smallest, if there are any."""
    if not len(needed):
        return ()
    counts = [f"{int((needed <= _at_most(share, n_train)).sum()):,} on at most {share:.1%}" for share in SHARES]
    smallest = [int(i) for i in np.argsort(needed, kind="stable")[:NAMED] if np.isfinite(needed[i])]
    named = f"; most fragile: {', '.join(f'{ids[i]} ({needed[i]:.0f})' for i in smallest)}" if smallest else ""
    return (
        f"by estimate, of {len(needed):,} stable and right predictions hang {', '.join(counts)} of the "
        f"training samples{named}",
    )


def _at_most(share: float, n_train: int) -> int:
    return max(1, math.floor(share * n_train))
