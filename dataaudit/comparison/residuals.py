"""Residuals of one algorithm's attributions beyond the other's, and their principal components.

Attributions are (n_target, n_train) here: a row holds one target's attributions. The residual of A beyond B is
(Shah et al. 2022), with rows scaled by their lengths |A_z|,

    r_z = A_z / |A_z| - <A_z, B_z> / (|A_z| |B_z|) B_z / |B_z|

and its components are the principal ones of the residuals, centred over the targets.

Lengths are those that the rows would have without noise, see `noise_free_lengths`. By the lengths as they are, noise in
B makes the product with it too small, so that what both share is left over: the noisier of two algorithms that use the
data alike would seem to lack what the other relies on.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh

Rows = NDArray[np.float32]
Lengths = NDArray[np.float64]

RELIABLE = 0.2
"""Share of a row's square that must not be noise: with less, its length isn't known well enough to divide by."""


@dataclass(frozen=True)
class Components:
    """The first k principal components of residuals, largest first.

    values       (k,) variance of the residuals along each
    targets      (n_target, k) each target's place along it; the heavier tail is positive
    directions   (k, n_train) of length one: positive where training samples raise the outputs of that tail
    """

    values: NDArray[np.float64]
    targets: NDArray[np.float64]
    directions: NDArray[np.float64]


def squares(groups: Sequence[Rows]) -> NDArray[np.float64]:
    """(G, n_target) of every group's rows."""
    return np.stack([np.square(rows, dtype=np.float64).sum(1) for rows in groups])


def noise_free_lengths(mean_squares: NDArray[np.float64], group_squares: NDArray[np.float64]) -> Lengths:
    """(n_target,) of the mean of G groups' rows, whose noise is independent: by the products of different groups.

    mean_squares    (n_target,) of the mean rows
    group_squares   (G, n_target) of each group's rows
    """
    return np.sqrt(np.maximum(mean_squares - _noise(mean_squares, group_squares), RELIABLE * mean_squares))


def reliable(mean_squares: NDArray[np.float64], group_squares: NDArray[np.float64]) -> NDArray[np.bool_]:
    """(n_target,) whether enough of the mean row is not noise."""
    return np.asarray(mean_squares - _noise(mean_squares, group_squares) > RELIABLE * mean_squares)


def cosines(a: Rows, b: Rows) -> NDArray[np.float64]:
    """(n_target,) how far two algorithms' attributions agree on each target, noise and all; 0 where either has none."""
    inner = np.einsum("zi,zi->z", a, b, dtype=np.float64)
    lengths = [np.sqrt(np.square(rows, dtype=np.float64).sum(1)) for rows in (a, b)]
    return _safe_ratio(inner, lengths[0] * lengths[1])


def residuals(a: Rows, b: Rows, lengths_a: Lengths, lengths_b: Lengths) -> Rows:
    """(n_target, n_train) of A beyond B, given the rows' lengths; A itself where B has none, 0 where A has none."""
    factor_a, factor_b = _factors(np.einsum("zi,zi->z", a, b, dtype=np.float64), lengths_a, lengths_b)
    return np.asarray(factor_a[:, None] * a - factor_b[:, None] * b, np.float32)


def residual_products(aa: Rows, bb: Rows, ab: Rows, lengths_a: Lengths, lengths_b: Lengths) -> Rows:
    """(n_target, n_target) products of the centred residuals of A beyond B, from those of the rows as they are.

    `ab` holds the products of A's rows with B's. Nothing of the size (n_target, n_train) is needed.
    """
    factor_a, factor_b = (
        factor.astype(np.float32) for factor in _factors(np.diagonal(ab).astype(np.float64), lengths_a, lengths_b)
    )
    crossed = factor_a[:, None] * ab * factor_b
    inner = factor_a[:, None] * aa * factor_a - crossed - crossed.T + factor_b[:, None] * bb * factor_b
    means = inner.mean(0)
    return np.asarray(inner - means - means[:, None] + means.mean(), np.float32)


def principal(rows: Rows, count: int) -> Components:
    """The first components of these rows, by the smaller of their two products with themselves."""
    centred = rows - rows.mean(0, dtype=np.float64).astype(np.float32)
    n_target, n_train = rows.shape
    if n_target <= n_train:
        values, vectors = _top_eigenpairs(centred @ centred.T, count)
        directions = (vectors.T @ centred) / np.sqrt(np.maximum(values, 1e-300))[:, None]
    else:
        values, vectors = _top_eigenpairs(centred.T @ centred, count)
        directions = vectors.T
    directions = np.where((values > 1e-6 * max(values[0], 1e-300))[:, None], directions, 0)
    targets = centred @ directions.T
    tails = np.sign((targets**3).sum(0))
    signs = np.where(tails == 0, 1, tails)
    return Components(values / n_target, targets * signs, directions * signs[:, None])


def explained(rows: Rows, lengths: Lengths, directions: NDArray[np.float64]) -> NDArray[np.float64]:
    """(k,) share of the variance of an algorithm's scaled attributions that lies along each direction."""
    scaled = _safe_ratio(np.ones_like(lengths), lengths)[:, None] * rows
    scaled -= scaled.mean(0)
    total = float(np.square(scaled).sum())
    return np.asarray(np.square(scaled @ directions.T).sum(0) / max(total, 1e-300))


def _noise(mean_squares: NDArray[np.float64], group_squares: NDArray[np.float64]) -> NDArray[np.float64]:
    """The part of the mean row's square that is the groups' own noise."""
    return np.asarray((group_squares.mean(0) - mean_squares) / (len(group_squares) - 1))


def _factors(inner: NDArray[np.float64], lengths_a: Lengths, lengths_b: Lengths) -> tuple[Lengths, Lengths]:
    """What rows of A and of B are multiplied with in the residual."""
    factor_a = _safe_ratio(np.ones_like(lengths_a), lengths_a)
    return factor_a, _safe_ratio(factor_a * inner, np.square(lengths_b))


def _safe_ratio(numerator: NDArray[np.float64], denominator: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.divide(numerator, denominator, out=np.zeros_like(numerator), where=denominator > 0)


def _top_eigenpairs(products: Rows, count: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The first eigenvalues, falling, and their vectors (n, count)."""
    size = len(products)
    values, vectors = eigh(products.astype(np.float64), subset_by_index=[max(0, size - count), size - 1])
    return np.maximum(values[::-1], 0), vectors[:, ::-1]
