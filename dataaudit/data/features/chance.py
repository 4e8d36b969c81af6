"""How many rows of a table equal another by chance, and whether there are more.

The columns are cut into two blocks, and the values of one block are dealt anew among rows of one class that are alike
on the whole (quantiles of the first principal component): what still equals another row does so by chance. That breaks
copies, and leaves what ties columns together within a block, to the class and to the main direction of the data. Of
several cuts into blocks that say about as much the one counts that explains most, among them some that keep the columns
together that depend on each other most.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.stats import binom

LEVEL = 0.01
"""Probability of as many equal rows by chance below which they are no chance."""
RANDOM_CUTS, DEPENDENT_CUTS = 6, 4
BALANCE = 0.8
"""Least information of a cut's poorer block, as a share of the most that any cut's poorer block has."""
SHUFFLES = 5
FEW = 1.0
"""Up to so many, the expected number of equal pairs, which needs no shuffling, stands for that of rows."""
FEWEST_ALIKE, ALIKE_SHARE = 50, 1 / 8
"""Least rows, and share of all, that values are dealt among."""
BINS = 8
"""Values of a column are compared in so many groups when it comes to what depends on what."""
SAMPLED = 5000
POWER_STEPS = 20


@dataclass(frozen=True)
class Repeats:
    """Rows that equal another one.

    by_chance   how many would by chance
    p_value     probability of as many by chance
    """

    count: int
    by_chance: float = 0.0
    p_value: float = 0.0

    @property
    def are_chance(self) -> bool:
        """Whether chance makes as many, or half of them: each one reported would more likely be none."""
        return self.count > 0 and (self.p_value > LEVEL or self.by_chance > self.count / 2)

    @property
    def explanation(self) -> str:
        """What chance has to do with it, as the end of a sentence about them."""
        if np.isinf(self.by_chance):
            return " and are not reported: of one column that cannot be told from chance"
        number = f"{self.by_chance:.0f}" if self.by_chance >= 9.5 else f"{self.by_chance:.2g}"
        reason = " and are not reported: with so few distinct values," if self.are_chance else ";"
        probable = f", as many with a probability of {self.p_value:.2g}" if 0 < self.by_chance <= self.count / 2 else ""
        return f"{reason} about {number} are expected by chance{probable if self.are_chance else ''}"

    @property
    def chance_share(self) -> float:
        """Share of them that chance explains."""
        return min(1.0, self.by_chance / max(1, self.count))


def repeats_within(contents: NDArray[np.int64], codes: NDArray[np.int64], strata: NDArray[np.int64]) -> Repeats:
    """Rows that equal an earlier one.

    contents   (n,) equal for equal rows, -1 for rows that equal none
    codes      (n, d) their values, each column's in order and from 0; without columns nothing is chance
    strata     (n,) their classes
    """
    return _repeats(contents, codes, strata, np.zeros(len(contents), bool))


def repeats_across(
    contents: NDArray[np.int64], codes: NDArray[np.int64], strata: NDArray[np.int64], queries: NDArray[np.bool_]
) -> Repeats:
    """Query rows, marked in `queries` (n,), that equal one of the others; the rest as in `repeats_within`."""
    return _repeats(contents, codes, strata, queries)


def _repeats(
    contents: NDArray[np.int64], codes: NDArray[np.int64], strata: NDArray[np.int64], queries: NDArray[np.bool_]
) -> Repeats:
    filled = contents >= 0
    codes, strata, queries = codes[filled], strata[filled], queries[filled]
    count = _count(contents[filled], queries)
    if not count or not codes.shape[1]:
        return Repeats(count)
    if codes.shape[1] == 1:  # nothing to cut: how often one value repeats says nothing of copies
        return Repeats(count, np.inf, 1.0)
    rng = np.random.default_rng(0)
    bins = _binned(codes)
    groups = _alike(bins, strata, queries)
    by_chance, p_value = 0.0, 0.0
    for first in _cuts(codes, bins, rng):
        left, right = (rows_numbered(codes[:, block]) for block in (first, ~first))
        expected = _expected_pairs(left, right, groups, queries)
        if expected > FEW:
            dealt = (_both(left, right[_dealt(groups, rng)]) for _ in range(SHUFFLES))
            expected = float(np.mean([_count(rows, queries) for rows in dealt]))
        # Rows are equal only if they are in either block: of so many each is with this probability.
        possible = min(_count(left, queries), _count(right, queries))
        p_value = max(p_value, float(binom.sf(count - 1, possible, min(1.0, expected / possible))))
        by_chance = max(by_chance, expected)
    return Repeats(count, by_chance, p_value)


def rows_numbered(codes: NDArray[np.int64]) -> NDArray[np.int64]:
    """(n,) from 0, equal where all codes (n, d) are, by a universal hash to 64 bits."""
    multipliers = np.random.default_rng(0).integers(0, 2**64, codes.shape[1], np.uint64)
    hashes = np.zeros(len(codes), np.uint64)
    for place, column in enumerate(codes.T):
        hashes += column.astype(np.uint64) * multipliers[place]
    return np.unique(hashes, return_inverse=True)[1].reshape(-1)


def _both(left: NDArray[np.int64], right: NDArray[np.int64]) -> NDArray[np.int64]:
    """(n,) equal where both blocks are."""
    return left * (int(right.max()) + 1) + right


def _count(rows: NDArray[np.int64], queries: NDArray[np.bool_]) -> int:
    """Queries that equal one of the others; without queries, rows that equal an earlier one."""
    if queries.any():
        return int(np.isin(rows[queries], rows[~queries]).sum())
    return len(rows) - len(np.unique(rows))


def _dealt(groups: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
    """(n,) a random order in which every row's place is taken by one of its group."""
    order = np.empty(len(groups), np.int64)
    order[np.argsort(groups, kind="stable")] = np.lexsort((rng.random(len(groups)), groups))
    return order


