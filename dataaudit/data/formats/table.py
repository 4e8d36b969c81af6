"""Tables in CSV, TSV, Parquet, or text with separators: a file, or a folder with files by split (train.csv, test.csv).

CSV, TSV and text may be packed with gzip or zip.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from ...dataset import Dataset, Edit, ReadOptions, Track
from ...errors import DatasetError
from ..reading.row_edits import rewrite_files
from ..reading.row_files import row_files_at
from ..reading.split_names import SPLIT_NAMES
from ..reading.tables import load_files
from ..reading.text_files import open_bytes, unpacked_name

EVIDENCE = 1
LAYOUT_KEYS = frozenset({"label", "task", "split", "text", "drop", "files", "header", "encoding", "group"})
ENDINGS: Sequence[str] = (".csv", ".tsv", ".parquet")
TEXT_ENDINGS: Sequence[str] = (".txt", ".data", "")
"""Of files that are tables if they look like one: named themselves, or named by split in a folder."""
HEAD = 1 << 14
"""Bytes of a file in which its first line is looked for."""


def matches(path: Path) -> bool:
    """A file with such an ending, or a folder with one at its top."""
    return bool(_tables(path))


def load(path: Path, reading: ReadOptions, track: Track) -> Dataset:
    """Read tables; see `tables.assembled`. Ids are `test.csv#17`, rows counted from 0 without the header."""
    return load_files(path, _tables(path), "table", reading, track)


def rewrite(copy: Path, reading: ReadOptions, edits: Mapping[str, Edit]) -> Mapping[str, str]:
    """Cut rows out, change cells, put rows at the end of another split's file. Other rows of text keep their bytes."""
    rewrite_files(copy, _tables(copy), reading, edits)
    return {}


def _tables(path: Path) -> Sequence[Path]:
    """The tables at `path`. Never raises."""
    return row_files_at(path, ENDINGS) or [
        file
        for file in row_files_at(path, TEXT_ENDINGS)
        if (file == path or Path(unpacked_name(file)).stem.lower() in SPLIT_NAMES) and _looks_like_a_table(file)
    ]


def _looks_like_a_table(file: Path) -> bool:
    """Whether the first line has a separator in it."""
    try:
        with open_bytes(file) as opened:
            head = opened.read(HEAD)
    except (OSError, DatasetError):
        return False
    first_line = head.replace(b"\0", b"").lstrip().split(b"\n")[0].split(b"\r")[0]
    return any(separator in first_line for separator in (b",", b";", b"\t", b"|", b" "))
