"""Columns of tables: what kind each is of, and all of them as numbers that a model takes.

Whatever is counted or fitted is so on the training rows only.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from numbers import Number
from string import whitespace
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .texts import character_features
from .words import count_of_words

Kind = Literal["numeric", "categorical", "date", "text", "mixed", "constant", "missing", "id"]
UNUSED: tuple[Kind, ...] = ("constant", "missing", "id")
"""Kinds without information about a new row; they are not features."""
FEWEST_IDS = 30
"""Fewer values than this are no ids, even if they are all different."""
NEAR_UNIQUE = 0.95
DENSE = 3
"""Largest mean gap of distinct whole numbers that are taken for running numbers."""
NAMED_ID = re.compile(
    r"(^|[^A-Za-z])((?i:id|idx|uuid|guid|index|key|no|nr|num|number))$|[a-z](I[dD]|No|Nr|Key|Idx|Index)$|^Unnamed: \d+$"
)
FEWEST_NAMED, NAMED_UNIQUE = 5, 0.8
"""The same of numbers and codes that are named like ids: fewer tell, and some may be there twice."""
SAMPLED = 1000
"""Distinct words that are inspected to tell texts from codes."""
WORDS_OF_TEXT, LENGTH_OF_TEXT = 3, 40
IN_NUMBERS = "0123456789+-.eEinftyaINFTYA" + whitespace
"""All characters of words that pandas reads as numbers, such as 1e5 or -Infinity."""
HEXADECIMAL = re.compile(r"[0-9a-fA-F-]+")

COMMONEST = 30
"""Most words of a column that have a dimension of their own."""
TEXT_COMPONENTS = 24
TEXT_ROWS = 10_000
"""Most training texts that components are fitted on, evenly spaced."""
DIMENSIONS = 511
CELLS = 2 * 10**8
"""Most cells of the result: 800 MB."""
CHUNK = 128
"""Dimensions projected at a time."""
FARTHEST = 5.0
NORMAL_QUARTILES = 1.349
"""Interquartile range of a normal distribution, in standard deviations."""
HEAVY = 5.0
"""Robust deviations beyond which a hundredth lies where tails are heavy: 2.6 for a normal, 4.8 for an exponential."""


@dataclass(frozen=True)
class Column:
    """The kind of a column, and counts of its training rows.

    kind       "id": codes of which nearly every row has its own, or running numbers; "mixed": numbers and words;
               "missing": no value at all
    missing    training rows without a value
    distinct   values in them that differ
    """

    name: str
    kind: Kind
    missing: int
    distinct: int


@dataclass(frozen=True)
class Values:
    """A column's values, each a number or a word.

    numbers   (n,) float64, seconds since 1970 for dates; nan where there is none
    codes     (n,) position of the word in `words`, -1 where there is none
    """

    numbers: NDArray[np.float64]
    codes: NDArray[np.int64]
    words: NDArray[np.object_]
    dates: bool = False

    @property
    def missing(self) -> NDArray[np.bool_]:
        """(n,) rows with neither."""
        return np.isnan(self.numbers) & (self.codes < 0)


def describe(frame: pd.DataFrame, train: NDArray[np.int64]) -> tuple[Column, ...]:
    """Each column, described by its training rows."""
    return tuple(_describe(str(name), read(frame.iloc[:, i]), train) for i, name in enumerate(frame))


def informative_columns(frame: pd.DataFrame, train: NDArray[np.int64]) -> list[int]:
    """Places of the columns that say something about a row: all but ids, constant and empty ones.

    Rows are equal if they are equal in these.
    """
    return [place for place, column in enumerate(describe(frame, train)) if column.kind not in UNUSED]


def encode(frame: pd.DataFrame, train: NDArray[np.int64]) -> NDArray[np.float32]:
    """(n, d) all columns but UNUSED ones as numbers without gaps, fitted on the training rows; d is 1 to DIMENSIONS.

    Numbers are standardised by the median and robust deviations; where tails are heavy their inverse hyperbolic sine
    is taken: linear within the bulk, logarithmic outside, so amounts of money are distinguished at both ends without an
    assumption on their distribution. All are clipped at FARTHEST. The commonest words have a dimension each, all others
    share one. Dates are numbers, with month, weekday and hour as sine and cosine where they vary; texts are components
    of their n-grams. A missing value is 0, and 1 in a dimension of its own where training rows have missing values.
    More dimensions than fit are projected at random (Johnson & Lindenstrauss 1984).
    """
    n = len(frame)
    limit = max(1, min(DIMENSIONS, CELLS // max(n, 1)))
    used_columns = []
    for i, name in enumerate(frame):
        values = read(frame.iloc[:, i])
        column = _describe(str(name), values, train)
        if column.kind not in UNUSED:
            used_columns.append((column.kind, values))
    n_categorical = sum(kind in ("categorical", "mixed") for kind, _ in used_columns)
    max_words = max(1, min(COMMONEST, (limit - 4 * (len(used_columns) - n_categorical)) // max(n_categorical, 1) - 3))
    parts = [part for kind, values in used_columns for part in _dimensions(kind, values, train, max_words)]
    if len(parts) > limit:
        return _random_projection(parts, limit)
    encoded = np.zeros((n, max(1, len(parts))), np.float32)
    for i, part in enumerate(parts):
        encoded[:, i] = part
    return encoded


def read(column: "pd.Series[Any]") -> Values:
    """A column of any type. Blank words and infinite numbers are missing.

    Words that are numbers count as numbers if at least half of the column are, or if there are numbers among them that
    aren't words.
    """
    n, dtype = len(column), column.dtype
    no_numbers, no_codes = np.broadcast_to(np.nan, n), np.broadcast_to(np.int64(-1), n)
    no_words = np.zeros(0, object)
    if isinstance(dtype, pd.CategoricalDtype):
        return Values(no_numbers, np.asarray(column.cat.codes, np.int64), dtype.categories.astype(str).to_numpy(object))
    if pd.api.types.is_bool_dtype(dtype) and not column.hasnans:
        return Values(no_numbers, np.asarray(column, np.int64), np.array(["False", "True"], object))
    if pd.api.types.is_datetime64_any_dtype(dtype):
        return Values(_seconds(column), no_codes, no_words, dates=True)
    if pd.api.types.is_timedelta64_dtype(dtype):
        return Values(column.dt.total_seconds().to_numpy(np.float64), no_codes, no_words)
    if pd.api.types.is_numeric_dtype(dtype) and not pd.api.types.is_bool_dtype(dtype):
        return Values(_finite(column.to_numpy(np.float64, na_value=np.nan)), no_codes, no_words)

    try:
        codes, uniques = pd.factorize(column)
    except TypeError:  # lists and the like
        codes, uniques = pd.factorize(column.map(str, na_action="ignore"))
    words = np.asarray(uniques, object)
    all_words = pd.api.types.infer_dtype(words, skipna=False) == "string"
    blank = np.array([isinstance(word, str) and not word.strip() for word in words], bool)
    if not all_words and pd.api.types.infer_dtype(words[~blank]) in ("date", "datetime", "datetime64"):
        return Values(_seconds(column), no_codes, no_words, dates=True)
    numbers = _numbers(words)
    numeric = ~np.isnan(numbers)
    has_numbers = not all_words and any(isinstance(word, Number) and not isinstance(word, bool) for word in words)
    counts = np.bincount(codes[codes >= 0], minlength=len(words)) * ~blank
    if not has_numbers and counts[numeric].sum() < counts.sum() / 2:
        numeric[:] = False
    # Missing values have the code -1, which is the position of the entry appended here.
    by_code = np.append(np.where(numeric, _finite(numbers), np.nan), np.nan)
    word_codes = np.append(np.where(numeric | blank, -1, np.arange(len(words))), -1)
    names = words if all_words else np.array([str(word) for word in words], object)
    return Values(by_code[codes], word_codes[codes], names)


def _numbers(words: NDArray[np.object_]) -> NDArray[np.float64]:
    """(n,) each word as a number, nan where it is none."""
    places = [place for place, word in enumerate(words) if _may_be_number(word)]
    numbers = np.full(len(words), np.nan)
    numbers[places] = pd.to_numeric(pd.Series(words[places], dtype=object), errors="coerce").to_numpy(np.float64)
    return numbers


def _may_be_number(word: Any) -> bool:
    if isinstance(word, str):
        return not (word.isascii() and word.strip(IN_NUMBERS))
    return isinstance(word, Number) and not isinstance(word, bool)


def _finite(numbers: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(np.isfinite(numbers), numbers, np.nan)


def _seconds(column: "pd.Series[Any]") -> NDArray[np.float64]:
    times = pd.to_datetime(column, utc=True, errors="coerce")
    return np.asarray((times - pd.Timestamp(0, tz="UTC")) / pd.Timedelta(1, "s"), np.float64)


def _describe(name: str, values: Values, train: NDArray[np.int64]) -> Column:
    numbers, codes = values.numbers[train], values.codes[train]
    numbers, codes = numbers[~np.isnan(numbers)], codes[codes >= 0]
    numbers_used, words_used = pd.unique(numbers), pd.unique(codes)
    filled, distinct = len(numbers) + len(codes), len(numbers_used) + len(words_used)
    kind: Kind
    if not filled:
        kind = "missing"
    elif distinct == 1 and filled == len(train):
        kind = "constant"
    elif values.dates:
        kind = "date"
    elif len(numbers) and len(codes):
        kind = "mixed"
    elif len(numbers):
        kind = "id" if _looks_like_id(name, numbers, distinct) else "numeric"
    elif _looks_like_text(values.words[words_used]) and distinct > filled / 5:
        kind = "text"
    else:
        unique = filled >= FEWEST_IDS and distinct >= NEAR_UNIQUE * filled
        kind = "id" if unique or _are_named_ids(name, filled, distinct) else "categorical"
    return Column(name, kind, len(train) - filled, distinct)


def _looks_like_id(name: str, numbers: NDArray[np.float64], distinct: int) -> bool:
    """Whether numbers (filled,) are ids: whole, and running numbers or named like ids and nearly all different."""
    if (numbers % 1).any():
        return False
    filled = len(numbers)
    running = filled >= FEWEST_IDS and distinct == filled and numbers.max() - numbers.min() < DENSE * filled
    return bool(running) or _are_named_ids(name, filled, distinct)


def _are_named_ids(name: str, filled: int, distinct: int) -> bool:
    return bool(filled >= FEWEST_NAMED and distinct >= NAMED_UNIQUE * filled and NAMED_ID.search(name))


def _looks_like_text(words: NDArray[np.object_]) -> bool:
    sample = words[:: max(1, len(words) // SAMPLED)]
    if np.mean([count_of_words(word) for word in sample]) >= WORDS_OF_TEXT:
        return True
    long = np.mean([len(word) for word in sample]) > LENGTH_OF_TEXT
    return bool(long and not all(HEXADECIMAL.fullmatch(word) for word in sample))


def _dimensions(
    kind: Kind, values: Values, train: NDArray[np.int64], max_words: int
) -> Iterator[NDArray[np.float32] | NDArray[np.bool_]]:
    """Each (n,), zero where the value is missing.

    max_words   words with a dimension of their own
    """
    missing = values.missing
    if missing[train].any():
        yield missing
    if kind == "text":
        texts = np.append(values.words, "")[values.codes]
        fitted = train[:: -(-len(train) // TEXT_ROWS)]
        components = character_features(texts, fitted)[:, :TEXT_COMPONENTS]
        # All components together weigh about as much as one standardised number.
        yield from (components / max(float(components[fitted].std(0).max()), 1e-6) * ~missing[:, None]).T
        return
    if kind in ("numeric", "date", "mixed"):
        yield _standardised(values.numbers, train)
    if kind == "date":
        yield from _cycles(values.numbers, train)
    if kind in ("categorical", "mixed"):
        counts = np.bincount(values.codes[train][values.codes[train] >= 0], minlength=len(values.words))
        order = np.argsort(-counts, kind="stable")[: int((counts > 0).sum())]
        if kind == "categorical" and len(order) == 2 and not missing[train].any():
            order = order[:1]  # the other one is its complement
        frequent = order[: max_words if len(order) > max_words + 1 else len(order)]
        yield from (values.codes == code for code in frequent)
        if len(order) > len(frequent):
            yield (values.codes >= 0) & ~np.isin(values.codes, frequent)


def _standardised(numbers: NDArray[np.float64], train: NDArray[np.int64]) -> NDArray[np.float32]:
    present = numbers[train]
    present = present[~np.isnan(present)]
    low, middle, high = np.quantile(present, [0.25, 0.5, 0.75])
    with np.errstate(over="ignore", invalid="ignore"):
        spread = (high - low) / NORMAL_QUARTILES
        if not spread > 0:
            deviations = np.abs(present - middle)
            spread = np.median(deviations[deviations > 0]) if deviations.any() else 1.0
        scaled = (numbers - middle) / spread
        distances = np.abs((present - middle) / spread)
        if np.quantile(distances, 0.99) > HEAVY:
            scaled = np.arcsinh(scaled)
            scaled /= max(1.0, float(np.quantile(np.arcsinh(distances), 0.999)) / FARTHEST)
        return np.asarray(np.nan_to_num(np.clip(scaled, -FARTHEST, FARTHEST)), np.float32)


def _cycles(seconds: NDArray[np.float64], train: NDArray[np.int64]) -> Iterator[NDArray[np.float32]]:
    """Sine and cosine of the phase of the year, the week and the day, where it varies; 0 where there is no date."""
    present = ~np.isnan(seconds)
    filled = np.where(present, seconds, 0.0)
    months = filled.astype("datetime64[s]").astype("datetime64[M]").astype(np.int64) % 12 / 12
    for phase in (months, filled // 86400 % 7 / 7, filled // 3600 % 24 / 24):
        train_phases = phase[train][present[train]]
        if (train_phases != train_phases[0]).any():
            yield (np.sin(2 * np.pi * phase) * present).astype(np.float32)
            yield (np.cos(2 * np.pi * phase) * present).astype(np.float32)


def _random_projection(parts: list[NDArray[np.float32] | NDArray[np.bool_]], limit: int) -> NDArray[np.float32]:
    rng = np.random.default_rng(0)
    encoded = np.zeros((len(parts[0]), limit), np.float32)
    for start in range(0, len(parts), CHUNK):
        block = np.stack(parts[start : start + CHUNK], 1).astype(np.float32)
        encoded += block @ (rng.standard_normal((block.shape[1], limit)) / np.sqrt(limit)).astype(np.float32)
    return encoded
