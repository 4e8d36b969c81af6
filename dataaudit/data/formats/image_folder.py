"""Image folders: optional split folders, then class folders, then images at any depth.

Split folders count as such only at the top level and only if all folders there are named like splits, so that a
class may be called `train`. Without them a stratified fifth of the images becomes the test split.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...dataset import (
    EMPTY_CLASS,
    EMPTY_SPLIT,
    HIDDEN,
    NO_FILE,
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
from ..images import EXTENSIONS
from ..reading.copies import equal_files
from ..reading.folders import free_path, is_hidden, require_inside, walk
from ..reading.groups import path_groups
from ..reading.pictures import ImageFile, read_pictures
from ..reading.splits import SPLIT_NAMES, require_one_name_per_split, resolve_splits, sample_rows

EVIDENCE = 1
LAYOUT_KEYS: frozenset[str] = frozenset({"group"})


@dataclass(frozen=True)
class _File:
    """folders   the split's, where there are any, and the class's"""

    path: Path
    id: str
    split: Split | None
    folders: tuple[str, ...]

    @property
    def label(self) -> str:
        return as_text(self.folders[-1])


def matches(path: Path) -> bool:
    """A directory with at least one image in it."""
    try:
        return path.is_dir() and any(Path(name).suffix.lower() in EXTENSIONS for _, name in walk(path, []))
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
    notes: list[str] = []
    files = _image_files(path, ignored)
    classes = sorted({file.label for file in files})
    if len(classes) < 2:
        raise DatasetError(_too_few_classes(path, classes))
    targets = np.array([classes.index(file.label) for file in files], np.int64)
    named_splits = [file.split for file in files]
    groups = path_groups(path, [file.id for file in files], reading.group, notes)
    splits, origin = resolve_splits(
        path, named_splits, targets, "split folders", "images", reading.seed, notes,
        lambda: [equal_files([file.path for file in files])], groups,
    )  # fmt: skip
    rows = sample_rows(splits, targets, reading, "images", notes)
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
    )


def rewrite(copy: Path, reading: ReadOptions, edits: Mapping[str, Edit]) -> Mapping[str, str]:
    """Remove files, and move them to the folder of another class or split; a name that is taken gets a number."""
    files = {file.id: file for file in _image_files(copy, [])}
    classes = {file.label: file.folders[-1] for file in files.values()}
    splits = {file.split: file.folders[0] for file in files.values() if file.split}
    renamed: dict[str, str] = {}
    for id, edit in sorted(edits.items(), key=lambda item: (not item[1].remove, item[0])):
        file = files[id]
        require_inside(copy, file.path, edit.findings)
        if edit.remove:
            file.path.unlink()
            continue
        folders = list(file.folders)
        if edit.label is not None:
            folders[-1] = classes[edit.label[0]]
        if edit.split is not None:
            folders[0] = splits[edit.split]
        relative = file.path.relative_to(copy.joinpath(*file.folders))
        target = free_path(require_inside(copy, copy.joinpath(*folders) / relative, edit.findings))
        target.parent.mkdir(parents=True, exist_ok=True)
        file.path.rename(target)
        renamed[id] = as_text(target.relative_to(copy).as_posix())
    return renamed


def _image_files(root: Path, ignored: list[IgnoredPath]) -> list[_File]:
    folders = sorted(entry.name for entry in root.iterdir() if entry.is_dir() and not is_hidden(entry.name))
    has_splits = bool(folders) and all(name.lower() in SPLIT_NAMES for name in folders)
    if has_splits:
        require_one_name_per_split(root, folders, "folders")
    files, with_images = [], set()
    for folder, name in walk(root, ignored):
        path = folder / name
        parts = path.relative_to(root).parts
        id = as_text("/".join(parts))
        if is_hidden(name):
            ignored.append(IgnoredPath(id, HIDDEN))
        elif path.suffix.lower() not in EXTENSIONS:
            ignored.append(IgnoredPath(id, f"not an image: {path.suffix or 'no extension'}"))
        elif len(parts) < 2 + has_splits:
            ignored.append(IgnoredPath(id, STRAY))
        elif not path.is_file():
            ignored.append(IgnoredPath(id, NO_FILE))
        else:
            with_images.add(parts[: 1 + has_splits])
            split = SPLIT_NAMES[parts[0].lower()] if has_splits else None
            files.append(_File(path, id, split, parts[: 1 + has_splits]))
    if not files:
        raise DatasetError(
            f"{root}: expected {'split folders with ' if has_splits else ''}class folders with images "
            f"({', '.join(sorted(EXTENSIONS))}), found none; images without a class folder: "
            f"{sum(item.reason == STRAY for item in ignored)}"
        )
    tops = [Path(name) for name in folders] if has_splits else [Path()]
    for top in tops:
        if has_splits and not any(key[0] == top.name for key in with_images):
            ignored.append(IgnoredPath(as_text(top.name) + "/", EMPTY_SPLIT))
        for entry in sorted((root / top).iterdir()):
            key = (*top.parts, entry.name)
            if entry.is_dir() and not is_hidden(entry.name) and key not in with_images:
                ignored.append(IgnoredPath(as_text("/".join(key)) + "/", EMPTY_CLASS))
    files.sort(key=lambda file: file.id)
    return files


def _too_few_classes(root: Path, classes: list[str]) -> str:
    folder = root / classes[0]
    hint = ""
    if folder.is_dir():
        deeper = sorted(as_text(entry.name) for entry in os.scandir(folder) if entry.is_dir())
        if deeper:
            hint = f"; it holds the folders {', '.join(deeper[:6])}: did you mean to audit {folder}?"
    return f"{root}: expected at least two class folders, found one, {classes[0]!r}{hint}"


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
