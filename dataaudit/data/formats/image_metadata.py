"""Images listed in a metadata.csv, .jsonl or .parquet that has a file_name column, at the top or in each split folder.

Where there is no such file, another CSV, TSV or JSON-lines file will do, one of whose columns names images that are
there. Its label goes before the names of folders. File names are relative to the list's own folder.
"""

import functools
import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ...dataset import (
    HIDDEN,
    UNUSED_COLUMNS,
    Dataset,
    Edit,
    IgnoredPath,
    Layout,
    ReadOptions,
    Split,
    Track,
    UnreadableSample,
    as_text,
)
from ...errors import DatasetError
from ..images import is_image
from ..reading.copies import equal_files, unsampled_copies
from ..reading.folders import files_at, free_path, is_hidden, require_inside, resolve_inside, walk
from ..reading.groups import column_groups, path_groups
from ..reading.image_lists import ENDINGS, FILE_NAME, column_of_images
from ..reading.label_columns import label_columns, target_values
from ..reading.pictures import NOT_LISTED, ImageFile, read_pictures
from ..reading.row_edits import RowFiles, edit_rows
from ..reading.row_files import read_rows
from ..reading.split_columns import split_column
from ..reading.split_names import require_one_name_per_split, split_of
from ..reading.splits import resolve_splits, sample_rows
from ..reading.tables import Part
from ..reading.targets import read_targets, require_enough
from ..reading.text_files import path_text

EVIDENCE = 2
LAYOUT_KEYS = frozenset({"label", "task", "split", "group"})
NAMES = ("metadata.csv", "metadata.jsonl", "metadata.parquet")
NO_SUCH_FILE = "listed, but there is no such file"
HEAD = 1 << 16
"""Bytes of a metadata file that are searched for its columns."""


@dataclass(frozen=True)
class _MetadataFile:
    """The rows of one metadata file, and the column that names the images."""

    path: Path
    split: Split | None
    rows: pd.DataFrame
    column: str


def matches(path: Path) -> bool:
    """A folder that has such a file at its top, or in a folder that is named like a split."""
    try:
        return path.is_dir() and bool(_lists(path))
    except OSError:
        return False


