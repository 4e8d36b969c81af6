"""JSON lines: an object a line."""

import json
from pathlib import Path
from typing import Any

import pandas as pd

from ...dataset import ReadOptions
from ...errors import DatasetError
from .text_files import encoding_of, open_text, path_text

FEW = 0.05
"""Most numbers, as a share, in a column of words."""


def read_json_lines(path: Path, reading: ReadOptions, notes: list[str]) -> pd.DataFrame:
    """All objects, a column a key, None where an object lacks it. Raises DatasetError, naming the line."""
    encoding = encoding_of(path, reading.encoding)
    notes.extend(filter(None, [encoding.note]))
    columns: dict[str, list[Any]] = {}
    count = 0
    repeated: dict[str, int] = {}
    with open_text(path, encoding) as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            record = _record(line, f"{path_text(path)}, line {number}", number, repeated)
            for name, value in record.items():
                if name not in columns:
                    columns[name] = [None] * count
                columns[name].append(value)
            count += 1
            for values in columns.values():
                if len(values) < count:
                    values.append(None)
    notes.extend(
        f"{path.name} has the key {name!r} more than once in an object, in line {number} first: the last one counts"
        for name, number in repeated.items()
    )
    return pd.DataFrame({name: pd.Series(values, dtype=object) for name, values in columns.items()})


def numbers_as_words(frame: pd.DataFrame, notes: list[str]) -> pd.DataFrame:
    """The frame, with the few numbers of columns of words as words too: JSON gives every single value a type."""
    changed: dict[str, pd.Series[Any]] = {}
    for name in frame.columns:
        column = frame[name]
        if column.dtype != object or pd.api.types.infer_dtype(column, skipna=True) not in ("mixed", "mixed-integer"):
            continue
        present = column[column.notna()]
        is_number = present.map(lambda value: isinstance(value, int | float))
        numbers = present[is_number]
        if present[~is_number].map(lambda value: isinstance(value, str)).all() and 0 < is_number.mean() <= FEW:
            changed[name] = column.where(~column.index.isin(numbers.index), column.map(json.dumps, na_action="ignore"))
            notes.append(
                f"{len(numbers)} of {len(present):,} values of {name!r} are numbers among words, such as "
                f"{json.dumps(numbers.iloc[0])}, and are read as words"
            )
    return frame.assign(**changed)


def _record(line: str, where: str, number: int, repeated: dict[str, int]) -> dict[str, Any]:
    def from_pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        record = dict(pairs)
        if len(record) < len(pairs):
            names = [name for name, _ in pairs]
            repeated.setdefault(next(name for name in names if names.count(name) > 1), number)
        return record

    try:
        record = json.loads(line, object_pairs_hook=from_pairs)
    except (ValueError, RecursionError) as error:
        raise DatasetError(f"{where}: expected one JSON object a line: {error}") from error
    if not isinstance(record, dict):
        raise DatasetError(f"{where}: expected a JSON object, found {type(record).__name__}")
    if "\\ud" in line.lower():  # half a surrogate pair is no text
        record = {_without_surrogates(name): _without_surrogates(value) for name, value in record.items()}
    return record


def _without_surrogates(value: Any) -> Any:
    return value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else value
