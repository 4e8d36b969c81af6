"""How much two algorithms differ in what they predict, beside how much each differs from itself."""

from collections.abc import Sequence

import numpy as np

from ..training.pool import Pool
from .comparison import Disagreement
from .pools import Pools


def disagreement(pools: Sequence[Pools]) -> Disagreement:
    """Of the first pools of A and B, and of each one's two, on the audited split, out of sample."""
    a, b = pools
    return Disagreement(_between(a.first, b.first), (_between(a.first, a.again), _between(b.first, b.again)))


def _between(one: Pool, other: Pool) -> float:
    dataset = one.dataset
    rows = dataset.rows(dataset.target_split)
    if dataset.task == "regression":
        spread = max(float(dataset.targets[dataset.rows("train")].std()), 1e-300)
        return float(np.abs(one.predictions[rows] - other.predictions[rows]).mean() / spread)
    return float((one.predictions[rows] != other.predictions[rows]).mean())