def load(path: Path, reading: ReadOptions, track: Track) -> Dataset:
    """Read the images that are listed; those that are not are left out, those that are missing are rejected.

    Raises DatasetError if a file is listed twice or lies outside the folder, or there is too little to audit.
    """
    notes: list[str] = []
    metadata_files = list(_read_metadata(path, reading, notes))
    files = [file for metadata in metadata_files for file in _listed_paths(path, metadata)]
    ids = [as_text(file.relative_to(path).as_posix()) for file in files]
    duplicates = [id for id, count in Counter(ids).items() if count > 1]
    if duplicates:
        raise DatasetError(f"{path}: {duplicates[0]!r} is listed more than once; list every file in one row")
    frame = pd.concat([metadata.rows for metadata in metadata_files], ignore_index=True)
    columns = [str(name) for name in frame]
    names = _column_of_names(path, metadata_files)
    if names != FILE_NAME:
        listed = ", ".join(as_text(metadata.path.relative_to(path).as_posix()) for metadata in metadata_files)
        notes.append(f"images are listed in {listed}, column {names!r}")
    labels = label_columns(frame, reading.label, str(path), excluded=names)
    values = target_values(frame, labels, str(path))
    targets = read_targets(values, str(path), reading.task)
    notes.append(f"the target is the column {' and '.join(map(repr, labels))}; {targets.note}")
    named_splits: list[Split | None] = [
        metadata.split for metadata in metadata_files for _ in range(len(metadata.rows))
    ]
    column = split_column(path, frame, reading.split, {*labels, names})
    origin = "split folders"
    if column is not None and len(set(named_splits)) == 1:
        named_splits, origin = list(column.splits), column.origin
    used = {names, *labels, *([column.name] if column else [])}
    if reading.group in columns:
        groups = column_groups(path, frame, reading.group, used, notes)
        used.add(reading.group)
    else:
        groups = path_groups(path, ids, reading.group, notes)
    if set(columns) - used:
        notes.append(f"{UNUSED_COLUMNS}: {', '.join(sorted(set(columns) - used))}")
    copies = functools.cache(lambda: [equal_files(files)])
    splits, origin = resolve_splits(
        path, named_splits, targets.strata, origin, "images", reading.seed, notes, copies, groups
    )
    words = values.astype(object).map(str, na_action="ignore").fillna("").tolist()

    def unreadable(rows: Iterable[np.integer[Any]], reasons: Mapping[int, str]) -> Iterator[UnreadableSample]:
        return (UnreadableSample(ids[row], splits[row], words[row], reasons[int(row)]) for row in rows)

    rejected = list(unreadable(np.flatnonzero(~targets.usable), dict(enumerate(targets.reasons))))
    rows = sample_rows(splits, targets.strata, reading, "images", notes)
    unsampled = unsampled_copies(copies, splits, targets.usable, rows, ids.__getitem__)
    exists = np.array([files[row].is_file() for row in rows], bool)
    rejected += unreadable(rows[~exists], defaultdict(lambda: NO_SUCH_FILE))
    rows = rows[exists]
    images = [ImageFile(files[row], ids[row], splits[row], words[row]) for row in rows]
    pictures = read_pictures(images, notes, track)
    rejected += pictures.rejected
    kept = rows[pictures.positions]
    require_enough(path, targets.task, splits[kept], targets.values[kept], rejected, "images")
    return Dataset(
        root=path,
        ids=tuple(ids[row] for row in kept),
        inputs=pictures.pixels,
        targets=targets.values[kept],
        splits=splits[kept],
        class_names=targets.class_names,
        contents=pictures.contents,
        sources=tuple(files[row] for row in kept),
        layout=Layout("image_metadata", origin, tuple(_unlisted_images(path, set(ids))), tuple(notes)),
        rejected=tuple(rejected),
        task=targets.task,
        groups=groups and groups.take(kept),
        unsampled=unsampled,
    )


def rewrite(copy: Path, reading: ReadOptions, edits: Mapping[str, Edit]) -> Mapping[str, str]:
    """Edit the rows of metadata files, and remove images with their rows; between split folders both move."""
    metadata_files = list(_read_metadata(copy, reading, []))
    parts = [
        Part(path_text(metadata.path.relative_to(copy)), metadata.split, metadata.rows) for metadata in metadata_files
    ]
    frame = pd.concat([metadata.rows for metadata in metadata_files], ignore_index=True)
    names = _column_of_names(copy, metadata_files)
    labels = label_columns(frame, reading.label, str(copy), excluded=names)
    column = split_column(copy, frame, reading.split, {*labels, names})
    by_folder = len({metadata.split for metadata in metadata_files}) > 1
    split = None if by_folder or column is None else column.name
    paths = {part.name: metadata.path for part, metadata in zip(parts, metadata_files, strict=True)}
    row_files = RowFiles(copy, parts, paths, frame, labels, split, reading=reading)
    entries = {
        as_text(file.relative_to(copy).as_posix()): (f"{part.name}#{row}", file, metadata)
        for part, metadata in zip(parts, metadata_files, strict=True)
        for row, file in enumerate(_listed_paths(copy, metadata))
    }
    cells: dict[str, dict[str, str]] = {}
    renamed: dict[str, str] = {}
    for id, edit in sorted(edits.items(), key=lambda item: not item[1].remove):
        row, file, metadata = entries[id]
        if edit.remove:
            require_inside(copy, file, edit.findings).unlink(missing_ok=True)
        elif edit.split is not None and by_folder:
            folder = next(target.path.parent for target in metadata_files if target.split == edit.split)
            new_path = _move_image(copy, file, metadata.path.parent, folder, edit)
            cells[row] = {names: Path(os.path.relpath(new_path, folder)).as_posix()}
            renamed[id] = as_text(new_path.relative_to(copy).as_posix())
    edit_rows(row_files, row_files.raw(), {entries[id][0]: edit for id, edit in edits.items()}, cells)
    return renamed


