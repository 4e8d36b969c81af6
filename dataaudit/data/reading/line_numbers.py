"""The line of its file on which a row begins, for tools that show findings beside the lines of a file."""

import csv
import itertools
from collections.abc import Iterable, Iterator
from pathlib import Path

from ...errors import DatasetError
from .dialects import NumberedLines, dialect_of, fields_of_any_length
from .text_files import encoding_of, open_text

DELIMITED, JSON_LINES = (".csv", ".tsv", ".txt", ".data"), (".jsonl", ".ndjson")


def line_numbers(
    root: Path, ids: Iterable[str], header: bool | None = None, encoding: str | None = None
) -> dict[str, int]:
    """The line, counted from 1, of every sample that is a row of a text file; other samples are left out.

    root   the dataset's folder, or its only file
    ids    such as train.csv#17
    header, encoding   as the files were read, see `ReadOptions`
    """
    rows_by_file: dict[str, set[int]] = {}
    for id in ids:
        name, _, row = id.rpartition("#")
        if row.isdecimal() and name.lower().endswith(DELIMITED + JSON_LINES):
            rows_by_file.setdefault(name, set()).add(int(row))
    numbers: dict[str, int] = {}
    for name, rows in rows_by_file.items():
        path = root if root.name == name and root.is_file() else root / name
        try:
            lines = list(_row_starts(path, header, encoding))
        except (OSError, UnicodeError, csv.Error, DatasetError):
            continue  # the id does not name a row of this file, or the file has changed since it was read
        numbers |= {f"{name}#{row}": lines[row] for row in rows if row < len(lines)}
    return numbers


def _row_starts(path: Path, header: bool | None, encoding: str | None) -> Iterator[int]:
    """The first line of every row, in the order that `read_rows` counts them."""
    if path.suffix.lower() in JSON_LINES:
        with open_text(path, encoding_of(path, encoding)) as lines:
            yield from (number for number, line in enumerate(lines, 1) if line.strip())
        return
    dialect = dialect_of(path, header, encoding)
    with open_text(path, dialect.encoding) as file, fields_of_any_length():
        numbered = NumberedLines(file)
        list(itertools.islice(numbered, dialect.preamble))
        first_line, in_rows = numbered.number + 1, not dialect.header
        for row in dialect.fields(numbered):
            if row and in_rows:
                yield first_line
            in_rows = in_rows or bool(row)
            first_line = numbered.number + 1
