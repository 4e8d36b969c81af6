"""Image folders: optional split folders, then class folders, then images at any depth.

Split folders count as such only at the top level, and only if all folders there are named like splits, or a training
and another split have a class in common: so a class may be called `train`, and a folder of plots beside train/ and
test/ is none. Without split folders a stratified fifth of the images becomes the test split.
"""

import functools
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ...dataset import (
    BESIDE_SPLITS,
    EMPTY_CLASS,
    EMPTY_SPLIT,
    HIDDEN,
    NO_FILE,
    NO_IMAGE,
    STRAY,
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
from ..images import EXTENSIONS, is_image
from ..reading.class_folders import ClassFile, edit_files
from ..reading.copies import equal_files, unsampled_copies
from ..reading.folders import is_hidden, walk
from ..reading.groups import path_groups
from ..reading.pictures import ImageFile, read_pictures
from ..reading.split_names import note_of_names, require_one_name_per_split, split_of
from ..reading.splits import resolve_splits, sample_rows

EVIDENCE = 1
LAYOUT_KEYS: frozenset[str] = frozenset({"group"})
OTHERWISE = (
    "put the images into a folder for each class, or name their labels in a metadata.csv beside them with the columns "
    "file_name and label"
)


def matches(path: Path) -> bool:
    """A directory with at least one image in it."""
    try:
        return path.is_dir() and any(_looks_like_image(folder / name) for folder, name in walk(path, []))
    except (OSError, DatasetError):  # load() says which folder can't be listed
        return True


def load(path: Path, reading: ReadOptions, track: Track) -> Dataset:
    """Read an image folder.

    Raises DatasetError if a label is named, or there is no training image, only one class, images without a class
    folder, or two folders for one split.
    """
    if reading.label is not None:
        raise DatasetError(
            f"{path}: labels are the names of class folders here, so --label {reading.label} says nothing"
        )
    ignored: list[IgnoredPath] = []
    files = _image_files(path, ignored)
    notes = note_of_names(sorted({file.folders[0] for file in files if file.split}))
    classes = sorted({file.label for file in files})
    if len(classes) < 2:
        raise DatasetError(_too_few_classes(path, files))
    targets = np.array([classes.index(file.label) for file in files], np.int64)
    named_splits = [file.split for file in files]
    groups = path_groups(path, [file.id for file in files], reading.group, notes)
    all_files = files
    copies = functools.cache(lambda: [equal_files([file.path for file in all_files])])
    splits, origin = resolve_splits(
        path, named_splits, targets, "split folders", "images", reading.seed, notes, copies, groups
    )
    rows = sample_rows(splits, targets, reading, "images", notes)
    unsampled = unsampled_copies(copies, splits, targets >= 0, rows, lambda row: all_files[row].id)
    groups = groups and groups.take(rows)
    files, targets, splits = [files[i] for i in rows], targets[rows], splits[rows]
    images = [ImageFile(file.path, file.id, split, file.label) for file, split in zip(files, splits, strict=True)]
    pictures = read_pictures(images, notes, track)
    kept = pictures.positions
    _require_enough(path, [images[i].split for i in kept], targets[kept].tolist(), pictures.rejected)
    return Dataset(
        root=path,
        ids=tuple(files[i].id for i in kept),
        inputs=pictures.pixels,
        targets=targets[kept],
        splits=splits[kept],
        class_names=tuple(classes),
        contents=pictures.contents,
        sources=tuple(files[i].path for i in kept),
        layout=Layout("image_folder", origin, tuple(ignored), tuple(notes)),
        rejected=pictures.rejected,
        groups=groups and groups.take(kept),
        unsampled=unsampled,
    )


def rewrite(copy: Path, reading: ReadOptions, edits: Mapping[str, Edit]) -> Mapping[str, str]:
    """Remove files, and move them to other folders; see `class_folders.edit_files`."""
    return edit_files(copy, _image_files(copy, []), edits)


def _image_files(root: Path, ignored: list[IgnoredPath]) -> list[ClassFile]:
    folders = sorted(entry.name for entry in root.iterdir() if entry.is_dir() and not is_hidden(entry.name))
    split_folders = _split_folders(root, folders)
    has_splits = bool(split_folders)
    require_one_name_per_split(root, split_folders, "folders")
    files, with_images = [], set()
    for folder, name in walk(root, ignored):
        path = folder / name
        parts = path.relative_to(root).parts
        id = as_text("/".join(parts))
        if is_hidden(name):
            ignored.append(IgnoredPath(id, HIDDEN))
        elif not is_image(path):
            ignored.append(IgnoredPath(id, f"{NO_IMAGE}: {path.suffix or 'no extension'}"))
        elif has_splits and len(parts) > 1 and parts[0] not in split_folders:
            ignored.append(IgnoredPath(id, BESIDE_SPLITS))
        elif len(parts) < 2 + has_splits:
            ignored.append(IgnoredPath(id, STRAY))
        elif not path.is_file():
            ignored.append(IgnoredPath(id, NO_FILE))
        else:
            with_images.add(parts[: 1 + has_splits])
            split = split_of(parts[0]) if has_splits else None
            files.append(ClassFile(path, id, split, parts[: 1 + has_splits]))
    if not files:
        raise DatasetError(
            f"{root}: expected {'split folders with ' if has_splits else ''}class folders with images "
            f"({', '.join(sorted(EXTENSIONS))}), found none; images without a class folder: "
            f"{sum(item.reason == STRAY for item in ignored)}; {OTHERWISE}"
        )
    tops = [Path(name) for name in split_folders] or [Path()]
    for top in tops:
        if has_splits and not any(key[0] == top.name for key in with_images):
            ignored.append(IgnoredPath(as_text(top.name) + "/", EMPTY_SPLIT))
        for entry in sorted((root / top).iterdir()):
            key = (*top.parts, entry.name)
            if entry.is_dir() and not is_hidden(entry.name) and key not in with_images:
                ignored.append(IgnoredPath(as_text("/".join(key)) + "/", EMPTY_CLASS))
    files.sort(key=lambda file: file.id)
    return files


def _split_folders(root: Path, folders: list[str]) -> list[str]:
    """Those of the top folders that are splits; none where they are classes.

    Raises DatasetError for a training folder beside others that are neither splits nor like it.
    """
    named = [name for name in folders if split_of(name) is not None]
    if not named or named == folders:
        return named
    classes = {name: _class_folders(root / name) for name in folders}
    splits = {split_of(name) for name in named}
    if {"train"} < splits and set.intersection(*(classes[name] for name in named)):
        return named
    others = [name for name in folders if name not in named and not classes[name]]
    if splits == {"train"} and len(classes[named[0]]) > 1 and others:
        train, other = as_text(named[0]), as_text(others[0])
        raise DatasetError(
            f"{root}: {train!r} looks like a split, with the classes {', '.join(sorted(classes[named[0]])[:6])}, but "
            f"{other!r} beside it like a class; move {other!r} out, or audit {root / named[0]}"
        )
    return []


def _class_folders(folder: Path) -> set[str]:
    """The folders in it that have an image at any depth."""
    folders = {entry.name for entry in folder.iterdir() if entry.is_dir() and not is_hidden(entry.name)}
    return {
        as_text(name)
        for name in folders
        if any(_looks_like_image(below / file) for below, file in walk(folder / name, []))
    }


def _looks_like_image(path: Path) -> bool:
    """Whether a file is an image; of those with another ending none is opened, since there may be very many."""
    return path.suffix.lower() in EXTENSIONS or (not path.suffix and is_image(path))


def _too_few_classes(root: Path, files: list[ClassFile]) -> str:
    """The error of a folder with images of one class only, and a way on that works."""
    folder = root.joinpath(*files[0].folders)
    message = f"{root}: expected at least two class folders, found one, {files[0].label!r}"
    deeper = sorted(_class_folders(folder))
    holds = f"{message}; it holds the folders {', '.join(deeper[:6])}"
    if len(deeper) > 1 and files[0].split is None and _has_classes(folder):
        return f"{holds}: did you mean to audit {folder}?"
    if len(deeper) > 1:
        return f"{holds}: if these are the classes, move them one folder up, out of {as_text(folder.name)!r}"
    return f"{message}; {OTHERWISE}"


def _has_classes(folder: Path) -> bool:
    """Whether the folder could be audited by itself."""
    try:
        return len({file.label for file in _image_files(folder, [])}) > 1
    except DatasetError:
        return False


def _require_enough(
    root: Path, splits: list[Split], targets: list[int], rejected: tuple[UnreadableSample, ...]
) -> None:
    details = f"; {len(rejected)} unreadable, the first: {rejected[0].id}: {rejected[0].reason}" if rejected else ""
    train_classes = {target for split, target in zip(splits, targets, strict=True) if split == "train"}
    if len(train_classes) < 2:
        raise DatasetError(
            f"{root}: expected readable training images of at least two classes, found {len(train_classes)}{details}"
        )
    if all(split == "train" for split in splits):
        raise DatasetError(
            f"{root}: no readable image outside the training split, so nothing to audit against{details}"
        )