def _move_image(copy: Path, file: Path, source: Path, folder: Path, edit: Edit) -> Path:
    """Move an image into another split's folder and return its new path; one from elsewhere stays where it is."""
    if not file.is_relative_to(source):
        return file
    target = free_path(require_inside(copy, folder / file.relative_to(source), edit.findings))
    target.parent.mkdir(parents=True, exist_ok=True)
    return require_inside(copy, file, edit.findings).rename(target)


def _metadata_candidates(path: Path) -> Iterator[tuple[Path, Split | None]]:
    """Metadata files that may be there, with the split of the folder they lie in."""
    yield from ((path / name, None) for name in NAMES)
    for folder in sorted(path.iterdir()):
        if (split := split_of(folder.name)) is not None:
            yield from ((folder / name, split) for name in NAMES)


def _has_file_names(file: Path) -> bool:
    """Whether the head of a file, or Parquet's foot, has the column's name in it."""
    if not file.is_file():
        return False
    with file.open("rb") as opened:
        if file.suffix == ".parquet":
            opened.seek(max(0, file.stat().st_size - HEAD))
        return FILE_NAME.encode() in opened.read(HEAD)


def _lists(path: Path) -> list[tuple[Path, Split | None, str]]:
    """(file, split, column of file names) of the metadata files, else of other lists of images."""
    metadata = [(file, split, FILE_NAME) for file, split in _metadata_candidates(path) if _has_file_names(file)]
    if metadata:
        return metadata
    splits = [(folder, split_of(folder.name)) for folder in sorted(path.iterdir()) if folder.is_dir()]
    folders: list[tuple[Path, Split | None]] = [(path, None), *((folder, split) for folder, split in splits if split)]
    found = [(file, split, column_of_images(file)) for folder, split in folders for file in files_at(folder, ENDINGS)]
    return [(file, split, column) for file, split, column in found if column is not None]


def _column_of_names(path: Path, metadata_files: list[_MetadataFile]) -> str:
    names = sorted({metadata.column for metadata in metadata_files})
    if len(names) > 1:
        raise DatasetError(f"{path}: expected one column of file names in all lists, found {' and '.join(names)}")
    return names[0]


def _read_metadata(path: Path, reading: ReadOptions, notes: list[str]) -> Iterator[_MetadataFile]:
    files = _lists(path)
    folders = {file.parent for file, _, _ in files}
    if len(folders) < len(files) or (path in folders and len(folders) > 1):
        listed = ", ".join(file.relative_to(path).as_posix() for file, _, _ in files)
        raise DatasetError(
            f"{path}: expected one metadata file, or one in each split folder; found {listed}; "
            "join them into one, with a column split if they are of different splits"
        )
    require_one_name_per_split(path, [folder.name for folder in folders if folder != path], "folders")
    for file, split, column in files:
        rows = read_rows(file, reading, notes)
        if column not in rows:
            raise DatasetError(f"{file}: expected a column {column!r}, found {', '.join(map(repr, rows))}")
        yield _MetadataFile(file, split, rows, column)


def _listed_paths(root: Path, metadata: _MetadataFile) -> Iterator[Path]:
    for row, name in enumerate(metadata.rows[metadata.column]):
        where = f"{metadata.path}, data row {row}"
        if not isinstance(name, str):
            raise DatasetError(f"{where}: expected the name of a file, found {name!r}")
        yield resolve_inside(root, name, where, metadata.path.parent)


def _unlisted_images(root: Path, ids: set[str]) -> Iterator[IgnoredPath]:
    ignored: list[IgnoredPath] = []
    for folder, name in walk(root, ignored):
        id = as_text((folder / name).relative_to(root).as_posix())
        if id not in ids and is_image(folder / name):
            yield IgnoredPath(id, HIDDEN if is_hidden(name) else NOT_LISTED)
    yield from ignored
