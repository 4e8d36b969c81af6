"""Columns whose values come again in rows that resemble each other, as those of a patient or a session do."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import binom, spearmanr
from sklearn.neighbors import NearestNeighbors

from ...data.features.columns import UNUSED, Column, Values, encode, read
from ...dataset import Dataset
from ..labels.label_views import principal_components
from ..proof import proportion_interval
from .optimism import whole_groups

FEWEST_VALUES = 10.0
"""Effective number of values (inverse Simpson index): counts are mostly zero, patients come about equally often."""
MOST_VALUES = 0.6
"""Of the rows: of more values few come again."""
REPEATED = 0.8
"""Least share of rows whose value comes again."""
DETERMINED = 0.95
"""Share of a column's repeated values that go with one value of another column, from which they are said to say it."""
MANY_WORDS = 0.03
"""Of the rows: columns of so many words, such as names, say nothing of resemblance."""
ROWS = 10_000
"""Rows, of values drawn at random, that are compared at most."""
QUERIES, FEWEST_QUERIES = 1000, 50
NEIGHBOURS = 32
SAME = 1e-6
"""Distance up to which rows are copies, in robust deviations."""
ORDERED, PERMUTATIONS = 0.3, 99
"""Rank correlation with the value of the nearest row of another value, from which numbers measure something."""
LEAST_AGREEMENT = 0.3
"""Of 1: how much more often than by chance the nearest row has the same value."""


@dataclass(frozen=True, eq=False)
class Resemblance:
    """How surely the row that resembles a row most is of the same value of a column.

    column      its name
    codes       (n,) position of each row's value; -1 for none
    rows        (m,) that were compared: all those of some values
    features    (m, d) in which they were, those of the other columns
    agreement   share of the rows examined whose nearest row has the same value, and the same by chance
    labels      share of them whose nearest row of another value has the same label, or tenth of the target
    p_value     of the agreement's being chance
    is_strong   whether it is far beyond chance, surer than the labels' agreement, and no measurement's
    """

    column: str
    codes: NDArray[np.int64]
    rows: NDArray[np.int64]
    features: NDArray[np.float32]
    agreement: float
    chance: float
    labels: float
    p_value: float
    is_strong: bool


def resemblances(dataset: Dataset, columns: tuple[Column, ...], seed: int) -> Iterator[Resemblance]:
    """Of every column that may name groups: words or whole numbers, many different ones, most of which come again.

    columns   described by all rows
    """
    values = [read(dataset.frame.iloc[:, place]) for place in range(len(columns))]
    codes = [_value_codes(column) for column in values]
    for place, column in enumerate(columns):
        if not _may_name_groups(column, values[place], codes[place]):
            continue
        rng = np.random.default_rng(seed)
        filled = np.flatnonzero(codes[place] >= 0)
        rows = filled[whole_groups(codes[place][filled], ROWS, rng)]
        others = [
            other
            for other, described in enumerate(columns)
            if other != place
            and described.kind not in UNUSED
            and not (described.kind == "categorical" and described.distinct > MANY_WORDS * len(dataset))
            and not _determines(codes[place][rows], codes[other][rows])
        ]
        if others:
            yield from _resemblance(dataset, column.name, codes[place], values[place].numbers, rows, others, rng)


def nested(alike: list[Resemblance]) -> Iterator[tuple[Resemblance, list[str]]]:
    """Those that no finer one determines, each with the names of those that it does, such as a patient's hospital."""
    remaining = sorted(alike, key=lambda resemblance: -len(np.unique(resemblance.codes)))
    while remaining:
        finest, *others = remaining
        coarser = [other for other in others if _determines(finest.codes, other.codes)]
        yield finest, [other.column for other in coarser]
        remaining = [other for other in others if other not in coarser]


def _value_codes(values: Values) -> NDArray[np.int64]:
    """(n,) equal numbers for equal values, words and numbers alike; -1 for none."""
    numbers = pd.factorize(values.numbers)[0].astype(np.int64)
    return np.where(values.codes >= 0, values.codes, np.where(numbers >= 0, numbers + len(values.words), -1))


