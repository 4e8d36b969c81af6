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

FEWEST_VALUES = 10
MOST_VALUES = 0.6
"""Of the rows: of more values few come again."""
REPEATED = 0.8
"""Least share of rows whose value comes again."""
DETERMINED = 0.95
"""Share of a column's repeated values that go with one value of another column, from which they are said to say it."""
MANY_WORDS = 0.03
"""Of the rows: columns of so many words, such as names, say nothing of resemblance."""
QUERIES, FEWEST_QUERIES = 1000, 50
NEIGHBOURS = 32
ORDERED = 0.3
"""Rank correlation with the value of the nearest row of another value, from which numbers measure something."""
LEAST_AGREEMENT = 0.3
"""Of 1: how much more often than by chance the nearest row has the same value."""


@dataclass(frozen=True)
class Resemblance:
    """How surely the row that resembles a row most is of the same value of a column.

    column      its name
    codes       (n,) position of each row's value; -1 for none
    features    (n, d) in which rows were compared: those of the other columns
    agreement   share of the rows examined whose nearest row has the same value, and the same by chance
    labels      share of them whose nearest row of another value has the same label, or tenth of the target
    p_value     of the agreement's being chance
    is_strong   whether it is far beyond chance, surer than the labels' agreement, and no measurement's
    """

    column: str
    codes: NDArray[np.int64]
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
        others = [
            other
            for other, described in enumerate(columns)
            if other != place
            and described.kind not in UNUSED
            and not (described.kind == "categorical" and described.distinct > MANY_WORDS * len(dataset))
            and not _determines(codes[place], codes[other])
        ]
        if others:
            numbers = None if np.isnan(values[place].numbers).all() else values[place].numbers
            yield from _resemblance(dataset, column.name, codes[place], numbers, others, seed)


def _value_codes(values: Values) -> NDArray[np.int64]:
    pairs = pd.MultiIndex.from_arrays([values.numbers, values.codes])
    codes = pd.factorize(pairs)[0].astype(np.int64)
    return np.where(values.missing, -1, codes)


def _may_name_groups(column: Column, values: Values, codes: NDArray[np.int64]) -> bool:
    if column.kind not in ("categorical", "numeric", "mixed"):
        return False
    numbers = values.numbers[~np.isnan(values.numbers)]
    counts = np.bincount(codes[codes >= 0])
    counts = counts[counts > 0]
    return bool(
        not (numbers % 1).any()
        and FEWEST_VALUES <= len(counts) <= MOST_VALUES * counts.sum()
        and counts[counts > 1].sum() >= REPEATED * counts.sum()
    )


def _determines(codes: NDArray[np.int64], other: NDArray[np.int64]) -> bool:
    """Whether nearly every value that comes again goes with one value of the other column."""
    pairs = pd.DataFrame({"value": codes, "other": other})[codes >= 0]
    by_value = pairs.groupby("value")["other"].agg(["size", "nunique"])
    repeated = by_value[by_value["size"] > 1]
    return bool((repeated["nunique"] == 1).mean() >= DETERMINED)


def _resemblance(
    dataset: Dataset, name: str, codes: NDArray[np.int64], numbers: NDArray[np.float64] | None, others: list[int],
    seed: int,
) -> Iterator[Resemblance]:  # fmt: skip
    train = dataset.rows("train")
    features = principal_components(encode(dataset.frame.iloc[:, others], train), train)
    filled = np.flatnonzero(codes >= 0)
    queries = np.random.default_rng(seed).permutation(filled)[:QUERIES]
    nearest, other = _nearest(features, codes, filled, queries)
    known = (nearest >= 0) & (other >= 0)
    queries, nearest, other = queries[known], nearest[known], other[known]
    if len(queries) < FEWEST_QUERIES:
        return
    counts = np.bincount(codes[filled]).astype(float)
    chance = float((counts * (counts - 1)).sum() / (len(filled) * (len(filled) - 1)))
    hits = int((codes[nearest] == codes[queries]).sum())
    label_shares = np.bincount(dataset.strata[filled]) / len(filled)
    label_chance = float(np.square(label_shares).sum())
    label_hits = int((dataset.strata[other] == dataset.strata[queries]).sum())
    value_low = proportion_interval(hits, len(queries))[0]
    label_high = proportion_interval(label_hits, len(queries))[1]
    measures = numbers is not None and abs(spearmanr(numbers[queries], numbers[other]).statistic) > ORDERED
    is_strong = (
        not measures
        and _beyond(hits / len(queries), chance) >= LEAST_AGREEMENT
        and _beyond(value_low, chance) > _beyond(label_high, label_chance)
    )
    yield Resemblance(
        name, codes, features, hits / len(queries), chance, label_hits / len(queries),
        float(binom.sf(hits - 1, len(queries), chance)), is_strong,
    )  # fmt: skip


def _beyond(share: float, chance: float) -> float:
    """How far a share of agreement goes beyond chance, 1 at most (Cohen's kappa)."""
    return (share - chance) / max(1 - chance, 1e-12)


def _nearest(
    features: NDArray[np.float32], codes: NDArray[np.int64], filled: NDArray[np.int64], queries: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The row nearest to each query, and the nearest of another value; -1 where there is none. Copies don't count."""
    k = min(NEIGHBOURS + 1, len(filled))
    distances, places = NearestNeighbors(n_neighbors=k).fit(features[filled]).kneighbors(features[queries])
    rows = filled[places]
    is_other_row = (rows != queries[:, None]) & (distances > 1e-6)

    def first(wanted: NDArray[np.bool_]) -> NDArray[np.int64]:
        return np.where(wanted.any(1), rows[np.arange(len(rows)), wanted.argmax(1)], -1)

    return first(is_other_row), first(is_other_row & (codes[rows] != codes[queries][:, None]))
