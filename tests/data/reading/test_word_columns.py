"""Columns of words are read as what nearly all of the words are, and whatever is taken for something else is said."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from dataaudit.data.reading.frames import row_digests, typed
from dataaudit.data.reading.rereading import Rereadings


def read(cells: list[Any]) -> tuple["pd.Series[Any]", Rereadings]:
    rereadings = Rereadings()
    column = typed(pd.Series(cells, name="c", dtype=object), rereadings)
    assert column is not None
    return column, rereadings


def numbers(count: int) -> list[str]:
    return [str(10 + place % 30) for place in range(count)]


TOKENS = ["?", "-", "--", ".", "\\N", "n/a", "None", "NULL", "unknown", "Missing", '""', " ? "]


@pytest.mark.parametrize("token", TOKENS)
def test_a_token_among_numbers_is_a_missing_number_and_is_said(token: str) -> None:
    column, rereadings = read([*numbers(60), token, token, token])
    assert column.dtype == np.float64
    assert column.isna().sum() == 3
    assert column[0] == 10
    assert rereadings.notes == [f"{token.strip()!r} is read as a missing value: 'c' (3 rows)"]


def test_a_token_among_dates_is_a_missing_date() -> None:
    column, rereadings = read([*(f"2021-03-{day:02d}" for day in range(1, 29)), "unknown"])
    assert column.dtype.kind == "M"
    assert column.isna().sum() == 1
    assert "'unknown' is read as a missing value" in rereadings.notes[0]


def test_numbers_of_json_keep_their_value_beside_a_token() -> None:
    column, _ = read([1, 2.5, "?", 4, "7"] * 10)
    assert column.dtype == np.float64
    np.testing.assert_array_equal(column[:5], [1, 2.5, np.nan, 4, 7])


WORDS = ["clerk", "sales", "craft", "farm"] * 10


@pytest.mark.parametrize("token", ["?", "-", "n/a", "\\N"])
def test_a_sign_or_a_code_that_stands_out_among_words_is_missing(token: str) -> None:
    column, rereadings = read([*WORDS, token])
    assert list(column.cat.categories) == ["clerk", "craft", "farm", "sales"]
    assert rereadings.notes == [f"{token!r} is read as a missing value: 'c' (1 row)"]


@pytest.mark.parametrize("answers", [["none", "unknown", "some"], ["+", "-"], ["yes", "-"], ["?", "!"]])
def test_what_may_be_an_answer_among_words_stays(answers: list[str]) -> None:
    column, rereadings = read(answers * 20)
    assert sorted(column.cat.categories) == sorted(answers)
    assert rereadings.notes == []


AMOUNTS = [
    (["$1,234.56", "$7.00", "$1,234,567.89"], [1234.56, 7, 1234567.89], "'$', ',' between thousands"),
    (["1.234,56 €", "7,00 €", "-0,50 €"], [1234.56, 7, -0.5], "'€', '.' between thousands, decimal comma"),
    (["45%", "4.5 %", "-100%"], [45, 4.5, -100], "'%'"),
    (["(12)", "3", "(1,250)"], [-12, 3, -1250], "',' between thousands, '(1)' for -1"),
    (["1 234", "12\u202f345,5", "7"], [1234, 12345.5, 7], "' ' between thousands, decimal comma"),
    (["12kg", "3.5 kg", "70 kg"], [12, 3.5, 70], "'kg'"),
    (["36 months", "60 months", "48 months"], [36, 60, 48], "'months'"),
    (["1,234", "999", "12,000"], [1234, 999, 12000], "',' between thousands"),
    (["0,5", "1,25", "3"], [0.5, 1.25, 3], "decimal comma"),
    (["1,00,000", "12,34,567", "500"], [100000, 1234567, 500], "',' between thousands"),
    (["−5", "- 7", "+3"], [-5, -7, 3], "written as words"),
    (["1e3", "2.5E-2", "4"], [1000, 0.025, 4], "written as words"),
]


@pytest.mark.parametrize(("cells", "values", "form"), AMOUNTS)
def test_numbers_in_disguise_are_read_and_said(cells: list[str], values: list[float], form: str) -> None:
    column, rereadings = read(cells * 10)
    assert column.dtype == np.float64
    np.testing.assert_allclose(column[:3], values)
    assert rereadings.notes == [f"read as numbers: 'c' ({form})"]
    assert rereadings.doubts == []


@pytest.mark.parametrize("cells", [["1,234", "5,678", "9,012"], ["1,234", "1500", "9,012"]])
def test_a_comma_before_three_digits_everywhere_is_a_doubt(cells: list[str]) -> None:
    column, rereadings = read(cells * 10)
    assert column[0] == 1234
    (doubt,) = rereadings.doubts
    assert doubt.column == "c"
    assert "'1,234' is read as 1234, and could be 1.234" in doubt.words


@pytest.mark.parametrize(
    "cells",
    [["007", "012", "113"], ["P1", "P2", "P3"], ["5 kg", "3 m", "2 l"], ["1.2.3", "1.2.4", "2.0.1"], ["12:30", "08:15"],
     ["9th", "HS-grad", "11th"], ["3A", "4B", "5C"], ["1,2,3", "4,5", "6"]],
)  # fmt: skip
def test_codes_and_words_are_no_numbers(cells: list[str]) -> None:
    column, rereadings = read(cells * 10)
    assert sorted(column.cat.categories) == sorted(cells)
    assert rereadings.notes == []


def test_the_few_words_among_numbers_that_mean_nothing_known_stay_words() -> None:
    column, _ = read([*(f"${value}.50" for value in numbers(60)), "ask Bob"])
    assert column.iloc[-1] == "ask Bob"
    assert column.iloc[0] == 10.5


DATES = [
    (["31/12/2021 10:22", "01/02/2021 00:00"], ["2021-12-31T10:22", "2021-02-01"], "day, month, year"),
    (["12/31/2021", "01/02/2021"], ["2021-12-31", "2021-01-02"], "month, day, year"),
    (["31.12.21", "01.02.99"], ["2021-12-31", "1999-02-01"], "day, month, year"),
    (["2021/12/31", "2021/2/1"], ["2021-12-31", "2021-02-01"], "year, month, day"),
    (["1-Feb-2021", "31-Dec-21"], ["2021-02-01", "2021-12-31"], "months by name"),
    (["Dec 31, 2021 9:05 PM", "February 1st, 2021 12:00 am"], ["2021-12-31T21:05", "2021-02-01"], "months by name"),
    (["Dec-2021", "Feb-2021"], ["2021-12-01", "2021-02-01"], "months by name"),
    (["13/01/2021 10:00:30 +02:00", "01/02/2021 01:00 Z"], ["2021-01-13T08:00:30", "2021-02-01T01:00"],
     "day, month, year"),
    (["01/02/2021", "01/12/2021"], ["2021-02-01", "2021-12-01"], "day, month, year"),
]  # fmt: skip


@pytest.mark.parametrize(("cells", "days", "form"), DATES)
def test_dates_in_any_order_are_read_and_said(cells: list[str], days: list[str], form: str) -> None:
    column, rereadings = read(cells * 5)
    assert column[:2].tolist() == [pd.Timestamp(day) for day in days]
    assert rereadings.notes == [f"read as dates: 'c' ({form})"]
    assert rereadings.doubts == []


def test_days_that_could_be_months_are_a_doubt() -> None:
    column, rereadings = read(["05/03/2021", "02/11/2021", "12/01/2021"] * 5)
    assert column[0] == pd.Timestamp("2021-05-03")
    assert "month first, and could be day first" in rereadings.doubts[0].words


def test_a_day_that_is_none_is_missing_and_said() -> None:
    cells = [f"{day:02d}/01/2021" for day in range(1, 32)]
    column, rereadings = read([*cells, "30/02/2021"])
    assert column.isna().sum() == 1
    assert "no dates, read as missing values: 'c' (rows: '30/02/2021' in 1)" in rereadings.notes


def test_whole_numbers_that_are_all_days_are_dates_and_others_not() -> None:
    rereadings = Rereadings()
    days = pd.Series([20210100 + day for day in range(1, 32)], name="c")
    column = typed(days, rereadings)
    assert column is not None
    assert column[30] == pd.Timestamp("2021-01-31")
    assert rereadings.notes == ["read as dates written like 20211231: 'c'"]
    other = typed(days + 10, rereadings)
    assert other is not None
    assert other.dtype == np.int64


def test_days_far_from_now_do_not_break_the_digests_of_rows() -> None:
    column, rereadings = read([*(f"2021-01-{day:02d}" for day in range(1, 29)), "9999-12-31"])
    assert column.isna().sum() == 1
    assert "'9999-12-31'" in rereadings.notes[0]
    assert len(set(row_digests(column.to_frame()))) == 29


def test_many_columns_share_a_note() -> None:
    rereadings = Rereadings()
    for place in range(30):
        typed(pd.Series([*numbers(40), "?"], name=f"c{place}"), rereadings)
    (note,) = rereadings.notes
    assert note.startswith("'?' is read as a missing value: 'c0' (1 row), 'c1' (1 row)")
    assert note.endswith("and 10 more")
