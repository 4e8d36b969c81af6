"""JSON lines (.jsonl, .ndjson), an object a line: a file, or a folder with one file or with files named by split."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from ...dataset import Dataset, Edit, ReadOptions, Track
from ..reading.row_edits import rewrite_files
from ..reading.row_files import row_files_at
from ..reading.tables import load_files

EVIDENCE = 1
LAYOUT_KEYS = frozenset({"label", "task", "split", "text", "drop", "files", "encoding", "group"})
ENDINGS: Sequence[str] = (".jsonl", ".ndjson")


def matches(path: Path) -> bool:
    """A file with such an ending, or a folder with one at its top."""
    return bool(row_files_at(path, ENDINGS))


def load(path: Path, reading: ReadOptions, track: Track) -> Dataset:
    """Read JSON lines; see `tables.assembled`. Ids are `test.jsonl#17`, counted from 0 without blank lines."""
    return load_files(path, row_files_at(path, ENDINGS), "json_lines", reading, track)


def rewrite(copy: Path, reading: ReadOptions, edits: Mapping[str, Edit]) -> Mapping[str, str]:
    """Cut rows out, change cells, put rows at the end of another split's file. All other rows keep their bytes."""
    rewrite_files(copy, row_files_at(copy, ENDINGS), reading, edits)
    return {}
