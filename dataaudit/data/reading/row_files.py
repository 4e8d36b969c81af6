"""Files of rows: CSV, TSV and other tables in text, JSON lines and Parquet, read strictly."""

from collections import Counter
from collections.abc import Callable, Collection
from pathlib import Path

import pandas as pd

from ...dataset import ReadOptions
from ...errors import DatasetError
from .delimited import read_delimited
from .folders import files_at
from .json_rows import read_json_lines
from .text_files import PACKED, ending, is_packed, path_text

DEFAULTS = ReadOptions()


def read_rows(path: Path, reading: ReadOptions = DEFAULTS, notes: list[str] | None = None) -> pd.DataFrame:
    """All rows of a file, in order, a column a field, in the types that the file gives them.

    Columns of words in tables of text keep every cell as the file spells it, those of `MISSING` too: the readers of
    features and targets say whether `NA` is a word or a gap. Text is UTF-8, or what its byte order mark or `reading`
    says, or cp1252 as a said guess; see `dialects` for separators, quotes and headers. Blank lines are no rows.

    notes   gets what was guessed, for the reader

    Raises DatasetError, naming the line, for a file that is empty, cut off, in another encoding, or whose rows don't
    fit its first one.
    """
    if not path.is_file():
        raise DatasetError(
            f"{path_text(path)}: expected a file of rows, found {'a folder' if path.is_dir() else 'none'}"
        )
    frame = READERS.get(ending(path), read_delimited)(path, reading, [] if notes is None else notes)
    if not len(frame):
        raise DatasetError(
            f"{path_text(path)}: expected rows, found only {'a header' if len(frame.columns) else 'blanks'}"
        )
    return frame


def row_files_at(path: Path, endings: Collection[str]) -> list[Path]:
    """The file itself, or the files at the top of a folder, with one of these endings, packed or not. Never raises."""
    return [
        file
        for file in files_at(path, (*endings, *PACKED))
        if ending(file) in endings and not (is_packed(file) and ending(file) == ".parquet")
    ]


def _read_parquet(path: Path, reading: ReadOptions, notes: list[str]) -> pd.DataFrame:
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
    duplicates = [name for name, count in Counter(names).items() if count > 1]
    if duplicates:
        raise DatasetError(
            f"{path_text(path)}: the column {duplicates[0]!r} is there more than once; rename or drop one"
        )
    frame.columns = pd.Index(names, dtype=object)
    return frame


READERS: dict[str, Callable[[Path, ReadOptions, list[str]], pd.DataFrame]] = {
    ".csv": read_delimited, ".tsv": read_delimited, ".txt": read_delimited,
    ".jsonl": read_json_lines, ".ndjson": read_json_lines, ".parquet": _read_parquet,
}  # fmt: skip
"""Readers by the ending of files, without that of their packing; others are read as tables in text."""
