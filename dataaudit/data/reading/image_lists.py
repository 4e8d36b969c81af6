"""Files of rows that list images: which column names them."""

import csv
import io
import itertools
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ..images import EXTENSIONS
from .dialects import SEPARATORS

FILE_NAME = "file_name"
ENDINGS = (".csv", ".tsv", ".jsonl")
HEAD = 1 << 16
"""Characters of a file that are looked at."""
ROWS = 20
"""Rows that are looked at."""
NAMED = 0.5
"""A column lists images if more than this share of its cells name one that is there."""


def column_of_images(file: Path) -> str | None:
    """The column of a CSV, TSV or JSON-lines file whose cells name images that lie beside it. Never raises."""
    try:
        rows = list(itertools.islice(_rows(file), ROWS))
        columns = list(rows[0]) if rows else []
        shares = {column: sum(_names_image(file.parent, row.get(column)) for row in rows) for column in columns}
    except (OSError, ValueError, TypeError, AttributeError, RecursionError, csv.Error):
        return None
    best = max(shares, key=shares.__getitem__, default=None)
    return best if best is not None and len(columns) > 1 and shares[best] > NAMED * len(rows) else None


def _rows(file: Path) -> Iterator[Mapping[str, Any]]:
    with file.open(encoding="utf-8-sig", newline="") as opened:
        head = opened.read(HEAD)
    lines = io.StringIO(head[: head.rfind("\n") + 1] if len(head) == HEAD else head, newline="")
    if file.suffix.lower() == ".jsonl":
        yield from (json.loads(line) for line in lines if line.strip())
        return
    header = head.partition("\n")[0]
    separator = "\t" if file.suffix.lower() == ".tsv" else max(SEPARATORS, key=header.count)
    yield from csv.DictReader(lines, delimiter=separator)


def _names_image(folder: Path, name: Any) -> bool:
    if not isinstance(name, str) or Path(name).suffix.lower() not in EXTENSIONS or "\0" in name:
        return False
    return not Path(name).is_absolute() and ".." not in Path(name).parts and (folder / name).is_file()
