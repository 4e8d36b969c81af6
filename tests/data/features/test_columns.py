"""Columns are told apart by kind, and every kind becomes numbers without gaps."""

import datetime
import hashlib
from typing import Any

import numpy as np
import pandas as pd
import pytest

from dataaudit.data.features import columns
from dataaudit.data.features.columns import describe, encode

N, TRAIN = 200, np.arange(150)
RNG = np.random.default_rng(0)
START = pd.Timestamp("2020-01-01")
KINDS: dict[str, tuple[Any, columns.Kind]] = {
    "floats": (RNG.normal(size=N), "numeric"),
    "few numbers": (RNG.integers(0, 3, N), "numeric"),
    "numbers that are all different": (RNG.permutation(10**7)[:N], "numeric"),
    "nullable numbers": (pd.array([None, *range(N - 1)], dtype="Int64") % 7, "numeric"),
    "numbers in quotes": ([f" {i % 9}.5 " for i in range(N)], "numeric"),
    "infinite numbers": (np.where(RNG.random(N) < 0.2, np.inf, RNG.normal(size=N)), "numeric"),
    "spans": (pd.to_timedelta(RNG.integers(0, 9, N), "s"), "numeric"),
    "words": (RNG.choice(["x", "y", "z"], N), "categorical"),
    "yes or nothing": (RNG.choice(np.array(["yes", None], object), N), "categorical"),
    "booleans": (RNG.random(N) < 0.5, "categorical"),
    "nullable booleans": (pd.array([None, True, False, True] * (N // 4), dtype="boolean"), "categorical"),
    "numbered categories": (pd.Categorical(RNG.integers(0, 4, N)), "categorical"),
    "lists": ([[1, 2] if i % 2 else [3] for i in range(N)], "categorical"),
    "long names": (
        RNG.choice(["the United States of America", "the United Kingdom of Great Britain"], N),
        "categorical",
    ),
    "times": (START + pd.to_timedelta(RNG.integers(0, 10**7, N), "s"), "date"),
    "times of a zone": (pd.date_range("2020-01-01", periods=N, tz="Europe/Berlin"), "date"),
    "days": ([datetime.date(2020, 1 + i % 12, 1) for i in range(N)], "date"),
    "sentences": ([f"it was the {i}th of many" for i in range(N)], "text"),
    "counted up": (np.arange(N) + 17, "id"),
    "codes": ([f"C{i:05d}" for i in RNG.permutation(N)], "id"),
    "customerID": (RNG.permutation(10**7)[:N], "id"),
    "hashes": ([hashlib.sha256(bytes([i])).hexdigest() for i in range(N)], "id"),
    "numbers and a sign for none": (np.where(np.arange(N) % 9, (np.arange(N) % 7).astype(str), "?"), "mixed"),
    "numbers among words": ([1 if i % 8 == 0 else "u" for i in range(N)], "mixed"),
    "one number": (np.full(N, 3), "constant"),
    "one word": (["x"] * N, "constant"),
    "nothing": ([None] * N, "missing"),
    "blanks": ([" "] * N, "missing"),
    "not a number": (np.full(N, np.nan), "missing"),
}


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_is_told_and_becomes_finite_numbers(name: str) -> None:
    values, kind = KINDS[name]
    frame = pd.DataFrame({name: values})
    (column,) = describe(frame, TRAIN)
    assert (column.name, column.kind) == (name, kind)
    encoded = encode(frame, TRAIN)
    assert encoded.dtype == np.float32
    assert np.isfinite(encoded).all()
    assert bool((encoded[TRAIN] != encoded[0]).any()) == (kind not in columns.UNUSED)


def test_values_are_counted_on_training_rows() -> None:
    frame = pd.DataFrame({"a": [1.0, 1.0, np.nan, 2.0, 5.0], "b": ["u", None, None, "w", "v"]})
    first, second = describe(frame, np.arange(3))
    assert (first.missing, first.distinct) == (1, 1)
    assert (second.missing, second.distinct) == (2, 1)


def test_nothing_outside_training_changes_how_training_rows_are_encoded() -> None:
    frame = pd.DataFrame({name: values for name, (values, _) in KINDS.items()})
    other = frame.copy()
    other["floats"] = np.where(np.arange(N) < 150, frame["floats"], 1e9)
    other["words"] = np.where(np.arange(N) < 150, frame["words"], "new")
    before, after = encode(frame, TRAIN), encode(other, TRAIN)
    np.testing.assert_array_equal(before[TRAIN], after[TRAIN])
    assert np.abs(after).max() < 30


def test_a_missing_value_is_zero_and_says_so() -> None:
    encoded = encode(pd.DataFrame({"a": [1.0, 2.0, 3.0, np.nan, 4.0, np.nan]}), np.arange(4))
    np.testing.assert_array_equal(encoded[:, 0], [0, 0, 0, 1, 0, 1])
    np.testing.assert_array_equal(encoded[[3, 5], 1], 0)
    assert (np.diff(encoded[[0, 1, 2, 4], 1]) > 0).all()


def test_words_that_training_lacks_are_like_the_rare_ones() -> None:
    words = [f"w{i % 50}" for i in range(400)] + ["new", "w0"]
    encoded = encode(pd.DataFrame({"a": words}), np.arange(400))
    assert encoded.shape[1] == columns.COMMONEST + 1
    np.testing.assert_array_equal(encoded.sum(1), 1)
    np.testing.assert_array_equal(encoded[400], encoded[49])
    np.testing.assert_array_equal(encoded[401], encoded[0])


@pytest.mark.parametrize("spread", [1.0, 3.0])
def test_heavy_tails_keep_their_order_and_come_near(spread: float) -> None:
    values = np.random.default_rng(0).lognormal(0, spread, 1000)
    (encoded,) = encode(pd.DataFrame({"a": values}), np.arange(1000)).T
    order = np.argsort(values)
    assert (np.diff(encoded[order]) >= 0).all()
    assert len(np.unique(encoded)) > 980
    assert np.abs(encoded).max() <= columns.FARTHEST


def test_mostly_zero_is_no_trouble() -> None:
    values = np.zeros(500)
    values[::50] = np.arange(1, 11)
    (encoded,) = encode(pd.DataFrame({"a": values}), np.arange(500)).T
    assert np.unique(encoded[values == 0]).tolist() == [0]
    assert (np.diff(encoded[::50]) > 0).all()


def test_seasons_come_round() -> None:
    times = START + pd.to_timedelta(np.arange(0, 800), "D")
    encoded = encode(pd.DataFrame({"a": times}), np.arange(800))
    assert encoded.shape[1] == 5  # the time, the month and the weekday; the hour is always the same
    np.testing.assert_allclose(encoded[3, 3:], encoded[3 + 7 * 50, 3:], atol=1e-6)
    assert np.abs(encoded[0, 1:3] - encoded[366, 1:3]).max() < 1e-6


def test_wide_tables_fit_in_the_dimensions_there_are() -> None:
    rng = np.random.default_rng(0)
    many = encode(pd.DataFrame(rng.choice([f"w{i}" for i in range(100)], (300, 60))), np.arange(200))
    assert many.shape[1] <= columns.DIMENSIONS
    numbers = rng.normal(size=(300, 900))
    numbers[150:] += 1
    wide = encode(pd.DataFrame(numbers), np.arange(300))
    assert wide.shape == (300, columns.DIMENSIONS)
    inside = np.linalg.norm(wide[:75] - wide[75:150], axis=1)
    across = np.linalg.norm(wide[:150] - wide[150:], axis=1)
    assert np.median(across) > 1.1 * np.median(inside)  # distances survive


def test_no_columns_and_equal_names_are_no_crash() -> None:
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(50, 2)), columns=["a", "a"])
    assert encode(frame, np.arange(40)).shape == (50, 2)
    assert encode(frame.iloc[:, :0], np.arange(40)).shape == (50, 1)
