"""The line of its file on which a row begins, for tools that show findings beside the lines of a file."""

import csv
from collections.abc import Iterable, Iterator
from pathlib import Path

from ...errors import DatasetError
from .row_files import fields_of_any_length, header_and_separator

DELIMITED, JSON_LINES = (".csv", ".tsv"), (".jsonl", ".ndjson")


def line_numbers(root: Path, ids: Iterable[str]) -> dict[str, int]:
    """The line, counted from 1, of every sample that is a row of a text file; other samples are left out.

    root   the dataset's folder, or its only file
    ids    such as train.csv#17
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
            lines = list(_row_starts(path))
        except (OSError, UnicodeError, csv.Error, DatasetError):
            continue  # the id does not name a row of this file, or the file has changed since it was read
        numbers |= {f"{name}#{row}": lines[row] for row in rows if row < len(lines)}
    return numbers


def _row_starts(path: Path) -> Iterator[int]:
    """The first line of every row, in the order that `read_rows` counts them."""
    if path.suffix.lower() in JSON_LINES:
        with path.open("rb") as lines:
            yield from (number for number, line in enumerate(lines, 1) if line.strip())
        return
    with path.open(encoding="utf-8-sig", newline="") as file, fields_of_any_length():
        reader = csv.reader(file, delimiter=header_and_separator(path)[1], strict=True)
        first_line, header = 1, True
        for row in reader:
            if row and not header:
                yield first_line
            header = header and not row
            first_line = reader.line_num + 1
