"""Which matched samples are copies: pairs with p-values, from a null of samples without copies, and groups of pairs."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from ...data.features.chance import Repeats
from ...dataset import Dataset
from ..proof import accepted_by_fdr
from .matcher import N_CANDIDATES, Matches

MIN_NULL = 25
TAILS = ((0.75, 0.93), (0.5, 0.85))
"""Quantiles between which the null's tail is fitted; what lies above may be duplicates and is left out."""
FALSE_DISCOVERY_RATE = 0.05
MIN_SIMILARITY = 0.8
"""How alike a near-duplicate must be once aligned, in addition to a significant score."""
SAME_NUMBER = 1e-9
"""Targets no farther apart than this, relative to their size, are equal."""
EXACT_SCORE = 25.0
"""Above the score of any match."""


@dataclass(frozen=True)
class Null:
    """Best scores (m,) of samples that have no copy in the base, most of them at least, and their classes (m,)."""

    scores: NDArray[np.float32]
    classes: NDArray[np.int64]

    @classmethod
    def of(cls, matches: Matches, classes: NDArray[np.int64], alike: float) -> "Null":
        """From queries of these classes (q,), what is as similar as `alike` left out; see Matcher."""
        scores = matches.unrelated(alike)
        valid = ~np.isnan(scores)
        return cls(scores[valid], classes[valid])

    def p_values(self, scores: NDArray[np.float32], classes: NDArray[np.int64]) -> NDArray[np.float64]:
        """For scores (q, k) of queries of these classes (q,); 1 for all where there is nothing to learn from."""
        if not len(self.scores):
            return np.ones(scores.shape)
        k = scores.shape[1]
        standard = by_class(self.scores, self.classes, scores.flatten(), np.repeat(classes, k))
        return tail_probability(*standard).reshape(-1, k)


@dataclass(frozen=True)
class Pairs:
    """m candidate pairs, each query's best first.

    query, base   dataset rows
    similarity    once aligned, 0 to 1
    score         larger is more surely a copy
    mirrored      whether one of the two had to be mirrored
    p_value       probability that a sample without a copy scores this high; where `exact` the share of such pairs that
                  chance makes, 1 where it may have made all
    exact         whether the contents are equal
    rank          1 for the query's best
    """

    query: NDArray[np.int64]
    base: NDArray[np.int64]
    similarity: NDArray[np.float32]
    score: NDArray[np.float32]
    mirrored: NDArray[np.bool_]
    p_value: NDArray[np.float64]
    exact: NDArray[np.bool_]
    rank: NDArray[np.int64]

    @classmethod
    def of(cls, queries: NDArray[np.int64], matches: Matches, p_values: NDArray[np.float64]) -> "Pairs":
        """Every match of the queries, none of them exact. Matches that chance explains are no surer than that."""
        k = matches.base.shape[1]
        if matches.chance is not None:
            p_values = np.maximum(p_values, matches.chance.clip(max=1))
        return cls(
            np.repeat(queries, k),
            matches.base.flatten(),
            matches.similarity.flatten(),
            matches.score.flatten(),
            matches.mirrored.flatten(),
            p_values.flatten(),
            np.zeros(len(queries) * k, bool),
            np.tile(np.arange(1, k + 1), len(queries)),
        )

    def with_exact(self, contents: NDArray[np.int64], base: NDArray[np.int64], repeats: Repeats) -> "Pairs":
        """Also all pairs of equal content, whatever the matcher made of them (a blank picture has no descriptors).

        Where chance explains them, of a query's as many as it has candidates at most.

        contents   for all rows, see Matcher
        repeats    queries that equal a base row
        """
        base = base[contents[base] >= 0]
        base = base[np.argsort(contents[base], kind="stable")]
        queries = np.unique(self.query)
        starts, stops = (np.searchsorted(contents[base], contents[queries], side) for side in ("left", "right"))
        lengths = np.minimum(stops - starts, N_CANDIDATES) if repeats.are_chance else stops - starts
        query = np.repeat(queries, lengths)
        copies = base[np.arange(len(query)) + np.repeat(starts - np.cumsum(lengths) + lengths, lengths)]
        query, copies = query[query != copies], copies[query != copies]
        count, share = len(query), 1.0 if repeats.are_chance else repeats.chance_share
        similarity, score = np.ones(count, np.float32), np.full(count, EXACT_SCORE, np.float32)
        exact = Pairs(
            query, copies, similarity, score, np.zeros(count, bool), np.full(count, share), np.ones(count, bool),
            np.arange(count),
        )  # fmt: skip
        different = (contents[self.query] != contents[self.base]) | (contents[self.query] < 0)
        return self.where(different).joined(exact)

    def joined(self, other: "Pairs") -> "Pairs":
        """Both, ranked together."""
        both = Pairs(*(np.concatenate([getattr(part, f.name) for part in (self, other)]) for f in fields(self)))
        both = both.where(np.lexsort((both.rank, -both.score, both.query)))
        starts = np.searchsorted(both.query, both.query)
        return replace(both, rank=np.arange(len(starts)) - starts + 1)

    def where(self, chosen: NDArray[np.bool_] | NDArray[np.int64]) -> "Pairs":
        """The chosen pairs."""
        return Pairs(*(getattr(self, f.name)[chosen] for f in fields(self)))

    def tested(self, bar: float) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Queries, and the p-value of each one's best pair that is not exact: 1 if its similarity is below `bar`."""
        near = self.where(~self.exact)
        best = near.where(np.unique(near.query, return_index=True)[1])
        return best.query, np.where(best.similarity >= bar, best.p_value, 1.0)

    def judged(self, bar: float, untested: int = 0) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
        """Which pairs are copies, and every pair's q value; a query's further pairs have that of a best pair as sure.

        Exact pairs are copies unless chance explains them.

        untested   number of further queries, whose best pairs count with a p-value of 1
        """
        p_values = np.concatenate([self.tested(bar)[1], np.ones(untested)])
        near = (self.p_value <= bh_threshold(p_values)) & (self.similarity >= bar)
        accepted = np.where(self.exact, self.p_value < 1, near)
        return accepted, np.where(self.exact, self.p_value, q_among(p_values, self.p_value))


