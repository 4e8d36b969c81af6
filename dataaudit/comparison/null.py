"""Which components are real: the null distribution from two pools of one and the same algorithm.

Attributions are made of groups of models, four models each, and every algorithm has two pools of groups, trained with
different seeds. Had the algorithm's two pools been one, any half of the groups could have been the first, so every
reassignment shows what noise does: the largest component of either half beyond the other. A component of A and
B is claimed where fewer of these draws reach it than the level allows.

In each draw the largest of four numbers counts: of A's halves and of B's, since either algorithm may be the noisier
one, and of both directions. Every component, of both directions, is held against these largest ones. Real components
that were there besides do not help the noise: the (k + 1)th singular value of a sum with k real ones is at most the
first of the noise (Weyl). So the level holds for all claims of a comparison together.
"""

from collections.abc import Iterator, Sequence
from itertools import combinations, product
from math import comb

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.linalg import LinearOperator, eigsh

from .residuals import Rows, noise_free_lengths, residual_products

DRAWS = 99
KINDS = 2
"""Kinds of groups, in turn; only groups of one kind are exchangeable."""
DRAWS_PER_BATCH = 25
"""Draws whose products are held in memory at a time."""


def largest_by_chance(groups: Sequence[Rows], rng: np.random.Generator) -> NDArray[np.float64]:
    """(draws,) the largest variance along a component that an algorithm's seeds and subsets alone make.

    groups   attributions (n_target, n_train) of the groups of its two pools, first one's, then the other's
    """
    return _largest_of(products(groups), dealt(len(groups) // 2, rng))


def significance(values: NDArray[np.float64], by_chance: NDArray[np.float64]) -> NDArray[np.float64]:
    """(k,) p-values of components with these variances, for all of them together."""
    return np.asarray((1 + (by_chance[None] >= values[:, None]).sum(1)) / (1 + len(by_chance)))


def dealt(count: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    """(draws, 2 count) which of two pools' groups make up the first half: of each kind as many as before."""
    kinds = np.arange(2 * count) % count % KINDS
    members = [np.flatnonzero(kinds == kind) for kind in range(KINDS)]
    ways = int(np.prod([comb(len(m), len(m) // 2) for m in members]))
    if ways <= 4 * DRAWS:
        halves = np.array([_half(2 * count, chosen) for chosen in _choices(members)])
        return halves[rng.permutation(len(halves))[np.arange(DRAWS) % len(halves)]]
    return np.array([_half(2 * count, [rng.permutation(m)[: len(m) // 2] for m in members]) for _ in range(DRAWS)])


def products(groups: Sequence[Rows]) -> NDArray[np.float32]:
    """(g, g, n_target, n_target) of every group's rows with every other's."""
    count, targets = len(groups), len(groups[0])
    result = np.empty((count, count, targets, targets), np.float32)
    for i, rows in enumerate(groups):
        for j in range(i, count):
            result[i, j] = rows @ groups[j].T
            result[j, i] = result[i, j].T
    return result


def top_value(gram: Rows) -> float:
    """The largest eigenvalue of residuals' covariance, from their products."""
    if len(gram) < 32 or not gram.any():
        return float(np.linalg.eigvalsh(gram.astype(np.float64))[-1]) / len(gram)
    start = np.random.default_rng(0).standard_normal(len(gram)).astype(gram.dtype)
    operator = LinearOperator(
        gram.shape, lambda vector: gram @ vector.ravel(), dtype=gram.dtype
    )  # else copied each time
    return float(eigsh(operator, 1, which="LA", v0=start, tol=1e-3, return_eigenvectors=False)[0]) / len(gram)


def _choices(members: Sequence[NDArray[np.int64]]) -> Iterator[tuple[tuple[int, ...], ...]]:
    return product(*(combinations(m.tolist(), len(m) // 2) for m in members))


def _half(count: int, chosen: Sequence[Sequence[int] | NDArray[np.int64]]) -> NDArray[np.bool_]:
    inside = np.zeros(count, bool)
    for group_indices in chosen:
        inside[np.asarray(group_indices, np.int64)] = True
    return inside


def _largest_of(all_products: NDArray[np.float32], halves: NDArray[np.bool_]) -> NDArray[np.float64]:
    """(draws,) the larger of both directions' top values."""
    count, targets = all_products.shape[0], all_products.shape[2]
    flat = all_products.reshape(count * count, targets * targets)
    group_squares = np.stack([np.diagonal(all_products[group, group]) for group in range(count)]).astype(np.float64)
    largest = []
    for start in range(0, len(halves), DRAWS_PER_BATCH):
        inside = halves[start : start + DRAWS_PER_BATCH]
        inside_weights, outside_weights = (np.float32(2 / count) * part for part in (inside, ~inside))
        aa, bb, ab = (
            (np.einsum("pg,ph->pgh", x, y).reshape(len(x), -1) @ flat).reshape(-1, targets, targets)
            for x, y in (
                (inside_weights, inside_weights),
                (outside_weights, outside_weights),
                (inside_weights, outside_weights),
            )
        )
        for half, p, q, r in zip(inside, aa, bb, ab, strict=True):
            lengths_p, lengths_q = (
                noise_free_lengths(np.diagonal(rows).astype(np.float64), group_squares[members])
                for rows, members in ((p, half), (q, ~half))
            )
            ways = residual_products(p, q, r, lengths_p, lengths_q), residual_products(q, p, r.T, lengths_q, lengths_p)
            largest.append(max(map(top_value, ways)))
    return np.array(largest)
