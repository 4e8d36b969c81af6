"""Equal rows are told from chance: copies stand out, coarse and dependent columns and classes explain theirs."""

import numpy as np
import pytest
from numpy.typing import NDArray

from dataaudit.data.features.chance import Repeats, repeats_across, repeats_within, rows_numbered

N = 600


def within(codes: NDArray[np.int64], strata: NDArray[np.int64] | None = None) -> Repeats:
    return repeats_within(rows_numbered(codes), codes, np.zeros(len(codes), int) if strata is None else strata)


def fine(seed: int, n: int = N) -> NDArray[np.int64]:
    """Four columns of two hidden numbers, in tenths."""
    rng = np.random.default_rng(seed)
    a, b = rng.normal(0, 2.8, (2, n))
    values = np.stack([a, 1.5 * b, a + b + rng.normal(0, 0.5, n), 0.7 * a - 0.5 * b], 1).round(1)
    return np.stack([np.unique(column, return_inverse=True)[1] for column in values.T], 1)


def of_hidden_classes(seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Sixteen columns of two values that most rows of a class share, and the classes."""
    rng = np.random.default_rng(seed)
    classes = rng.integers(0, 2, N)
    return np.where(rng.random((N, 16)) < 0.8, classes[:, None], 1 - classes[:, None]), classes


@pytest.mark.parametrize("seed", range(5))
def test_copies_are_told_from_chance_however_few(seed: int) -> None:
    codes = fine(seed)
    as_is = within(codes)
    assert as_is.count == 0 or as_is.are_chance
    codes[:9] = codes[100:109]
    repeats = within(codes)
    assert repeats.count >= 9
    assert not repeats.are_chance
    assert repeats.by_chance < 1
    codes[:9] = codes[100]
    assert not within(codes).are_chance


@pytest.mark.parametrize("seed", range(5))
def test_equal_rows_of_coarse_or_dependent_columns_are_chance(seed: int) -> None:
    rng = np.random.default_rng(seed)
    coarse = np.stack([rng.integers(0, values, N) for values in (45, 12, 4)], 1)
    repeats = within(coarse)
    assert repeats.count > 10
    assert 0.5 < repeats.by_chance / repeats.count < 2
    assert repeats.are_chance
    doubled = np.concatenate([coarse, coarse[:, :2] + 1], 1)
    assert within(doubled).are_chance
    votes, classes = of_hidden_classes(seed)
    assert within(votes).count > 50
    assert within(votes, classes).are_chance
    assert within(votes).are_chance


def test_a_column_of_which_every_row_has_its_own_value_leaves_nothing_to_chance() -> None:
    rng = np.random.default_rng(0)
    codes = np.stack([rng.permutation(N), *(rng.geometric(0.4, N) for _ in range(5))], 1)
    assert within(codes[:, 1:]).are_chance
    codes[:8] = codes[100:108]
    repeats = within(codes)
    assert repeats.count == 8
    assert not repeats.are_chance
    assert repeats.chance_share < 0.5


def test_test_rows_are_compared_with_training_rows() -> None:
    codes, queries = fine(0), np.arange(N) < 150
    codes[:6] = codes[300:306]
    codes[400:440] = codes[440:480]
    repeats = repeats_across(rows_numbered(codes), codes, np.zeros(N, int), queries)
    assert repeats.count == 6
    assert not repeats.are_chance
    rng = np.random.default_rng(0)
    coarse = np.stack([rng.integers(0, values, N) for values in (30, 12, 4)], 1)
    by_chance = repeats_across(rows_numbered(coarse), coarse, np.zeros(N, int), queries)
    assert by_chance.are_chance
    assert 0.6 < by_chance.by_chance / by_chance.count < 1.6


def test_one_column_says_nothing_and_rich_content_leaves_no_question() -> None:
    column = np.arange(N)[:, None] // 2
    assert within(column).are_chance
    assert "one column" in within(column).explanation
    rich = repeats_within(column[:, 0], np.zeros((N, 0), int), np.zeros(N, int))
    assert rich == Repeats(N // 2)
    assert not rich.are_chance
    without = np.where(np.arange(N) < 10, -1, np.arange(N))
    assert repeats_within(without, np.zeros((N, 0), int), np.zeros(N, int)) == Repeats(0)


def test_what_is_found_is_the_same_each_time_and_needs_no_order() -> None:
    votes, classes = of_hidden_classes(1)
    repeats = within(votes, classes)
    assert within(votes, classes) == repeats
    order = np.random.default_rng(0).permutation(N)
    again = within(votes[order], classes[order])
    assert again.count == repeats.count
    assert again.by_chance == pytest.approx(repeats.by_chance, rel=0.2)


def test_numbers_of_rows_are_equal_for_equal_rows_only() -> None:
    codes = np.random.default_rng(0).integers(0, 3, (500, 5))
    by_rows = np.unique(codes, axis=0, return_inverse=True)[1].reshape(-1)
    numbers = rows_numbered(codes)
    assert len(np.unique(numbers)) == by_rows.max() + 1
    assert len(np.unique(np.stack([numbers, by_rows]), axis=1).T) == by_rows.max() + 1
