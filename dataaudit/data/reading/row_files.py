"""Files of rows: CSV, TSV, JSON lines and Parquet, read strictly."""

import csv
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd

from ...dataset import as_text
from ...errors import DatasetError
from .frames import MissingWord

MISSING = ("", "NA", "N/A", "NaN", "nan", "null", "NULL", "#N/A")
"""Cells of a CSV file that count as missing."""
SEPARATORS = (",", ";", "\t", "|")


def read_rows(path: Path) -> pd.DataFrame:
    """All rows of a file, in order, a column a field, in the types that the file gives them.

    Text must be UTF-8, with or without a byte order mark. CSV needs a header; its separator is the one that occurs most
    often in the header. Blank lines are no rows.

    Raises DatasetError, naming the line, for a file that is empty, cut off, in another encoding, or whose rows don't
    fit its header.
    """
    if not path.is_file():
        raise DatasetError(
            f"{path_text(path)}: expected a file of rows, found {'a folder' if path.is_dir() else 'none'}"
        )
    frame = READERS[path.suffix.lower()](path)
    if not len(frame):
        raise DatasetError(
            f"{path_text(path)}: expected rows, found only {'a header' if len(frame.columns) else 'blanks'}"
        )
    return frame


def _column_index(path: Path, names: Sequence[str]) -> "pd.Index[Any]":
    """The column names, which must be unique."""
    duplicates = [name for name, count in Counter(names).items() if count > 1]
    if duplicates:
        raise DatasetError(
            f"{path_text(path)}: the column {duplicates[0]!r} is there more than once; rename or drop one"
        )
    return pd.Index(list(names), dtype=object)


def path_text(path: Path) -> str:
    """A path as valid Unicode text."""
    return as_text(str(path))


def _delimited(path: Path) -> pd.DataFrame:
    with fields_of_any_length():
        header, separator = header_and_separator(path)
    names = _column_index(path, header)
    try:
        frame = pd.read_csv(
            path, sep=separator, header=0, names=header, index_col=False, encoding="utf-8-sig", low_memory=False,
            keep_default_na=False, na_values=list(MISSING),
        )  # fmt: skip
    except (ValueError, OverflowError) as error:  # pandas' parser errors are ValueErrors
        raise DatasetError(f"{path_text(path)}: not readable as a table: {error}") from error
    frame.columns = names
    _keep_missing_words(path, separator, frame)
    return frame


def _keep_missing_words(path: Path, separator: str, frame: pd.DataFrame) -> None:
    """Put words that count as missing back into columns of words, as `MissingWord`: in labels they may be classes."""
    places = [
        place
        for place in range(frame.shape[1])
        if frame.iloc[:, place].hasnans and pd.api.types.infer_dtype(frame.iloc[:, place], skipna=True) == "string"
    ]
    if not places:
        return
    spelt = pd.read_csv(
        path, sep=separator, header=0, names=list(frame.columns), usecols=places, index_col=False, dtype=str,
        encoding="utf-8-sig", keep_default_na=False, na_values=[""],
    )  # fmt: skip
    for place in places:
        name = frame.columns[place]
        pairs = zip(frame.iloc[:, place], spelt[name], strict=True)
        values = [MissingWord(word) if pd.isna(value) and isinstance(word, str) else value for value, word in pairs]
        if any(isinstance(value, MissingWord) for value in values):
            frame[name] = pd.Series(values, dtype=object)


@contextmanager
def fields_of_any_length() -> Iterator[None]:
    """Lets the csv module read fields of more than 131,072 characters."""
    before = csv.field_size_limit(sys.maxsize)
    try:
        yield
    finally:
        csv.field_size_limit(before)


def header_and_separator(path: Path) -> tuple[list[str], str]:
    """Header and separator, after checking that every row has as many fields as the header.

    pandas would pad short rows with missing values.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            first = file.readline()
            separator = "\t" if path.suffix.lower() == ".tsv" else max(SEPARATORS, key=first.count)
            file.seek(0)
            reader = csv.reader(file, delimiter=separator, strict=True)
            header = next((row for row in reader if row), [])
            if not any(name.strip() for name in header):
                raise DatasetError(f"{path_text(path)}: expected a header and rows, found an empty file")
            if any("\0" in name for name in header):
                raise DatasetError(f"{path_text(path)}: expected UTF-8 text, found zero bytes; save the file as UTF-8")
            for row in reader:
                if row and len(row) != len(header):
                    raise DatasetError(
                        f"{path_text(path)}, line {reader.line_num}: expected {len(header)} fields as in the header, "
                        f"found {len(row)}; mend the line, or quote fields that hold {separator!r}"
                    )
    except UnicodeDecodeError as error:
        raise _not_utf8(path) from error
    except csv.Error as error:
        raise DatasetError(f"{path_text(path)}, line {reader.line_num}: not readable as CSV: {error}") from error
    return [name.strip() or f"Unnamed: {i}" for i, name in enumerate(header)], separator


def _not_utf8(path: Path) -> DatasetError:
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            try:
                line.decode()
            except UnicodeDecodeError as error:
                return DatasetError(
                    f"{path_text(path)}, line {number}: expected UTF-8 text, found the byte 0x{line[error.start]:02x} "
                    f"at position {error.start} of the line; save the file as UTF-8"
                )
    return DatasetError(f"{path_text(path)}: expected UTF-8 text; save the file as UTF-8")


def _json_lines(path: Path) -> pd.DataFrame:
    columns: dict[str, list[Any]] = {}
    count = 0
    with path.open("rb") as file:
        for number, raw in enumerate(file, 1):
            try:
                line = raw.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError as error:
                raise _not_utf8(path) from error
            if not line.strip():
                continue
            record = _record(line, f"{path_text(path)}, line {number}")
            for name, value in record.items():
                if name not in columns:
                    columns[name] = [None] * count
                columns[name].append(value)
            count += 1
            for values in columns.values():
                if len(values) < count:
                    values.append(None)
    return pd.DataFrame({name: pd.Series(values, dtype=object) for name, values in columns.items()})


def _record(line: str, where: str) -> dict[str, Any]:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise DatasetError(f"{where}: expected one JSON object a line: {error}") from error
    if not isinstance(record, dict):
        raise DatasetError(f"{where}: expected a JSON object, found {type(record).__name__}")
    if "\\ud" in line.lower():  # half a surrogate pair is no text
        record = {_without_surrogates(name): _without_surrogates(value) for name, value in record.items()}
    return record


def _without_surrogates(value: Any) -> Any:
    return value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else value


def _parquet(path: Path) -> pd.DataFrame:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        raise DatasetError(
            f"{path_text(path)}: reading Parquet needs pyarrow; install it with: pip install 'dataaudit[parquet]'"
        ) from error
    try:
        table = parquet.read_table(path)
        names = table.column_names
        frame: pd.DataFrame = table.to_pandas(ignore_metadata=True)
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        raise DatasetError(f"{path_text(path)}: not readable as Parquet: {error}") from error
    frame.columns = _column_index(path, names)
    return frame


READERS: dict[str, Callable[[Path], pd.DataFrame]] = {
    ".csv": _delimited, ".tsv": _delimited, ".jsonl": _json_lines, ".ndjson": _json_lines, ".parquet": _parquet,
}  # fmt: skip
