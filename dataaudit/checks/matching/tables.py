"""Copies among rows of tables and of arrays: candidates near in blocks of columns, then column by column.

Columns in random orders are cut into blocks, each of about as many as tell a row from all others: a copy with fewer
changed cells than an order has blocks agrees in one of them wholly. What is near in a block is found by a tree (Bentley
1975), approximately (Arya et al. 1998), in time that grows little faster than the rows: no row is missed that is at
less than half of the distance of the farthest one found. A copy may be missed where many rows agree as well in each
block that it agrees in: of columns with so few values little would tell it from chance.

Two rows agree in a column the more surprisingly, the fewer rows are as near: -log of the share of rows that have the
same word, or a number at least as near (below the distance of the tenth nearest in proportion to the distance). The
score sums these over columns, so cells that were changed cost only what they would have said. Columns that go together
make sums large by chance; how large is learnt from random pairs of rows (a scaled chi-squared distribution, Brown 1975,
for dependent tests), and what a sum says is never more than that.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from scipy.signal import convolve
from scipy.spatial import cKDTree
from scipy.stats import gamma, rankdata

from ...data.features.chance import rows_numbered
from ...data.features.columns import UNUSED, describe, read
from ...data.features.words import cleaned
from ...dataset import Dataset, Track
from ...findings import Agreement
from ..labels.label_spelling import plain_spelling
from ..planting.tables import Cells, altered_in_turn
from .matcher import N_CANDIDATES, N_CANDIDATES_QUICK, Candidates, Matches, numbered

MAX_COLUMNS = 256
"""Of arrays with more values so many are drawn at random."""
BLOCKS = 16
"""Blocks searched at most, beside all columns: two changed cells of a dozen leave some of them whole."""
SPREAD = np.sqrt(6)
"""Range of a column's ranks, so that those of two rows lie about 1 apart, as different words do."""
MOST_SAID = 3.0
"""What agreement in one column tells of a noisy copy at most, in nats: one in twenty rows is as near."""
DIMENSIONS = 6
"""Blocks of more columns are projected at random: a tree is no help in many dimensions."""
SLACK = 1.0
"""A tree's farthest neighbour is at most 1 + SLACK times as far as the true one."""
NOISE = 1e-5
"""How far rows that are equal in a block are drawn apart, in units of SPREAD: what is equal no tree can part."""
NEIGHBOURS = 10
SMALLEST = np.exp(-11.0)
"""Agreement in one column is never more surprising than this."""
NEAR = 0.1
"""Numbers farther apart than this share of the rows don't agree at all."""
RANDOM_PAIRS = 20_000
STEP, NO_CHANCE = 0.1, 1e-15
QUERY_BLOCK, CELL_BLOCK = 8192, 4_000_000
SCALE, MAX_EVIDENCE = 10.0, 1.2
"""Evidence of rows with common values that agree in all columns, and the largest evidence, in units of it."""
SHOWN_COLUMNS = 12
LONGEST_CODE = 3
"""Characters of words whose case may mean something: the genotypes AA and Aa."""


