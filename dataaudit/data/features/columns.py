"""Columns of tables: what kind each is of, and all of them as numbers that a model takes.

Whatever is counted or fitted is so on the training rows only.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from numbers import Number
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .texts import character_features

Kind = Literal["numeric", "categorical", "date", "text", "mixed", "constant", "missing", "id"]
UNUSED: tuple[Kind, ...] = ("constant", "missing", "id")
"""Kinds that say nothing of a new row; models are not shown them."""
FEWEST_IDS = 30
"""Values below which it says nothing that they are all different."""
NEAR_UNIQUE = 0.95
DENSE = 3
"""Whole numbers that are all different lie no farther apart than this, on average, where they were counted up."""
NAMED_ID = re.compile(r"(^|[^A-Za-z])(id|ID|Id|uuid|UUID|guid|GUID|index)$|[a-z]I[dD]$|^Unnamed: \d+$")
SAMPLED = 1000
"""Distinct words that are looked at to tell texts from codes."""
WORDS_OF_TEXT, LENGTH_OF_TEXT = 3, 40
HEXADECIMAL = re.compile(r"[0-9a-fA-F-]+")

COMMONEST = 30
"""Words of a column that have a dimension of their own at most."""
TEXT_COMPONENTS = 24
TEXT_ROWS = 10_000
"""Training texts that components are fitted on, evenly spaced, where there are more."""
DIMENSIONS = 511
CELLS = 2 * 10**8
"""Of the result at most: 800 MB."""
CHUNK = 128
"""Dimensions projected at a time."""
FARTHEST = 5.0
NORMAL_QUARTILES = 1.349
"""Between the quartiles of a normal distribution, in deviations."""
HEAVY = 5.0
"""Robust deviations beyond which a hundredth lies where tails are heavy: 2.6 for a normal, 4.8 for an exponential."""


@dataclass(frozen=True)
class Column:
    """What one column is.

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
        """(n,) rows that have neither."""
        return np.isnan(self.numbers) & (self.codes < 0)


def describe(frame: pd.DataFrame, train: NDArray[np.int64]) -> tuple[Column, ...]:
    """What each column is, by its training rows."""
    return tuple(_describe(str(name), read(frame.iloc[:, place]), train) for place, name in enumerate(frame))


