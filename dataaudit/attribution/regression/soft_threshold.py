"""Step 5 of TRAK (Park et al. 2023, section 3.2): sparse scores by a soft threshold, cross-validated on the runs.

Every target's scores lose the threshold beyond which only a share of them remains, and what is smaller becomes 0. The
share is the one whose thresholded scores predict the choosing subsets best; every subset is predicted by scores of the
models of other folds.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError
from .. import store
from ..attribution import Attribution
from ..problem import Problem
from ..trust import choosing_subsets, lds

FOLDS = 3
"""The scores are made anew for each."""


def soft_threshold(scores: NDArray[np.float32], share: float) -> NDArray[np.float32]:
    """Scores (n_train, m) with about this share of each column left, shrunk towards 0 by that column's threshold."""
    if share >= 1:
        return scores
    size = np.abs(scores)
    threshold = np.quantile(size, 1 - share, axis=0)
    return np.asarray(np.sign(scores) * np.maximum(size - threshold, 0), np.float32)


def thresholded(
    problem: Problem,
    whole: Attribution,
    score: Callable[[Problem, Path], Attribution],
    shares: Sequence[float],
    path: Path,
) -> Attribution:
    """Write the scores of `whole`, thresholded at the best of the shares, to `path`; `score` makes a fold's scores.

    Raises InputError without runs, or with too few subsets for folds.
    """
    runs = problem.runs
    if runs is None or len(runs.distinct()) < 2 * FOLDS:
        raise InputError(
            f"a threshold is chosen on the outcomes of known subsets: expected a Pool of at least {2 * FOLDS} subsets"
        )
    contrasts = runs.subset_masks().astype(np.float32) - 0.5
    # Neighbouring subsets are complements of each other: predicting one from the other would be no test.
    fold_of = runs.distinct() // 2 % FOLDS
    predictions = np.zeros((len(shares), len(contrasts), len(problem.target)), np.float32)
    for fold in range(FOLDS):
        own = fold_of == fold
        kept = np.flatnonzero(~np.isin(runs.subsets[problem.run_of], runs.distinct()[own]))
        part = replace(problem, models=tuple(problem.models[number] for number in kept), run_of=problem.run_of[kept])
        for start, block in score(part, path.with_suffix(".fold")).blocks():
            for at, share in enumerate(shares):
                predictions[at, own, start : start + block.shape[1]] = contrasts[own] @ soft_threshold(block, share)
    path.with_suffix(".fold").unlink()
    chosen = choosing_subsets(runs)
    actual = runs.subset_margins()[chosen]
    quality = [float(np.nan_to_num(np.nanmean(lds(actual, one[chosen])))) for one in predictions]
    best = int(np.argmax(quality))
    with store.writing(path, whole.train_ids, whole.target_ids) as file:
        for start, block in whole.blocks():
            file.add(start, soft_threshold(block, shares[best]))
        file.finish(
            whole.self_influence,
            predictions[best],
            {
                **whole.provenance,
                "slope": 1.0,
                "share_kept": shares[best],
                "lds_by_share_kept": dict(zip(map(str, shares), quality, strict=True)),
            },
        )
    return Attribution.load(path)
