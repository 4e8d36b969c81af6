"""Tables in CSV, TSV or Parquet: a file, or a folder with one or with files named by split (train.csv, test.csv)."""

from collections.abc import Sequence
from pathlib import Path

from ..dataset import Dataset, Reading, Track
from ..reading.folders import files_at
from ..reading.tables import load_files

EVIDENCE = 1
LAYOUT_KEYS = frozenset({"label", "split", "text", "drop", "files"})
ENDINGS: Sequence[str] = (".csv", ".tsv", ".parquet")


def matches(path: Path) -> bool:
    """A file with such an ending, or a folder with one at its top."""
    return bool(files_at(path, ENDINGS))


def load(path: Path, reading: Reading, track: Track) -> Dataset:
    """Read tables; see `tables.assembled`. Ids are `test.csv#17`, rows counted from 0 without the header."""
    return load_files(path, ENDINGS, "table", reading, track)
