"""Datamodels (Ilyas et al. 2022, eq. 5): the LASSO of a target's output on which training samples were included."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.linear_model import lasso_path

from .run_rows import Centred, Floats, Split, squared_error

PATH = np.geomspace(1.0, 0.01, 24)
"""Candidate penalties, relative to the smallest at which all weights are zero."""
STEP = 4
"""Penalties tried at a time, until smaller ones no longer improve."""
TOLERANCE = 1e-5
"""Duality gap, relative to the outputs' square sum."""
MAX_ITERATIONS = 10_000


@dataclass(frozen=True)
class Fit:
    """One target's weights.

    weights        (n_train,) change of the output where the sample is included
    fold_weights   (folds, n_train) the same, without the fold's runs in the fit or in the choice of the penalty
    penalty        lambda of 1/(2m) |y - Xw - b|^2 + lambda |w|_1
    moments        (3,) of the predictions by `fold_weights`, see Split.moments
    """

    weights: Floats
    fold_weights: Floats
    penalty: float
    moments: Floats


def solve(rows: Centred, target: int, penalties: Floats, start: Floats | None = None) -> Floats:
    """(n_train, c) minimisers w of 1/(2m) |y - Xw - b|^2 + lambda |w|_1 for descending penalties lambda (c,)."""
    options = {} if start is None else {"coef_init": start}
    outputs = np.ascontiguousarray(rows.outputs[:, target])
    _, weights, _ = lasso_path(
        rows.contrasts,
        outputs,
        alphas=penalties * rows.count / len(outputs),
        precompute=False if rows.gram is None else rows.gram,
        Xy=rows.contrasts.T @ outputs,
        copy_X=False,
        tol=TOLERANCE,
        max_iter=MAX_ITERATIONS,
        **options,
    )
    return np.asarray(weights)


def fit(rows: Centred, splits: Sequence[Split], target: int) -> Fit:
    """Choose the penalty by held-out runs and fit with it.

    The penalty of the weights that predict a fold is chosen without that fold's runs.
    """
    n = rows.contrasts.shape[1]
    largest = float(np.abs(rows.contrasts.T @ rows.outputs[:, target]).max()) / rows.count
    if not largest:
        return Fit(np.zeros(n), np.zeros((len(splits), n)), 0.0, np.zeros(3))
    penalties = largest * PATH
    paths, moments = np.zeros((len(splits), n, 0)), np.zeros((3, len(splits), 0))
    while (n_tried := paths.shape[2]) < len(PATH):
        step = penalties[n_tried : n_tried + STEP]
        new_paths = [
            solve(split.fitted, target, step, path[:, -1] if n_tried else None)
            for split, path in zip(splits, paths, strict=True)
        ]
        paths = np.concatenate([paths, np.stack(new_paths)], 2)
        new_moments = [split.moments(target, weights) for split, weights in zip(splits, new_paths, strict=True)]
        moments = np.concatenate([moments, np.stack(new_moments, 1)], 2)
        if squared_error(moments).sum(0).argmin() < n_tried:
            break
    errors, folds = squared_error(moments), np.arange(len(splits))
    chosen = (errors.sum(0) - errors).argmin(1)
    penalty = penalties[errors.sum(0).argmin()]
    return Fit(
        solve(rows, target, np.array([penalty]))[:, 0],
        paths[folds, :, chosen],
        float(penalty),
        moments[:, folds, chosen].sum(1),
    )