@dataclass(frozen=True)
class _Column:
    """What is known of one column.

    numbers    (n,) nan where there is none
    codes      (n,) of words, -1 where there is none
    ordered    (m,) the numbers there are, ascending
    reach      (n,) distance of each row's number to its tenth nearest, or farthest where there are fewer
    step       smallest gap between two different numbers
    counts     rows with each word
    missing    rows with neither
    """

    numbers: NDArray[np.float64]
    codes: NDArray[np.int64]
    ordered: NDArray[np.float64]
    reach: NDArray[np.float64]
    step: float
    counts: NDArray[np.int64]
    missing: int

    @classmethod
    def of(cls, numbers: NDArray[np.float64], codes: NDArray[np.int64]) -> "_Column":
        filled = np.flatnonzero(~np.isnan(numbers))
        order = filled[np.argsort(numbers[filled], kind="stable")]
        ordered, reach = numbers[order], np.ones(len(numbers))
        reach[order] = _distances(ordered)
        gaps = np.diff(ordered)
        step = float(gaps[gaps > 0].min()) if (gaps > 0).any() else 1.0
        counts = np.bincount(codes[codes >= 0], minlength=1)
        return cls(numbers, codes, ordered, reach, step, counts, int((np.isnan(numbers) & (codes < 0)).sum()))

    def as_near(self, left: NDArray[np.int64], right: NDArray[np.int64]) -> NDArray[np.float64]:
        """(m,) share of the rows at least as near to the left row as the right one is, these two not counted."""
        n = len(self.numbers)
        share = np.ones(len(left))
        left_codes, right_codes = self.codes[left], self.codes[right]
        same = (left_codes == right_codes) & (left_codes >= 0)
        share[same] = (np.maximum(self.counts[left_codes[same]] - 2, 0) + 0.5) / n
        x, y = self.numbers[left], self.numbers[right]
        share[(left_codes < 0) & (right_codes < 0) & np.isnan(x) & np.isnan(y)] = (max(self.missing - 2, 0) + 0.5) / n
        both = np.flatnonzero(~np.isnan(x) & ~np.isnan(y))
        x, distance, reach = x[both], np.abs(x[both] - y[both]), self.reach[left[both]]
        n_within = np.searchsorted(self.ordered, x + distance, "right") - np.searchsorted(self.ordered, x - distance)
        apart = np.maximum(distance, self.step / 2)
        extrapolated = NEIGHBOURS * np.divide(apart, reach, out=np.ones(len(apart)), where=reach > apart)
        share[both] = np.maximum(n_within - 2, extrapolated) / n
        return share.clip(SMALLEST, 1)

    def equal(self, left: NDArray[np.int64], right: NDArray[np.int64]) -> NDArray[np.bool_]:
        """(m,) whether both rows have the same value or none."""
        x, y = self.numbers[left], self.numbers[right]
        return np.asarray((self.codes[left] == self.codes[right]) & ((x == y) | (np.isnan(x) & np.isnan(y))))

    def places(self) -> NDArray[np.float32]:
        """(n,) numbers by rank from 0 to SPREAD, words beyond them and 1 apart, rows with neither amid the numbers."""
        places = np.where(self.codes >= 0, 2 * SPREAD + self.codes, SPREAD / 2)
        filled = ~np.isnan(self.numbers)
        places[filled] = rankdata(self.numbers[filled]) / max(1, len(self.ordered)) * SPREAD
        return np.asarray(places, np.float32)


