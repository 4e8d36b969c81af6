"""Datamodels (Ilyas et al. 2022, eq. 5): the LASSO of a target's output on which training samples were included."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.linear_model import lasso_path

from .run_rows import Centred, Floats, Split, squared_error

PATH = np.geomspace(1.0, 0.01, 24)
"""Candidate penalties, relative to the smallest at which all weights are zero."""
STEP = 4
"""Penalties tried before looking whether smaller ones are worth it."""
TOLERANCE = 1e-5
"""Duality gap, relative to the outputs' square sum."""
MAX_ITERATIONS = 10_000


@dataclass(frozen=True)
class Fit:
    """One target's weights.

    weights   (n_train,) change of the output where the sample is included
    apart     (folds, n_train) the same, without the fold's runs in the fit or in the choice of the penalty
    penalty   lambda of 1/(2m) |y - Xw - b|^2 + lambda |w|_1
    moments   (3,) of the predictions by `apart`, see Split.moments
    """

    weights: Floats
    apart: Floats
    penalty: float
    moments: Floats


def solve(rows: Centred, target: int, penalties: Floats, start: Floats | None = None) -> Floats:
    """(n_train, c) minimisers w of 1/(2m) |y - Xw - b|^2 + lambda |w|_1 for descending penalties lambda (c,)."""
    more = {} if start is None else {"coef_init": start}
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
        **more,
    )
    return np.asarray(weights)


def fit(whole: Centred, splits: Sequence[Split], target: int) -> Fit:
    """Choose the penalty by held-out runs and fit with it.

    A fold's own runs have no say in the penalty of the weights that predict it.
    """
    n = whole.contrasts.shape[1]
    largest = float(np.abs(whole.contrasts.T @ whole.outputs[:, target]).max()) / whole.count
    if not largest:
        return Fit(np.zeros(n), np.zeros((len(splits), n)), 0.0, np.zeros(3))
    penalties = largest * PATH
    paths, moments = np.zeros((len(splits), n, 0)), np.zeros((3, len(splits), 0))
    while (tried := paths.shape[2]) < len(PATH):
        step = penalties[tried : tried + STEP]
        new = [
            solve(split.fitted, target, step, path[:, -1] if tried else None)
            for split, path in zip(splits, paths, strict=True)
        ]
        paths = np.concatenate([paths, np.stack(new)], 2)
        more = [split.moments(target, weights) for split, weights in zip(splits, new, strict=True)]
        moments = np.concatenate([moments, np.stack(more, 1)], 2)
        if squared_error(moments).sum(0).argmin() < tried:
            break
    errors, every = squared_error(moments), np.arange(len(splits))
    chosen = (errors.sum(0) - errors).argmin(1)
    penalty = penalties[errors.sum(0).argmin()]
    return Fit(
        solve(whole, target, np.array([penalty]))[:, 0],
        paths[every, :, chosen],
        float(penalty),
        moments[:, every, chosen].sum(1),
    )
