"""Tables in CSV, TSV or Parquet: a file, or a folder with one or with files named by split (train.csv, test.csv)."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from ...dataset import Dataset, Edit, ReadOptions, Track
from ..reading.folders import files_at
from ..reading.row_edits import rewrite_files
from ..reading.tables import load_files

EVIDENCE = 1
LAYOUT_KEYS = frozenset({"label", "split", "text", "drop", "files", "group"})
ENDINGS: Sequence[str] = (".csv", ".tsv", ".parquet")


def matches(path: Path) -> bool:
    """A file with such an ending, or a folder with one at its top."""
    return bool(files_at(path, ENDINGS))


def load(path: Path, reading: ReadOptions, track: Track) -> Dataset:
    """Read tables; see `tables.assembled`. Ids are `test.csv#17`, rows counted from 0 without the header."""
    return load_files(path, ENDINGS, "table", reading, track)


def rewrite(copy: Path, reading: ReadOptions, edits: Mapping[str, Edit]) -> Mapping[str, str]:
    """Cut rows out, change cells, put rows at the end of another split's file. Other rows of text keep their bytes."""
    rewrite_files(copy, ENDINGS, reading, edits)
    return {}
