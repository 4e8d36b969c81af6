"""COCO annotations (instances_*.json beside images): recognised, but not supported."""

import re
from pathlib import Path
from typing import NoReturn

from ...dataset import ReadOptions, Track
from ...errors import DatasetError
from ..reading.folders import files_at

EVIDENCE = 2
USUAL_NAMES = re.compile(r"(instances|captions|person_keypoints|stuff|panoptic)_\w+\.json|_annotations\.coco\.json")
KEYS = (b'"images"', b'"annotations"', b'"categories"')
SEARCHED = 20
"""JSON files of other names, at most, that are searched for COCO's keys."""
LOOKED_AT = 1 << 16
"""Bytes at either end of a JSON file that are searched for COCO's keys."""


def matches(path: Path) -> bool:
    """A COCO file, at the top of the folder or in its subfolders."""
    return _annotations(path) is not None


def load(path: Path, reading: ReadOptions, track: Track) -> NoReturn:
    """Raises DatasetError: several objects an image have no single label."""
    raise DatasetError(
        f"{path}: {_annotations(path)} is a COCO file of objects in images, which is not supported; to audit "
        "the objects, cut them out into class folders, or list them in a metadata.csv with file_name and label"
    )


def _annotations(path: Path) -> Path | None:
    try:
        folders = [path, *sorted(entry for entry in path.iterdir() if entry.is_dir())] if path.is_dir() else [path]
    except OSError:
        return None
    files = [file for folder in folders for file in files_at(folder, (".json",))]
    usual = [file for file in files if USUAL_NAMES.fullmatch(file.name)]
    return next(iter(usual), None) or next((file for file in files[:SEARCHED] if _has_keys(file)), None)


def _has_keys(file: Path) -> bool:
    try:
        with file.open("rb") as opened:
            start = opened.read(LOOKED_AT)
            opened.seek(max(0, file.stat().st_size - LOOKED_AT))
            content = start + opened.read(LOOKED_AT)
    except OSError:
        return False
    return all(key in content for key in KEYS)
