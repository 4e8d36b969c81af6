"""Drawing a test split that parts neither copies nor groups."""

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...dataset import Groups, stratified_split
from ...errors import DatasetError

TEST_FRACTION = 0.2


def draw_test_fifth(
    root: Path, strata: NDArray[np.int64], copies: Sequence[NDArray[np.int64]], groups: Groups | None, unit: str,
    seed: int, notes: list[str],
) -> NDArray[np.bool_]:  # fmt: skip
    """(n,) the fifth of the samples that is set aside for testing, evenly from each stratum.

    copies   codes (n,) of equal samples, -1 for one that is like no other; disregarded where they tie all to each other
    groups   of the samples
    unit     what the samples are, "images"

    Raises DatasetError where the samples are all of one group.
    """
    in_groups = [] if groups is None else [groups.codes]
    units = tied(len(strata), [*in_groups, *copies])
    if not units.any():
        copies, units = [], tied(len(strata), in_groups)
    if groups is not None and len(units) > 1 and not units.any():
        raise DatasetError(
            f"{root}: expected {unit} of at least two groups, to set a fifth aside for testing, found all of one, "
            f"{groups.values[0]!r}; name another column or pattern by --group"
        )
    notes.extend(_kept_together(copies, groups, unit))
    draw = stratified_split if units.max(initial=-1) == len(units) - 1 else partial(split_by_units, units)
    return draw(strata, TEST_FRACTION, seed)


def _kept_together(copies: Sequence[NDArray[np.int64]], groups: Groups | None, unit: str) -> Iterator[str]:
    copy_sizes = np.bincount(tied(len(copies[0]), copies)) if copies else np.zeros(0, np.int64)
    n_equal = int(copy_sizes[copy_sizes > 1].sum())
    if n_equal:
        words = "equal another"
        if len(copies) > 1:  # those that are equal as a whole, then those whose text is
            any_equal = np.bincount(copies[0][copies[0] >= 0]).max(initial=0) > 1
            words = "equal another or have the same text" if any_equal else "have the same text as another"
        yield f"{n_equal:,} {unit} that {words} were kept on one side of the split"
    if groups is not None:
        yield f"{unit} of one group ({groups.name}) were kept on one side of the split"


def tied(n: int, ties: Sequence[NDArray[np.int64]]) -> NDArray[np.int64]:
    """(n,) numbers from 0 of the units that samples form; equal codes >= 0 in any of the ties (n,) tie two samples."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    edges = [np.zeros((2, 0), np.int64)]
    for codes in ties:
        members = np.flatnonzero(codes >= 0)
        _, first, code = np.unique(codes[members], return_index=True, return_inverse=True)
        edges.append(np.stack([members, members[first[code]]]))
    start, end = np.concatenate(edges, 1)
    graph = coo_array((np.ones(len(start), np.int8), (start, end)), (n, n))
    return np.asarray(connected_components(graph, directed=False)[1], np.int64)


def split_by_units(
    units: NDArray[np.int64], strata: NDArray[np.int64], fraction: float, seed: int
) -> NDArray[np.bool_]:
    """Mark about `fraction` of the samples of each stratum, whole units only.

    Units come in random order. Each is marked that brings the marked samples closer to what is wanted of every stratum,
    by chi-square, so none with far more than the fraction is; the smallest, where none is otherwise.
    """
    totals = np.bincount(strata)
    wanted = np.where(totals > 1, np.maximum(fraction * totals, 1.0), fraction * totals)
    marked_of, goals = [0.0] * len(wanted), wanted.tolist()
    pairs, counts = np.unique(units * len(wanted) + strata, return_counts=True)
    unit_of_pair, stratum_of_pair = np.divmod(pairs, len(wanted))
    starts = np.searchsorted(unit_of_pair, np.arange(units.max() + 2))
    marked = np.zeros(len(starts) - 1, bool)
    bounds, sizes, strata_of = starts.tolist(), counts.tolist(), stratum_of_pair.tolist()  # quicker than arrays by ten
    for unit in np.random.default_rng(seed).permutation(len(marked)).tolist():
        change, part = 0.0, range(bounds[unit], bounds[unit + 1])
        for i in part:
            size, goal = sizes[i], goals[strata_of[i]]
            change += size * (size + 2 * (marked_of[strata_of[i]] - goal)) / goal
        if change < 0:
            for i in part:
                marked_of[strata_of[i]] += sizes[i]
            marked[unit] = True
    if not marked.any() and len(marked) > 1:
        marked[np.argmin(np.bincount(units))] = True
    return marked[units]
