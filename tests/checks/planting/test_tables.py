"""Alterations change rows as they say, within bounds, and only those are planted that change something."""

import numpy as np
import pytest

from dataaudit.checks.planting.tables import ALTERATIONS, Cells, alterations, altered_in_turn


def cells(m: int = 60, whole: bool = False) -> Cells:
    rng = np.random.default_rng(0)
    numbers = rng.normal(50, 10, (m, 10))
    codes = np.full((m, 10), -1)
    numbers[:, 8:], codes[:, 8:] = np.nan, rng.integers(0, 4, (m, 2))
    return Cells(np.round(numbers) if whole else numbers, codes)


@pytest.mark.parametrize("sort", ALTERATIONS)
def test_every_alteration_leaves_what_it_was_given_and_repeats_itself(sort: str) -> None:
    table = cells()
    before = table.numbers.copy(), table.codes.copy()
    copy, repeated = (ALTERATIONS[sort](table, table, np.random.default_rng(1)) for _ in range(2))
    np.testing.assert_array_equal(copy.numbers, repeated.numbers)
    np.testing.assert_array_equal(table.numbers, before[0])
    np.testing.assert_array_equal(table.codes, before[1])
    equal = np.isclose(copy.numbers, table.numbers, rtol=1e-9, equal_nan=True) & (copy.codes == table.codes)
    assert equal.all(1).mean() < 0.1  # a cell may be changed to what it was


def test_rounding_and_noise_are_small_and_leave_words_alone() -> None:
    table = cells()
    rounded = ALTERATIONS["rounded"](table, table, np.random.default_rng(0))
    np.testing.assert_allclose(rounded.numbers, table.numbers, atol=0.051)
    noisy = ALTERATIONS["noise"](table, table, np.random.default_rng(0))
    assert 0.02 < np.nanstd(noisy.numbers - table.numbers) < 0.4
    np.testing.assert_array_equal(noisy.codes, table.codes)


@pytest.mark.parametrize("sort", ["cells changed", "cells missing"])
def test_a_fifth_of_the_cells_at_most_is_touched(sort: str) -> None:
    table = cells()
    copy = ALTERATIONS[sort](table, table, np.random.default_rng(0))
    touched = ~((copy.codes == table.codes) & np.isclose(copy.numbers, table.numbers, equal_nan=True))
    assert touched.sum(1).max() <= 2
    assert touched.any(1).mean() > 0.9
    alone = Cells(table.numbers[:, :1], table.codes[:, :1])
    np.testing.assert_array_equal(ALTERATIONS[sort](alone, alone, np.random.default_rng(0)).numbers, alone.numbers)


def test_only_what_changes_such_rows_is_planted_in_turn() -> None:
    assert alterations(cells()) == list(ALTERATIONS)
    assert "rounded" not in alterations(cells(whole=True))
    words = Cells(np.full((5, 3), np.nan), np.zeros((5, 3), int))
    assert alterations(words) == ["cells changed", "cells missing"]
    copies, sorts = altered_in_turn(cells(), np.arange(12), np.random.default_rng(0))
    assert copies.numbers.shape == copies.codes.shape == (12, 10)
    assert sorts == [*ALTERATIONS, *ALTERATIONS, *list(ALTERATIONS)[:2]]
    noisy = ALTERATIONS["noise"](cells(whole=True), cells(whole=True), np.random.default_rng(0))
    assert (noisy.numbers[:, :8] % 1 == 0).all()
