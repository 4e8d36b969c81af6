"""The interface for finding copies in a modality: candidates for every sample, then each pair aligned and scored.

A modality is one file with a Matcher, `images.py` and the like, listed in `choice.py`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, Self, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ...dataset import Dataset, Track
from ...findings import AGREEMENTS, Agreement

N_CANDIDATES, N_CANDIDATES_QUICK = 8, 4
"""Candidates per query, in a thorough and in a quick search."""

QueriesT = TypeVar("QueriesT", bound="Candidates | Matches")
CandidatesT = TypeVar("CandidatesT", bound="Candidates")


@dataclass(frozen=True)
class Candidates:
    """For each of q queries the k base samples that are likeliest to be copies, likeliest first.

    queries    (q,) dataset rows
    base       (q, k) dataset rows, k less than asked for if the base is smaller
    nearness   (q, k) larger is nearer; comparable between queries
    """

    queries: NDArray[np.int64]
    base: NDArray[np.int64]
    nearness: NDArray[np.float32]

    def take(self, chosen: NDArray[np.int64]) -> Self:
        """Those of chosen queries, by position."""
        return _take(self, chosen)


@dataclass(frozen=True)
class Matches:
    """For each of q queries its candidates, aligned, best first.

    base         (q, k) dataset rows
    similarity   (q, k) of the aligned samples, 0 to 1
    score        (q, k) evidence plus lead; larger is more surely a copy; below `copies.EXACT_SCORE`
    mirrored     (q, k) whether the query had to be mirrored
    chance       (q, k) how many base samples would agree as well by chance; None where none would
    """

    base: NDArray[np.int64]
    similarity: NDArray[np.float32]
    score: NDArray[np.float32]
    mirrored: NDArray[np.bool_]
    chance: NDArray[np.float64] | None = None

    def take(self, chosen: NDArray[np.int64]) -> Self:
        """Those of chosen queries, by position."""
        return _take(self, chosen)

    @classmethod
    def ranked(
        cls,
        candidates: Candidates,
        similarity: NDArray[np.float64],
        evidence: NDArray[np.float64],
        chance: NDArray[np.float64],
    ) -> "Matches":
        """Each query's candidates by evidence, all (q, k). Score: the evidence plus its lead over the weaker half.

        A sample that resembles many others has no lead, so that it does not pass for a copy of each.
        """
        order = np.argsort(-evidence, axis=1, kind="stable")
        base = np.take_along_axis(candidates.base, order, 1)
        similarity, evidence, chance = (
            np.take_along_axis(values, order, 1) for values in (similarity, evidence, chance)
        )
        k = evidence.shape[1]
        score = 2 * evidence - evidence[:, k // 2 :].mean(1, keepdims=True) if k else evidence
        mirrored = np.zeros(base.shape, bool)
        return cls(base, similarity.astype(np.float32), score.astype(np.float32), mirrored, chance)

    def unrelated(self, alike: float) -> NDArray[np.float32]:
        """(q,) each query's best score among the pairs less similar than `alike`; NaN where there is none."""
        scores = np.where(self.similarity < alike, self.score, -np.inf).max(1, initial=-np.inf)
        return np.where(np.isfinite(scores), scores, np.nan)


def _take(results: QueriesT, chosen: NDArray[np.int64]) -> QueriesT:
    arrays: dict[str, Any] = {
        name: value[chosen] for name, value in vars(results).items() if isinstance(value, np.ndarray)
    }
    return replace(results, **arrays)


class Matcher(Protocol[CandidatesT]):
    """Finds copies among the samples of one dataset, by row.

    alike      pairs at least this similar are copies whatever else the data holds, and no measure of how high pairs
               score that are none; infinity where similarity proves nothing by itself
    contents   (n,) equal for samples that are equal in what counts, -1 for those that equal none
    codes      (n, d) the values that contents consist of, each column's in order and from 0, where samples may be
               equal by chance; no columns where content is too rich for that
    """

    alike: float

    @property
    def contents(self) -> NDArray[np.int64]: ...

    @property
    def codes(self) -> NDArray[np.int64]: ...

    def nominate(
        self, queries: NDArray[np.int64], base: NDArray[np.int64], track: Track, label: str, quick: bool = False
    ) -> CandidatesT:
        """The likeliest base rows of every query row, KEPT or KEPT_QUICKLY; never the query itself."""

    def align(self, candidates: CandidatesT, track: Track, label: str) -> Matches:
        """Align every candidate with its query, and sort each query's candidates by the evidence."""

    def with_copies(
        self, rows: NDArray[np.int64], places: NDArray[np.int64], rng: np.random.Generator
    ) -> tuple["Matcher[CandidatesT]", Sequence[str]]:
        """The same samples with altered copies of `rows` in `places`, and how each copy was altered."""

    def agreement(self, left: int, right: int) -> Agreement:
        """In what way two rows are equal, or that they are not."""

    def differences(self, left: int, right: int) -> list[list[str]]:
        """What tells two rows apart, as plain data to show; empty where the samples can be looked at."""


def search(
    matcher: Matcher[Any], queries: NDArray[np.int64], base: NDArray[np.int64], track: Track, label: str
) -> Matches:
    """Match query rows against base rows; a row never matches itself."""
    return matcher.align(matcher.nominate(queries, base, track, label), track, label)


def agreement(dataset: Dataset, matchers: Sequence[Matcher[Any]], left: int, right: int) -> Agreement:
    """By their contents, which leave out ids and constant columns, else the closest that any of the matchers says."""
    if dataset.contents[left] == dataset.contents[right]:
        whole = dataset.derive("whole rows", lambda: _whole_rows(dataset))
        return "equal" if whole[left] == whole[right] else "equal without ids"
    return closest(matcher.agreement(left, right) for matcher in matchers)


def closest(agreements: Iterable[Agreement]) -> Agreement:
    """The one of them that says most."""
    return min(agreements, key=AGREEMENTS.index)


def closest_of_rows(
    n: int, first: NDArray[np.int64], second: NDArray[np.int64], agreements: Sequence[Agreement]
) -> NDArray[np.object_]:
    """(n,) the closest that any pair (first, second) with a row has, None for rows in none."""
    of_rows = np.full(n, None, object)
    for i in sorted(range(len(agreements)), key=lambda i: -AGREEMENTS.index(agreements[i])):
        of_rows[[first[i], second[i]]] = agreements[i]
    return of_rows


def _whole_rows(dataset: Dataset) -> NDArray[np.uint64]:
    """(n,) equal for samples of equal contents that are equal in every other value, too."""
    if dataset.modality != "table":
        return np.zeros(len(dataset), np.uint64)
    return np.asarray(pd.util.hash_pandas_object(dataset.frame, index=False), np.uint64)


def differences(matchers: Sequence[Matcher[Any]], left: int, right: int) -> list[list[str]]:
    """What any of the matchers says of how two rows differ."""
    return [difference for matcher in matchers for difference in matcher.differences(left, right)]


def numbered(keys: Iterable[str]) -> NDArray[np.int64]:
    """(n,) a number for every key, equal for equal ones; -1 for empty ones."""
    numbers: dict[str, int] = {}
    return np.array([numbers.setdefault(key, len(numbers)) if key else -1 for key in keys], np.int64)
