"""Dates as people write them: `31/12/2021 10:22`, `12/31/2021`, `31.12.21`, `Dec 31, 2021`, `Dec-2021`, `20211231`."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .number_words import NEARLY_ALL, SAMPLED
from .word_shapes import Shape, shapes

ISO = re.compile(r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?)?(Z|[+-]\d{2}:?\d{2})?")
TIME = (
    r"(?:(?:[T,]\s?|\s)(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<seconds>\d{2}(?:\.\d+)?))?"
    r"\s?(?P<half>[AaPp]\.?[Mm]\.?)?\s?(?P<zone>Z|UTC|GMT|[+-]\d{2}:?\d{2})?)?"
)
MONTH = (
    r"(?P<month>(?i:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?"
    r"|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?))\.?"
)
ORDINAL = r"(?:st|nd|rd|th)?"
WEEKDAY = r"(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,?\s)?"
NUMERIC = re.compile(
    WEEKDAY + r"(?:(?P<first>\d{1,4})(?P<mark>[/-])(?P<second>\d{1,2})(?P=mark)(?P<third>\d{4}|\d{1,2})"
    r"|(?P<dotted_first>\d{1,4})\.(?P<dotted_second>\d{1,2})\.(?P<dotted_third>\d{4})"
    r"|(?P<short_first>\d{2})\.(?P<short_second>\d{2})\.(?P<short_third>\d{2}))" + TIME
)
"""Two digits of a year stand behind a point only if day and month have two digits, too: 1.2.10 is a version."""
NAMED = (
    re.compile(WEEKDAY + rf"(?P<day>\d{{1,2}}){ORDINAL}[ ./-]?\s?{MONTH},?[ ./-]?\s?(?P<year>\d{{4}}|\d{{2}})" + TIME),
    re.compile(WEEKDAY + rf"{MONTH}[ -]?(?P<day>\d{{1,2}}){ORDINAL},?[ -]\s?(?P<year>\d{{4}})" + TIME),
    re.compile(rf"{MONTH},?[ -](?P<year>\d{{4}})"),
)
MONTHS = {
    "jan": 1, "feb": 2, "mar": 3, "apr": 4, "may": 5, "jun": 6, "jul": 7, "aug": 8, "sep": 9, "oct": 10, "nov": 11,
    "dec": 12,
}  # fmt: skip
FIRST_YEAR, LAST_YEAR = 1678, 2261
"""Years whose instants fit in 64 bits of nanoseconds."""
COMPACT_FROM, COMPACT_TO, FEWEST_COMPACT = 1900_01_01, 2100_12_31, 10


@dataclass(frozen=True)
class DateWords:
    """Words read as dates.

    dates   (m,) datetime64[us] in UTC, NaT where there is none
    form    the order that they are written in
    doubt   another order that the column does not rule out, or empty
    """

    dates: NDArray[np.datetime64]
    form: str
    doubt: str = ""


def read_dates(words: Sequence[str], counts: NDArray[np.int64]) -> DateWords | None:
    """Different words as dates, or None unless nearly all rows are dates written alike.

    Whether the day or the month comes first is decided by all rows: a number above 12 is no month. Where there is none,
    a part that is always 1 is the day; else it is a doubt, and the month is taken to come first between slashes.

    counts   (m,) rows with each word
    """
    sample = words[:: max(1, len(words) // SAMPLED)]
    for pattern in (ISO, NUMERIC, *NAMED):
        if sum(pattern.fullmatch(word) is not None for word in sample) < 0.8 * len(sample):
            continue
        if pattern is ISO:
            read = _iso(words)
        else:
            parts = _Parts.of(words, pattern)
            read = _numeric(parts, counts) if pattern is NUMERIC else _named(parts)
        if counts[~np.isnat(read.dates)].sum() >= NEARLY_ALL * counts.sum():
            return read
    return None


def compact_dates(numbers: NDArray[np.int64]) -> NDArray[np.datetime64] | None:
    """Whole numbers of the form 20211231 as dates; None unless all are."""
    if not len(numbers) or numbers.min() < COMPACT_FROM or numbers.max() > COMPACT_TO:
        return None
    different, places = np.unique(numbers, return_inverse=True)
    midnight = np.zeros(len(different), "timedelta64[us]")
    dates = _instants(different // 10_000, different // 100 % 100, different % 100, midnight)
    return None if len(different) < FEWEST_COMPACT or np.isnat(dates).any() else dates[places]


@dataclass(frozen=True)
class _Parts:
    """The parts of each word, (m,) each; -1 where a part is not there.

    lengths   digits of the part
    slashes   share of words with a slash
    """

    numbers: dict[str, NDArray[np.int64]]
    lengths: dict[str, NDArray[np.int64]]
    times: NDArray[np.timedelta64]
    slashes: float

    @classmethod
    def of(cls, words: Sequence[str], pattern: re.Pattern[str]) -> "_Parts":
        numbers = {name: np.full(len(words), -1) for name in ("first", "second", "third", "day", "month", "year")}
        lengths = {name: np.full(len(words), -1) for name in numbers}
        times = np.full(len(words), np.timedelta64("NaT"), "timedelta64[us]")
        for shape in shapes(words):
            match = pattern.fullmatch(shape.text)
            if match is None:
                continue
            groups = match.groupdict()
            for group, text in groups.items():
                name = group.removeprefix("dotted_").removeprefix("short_")
                if name in numbers and text is not None:
                    is_name = text[0].isalpha()
                    numbers[name][shape.places] = (
                        MONTHS[text[:3].lower()] if is_name else shape.whole(match.span(group))
                    )
                    lengths[name][shape.places] = len(text)
            times[shape.places] = _times(shape, match)
        slashes = float(np.mean(["/" in word for word in words]))
        return cls(numbers, lengths, times, slashes)


def _iso(words: Sequence[str]) -> DateWords:
    iso_words = [word if ISO.fullmatch(word) else None for word in words]
    instants = pd.Series(pd.to_datetime(pd.Series(iso_words), utc=True, errors="coerce", format="ISO8601"))
    dates = instants.dt.tz_localize(None)
    outside = (dates.dt.year < FIRST_YEAR) | (dates.dt.year > LAST_YEAR)
    return DateWords(dates.mask(outside).to_numpy().astype("datetime64[us]"), "")


def _numeric(parts: _Parts, counts: NDArray[np.int64]) -> DateWords:
    first, second, third = (parts.numbers[name] for name in ("first", "second", "third"))
    year_first = first > 31
    if counts[year_first].sum() > counts.sum() / 2:
        return DateWords(_instants(first, second, third, parts.times), "year, month, day")
    unclear = year_first | (parts.lengths["third"] == 1)
    year = np.where(unclear, -1, _four_digits(third)).astype(np.int64)
    day_first = _instants(year, second, first, parts.times)
    month_first = _instants(year, first, second, parts.times)
    rows = [int(counts[~np.isnat(dates)].sum()) for dates in (day_first, month_first)]
    is_day_first, doubt = rows[0] > rows[1], ""
    if rows[0] == rows[1]:
        first_is_one, second_is_one = (bool((part[part >= 0] == 1).all()) for part in (first, second))
        is_day_first = first_is_one if first_is_one != second_is_one else parts.slashes < 0.5
        if first_is_one == second_is_one and (first != second).any():
            names = ("day", "month") if is_day_first else ("month", "day")
            doubt = f"{names[0]} first, and could be {names[1]} first"
    form = "day, month, year" if is_day_first else "month, day, year"
    return DateWords(day_first if is_day_first else month_first, form, doubt)


def _named(parts: _Parts) -> DateWords:
    day = parts.numbers["day"]
    day = np.where(parts.numbers["month"] > 0, np.where(day < 0, 1, day), -1)
    year = _four_digits(parts.numbers["year"])
    return DateWords(_instants(year, parts.numbers["month"], day, parts.times), "months by name")


def _four_digits(year: NDArray[np.int64]) -> NDArray[np.int64]:
    """Two digits up to 68 are of this century, others of the last, as POSIX has it."""
    return np.asarray(np.where(year > 99, year, np.where(year > 68, year + 1900, year + 2000)), np.int64)


def _instants(
    year: NDArray[np.int64], month: NDArray[np.int64], day: NDArray[np.int64], times: NDArray[np.timedelta64]
) -> NDArray[np.datetime64]:
    """(m,) datetime64[us], NaT where there is no such day or time."""
    usable = (year >= FIRST_YEAR) & (year <= LAST_YEAR) & (month >= 1) & (month <= 12) & (day >= 1)
    months = np.where(usable, (year - 1970) * 12 + month - 1, 0).astype("datetime64[M]")
    days = months.astype("datetime64[D]") + np.where(usable, day - 1, 0)
    usable &= days.astype("datetime64[M]") == months
    return np.asarray(np.where(usable, days.astype("datetime64[us]") + times, np.datetime64("NaT")), "datetime64[us]")


def _times(shape: Shape, match: re.Match[str]) -> NDArray[np.timedelta64]:
    """(m,) time of day in UTC of the words of one shape, NaT where there is no such time."""
    groups = match.groupdict()
    none = np.zeros(len(shape.places), np.int64)
    if groups.get("hour") is None:
        return none.astype("timedelta64[us]")
    hour, minute = shape.whole(match.span("hour")), shape.whole(match.span("minute"))
    second = shape.decimal(match.span("seconds"), ".") if groups["seconds"] else none.astype(np.float64)
    if groups["half"]:
        hour = np.where(hour <= 12, hour % 12 + 12 * (groups["half"][0] in "pP"), 24)
    offset, zone = none, groups["zone"] or ""
    if zone[:1] in ("+", "-"):
        start, end = match.span("zone")
        offset = shape.whole((start + 1, start + 3)) * 60 + shape.whole((end - 2, end))
        offset = -offset if zone[0] == "-" else offset
    microseconds = np.round(((hour * 60 + minute - offset) * 60 + second) * 1e6)
    usable = (hour < 24) & (minute < 60) & (second < 61)
    return np.asarray(
        np.where(usable, microseconds.astype("timedelta64[us]"), np.timedelta64("NaT")), "timedelta64[us]"
    )