def _may_name_groups(column: Column, values: Values, codes: NDArray[np.int64]) -> bool:
    if column.kind not in ("categorical", "numeric", "mixed"):
        return False
    numbers = values.numbers[~np.isnan(values.numbers)]
    counts = np.bincount(codes[codes >= 0])
    counts = counts[counts > 0]
    return bool(
        not (numbers % 1).any()
        and counts.sum() ** 2 >= FEWEST_VALUES * np.square(counts).sum()
        and len(counts) <= MOST_VALUES * counts.sum()
        and counts[counts > 1].sum() >= REPEATED * counts.sum()
    )


def _determines(codes: NDArray[np.int64], other: NDArray[np.int64]) -> bool:
    """Whether nearly every value that comes again goes with one value of the other column."""
    _, value, sizes = np.unique(codes, return_inverse=True, return_counts=True)
    width = int(other.max()) + 2
    distinct = np.bincount(np.unique(value * width + other + 1) // width)
    return bool((distinct[sizes > 1] == 1).mean() >= DETERMINED)


def _resemblance(
    dataset: Dataset, name: str, codes: NDArray[np.int64], numbers: NDArray[np.float64], rows: NDArray[np.int64],
    others: list[int], rng: np.random.Generator,
) -> Iterator[Resemblance]:  # fmt: skip
    everywhere = np.arange(len(rows))
    features = principal_components(encode(dataset.frame.iloc[rows, others], everywhere), everywhere)
    queries = rng.permutation(len(rows))[:QUERIES]
    nearest, other = _nearest(features, codes[rows], queries)
    known = (nearest >= 0) & (other >= 0)
    if known.sum() < FEWEST_QUERIES:
        return
    queries, nearest, other = rows[queries[known]], rows[nearest[known]], rows[other[known]]
    counts = np.bincount(codes[rows]).astype(float)
    chance = float((counts * (counts - 1)).sum() / (len(rows) * (len(rows) - 1)))
    hits = int((codes[nearest] == codes[queries]).sum())
    label_chance = float(np.square(np.bincount(dataset.strata[rows]) / len(rows)).sum())
    label_hits = int((dataset.strata[other] == dataset.strata[queries]).sum())
    value_low = proportion_interval(hits, len(queries))[0]
    label_high = proportion_interval(label_hits, len(queries))[1]
    is_strong = (
        not _measures(numbers, queries, other, rng)
        and _beyond(hits / len(queries), chance) >= LEAST_AGREEMENT
        and _beyond(value_low, chance) > _beyond(label_high, label_chance)
    )
    yield Resemblance(
        name, codes, rows, features, hits / len(queries), chance, label_hits / len(queries),
        float(binom.sf(hits - 1, len(queries), chance)), is_strong,
    )  # fmt: skip


def _measures(
    numbers: NDArray[np.float64], rows: NDArray[np.int64], nearest: NDArray[np.int64], rng: np.random.Generator
) -> bool:
    """Whether numbers measure something: rows that resemble each other, of other values, have like ones.

    Tested by giving the values other places in their order, since rows of one value are no independent witnesses.
    """
    both = ~np.isnan(numbers[rows]) & ~np.isnan(numbers[nearest])
    if both.sum() < FEWEST_QUERIES:
        return False
    _, ranks = np.unique(np.stack([numbers[rows][both], numbers[nearest][both]]), return_inverse=True)
    left, right = ranks.reshape(2, -1)
    correlation = abs(spearmanr(left, right).statistic)
    orders = (rng.permutation(int(ranks.max()) + 1) for _ in range(PERMUTATIONS))
    by_chance = [abs(np.corrcoef(order[left], order[right])[0, 1]) for order in orders]
    return bool(correlation > max(ORDERED, *by_chance))


def _beyond(share: float, chance: float) -> float:
    """How far a share of agreement goes beyond chance, 1 at most (Cohen's kappa)."""
    return (share - chance) / max(1 - chance, 1e-12)


def _nearest(
    features: NDArray[np.float32], codes: NDArray[np.int64], queries: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The row nearest to each query, and the nearest of another value; -1 where there is none. Copies don't count."""
    k = min(NEIGHBOURS + 1, len(features))
    distances, rows = NearestNeighbors(n_neighbors=k).fit(features).kneighbors(features[queries])
    is_other_row = (rows != queries[:, None]) & (distances > SAME)

    def first(wanted: NDArray[np.bool_]) -> NDArray[np.int64]:
        return np.where(wanted.any(1), rows[np.arange(len(rows)), wanted.argmax(1)], -1)

    return first(is_other_row), first(is_other_row & (codes[rows] != codes[queries][:, None]))
