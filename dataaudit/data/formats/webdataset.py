"""WebDataset shards (*-000000.tar): recognised, but not supported."""

import re
from pathlib import Path
from typing import NoReturn

from ...dataset import ReadOptions, Track
from ...errors import DatasetError
from ..reading.folders import files_at

EVIDENCE = 2
SHARD = re.compile(r"(.*[-_.])?\d+\.tar", re.DOTALL)


def matches(path: Path) -> bool:
    """A .tar file, or a folder with a numbered one at its top."""
    files = files_at(path, (".tar",))
    return bool(files) and (path.is_file() or any(SHARD.fullmatch(file.name) for file in files))


def load(path: Path, reading: ReadOptions, track: Track) -> NoReturn:
    """Raises DatasetError: nothing in a shard says which of its files is the label."""
    raise DatasetError(
        f"{path}: tar shards of a WebDataset are not supported; unpack them into class folders, or into a folder "
        "with a metadata.csv that has file_name and label"
    )