def _expected_pairs(
    left: NDArray[np.int64], right: NDArray[np.int64], groups: NDArray[np.int64], queries: NDArray[np.bool_]
) -> float:
    """Pairs of rows that are equal once the right block is dealt within groups, exactly, on average.

    A pair of rows of two groups is equal in the left block as often as such pairs are, and in the right one likewise,
    independently.
    """
    sizes = np.bincount(groups).astype(np.float64)
    left_pairs, right_pairs = (_equal_pairs(block, groups) - np.diag(sizes) for block in (left, right))
    pairs = np.outer(sizes, sizes) - np.diag(sizes)
    equal = left_pairs * right_pairs / np.maximum(pairs, 1)
    if not queries.any():
        return float(equal.sum() / 2)
    of_queries = np.zeros(len(sizes), bool)
    of_queries[groups[queries]] = True
    return float(equal[np.ix_(of_queries, ~of_queries)].sum())


def _equal_pairs(block: NDArray[np.int64], groups: NDArray[np.int64]) -> NDArray[np.float64]:
    """(g, g) ordered pairs of rows of two groups whose values are equal, each with itself included."""
    counts = csr_matrix((np.ones(len(block)), (groups, block)))
    return np.asarray((counts @ counts.T).toarray(), np.float64)


def _binned(codes: NDArray[np.int64]) -> NDArray[np.uint8]:
    """(n, d) codes in at most BINS groups of about equal size."""
    bins = np.zeros(codes.shape, np.uint8)
    for place, column in enumerate(codes.T):
        counts = np.bincount(column)
        used = np.flatnonzero(counts)
        if len(used) <= BINS:
            bins[:, place] = np.searchsorted(used, column)
        else:
            middle = np.cumsum(counts) - counts / 2
            bins[:, place] = (BINS * middle / len(column)).astype(np.uint8)[column]
    return bins