class TableMatcher:
    """See Matcher. Ids and columns of one value say nothing of a row and are left out, also of what makes rows equal.

    inputs     what is shown of the rows
    cells      what they are matched by
    contents   (n,) equal for equal rows; None where the cells say which are equal
    """

    alike = float("inf")

    def __init__(
        self,
        inputs: pd.DataFrame | NDArray[np.floating],
        cells: Cells,
        contents: NDArray[np.int64] | None = None,
    ) -> None:
        self.inputs, self.cells, self._contents = inputs, cells, contents
        n, d = cells.numbers.shape
        self._columns = [_Column.of(cells.numbers[:, j], cells.codes[:, j]) for j in range(d)]
        self._places = [column.places() for column in self._columns]
        rows = np.arange(n)
        self._weights = self._surprise(rows, rows).mean(0) if n else np.zeros(d)
        pairs = np.random.default_rng(0).integers(0, max(n, 1), (2, RANDOM_PAIRS if n > 1 else 0))
        pairs = pairs[:, pairs[0] != pairs[1]]
        self._random = _RandomSums.of(self._surprise(pairs[0], pairs[1]))

    @classmethod
    def of(cls, dataset: Dataset) -> "TableMatcher":
        """Of a dataset's rows or arrays, made once."""

        def make() -> TableMatcher:
            if dataset.modality == "table":
                return cls(dataset.frame, cells_of_frame(dataset.frame, dataset.rows("train")))
            assert isinstance(dataset.inputs, np.ndarray)
            return cls(dataset.inputs, _cells_of_array(dataset.inputs), numbered(dataset.contents))

        return dataset.derive("table matcher", make)

    @cached_property
    def codes(self) -> NDArray[np.int64]:
        """(n, d) every value's place among those of its column: numbers, then none, then words."""
        n, columns = len(self.cells), []
        for numbers, words in zip(self.cells.numbers.T, self.cells.codes.T, strict=True):
            place = np.unique(np.where(np.isnan(numbers), np.inf, numbers), return_inverse=True)[1].reshape(-1)
            columns.append(np.unique(np.where(words >= 0, n + words, place), return_inverse=True)[1].reshape(-1))
        return np.stack(columns, 1) if columns else np.zeros((n, 0), np.int64)

    @cached_property
    def contents(self) -> NDArray[np.int64]:
        """See Matcher. Rows without any value equal none."""
        if self._contents is not None:
            return self._contents
        empty = (np.isnan(self.cells.numbers) & (self.cells.codes < 0)).all(1)
        return np.where(empty, -1, rows_numbered(self.codes))

    def nominate(
        self, queries: NDArray[np.int64], base: NDArray[np.int64], track: Track, label: str, quick: bool = False
    ) -> Candidates:
        """By the distance of ranks and words in blocks of columns, then by the weight of columns that agree."""
        count = min(
            N_CANDIDATES_QUICK if quick else N_CANDIDATES, max(0, len(base) - int(np.isin(queries, base).any()))
        )
        views = self._views if count else []
        trees = [cKDTree(view[base], balanced_tree=False) for view in views]
        wanted = np.arange(1, min(count + 1, len(base)) + 1)
        nearest = np.zeros((len(queries), count), np.int64)
        nearness = np.zeros((len(queries), count), np.float32)
        spans = range(0, len(queries) if trees else 0, QUERY_BLOCK)
        for start in track(spans, f"{label}: comparing", len(spans)):
            rows = queries[start : start + QUERY_BLOCK]
            neighbours = [
                tree.query(view[rows], wanted, eps=SLACK, workers=torch.get_num_threads())[1]
                for view, tree in zip(views, trees, strict=True)
            ]
            places = np.sort(np.concatenate(neighbours, 1), 1)
            repeated = np.append(np.zeros((len(rows), 1), bool), places[:, 1:] == places[:, :-1], 1)
            is_query = base[places] == rows[:, None]
            agreement = np.where(repeated | is_query, -1, self._agreement(rows, base[places]))
            order = np.argsort(-agreement, 1, kind="stable")[:, :count]
            nearest[start : start + len(rows)] = base[np.take_along_axis(places, order, 1)]
            nearness[start : start + len(rows)] = np.take_along_axis(agreement, order, 1)
        if not views and count:
            nearest[:] = _arbitrary_rows(queries, base, count)
        return Candidates(queries, nearest, nearness)

    def align(self, candidates: Candidates, track: Track, label: str) -> Matches:
        """By the surprise of the columns' agreement."""
        k = candidates.base.shape[1]
        left, right = np.repeat(candidates.queries, k), candidates.base.flatten()
        total, similar = np.zeros(len(left)), np.zeros(len(left))
        block = max(1, CELL_BLOCK // max(1, len(self._columns)))
        spans = range(0, len(left), block)
        for start in track(spans, f"{label}: aligning", len(spans)):
            span = slice(start, start + block)
            total[span], similar[span] = self._compared(left[span], right[span])
        total_weight = max(float(self._weights.sum()), 1e-9)
        evidence = SCALE * np.minimum(total / total_weight, MAX_EVIDENCE)
        chance = len(self.cells) * self._random.survival(total)
        return Matches.ranked(
            candidates,
            *(values.reshape(candidates.base.shape) for values in (similar / total_weight, evidence, chance)),
        )

    def with_copies(
        self, rows: NDArray[np.int64], places: NDArray[np.int64], rng: np.random.Generator
    ) -> tuple["TableMatcher", list[str]]:
        """See `planting/tables.py`. The matcher returned is for matching only: its inputs are those before."""
        altered, sorts = altered_in_turn(self.cells, rows, rng)
        return TableMatcher(self.inputs, self.cells.with_rows(places, altered)), sorts

    def agreement(self, left: int, right: int) -> Agreement:
        """By the cells, which are cleaned, of the columns that say something."""
        return "equal after cleaning" if self.contents[left] == self.contents[right] >= 0 else "near"

    def differences(self, left: int, right: int) -> list[list[str]]:
        """Columns that differ, as [column, left value, right value], SHOWN_COLUMNS at most."""
        if isinstance(self.inputs, pd.DataFrame):
            names, rows = [str(name) for name in self.inputs], [self.inputs.iloc[row].tolist() for row in (left, right)]
        else:
            names = [", ".join(map(str, place)) for place in np.ndindex(self.inputs.shape[1:])]
            rows = [self.inputs[row].ravel().tolist() for row in (left, right)]
        cells = ([name, _formatted(a), _formatted(b)] for name, a, b in zip(names, *rows, strict=True))
        return [cell for cell in cells if cell[1] != cell[2]][:SHOWN_COLUMNS]

    def _surprise(self, left: NDArray[np.int64], right: NDArray[np.int64]) -> NDArray[np.float64]:
        """(m, d) -log of the share of rows as near, in each column."""
        if not self._columns:
            return np.zeros((len(left), 0))
        return -np.log(np.stack([column.as_near(left, right) for column in self._columns], 1))

    def _compared(
        self, left: NDArray[np.int64], right: NDArray[np.int64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """(m,) surprise of all columns, and the columns' weights as far as they agree."""
        total, similar = np.zeros(len(left)), np.zeros(len(left))
        for column, weight in zip(self._columns, self._weights, strict=True):
            share = column.as_near(left, right)
            total -= np.log(share)
            similar += weight * np.where(column.equal(left, right), 1, np.maximum(1 - share / NEAR, 0))
        return total, similar

    @cached_property
    def _views(self) -> list[NDArray[np.float32]]:
        """(n, DIMENSIONS at most) each, of a block of columns."""
        rng = np.random.default_rng(0)
        views = []
        for block in self._blocks(rng):
            view = np.stack([self._places[j] for j in block], 1)
            if len(block) > DIMENSIONS:
                view = view @ rng.standard_normal((len(block), DIMENSIONS), np.float32)
            views.append(view + NOISE * SPREAD * rng.random(view.shape, np.float32))
        return views

    def _blocks(self, rng: np.random.Generator) -> list[NDArray[np.int64]]:
        """All columns that say something, and BLOCKS of them at most, from random orders that are cut evenly."""
        telling = np.flatnonzero(self._weights > 0)
        if not len(telling):
            return []
        said = np.minimum(self._weights[telling], MOST_SAID).sum()
        n_blocks = min(len(telling), max(2, int(said / np.log(len(self.cells)))))
        orders = (rng.permutation(telling) for _ in range(-(-BLOCKS // n_blocks)))
        blocks = [tuple(sorted(block)) for order in orders for block in np.array_split(order, n_blocks)]
        return [np.array(block) for block in dict.fromkeys([tuple(telling), *blocks[:BLOCKS]])]

    def _agreement(self, rows: NDArray[np.int64], candidates: NDArray[np.int64]) -> NDArray[np.float32]:
        """(q, k) weighted share of columns in which each row agrees with its candidates, by distance of places."""
        agreed = np.zeros(candidates.shape, np.float32)
        for places, weight in zip(self._places, self._weights / max(float(self._weights.sum()), 1e-9), strict=True):
            apart = np.abs(places[rows][:, None] - places[candidates])
            agreed += np.float32(weight) * np.maximum(1 - apart / np.float32(NEAR * SPREAD), 0)
        return agreed


@dataclass(frozen=True)
class _RandomSums:
    """Distribution of the summed surprise of random pairs of rows.

    tail          log of the probability of a sum of at least so many steps of STEP, were the columns independent
    dependence    variance of the sums in units of what it would be then
    shape, scale  of the gamma distribution with the sums' mean and variance
    """

    tail: NDArray[np.float64]
    dependence: float
    shape: float
    scale: float

    @classmethod
    def of(cls, surprise: NDArray[np.float64]) -> "_RandomSums":
        """From pairs (m, d)."""
        if not surprise.size:
            return cls(np.zeros(1), 1.0, 1.0, 1e-9)
        chances = np.ones(1)
        for column in np.floor(surprise / STEP).astype(np.int64).T:
            chances = convolve(chances, np.bincount(column) / len(surprise)).clip(min=0)
        tail = np.log(np.cumsum(chances[::-1])[::-1].clip(NO_CHANCE, 1))
        sums, independent = surprise.sum(1), max(float(surprise.var(0).sum()), 1e-9)
        mean, variance = max(float(sums.mean()), 1e-9), max(float(sums.var()), 1e-9)
        return cls(tail, max(1.0, variance / independent), mean**2 / variance, variance / mean)

    def survival(self, sums: NDArray[np.float64]) -> NDArray[np.float64]:
        """Probability that a random pair's sum is as large.

        The log-probability of independent columns is divided by `dependence`, as if there were fewer of them: in the
        far tail it is proportional to their number. The smaller of that and a scaled chi-squared distribution's counts,
        but at least exp(-sum).
        """
        steps = np.floor(sums / STEP).astype(np.int64)
        log_tail = np.append(self.tail, np.log(NO_CHANCE))[np.minimum(steps, len(self.tail))]
        probability = np.minimum(np.exp(log_tail / self.dependence), gamma.sf(sums, self.shape, scale=self.scale))
        return np.asarray(np.maximum(probability, np.exp(-sums)))


def cells_of_frame(frame: pd.DataFrame, train: NDArray[np.int64]) -> Cells:
    """The columns that say something, texts after cleaning, other words but codes by their plain spelling."""
    used = [(place, column.kind) for place, column in enumerate(describe(frame, train)) if column.kind not in UNUSED]
    shape = len(frame), len(used)
    numbers, codes = np.full(shape, np.nan), np.full(shape, -1, np.int64)
    for cell, (place, kind) in enumerate(used):
        values = read(frame.iloc[:, place])
        plain = cleaned if kind == "text" else _plain
        by_word = numbered(map(plain, values.words))
        numbers[:, cell], codes[:, cell] = values.numbers, np.append(by_word, -1)[values.codes]
    return Cells(numbers, codes)


def _plain(word: str) -> str:
    return plain_spelling(word) if len(word) > LONGEST_CODE else word


def _cells_of_array(inputs: NDArray[np.floating]) -> Cells:
    flat = inputs.reshape(len(inputs), -1)
    count = flat.shape[1]
    drawn = np.sort(np.random.default_rng(0).permutation(count)[:MAX_COLUMNS])
    numbers = np.asarray(flat[:, drawn], np.float64)
    numbers = np.where(np.isfinite(numbers), numbers, np.nan)
    return Cells(numbers, np.broadcast_to(np.int64(-1), numbers.shape))


def _distances(ordered: NDArray[np.float64]) -> NDArray[np.float64]:
    """(m,) distance of each of ascending numbers to its NEIGHBOURS-th nearest."""
    m, k = len(ordered), min(NEIGHBOURS, max(len(ordered) - 1, 0))
    best = np.full(m, np.inf)
    for below in range(k + 1):
        i = np.arange(below, m - k + below)
        reach = np.maximum(ordered[i] - ordered[i - below], ordered[i + k - below] - ordered[i])
        best[i] = np.minimum(best[i], reach)
    return best


def _arbitrary_rows(queries: NDArray[np.int64], base: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """(q, count) of the base, none of them the query."""
    first = np.broadcast_to(base[: count + 1], (len(queries), min(count + 1, len(base))))
    order = np.argsort(first == queries[:, None], axis=1, kind="stable")[:, :count]
    return np.take_along_axis(first, order, 1)


def _formatted(value: object) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
