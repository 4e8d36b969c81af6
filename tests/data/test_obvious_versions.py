"""What reads large tables fast reads them as the obvious version does, which stands here."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from dataaudit.data.features import columns
from dataaudit.data.reading.drawing import split_by_units
from dataaudit.data.reading.frames import typed
from dataaudit.data.reading.missing_words import ALL, MISSING, missing_among_values, without_missing_words
from dataaudit.data.reading.rereading import Rereadings

SPELLED = st.sampled_from(
    [*sorted(ALL), *MISSING, "inf", "-Infinity", "nan", "1e5", "1E-3", " 7 ", "+.5", "1d3", "0x1f"]
)
CELLS = st.lists(SPELLED | st.text(max_size=20) | st.text("0123456789+-.eEinfatyx_ \t", max_size=9), min_size=1)


@settings(deadline=None, max_examples=300)
@given(CELLS, st.booleans())
def test_words_are_numbers_or_missing_as_they_always_were(words: list[str], upper: bool) -> None:
    words = [word.upper() for word in words] if upper else words
    cells = np.array(words, object)
    np.testing.assert_array_equal(
        columns._numbers(cells), pd.to_numeric(pd.Series(words, dtype=object), errors="coerce").to_numpy(np.float64)
    )
    assert missing_among_values(words).tolist() == [word.strip().casefold() in ALL for word in words]
    kept = without_missing_words(pd.Series(words, dtype=object))
    assert kept.isna().tolist() == [word in MISSING for word in words]


@settings(deadline=None, max_examples=200)
@given(st.lists(SPELLED | st.integers(-5, 5) | st.booleans() | st.none() | st.floats(), min_size=1))
def test_mixed_values_are_read_as_one_by_one(cells: list[Any]) -> None:
    column = pd.Series(cells, dtype=object)
    _, uniques = pd.factorize(column)
    words = np.asarray(uniques, object)
    candidates = [
        word if isinstance(word, str | int | float) and not isinstance(word, bool) else None for word in words
    ]
    np.testing.assert_array_equal(
        columns._numbers(words),
        pd.to_numeric(pd.Series(candidates, dtype=object), errors="coerce").to_numpy(np.float64),
    )
    assert columns.read(column).words.tolist() == [str(word) for word in words]


@pytest.mark.parametrize("seed", range(30))
def test_units_are_drawn_as_by_arrays(seed: int) -> None:
    rng = np.random.default_rng(seed)
    strata = rng.integers(0, rng.integers(2, 12), 400)
    units = np.unique(rng.integers(0, rng.integers(5, 400), 400), return_inverse=True)[1]
    np.testing.assert_array_equal(split_by_units(units, strata, 0.2, seed), _by_arrays(units, strata, 0.2, seed))


def _by_arrays(units: NDArray[np.int64], strata: NDArray[np.int64], fraction: float, seed: int) -> NDArray[np.bool_]:
    totals = np.bincount(strata)
    wanted = np.where(totals > 1, np.maximum(fraction * totals, 1.0), fraction * totals)
    marked_of, marked = np.zeros(len(wanted)), np.zeros(units.max() + 1, bool)
    for unit in np.random.default_rng(seed).permutation(len(marked)):
        stratum, of_unit = np.unique(strata[units == unit], return_counts=True)
        if (of_unit * (of_unit + 2 * (marked_of[stratum] - wanted[stratum])) / wanted[stratum]).sum() < 0:
            marked_of[stratum] += of_unit
            marked[unit] = True
    if not marked.any():
        marked[np.argmin(np.bincount(units))] = True
    return marked[units]


@pytest.mark.parametrize("seed", range(20))
def test_a_large_column_is_typed_as_its_different_words_are(seed: int) -> None:
    """Repeating every cell changes no share, so it must not change what a column is read as."""
    rng = np.random.default_rng(seed)
    amounts = rng.integers(0, 10**6, 40) / 100
    days = pd.Timestamp("2001-03-04") + pd.to_timedelta(rng.integers(0, 5000, 40), unit="D")
    written: list[list[str]] = [
        [f"${value:,.2f}" for value in amounts],
        list(days.strftime("%d/%m/%Y")),
        list(days.strftime("%Y-%m-%d")),
        [rng.bytes(8).hex() for _ in amounts],
    ]
    cells = written[seed % 4] + ["?", "n/a", "", "NA"][: rng.integers(0, 3)]
    once, twice = (typed(pd.Series(many, dtype=object), Rereadings()) for many in (cells, cells * 2))
    assert once is not None
    assert twice is not None
    if seed % 4 < 3:
        pd.testing.assert_series_equal(twice, pd.concat([once, once], ignore_index=True))
