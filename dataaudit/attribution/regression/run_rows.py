"""Runs as the rows of a regression, in folds that never split a subset, and no more rows than columns need.

Only inner products of a regression's columns matter to least squares with any penalty. Once a fold has more runs than
columns, its runs are therefore replaced by as many rows with the same inner products (a QR decomposition, a block of
runs at a time): memory, and the cost of everything that follows, no longer grow with the number of runs.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError
from ..problem import Runs

FOLDS = 5
FEWEST = 3
"""Fewest groups of subsets with which anything can be chosen on held-out runs."""
BLOCK = 4096
"""Runs read at a time."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Rows:
    """m rows that stand for runs.

    ones        (m,) the intercept's column: its square sum is the number of runs
    contrasts   (m, n_train) masks - 0.5
    outputs     (m, n_target)
    prior       (m, n_target) what the outputs were predicted to be, up to a constant; or (m, 0)
    """

    ones: Floats
    contrasts: Floats
    outputs: Floats
    prior: Floats

    def squeezed(self) -> "Rows":
        """At most n_train + 3 rows with the same inner products of all columns but those of different targets."""
        columns = self.contrasts.shape[1] + 1
        if len(self.ones) <= columns + 2:
            return self
        q, r = np.linalg.qr(np.column_stack([self.ones, self.contrasts]))
        outputs, prior = q.T @ self.outputs, q.T @ self.prior
        # Residuals orthogonal to all masks: two extra rows, different for each target.
        residual, residual_prior = self.outputs - q @ outputs, self.prior - q @ prior
        extra, extra_prior = np.zeros((2, residual.shape[1])), np.zeros((2, residual_prior.shape[1]))
        square = (residual**2).sum(0)
        if residual_prior.shape[1]:
            extra_prior[0] = np.sqrt((residual_prior**2).sum(0))
            product = (residual * residual_prior).sum(0)
            extra[0] = np.divide(product, extra_prior[0], out=np.zeros_like(product), where=extra_prior[0] > 0)
        extra[1] = np.sqrt(np.maximum(square - extra[0] ** 2, 0))
        r = np.vstack([r, np.zeros((2, columns))])
        return Rows(r[:, 0], r[:, 1:], np.vstack([outputs, extra]), np.vstack([prior, extra_prior]))

    def centred(self) -> "Centred":
        """The same with every column's mean over runs subtracted."""
        count = float(self.ones @ self.ones)
        means = [self.ones @ part / count for part in (self.contrasts, self.outputs, self.prior)]
        contrasts = np.asfortranarray(self.contrasts - np.outer(self.ones, means[0]))
        return Centred(
            count,
            contrasts,
            self.outputs - np.outer(self.ones, means[1]),
            self.prior - np.outer(self.ones, means[2]),
            means[0],
            means[1],
            means[2],
            contrasts.T @ contrasts if contrasts.shape[0] > contrasts.shape[1] else None,
        )


@dataclass(frozen=True)
class Centred:
    """Rows to fit: each column centred over `count` runs, and its mean.

    gram   (n_train, n_train) contrasts.T @ contrasts where there are more rows than training samples
    """

    count: float
    contrasts: Floats
    outputs: Floats
    prior: Floats
    contrast_mean: Floats
    output_mean: Floats
    prior_mean: Floats
    gram: Floats | None


@dataclass(frozen=True)
class Split:
    """All other folds' runs to fit, one fold's runs held out."""

    fitted: Centred
    held_out: Rows

    def moments(self, target: int, weights: Floats, prior_weights: Floats | None = None) -> Floats:
        """(3, c) of c candidates, weights (n_train, c) and prior_weights (c,), summed over the held-out runs.

        The outputs' squares, their products with the predictions, and the predictions' squares, all taken from the
        means of the runs that were fitted.
        """
        fitted, held_out = self.fitted, self.held_out
        outputs = held_out.outputs[:, target] - fitted.output_mean[target] * held_out.ones
        predicted = held_out.contrasts @ weights
        mean = fitted.contrast_mean @ weights
        if prior_weights is not None:
            predicted += np.outer(held_out.prior[:, target], prior_weights)
            mean = mean + fitted.prior_mean[target] * prior_weights
        predicted -= np.outer(held_out.ones, mean)
        square = np.full(predicted.shape[1], outputs @ outputs)
        return np.stack([square, outputs @ predicted, (predicted**2).sum(0)])


def squared_error(moments: Floats) -> Floats:
    """(...) from (3, ...)."""
    return np.asarray(moments[0] - 2 * moments[1] + moments[2])


def correlation(moments: Floats) -> Floats:
    """(...) from (3, ...); 0 where outputs or predictions don't vary."""
    norm = np.sqrt(moments[0] * moments[2])
    return np.asarray(np.divide(moments[1], norm, out=np.zeros_like(norm), where=norm > 0))


def stacked(parts: Sequence[Rows]) -> Rows:
    """The rows of all parts."""
    ones, contrasts, outputs, prior = (
        np.concatenate([getattr(part, name) for part in parts]) for name in ("ones", "contrasts", "outputs", "prior")
    )
    return Rows(ones, contrasts, outputs, prior)


def folds_of(runs: Runs) -> NDArray[np.int64]:
    """(S,) the fold of each distinct subset.

    A subset and its complement are in the same fold: the outcome of one nearly determines that of the other, and
    penalties chosen by such predictions would be too small for new subsets. Folds depend on masks alone, not on the
    order or the numbers of runs. Raises InputError if there are too few subsets.
    """
    keys = []
    for row in np.unique(runs.subsets, return_index=True)[1]:
        mask = runs.masks[row]
        keys.append(hashlib.sha256(np.packbits(mask ^ mask[0]).tobytes()).digest())
    groups, group = np.unique(keys, return_inverse=True)
    if len(groups) < FEWEST:
        raise InputError(
            f"datamodels need runs on at least {FEWEST} distinct subsets of the training samples, not counting "
            f"complements, to hold some out; found {len(groups)}"
        )
    return np.asarray(group % min(FOLDS, len(groups)), np.int64)


def rows_of(runs: Runs, folds: NDArray[np.int64], prior: NDArray[np.float32] | None) -> list[Rows]:
    """Each fold's runs as rows. `prior` (S, n_target) predicts the outcomes of the distinct subsets."""
    subset = np.searchsorted(runs.distinct(), runs.subsets)
    centre = runs.margins[0].astype(np.float64)  # one run's and not the mean: what never changes becomes exactly zero
    parts = []
    for fold in range(folds.max() + 1):
        members, rows = np.flatnonzero(folds[subset] == fold), []
        for start in range(0, len(members), BLOCK):
            block = members[start : start + BLOCK]
            predicted = np.zeros((len(block), 0)) if prior is None else prior[subset[block]].astype(np.float64)
            rows.append(
                Rows(
                    np.ones(len(block)),
                    np.asarray(runs.masks[block] - 0.5, np.float64),
                    np.asarray(runs.margins[block] - centre, np.float64),
                    predicted,
                )
            )
            rows = [stacked(rows).squeezed()]
        parts += rows
    return parts


def splits_of(parts: Sequence[Rows]) -> tuple[Centred, list[Split]]:
    """All rows, and for each fold the split that holds it out."""
    splits = [
        Split(stacked([*parts[:k], *parts[k + 1 :]]).squeezed().centred(), held_out) for k, held_out in enumerate(parts)
    ]
    return stacked(parts).squeezed().centred(), splits