class Judged(NamedTuple):
    """Pairs, which of them (m,) are copies, and their q values (m,)."""

    pairs: Pairs
    accepted: NDArray[np.bool_]
    q_values: NDArray[np.float64]

    @classmethod
    def union(cls, parts: Sequence["Judged"]) -> "Judged":
        """What several matchers found, each pair once, as the surest of them has it."""
        if len(parts) == 1:
            return parts[0]
        pairs = Pairs(*(np.concatenate([getattr(part.pairs, f.name) for part in parts]) for f in fields(Pairs)))
        accepted, q_values = (np.concatenate([part[place] for part in parts]) for place in (1, 2))
        order = np.lexsort((-pairs.score, ~accepted, pairs.base, pairs.query))
        ends = np.stack([pairs.query, pairs.base])[:, order]
        order = order[np.append(True, (ends[:, 1:] != ends[:, :-1]).any(0))[: len(order)]]
        order = order[np.lexsort((-pairs.score[order], ~accepted[order], pairs.query[order]))]
        pairs = pairs.where(order)
        rank = np.arange(len(order)) - np.searchsorted(pairs.query, pairs.query) + 1
        return cls(replace(pairs, rank=rank), accepted[order], q_values[order])


def labels_agree(dataset: Dataset, rows: Sequence[int]) -> bool:
    """Whether these rows have the same target; numbers up to rounding."""
    targets = dataset.targets[list(rows)]
    if dataset.task == "regression":
        return bool(np.ptp(targets) <= SAME_NUMBER * np.abs(targets).max())
    return bool((targets == targets[0]).all())


def bh_threshold(p_values: NDArray[np.float64]) -> float:
    """The largest p-value that Benjamini & Hochberg accept."""
    accepted, _ = accepted_by_fdr(p_values, FALSE_DISCOVERY_RATE)
    return float(FALSE_DISCOVERY_RATE * accepted.sum() / max(1, len(accepted)))


def q_among(tested: NDArray[np.float64], p_values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The q value of each p-value: that of the tested one next above, 1 above all."""
    _, q_values = accepted_by_fdr(tested, FALSE_DISCOVERY_RATE)
    order = np.argsort(tested)
    q: NDArray[np.float64] = np.append(q_values[order], 1.0)[np.searchsorted(tested[order], p_values)]
    return q


def connected(a: NDArray[np.int64], b: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Positions of pairs (a, b), by the connected group of rows that they belong to."""
    if not len(a):
        return []
    rows, ends = np.unique(np.concatenate([a, b]), return_inverse=True)
    left, right = ends.reshape(2, -1)
    graph = coo_matrix((np.ones(len(a)), (left, right)), shape=(len(rows), len(rows)))
    group = connected_components(graph, directed=False)[1][left]
    order = np.argsort(group, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(group[order])) + 1)


def by_class(
    null: NDArray[np.float32], null_classes: NDArray[np.int64], scores: NDArray[np.float32], classes: NDArray[np.int64]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Null and scores, each less its class's median null score and in units of its class's spread.

    Where one class is full of look-alikes, its high null must not hide copies in the others. A class with fewer than
    MIN_NULL null queries is measured by all.
    """
    standard_null, standard = null.copy(), scores.copy()
    for target in np.union1d(null_classes, classes):
        in_null, in_scores = null_classes == target, classes == target
        reference = null[in_null] if in_null.sum() >= MIN_NULL else null
        median = np.median(reference)
        spread = max(float(np.median(np.abs(reference - median))), 0.1)
        standard_null[in_null] = (null[in_null] - median) / spread
        standard[in_scores] = (scores[in_scores] - median) / spread
    return standard_null, standard


def tail_probability(null: NDArray[np.float32], scores: NDArray[np.float32]) -> NDArray[np.float64]:
    """Probability that a sample without a copy scores this high, from exponential fits to the null's upper part.

    The fits look at the quantiles of TAILS only. Copies in the null can only make a tail look longer, so the shorter of
    the two counts: ten true copies in a hundred do little harm. Scores below the fitted tail get their empirical
    probability.
    """
    empirical = 1 - np.searchsorted(np.sort(null), scores) / len(null)
    fits = []
    for start, stop in TAILS:
        low, high = np.quantile(null, [start, stop])
        scale = max(float(high - low), 1e-6) / np.log((1 - start) / (1 - stop))
        beyond = (1 - start) * np.exp(-np.maximum(scores - low, 0) / scale)
        fits.append(np.where(scores > low, beyond, np.maximum(empirical, 1 - start)))
    return np.minimum(*fits)