def encode(frame: pd.DataFrame, train: NDArray[np.int64]) -> NDArray[np.float32]:
    """(n, d) all columns but UNUSED ones as numbers without gaps, fitted on the training rows; d is 1 to DIMENSIONS.

    Numbers are counted from the median in robust deviations; where tails are heavy their inverse hyperbolic sine is
    taken: linear within the bulk, logarithmic outside, so sums of money are told apart at both ends without a guess at
    their distribution. Nothing lies farther out than FARTHEST. The commonest words have a dimension each, all others
    share one. Dates are numbers, with month, weekday and hour on circles where they vary; texts are components of
    their n-grams. A missing value is 0, and 1 in a dimension of its own where training rows miss some. More dimensions
    than there is room for are projected at random (Johnson & Lindenstrauss 1984).
    """
    n = len(frame)
    most = max(1, min(DIMENSIONS, CELLS // max(n, 1)))
    used = []
    for place, name in enumerate(frame):
        values = read(frame.iloc[:, place])
        column = _describe(str(name), values, train)
        if column.kind not in UNUSED:
            used.append((column.kind, values))
    worded = sum(kind in ("categorical", "mixed") for kind, _ in used)
    each = max(1, min(COMMONEST, (most - 4 * (len(used) - worded)) // max(worded, 1) - 3))
    parts = [part for kind, values in used for part in _dimensions(kind, values, train, each)]
    if len(parts) > most:
        return _projected(parts, most)
    encoded = np.zeros((n, max(1, len(parts))), np.float32)
    for place, part in enumerate(parts):
        encoded[:, place] = part
    return encoded


def read(column: "pd.Series[Any]") -> Values:
    """A column of any type. Blank words and infinite numbers are missing.

    Words that are numbers count as numbers if at least half of the column are, or if there are numbers among them that
    aren't words.
    """
    n, kind = len(column), column.dtype
    no_numbers, no_codes = np.broadcast_to(np.nan, n), np.broadcast_to(np.int64(-1), n)
    no_words = np.zeros(0, object)
    if isinstance(kind, pd.CategoricalDtype):
        return Values(no_numbers, np.asarray(column.cat.codes, np.int64), kind.categories.astype(str).to_numpy(object))
    if pd.api.types.is_bool_dtype(kind) and not column.hasnans:
        return Values(no_numbers, np.asarray(column, np.int64), np.array(["False", "True"], object))
    if pd.api.types.is_datetime64_any_dtype(kind):
        return Values(_seconds(column), no_codes, no_words, dates=True)
    if pd.api.types.is_timedelta64_dtype(kind):
        return Values(column.dt.total_seconds().to_numpy(np.float64), no_codes, no_words)
    if pd.api.types.is_numeric_dtype(kind) and not pd.api.types.is_bool_dtype(kind):
        return Values(_finite(column.to_numpy(np.float64, na_value=np.nan)), no_codes, no_words)

    try:
        codes, found = pd.factorize(column)
    except TypeError:  # lists and the like
        codes, found = pd.factorize(column.map(str, na_action="ignore"))
    words = np.asarray(found, object)
    blank = np.array([isinstance(word, str) and not word.strip() for word in words], bool)
    if pd.api.types.infer_dtype(words[~blank]) in ("date", "datetime", "datetime64"):
        return Values(_seconds(column), no_codes, no_words, dates=True)
    numbers = _numbers(words)
    numeric = ~np.isnan(numbers)
    typed = np.array([isinstance(word, Number) and not isinstance(word, bool) for word in words], bool)
    counts = np.bincount(codes[codes >= 0], minlength=len(words)) * ~blank
    if not typed.any() and counts[numeric].sum() < counts.sum() / 2:
        numeric[:] = False
    # Position -1, of what is missing, is that of one more entry at the end.
    by_code = np.append(np.where(numeric, _finite(numbers), np.nan), np.nan)
    kept = np.append(np.where(numeric | blank, -1, np.arange(len(words))), -1)
    names = np.array([str(word) for word in words], object)
    return Values(by_code[codes], kept[codes], names)


def _numbers(words: NDArray[np.object_]) -> NDArray[np.float64]:
    """(n,) what each says as a number, nan where it says none."""
    plain = [word if isinstance(word, str | Number) and not isinstance(word, bool) else None for word in words]
    return pd.to_numeric(pd.Series(plain, dtype=object), errors="coerce").to_numpy(np.float64)


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
        kind = "id" if _counted(name, numbers, distinct) else "numeric"
    elif _reads_like_text(values.words[words_used]) and distinct > filled / 5:
        kind = "text"
    else:
        kind = "id" if filled >= FEWEST_IDS and distinct >= NEAR_UNIQUE * filled else "categorical"
    return Column(name, kind, len(train) - filled, distinct)


def _counted(name: str, numbers: NDArray[np.float64], distinct: int) -> bool:
    """Whether numbers (filled,) are ids: whole and all different, counted up or called so."""
    if len(numbers) < FEWEST_IDS or distinct < NEAR_UNIQUE * len(numbers) or (numbers % 1).any():
        return False
    dense = distinct == len(numbers) and numbers.max() - numbers.min() < DENSE * len(numbers)
    return bool(dense or NAMED_ID.search(name))


def _reads_like_text(words: NDArray[np.object_]) -> bool:
    sample = words[:: max(1, len(words) // SAMPLED)]
    if np.mean([len(word.split()) for word in sample]) >= WORDS_OF_TEXT:
        return True
    long = np.mean([len(word) for word in sample]) > LENGTH_OF_TEXT
    return bool(long and not all(HEXADECIMAL.fullmatch(word) for word in sample))


def _dimensions(
    kind: Kind, values: Values, train: NDArray[np.int64], most: int
) -> Iterator[NDArray[np.float32] | NDArray[np.bool_]]:
    """Each (n,), zero where the value is missing.

    most   words with a dimension of their own
    """
    missing = values.missing
    if missing[train].any():
        yield missing
    if kind == "text":
        texts = np.append(values.words, "")[values.codes]
        fitted = train[:: -(-len(train) // TEXT_ROWS)]
        components = character_features(texts, fitted)[:, :TEXT_COMPONENTS]
        # Components count about as much as a standardised number, all together.
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
            order = order[:1]  # the other one says the same
        own = order[: most if len(order) > most + 1 else len(order)]
        yield from (values.codes == code for code in own)
        if len(order) > len(own):
            yield (values.codes >= 0) & ~np.isin(values.codes, own)


def _standardised(numbers: NDArray[np.float64], train: NDArray[np.int64]) -> NDArray[np.float32]:
    known = numbers[train]
    known = known[~np.isnan(known)]
    low, middle, high = np.quantile(known, [0.25, 0.5, 0.75])
    with np.errstate(over="ignore", invalid="ignore"):
        spread = (high - low) / NORMAL_QUARTILES
        if not spread > 0:
            others = np.abs(known - middle)
            spread = np.median(others[others > 0]) if others.any() else 1.0
        scaled = (numbers - middle) / spread
        far = np.abs((known - middle) / spread)
        if np.quantile(far, 0.99) > HEAVY:
            scaled = np.arcsinh(scaled)
            scaled /= max(1.0, float(np.quantile(np.arcsinh(far), 0.999)) / FARTHEST)
        return np.asarray(np.nan_to_num(np.clip(scaled, -FARTHEST, FARTHEST)), np.float32)


def _cycles(seconds: NDArray[np.float64], train: NDArray[np.int64]) -> Iterator[NDArray[np.float32]]:
    """Sine and cosine of the place in the year, the week and the day, where it varies; 0 where there is no date."""
    known = ~np.isnan(seconds)
    whole = np.where(known, seconds, 0.0)
    months = whole.astype("datetime64[s]").astype("datetime64[M]").astype(np.int64) % 12 / 12
    for place in (months, whole // 86400 % 7 / 7, whole // 3600 % 24 / 24):
        used = place[train][known[train]]
        if (used != used[0]).any():
            yield (np.sin(2 * np.pi * place) * known).astype(np.float32)
            yield (np.cos(2 * np.pi * place) * known).astype(np.float32)


def _projected(parts: list[NDArray[np.float32] | NDArray[np.bool_]], most: int) -> NDArray[np.float32]:
    rng = np.random.default_rng(0)
    encoded = np.zeros((len(parts[0]), most), np.float32)
    for start in range(0, len(parts), CHUNK):
        block = np.stack(parts[start : start + CHUNK], 1).astype(np.float32)
        encoded += block @ (rng.standard_normal((block.shape[1], most)) / np.sqrt(most)).astype(np.float32)
    return encoded
