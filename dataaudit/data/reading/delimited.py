"""Tables in text files, read in the dialect that they are in."""

from pathlib import Path
from typing import Any

import pandas as pd

from ...dataset import ReadOptions
from ...errors import DatasetError
from .dialects import Dialect, dialect_of
from .missing_words import MISSING
from .text_files import open_text, path_text


def read_delimited(path: Path, reading: ReadOptions, notes: list[str]) -> pd.DataFrame:
    """All rows, in order; columns of words as they are spelt. Raises DatasetError, naming the line."""
    dialect = dialect_of(path, reading.header, reading.encoding)
    notes.extend(dialect.notes)
    frame = _parsed(path, dialect, keep_default_na=False, na_values=list(MISSING), low_memory=False)
    if len(frame) != dialect.records - dialect.header:
        raise DatasetError(
            f"{path_text(path)}: expected {dialect.records - dialect.header:,} rows, of which only {len(frame):,} can "
            "be read; save the table again as plain CSV"
        )
    respelt = [i for i in range(len(dialect.names)) if frame[i].hasnans and _holds_words(frame[i])]
    if respelt:
        words = _parsed(path, dialect, usecols=respelt, dtype=object, na_filter=False)
        for i in respelt:
            frame.isetitem(i, words[i].array)
    frame.columns = pd.Index(dialect.names, dtype=object)
    return frame


def _parsed(path: Path, dialect: Dialect, **options: Any) -> pd.DataFrame:
    """The rows, under the numbers of their columns."""
    try:
        with open_text(path, dialect.encoding) as file:
            for _ in range(dialect.preamble):
                file.readline()
            frame: pd.DataFrame = pd.read_csv(
                file, sep=dialect.separator or r"\s+", quoting=0 if dialect.quoted else 3,
                skipinitialspace=dialect.padded, header=0 if dialect.header else None, names=range(len(dialect.names)),
                index_col=False, **options,
            )  # fmt: skip
    except (ValueError, OverflowError) as error:  # pandas' parser errors are ValueErrors
        raise DatasetError(f"{path_text(path)}: not readable as a table: {error}") from error
    return frame


def _holds_words(column: "pd.Series[Any]") -> bool:
    """Whether a column holds words, or nothing, of which only the file says how it is spelt."""
    first = column.first_valid_index()
    return first is None or isinstance(column[first], str)
