"""Images listed in a metadata.csv, .jsonl or .parquet that has a file_name column, at the top or in each split folder.

Its label goes before the names of folders. File names are relative to the metadata file's own folder.
"""

import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ...dataset import HIDDEN, Dataset, Edit, IgnoredPath, Layout, ReadOptions, Split, Track, UnreadableSample, as_text
from ...errors import DatasetError
from ..images import EXTENSIONS
from ..reading.folders import free_place, inside, is_hidden, own_place, walk
from ..reading.pictures import NOT_LISTED, ImageFile, read_pictures
from ..reading.row_edits import RowFiles, edit_rows
from ..reading.row_files import read_rows, shown
from ..reading.splits import SPLIT_NAMES, one_name_a_split, sampled, settled, split_column
from ..reading.tables import Part
from ..reading.targets import label_column, read_targets, require_enough

EVIDENCE = 2
LAYOUT_KEYS = frozenset({"label", "split"})
NAMES = ("metadata.csv", "metadata.jsonl", "metadata.parquet")
FILE_NAME = "file_name"
NO_SUCH_FILE = "listed, but there is no such file"
HEAD = 1 << 16
"""Bytes of a metadata file that are searched for its columns."""


@dataclass(frozen=True)
class _Listed:
    """The rows of one metadata file."""

    path: Path
    split: Split | None
    rows: pd.DataFrame


def matches(path: Path) -> bool:
    """A folder that has such a file at its top, or in a folder that is named like a split."""
    try:
        return path.is_dir() and any(_names_files(file) for file, _ in _metadata(path))
    except OSError:
        return False


def load(path: Path, reading: ReadOptions, track: Track) -> Dataset:
    """Read the images that are listed; those that are not are left out, those that are missing are rejected.

    Raises DatasetError if a file is listed twice or lies outside the folder, or there is too little to audit.
    """
    notes: list[str] = []
    listed = list(_read(path))
    files = [file for one in listed for file in _files(path, one)]
    ids = [as_text(file.relative_to(path).as_posix()) for file in files]
    doubled = [id for id, count in Counter(ids).items() if count > 1]
    if doubled:
        raise DatasetError(f"{path}: {doubled[0]!r} is listed more than once; list every file in one row")
    frame = pd.concat([one.rows for one in listed], ignore_index=True)
    columns = [str(name) for name in frame]
    label = label_column([name for name in columns if name != FILE_NAME], reading.label, str(path))
    targets = read_targets(frame[label], str(path))
    notes.append(f"the target is the column {label!r}; {targets.note}")
    named: list[Split | None] = [one.split for one in listed for _ in range(len(one.rows))]
    column = split_column(path, frame, reading.split, {label, FILE_NAME})
    origin = "split folders"
    if column is not None and len(set(named)) == 1:
        named, origin = list(column.splits), f"split column {column.name!r}"
    used = {FILE_NAME, label, *([column.name] if column else [])}
    if set(columns) - used:
        notes.append(f"columns that are not used: {', '.join(sorted(set(columns) - used))}")
    splits, origin = settled(path, named, targets.strata, origin, "images", reading.seed, notes)
    words = frame[label].astype(object).map(str, na_action="ignore").fillna("").tolist()

    def rejected(rows: Iterable[np.integer[Any]], reasons: Mapping[int, str]) -> Iterator[UnreadableSample]:
        return (UnreadableSample(ids[row], splits[row], words[row], reasons[int(row)]) for row in rows)

    left_out = list(rejected(np.flatnonzero(~targets.usable), dict(enumerate(targets.reasons))))
    rows = sampled(splits, targets.strata, reading, "images", notes)
    there = np.array([files[row].is_file() for row in rows], bool)
    left_out += rejected(rows[~there], defaultdict(lambda: NO_SUCH_FILE))
    rows = rows[there]
    images = [ImageFile(files[row], ids[row], splits[row], words[row]) for row in rows]
    pictures = read_pictures(images, notes, track)
    left_out += pictures.rejected
    kept = rows[pictures.kept]
    require_enough(path, targets.task, splits[kept], targets.values[kept], left_out, "images")
    return Dataset(
        root=path,
        ids=tuple(ids[row] for row in kept),
        inputs=pictures.pixels,
        targets=targets.values[kept],
        splits=splits[kept],
        class_names=targets.class_names,
        contents=pictures.contents,
        sources=tuple(files[row] for row in kept),
        layout=Layout("image_metadata", origin, tuple(_not_listed(path, set(ids))), tuple(notes)),
        rejected=tuple(left_out),
        task=targets.task,
    )


