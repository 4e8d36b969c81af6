"""Frames: the columns of a table as typed values, and a digest of each row."""

import hashlib
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .date_words import compact_dates
from .missing_words import is_missing_word
from .rereading import Rereadings
from .word_columns import as_number, category, typed_words

TEXT_LENGTH, TEXT_WORDS = 25, 3
"""Least mean number of characters and words of a column of text."""
BLOCK = 50_000
KEYS = ("0123456789123456", "fedcba9876543210")
"""Keys of the two 64-bit hashes of a word."""


def typed(column: "pd.Series[Any]", rereadings: Rereadings) -> "pd.Series[Any] | None":
    """The column in a type that says what it holds, or None if it holds lists or records.

    int64 or float64 for numbers, bool, datetime64 in UTC for dates, category for words of which at most half are
    different, else object: str, or str and numbers, with nan for what is missing. Words are read as what nearly all of
    them are, numbers or dates; what that changes is told to `rereadings`.
    """
    dtype = column.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        column = column.astype(dtype.categories.dtype)
        dtype = column.dtype
    if pd.api.types.is_datetime64_any_dtype(dtype):
        return _in_utc(column)
    if pd.api.types.is_bool_dtype(dtype) and not column.hasnans:
        return column.astype(bool)
    if pd.api.types.is_timedelta64_dtype(dtype):
        seconds: pd.Series[float] = column.dt.total_seconds()
        return seconds
    if pd.api.types.is_numeric_dtype(dtype) and not pd.api.types.is_bool_dtype(dtype):
        is_integer = pd.api.types.is_signed_integer_dtype(dtype) and not column.hasnans
        return _dates_among_integers(column, rereadings) if is_integer else column.astype(np.float64)
    return _typed_objects(column, rereadings)


def _dates_among_integers(column: "pd.Series[Any]", rereadings: Rereadings) -> "pd.Series[Any]":
    dates = compact_dates(column.to_numpy(np.int64))
    if dates is None:
        return column.astype(np.int64)
    rereadings.add("read as dates written like 20211231", column.name)
    return pd.Series(dates, column.index, name=column.name)


def _typed_objects(column: "pd.Series[Any]", rereadings: Rereadings) -> "pd.Series[Any] | None":
    values = column.astype(object)
    present = values[values.notna()]
    if all(map(is_missing_word, present)):
        return pd.Series(np.nan, column.index, np.float64, name=column.name)
    inferred = pd.api.types.infer_dtype(present, skipna=True)
    if inferred in ("date", "datetime", "datetime64"):
        return _in_utc(pd.to_datetime(values, utc=True, errors="coerce"))
    if inferred in ("integer", "floating", "mixed-integer-float", "decimal"):
        complete = inferred == "integer" and len(present) == len(values)
        try:
            return values.astype(np.int64 if complete else np.float64)
        except OverflowError:
            return values.map(as_number).astype(np.float64)
    if inferred == "boolean":
        return values.astype(bool) if len(present) == len(values) else category(values.map(str, na_action="ignore"))
    if inferred != "string":
        if not present.map(lambda value: isinstance(value, str | int | float | np.generic)).all():
            return None
        if present.map(lambda value: isinstance(value, bool | np.bool_)).any():
            return values.where(values.notna(), np.nan)
    return typed_words(values, rereadings)


def _in_utc(column: "pd.Series[Any]") -> "pd.Series[Any]":
    return column.dt.tz_convert("UTC").dt.tz_localize(None) if column.dt.tz is not None else column


def is_words(column: "pd.Series[Any]") -> bool:
    """Whether a typed column holds words that are mostly different."""
    if column.dtype != object:
        return False
    present = column.dropna()
    return len(present) > 0 and all(isinstance(value, str) for value in present)


def is_text(column: "pd.Series[Any]") -> bool:
    """Whether a typed column holds texts: words that are mostly different, long, and several to a value."""
    if not is_words(column):
        return False
    texts = column.dropna().tolist()
    if not np.mean(list(map(len, texts))) > TEXT_LENGTH:
        return False
    return bool(np.mean([len(text.split()) for text in texts]) >= TEXT_WORDS)


def join_texts(frame: pd.DataFrame) -> NDArray[np.object_]:
    """(n,) the texts of each row, in the order of the columns, a newline between them; "" for a missing one."""
    columns = [frame[name].astype(object).where(frame[name].notna(), "").map(str) for name in frame]
    texts = np.empty(len(frame), object)
    texts[:] = ["\n".join(row) for row in zip(*columns, strict=True)]
    return texts


def text_digests(texts: NDArray[np.object_]) -> tuple[str, ...]:
    """SHA-256 of each text."""
    return tuple(hashlib.sha256(text.encode()).hexdigest() for text in texts)


def row_digests(frame: pd.DataFrame) -> tuple[str, ...]:
    """BLAKE2b-128 of each row's values: equal for equal values, missing ones included."""
    parts = [part for i in range(frame.shape[1]) for part in _bits(frame.iloc[:, i])]
    digests: list[str] = []
    for start in range(0, len(frame), BLOCK):
        rows = np.stack([part[start : start + BLOCK] for part in parts], 1)
        digests.extend(hashlib.blake2b(row.tobytes(), digest_size=16).hexdigest() for row in rows)
    return tuple(digests)


def _bits(column: "pd.Series[Any]") -> list[NDArray[np.uint64]]:
    dtype = column.dtype
    if isinstance(dtype, pd.CategoricalDtype) or pd.api.types.is_object_dtype(dtype):
        values = column.astype(object).map(str, na_action="ignore").to_numpy(object)
        codes, words = pd.factorize(values)
        hashes = [pd.util.hash_array(np.asarray(words, object), hash_key=key, categorize=False) for key in KEYS]
        return [np.append(hashed, np.uint64(0))[codes] for hashed in hashes]
    if pd.api.types.is_datetime64_any_dtype(dtype):
        return [column.astype("datetime64[ns]").to_numpy().view(np.uint64)]
    if dtype.kind in "bi":
        return [column.to_numpy(np.int64).view(np.uint64)]
    numbers = column.to_numpy(np.float64) + 0.0  # -0.0 is 0.0
    return [np.where(np.isnan(numbers), np.nan, numbers).view(np.uint64)]
