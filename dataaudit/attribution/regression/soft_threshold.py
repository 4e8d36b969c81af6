"""Step 5 of TRAK (Park et al. 2023, section 3.2): sparse scores by a soft threshold, cross-validated on the runs.

Every target's scores are shrunk by the threshold that only a share of them exceeds; smaller ones become 0. The
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
"""The scores are computed anew for each."""


def soft_threshold(scores: NDArray[np.float32], share: float) -> NDArray[np.float32]:
    """Scores (n_train, m) with about this share of each column non-zero, shrunk towards 0 by its threshold."""
    if share >= 1:
        return scores
    size = np.abs(scores)
    threshold = np.quantile(size, 1 - share, axis=0)
    return np.asarray(np.sign(scores) * np.maximum(size - threshold, 0), np.float32)


def thresholded(
    problem: Problem,
    dense: Attribution,
    score: Callable[[Problem, Path], Attribution],
    shares: Sequence[float],
    path: Path,
) -> Attribution:
    """Write the scores of `dense`, thresholded at the best of the shares, to `path`; `score` computes a fold's scores.

    Raises InputError without runs, or with too few subsets for folds.
    """
    runs = problem.runs
    if runs is None or len(runs.distinct()) < 2 * FOLDS:
        raise InputError(
            f"a threshold is chosen on outcomes of known subsets: expected at least {2 * FOLDS} of them, as in audits"
        )
    contrasts = runs.subset_masks().astype(np.float32) - 0.5
    # Neighbouring subsets are complements of each other: predicting one from the other would be no test.
    fold_of = runs.distinct() // 2 % FOLDS
    predictions = np.zeros((len(shares), len(contrasts), len(problem.target)), np.float32)
    for fold in range(FOLDS):
        in_fold = fold_of == fold
        models = np.flatnonzero(~np.isin(runs.subsets[problem.run_of], runs.distinct()[in_fold]))
        fold_problem = replace(
            problem, models=tuple(problem.models[number] for number in models), run_of=problem.run_of[models]
        )
        for start, block in score(fold_problem, path.with_suffix(".fold")).blocks():
            for index, share in enumerate(shares):
                predictions[index, in_fold, start : start + block.shape[1]] = contrasts[in_fold] @ soft_threshold(
                    block, share
                )
    path.with_suffix(".fold").unlink()
    chosen = choosing_subsets(runs)
    actual = runs.subset_margins()[chosen]
    quality = [float(np.nan_to_num(np.nanmean(lds(actual, prediction[chosen])))) for prediction in predictions]
    best = int(np.argmax(quality))
    with store.writing(path, dense.train_ids, dense.target_ids) as file:
        for start, block in dense.blocks():
            file.add(start, soft_threshold(block, shares[best]))
        file.finish(
            dense.self_influence,
            predictions[best],
            {
                **dense.provenance,
                "slope": 1.0,
                "share_kept": shares[best],
                "lds_by_share_kept": dict(zip(map(str, shares), quality, strict=True)),
            },
        )
    return Attribution.load(path)
