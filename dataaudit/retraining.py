"""What training without chosen samples does, seen by doing it."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .dataset import Dataset, Track
from .learning import Differentiable
from .pool import log_odds
from .training import Plan, read_outputs, train_runs

STREAM = 7_919
"""Sets the training seeds of these runs apart from those of the pool."""


def retrained_margins(
    dataset: Dataset,
    learner: Differentiable,
    directory: Path,
    seed: int,
    removals: Sequence[NDArray[np.int64]],
    times: int,
    rows: NDArray[np.int64],
    track: Track,
) -> NDArray[np.float32]:
    """Margins (len(removals), times, len(rows)) of the given labels after training without each set of dataset rows.

    Every set is trained without under the same `times` seeds, so that differences between sets are paired; an empty one
    gives the whole training set. Finished runs in `directory` are kept. Raises as `train_runs` does.
    """
    train = dataset.splits == "train"
    seeds = [int(np.random.SeedSequence([seed, STREAM, time]).generate_state(1)[0]) for time in range(times)]
    plans = []
    for removed in removals:
        mask = train.copy()
        mask[removed] = False
        digest = hashlib.sha256(mask.tobytes()).hexdigest()[:20]
        plans.append([Plan(f"without-{digest}-{time}", mask, s) for time, s in enumerate(seeds)])
    distinct = {plan.name: plan for group in plans for plan in group}
    train_runs(dataset, learner, directory, seed, list(distinct.values()), False, track)
    outputs = np.stack([[read_outputs(directory, plan.name)[rows] for plan in group] for group in plans])
    flat = log_odds(outputs.reshape(-1, *outputs.shape[2:]), dataset.targets[rows])
    return flat.reshape(len(removals), times, len(rows))