def _one_hot(bins: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(m, d * BINS) of rows SAMPLED at most, evenly spaced."""
    sample = bins[:: -(-len(bins) // SAMPLED)]
    indicators = sample[:, :, None] == np.arange(BINS, dtype=np.uint8)
    return np.asarray(indicators.reshape(len(sample), -1), np.float32)


def _alike(bins: NDArray[np.uint8], strata: NDArray[np.int64], queries: NDArray[np.bool_]) -> NDArray[np.int64]:
    """(n,) groups from 0 of rows of one class that lie together along the first principal component.

    Classes of few rows count as one. Query rows have groups of their own.
    """
    loadings = _main_direction(_one_hot(bins)).reshape(bins.shape[1], BINS)
    position = np.zeros(len(bins))
    for column, loading in zip(bins.T, loadings, strict=True):
        position += loading[column]
    groups, start = np.zeros(len(bins), np.int64), 0
    for part in (queries, ~queries):
        rows = np.flatnonzero(part)
        classes, sizes = np.unique(strata[rows], return_counts=True)
        large = np.where(np.isin(strata[rows], classes[sizes >= FEWEST_ALIKE]), strata[rows], -1)
        least = max(FEWEST_ALIKE, int(ALIKE_SHARE * len(rows)))
        for target in np.unique(large):
            members = rows[large == target]
            windows = np.array_split(
                members[np.argsort(position[members], kind="stable")], max(1, len(members) // least)
            )
            for window in windows:
                groups[window] = start
                start += 1
    return groups


def _main_direction(values: NDArray[np.float32]) -> NDArray[np.float64]:
    """(d,) the first principal component of rows (m, d), by power iteration."""
    centred = values - values.mean(0)
    direction = np.random.default_rng(0).standard_normal(values.shape[1], np.float32)
    for _ in range(POWER_STEPS):
        direction = centred.T @ (centred @ direction)
        direction /= max(float(np.linalg.norm(direction)), 1e-9)
    return np.asarray(direction, np.float64)


def _cuts(codes: NDArray[np.int64], bins: NDArray[np.uint8], rng: np.random.Generator) -> Iterator[NDArray[np.bool_]]:
    """(d,) masks of a first block of columns, each with about half of what all columns say."""
    information = np.array([_information(column) for column in codes.T])
    dependence = _dependence(bins)
    orders = [rng.permutation(len(information)) for _ in range(RANDOM_CUTS)]
    orders += [_dependent_first(dependence, seed) for seed in np.argsort(-dependence.sum(0))[:DEPENDENT_CUTS]]
    masks = [_evenly(information), *(_half(order, information) for order in orders)]
    poorer = [min(information[mask].sum(), information[~mask].sum()) for mask in masks]
    different = {
        mask.tobytes(): mask for mask, least in zip(masks, poorer, strict=True) if least >= BALANCE * max(poorer)
    }
    yield from different.values()


def _information(column: NDArray[np.int64]) -> float:
    """-log of the probability that two rows have the same value."""
    counts, n = np.bincount(column).astype(np.float64), len(column)
    return float(-np.log(max((counts * (counts - 1)).sum() / max(n * (n - 1), 1), 1 / n**2)))


def _evenly(information: NDArray[np.float64]) -> NDArray[np.bool_]:
    """The most telling columns first, each to the block that says less."""
    mask, total = np.zeros(len(information), bool), [0.0, 0.0]
    for place in np.argsort(-information, kind="stable"):
        block = int(total[1] > total[0])
        mask[place] = block == 0
        total[block] += information[place]
    return mask


def _half(order: NDArray[np.int64], information: NDArray[np.float64]) -> NDArray[np.bool_]:
    """The first columns of an order, as many as come nearest to half of the information; never all."""
    total = np.cumsum(information[order])
    count = 1 + int(np.argmin(np.abs(total[:-1] - total[-1] / 2)))
    mask = np.zeros(len(order), bool)
    mask[order[:count]] = True
    return mask


def _dependent_first(dependence: NDArray[np.float64], seed: int) -> NDArray[np.int64]:
    """Columns in the order of how much they depend on those before, from a first one on."""
    order, waiting = [int(seed)], dependence[seed].copy()
    waiting[seed] = -np.inf
    while len(order) < len(dependence):
        nearest = int(np.argmax(waiting))
        order.append(nearest)
        waiting += dependence[nearest]
        waiting[nearest] = -np.inf
    return np.array(order)


def _dependence(bins: NDArray[np.uint8]) -> NDArray[np.float64]:
    """(d, d) mutual information of binned columns in units of the lesser entropy, 0 on the diagonal."""
    indicators, d = _one_hot(bins), bins.shape[1]
    joint = (indicators.T @ indicators / len(indicators)).reshape(d, BINS, d, BINS).astype(np.float64)
    single = indicators.mean(0).reshape(d, BINS).astype(np.float64)
    independent = single[:, :, None, None] * single[None, None, :, :]
    information = (joint * np.log(np.maximum(joint, 1e-12) / np.maximum(independent, 1e-12))).sum((1, 3))
    entropy = -(single * np.log(np.maximum(single, 1e-12))).sum(1)
    relative = information / np.maximum(np.minimum.outer(entropy, entropy), 1e-9)
    np.fill_diagonal(relative, 0)
    return np.asarray(relative)