def rewrite(copy: Path, reading: ReadOptions, edits: Mapping[str, Edit]) -> Mapping[str, str]:
    """Edit the rows of metadata files, and remove the images of rows that go; between split folders both move."""
    listed = list(_read(copy))
    parts = [Part(shown(one.path.relative_to(copy)), one.split, one.rows) for one in listed]
    frame = pd.concat([one.rows for one in listed], ignore_index=True)
    label = label_column([str(name) for name in frame if name != FILE_NAME], reading.label, str(copy))
    column = split_column(copy, frame, reading.split, {label, FILE_NAME})
    by_folder = len({one.split for one in listed}) > 1
    split = None if by_folder or column is None else column.name
    paths = {part.name: one.path for part, one in zip(parts, listed, strict=True)}
    rows = RowFiles(copy, parts, paths, frame, label, split)
    names = {
        as_text(file.relative_to(copy).as_posix()): (f"{part.name}#{row}", file, one)
        for part, one in zip(parts, listed, strict=True)
        for row, file in enumerate(_files(copy, one))
    }
    cells: dict[str, dict[str, str]] = {}
    renamed: dict[str, str] = {}
    for id, edit in sorted(edits.items(), key=lambda item: not item[1].remove):
        row, file, one = names[id]
        if edit.remove:
            own_place(copy, file, edit.findings).unlink(missing_ok=True)
        elif edit.split is not None and by_folder:
            folder = next(other.path.parent for other in listed if other.split == edit.split)
            place = _moved(copy, file, one.path.parent, folder, edit)
            cells[row] = {FILE_NAME: Path(os.path.relpath(place, folder)).as_posix()}
            renamed[id] = as_text(place.relative_to(copy).as_posix())
    edit_rows(rows, rows.raw(), {names[id][0]: edit for id, edit in edits.items()}, cells)
    return renamed


def _moved(copy: Path, file: Path, own: Path, folder: Path, edit: Edit) -> Path:
    """Where an image lies once it is in another split's folder; one from elsewhere stays where it is."""
    if not file.is_relative_to(own):
        return file
    place = free_place(own_place(copy, folder / file.relative_to(own), edit.findings))
    place.parent.mkdir(parents=True, exist_ok=True)
    return own_place(copy, file, edit.findings).rename(place)


def _metadata(path: Path) -> Iterator[tuple[Path, Split | None]]:
    """Metadata files that may be there, with the split of the folder they lie in."""
    yield from ((path / name, None) for name in NAMES)
    for folder in sorted(path.iterdir()):
        if folder.name.lower() in SPLIT_NAMES:
            yield from ((folder / name, SPLIT_NAMES[folder.name.lower()]) for name in NAMES)


def _names_files(file: Path) -> bool:
    """Whether the head of a file, or Parquet's foot, has the column's name in it."""
    if not file.is_file():
        return False
    with file.open("rb") as opened:
        if file.suffix == ".parquet":
            opened.seek(max(0, file.stat().st_size - HEAD))
        return FILE_NAME.encode() in opened.read(HEAD)


def _read(path: Path) -> Iterator[_Listed]:
    found = [(file, split) for file, split in _metadata(path) if _names_files(file)]
    folders = {file.parent for file, _ in found}
    if len(folders) < len(found) or (path in folders and len(folders) > 1):
        listed = ", ".join(file.relative_to(path).as_posix() for file, _ in found)
        raise DatasetError(f"{path}: expected one metadata file, or one in each split folder; found {listed}")
    one_name_a_split(path, [folder.name for folder in folders if folder != path], "folders")
    for file, split in found:
        rows = read_rows(file)
        if FILE_NAME not in rows:
            raise DatasetError(f"{file}: expected a column {FILE_NAME!r}, found {', '.join(map(repr, rows))}")
        yield _Listed(file, split, rows)


def _files(root: Path, listed: _Listed) -> Iterator[Path]:
    for row, name in enumerate(listed.rows[FILE_NAME]):
        where = f"{listed.path}, data row {row}"
        if not isinstance(name, str):
            raise DatasetError(f"{where}: expected the name of a file, found {name!r}")
        yield inside(root, name, where, listed.path.parent)


def _not_listed(root: Path, ids: set[str]) -> Iterator[IgnoredPath]:
    ignored: list[IgnoredPath] = []
    for folder, name in walk(root, ignored):
        id = as_text((folder / name).relative_to(root).as_posix())
        if Path(name).suffix.lower() in EXTENSIONS and id not in ids:
            yield IgnoredPath(id, HIDDEN if is_hidden(name) else NOT_LISTED)
    yield from ignored
