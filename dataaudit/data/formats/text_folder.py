"""Text folders: optional split folders, then class folders, then .txt files at any depth: train/good/001.txt.

Split folders count as such where their files lie in further folders, so that a class may be called `train`. Without
them a stratified fifth of the texts becomes the test split.
"""

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...dataset import (
    EMPTY_CLASS,
    HIDDEN,
    NO_FILE,
    STRAY,
    Dataset,
    Edit,
    IgnoredPath,
    Layout,
    ReadOptions,
    Track,
    UnreadableSample,
    as_text,
)
from ...errors import DatasetError
from ..reading.class_folders import ClassFile, edit_files
from ..reading.copies import equal_texts, unsampled_copies
from ..reading.folders import COUNTED, is_hidden, walk
from ..reading.frames import text_digests
from ..reading.groups import path_groups
from ..reading.split_names import require_one_name_per_split, split_of
from ..reading.splits import resolve_splits, sample_rows
from ..reading.targets import require_enough
from ..reading.text_files import WESTERN

EVIDENCE = 0
"""Texts lie beside data of all kinds, so every other format that matches goes first."""
LAYOUT_KEYS = frozenset({"encoding", "group"})
ENDING = ".txt"
EMPTY = "an empty file: no text in it"


def matches(path: Path) -> bool:
    """A folder with a .txt file in one of its folders."""
    try:
        files = itertools.islice(walk(path, []), COUNTED) if path.is_dir() else ()
        return any(folder != path and Path(name).suffix.lower() == ENDING for folder, name in files)
    except (OSError, DatasetError):
        return False


def load(path: Path, reading: ReadOptions, track: Track) -> Dataset:
    """Read every text; ids are paths. Files that are empty or no text are rejected, others than .txt are left out.

    Raises DatasetError if a label is named, or there are fewer than two classes, or two folders for one split.
    """
    if reading.label is not None:
        raise DatasetError(
            f"{path}: labels are the names of class folders here, so --label {reading.label} says nothing"
        )
    ignored: list[IgnoredPath] = []
    notes: list[str] = []
    files = _text_files(path, ignored)
    classes = sorted({file.label for file in files})
    if len(classes) < 2:
        raise DatasetError(
            f"{path}: expected at least two class folders with .txt files, found {', '.join(classes) or 'none'}"
        )
    targets = np.array([classes.index(file.label) for file in files], np.int64)
    named_splits = [file.split for file in files]
    groups = path_groups(path, [file.id for file in files], reading.group, notes)
    splits, origin = resolve_splits(
        path, named_splits, targets, "split folders", "texts", reading.seed, notes, groups=groups
    )
    texts, reasons = _read_texts(files, reading.encoding, notes, track)
    rejected = tuple(
        UnreadableSample(file.id, split, file.label, reason)
        for file, split, reason in zip(files, splits, reasons, strict=True)
        if reason
    )
    rows = sample_rows(splits, np.where(reasons == "", targets, -1), reading, "texts", notes)
    require_enough(path, "classification", splits[rows], targets[rows], rejected, "texts")
    return Dataset(
        root=path,
        ids=tuple(files[row].id for row in rows),
        inputs=texts[rows],
        targets=targets[rows],
        splits=splits[rows],
        class_names=tuple(classes),
        contents=text_digests(texts[rows]),
        sources=(),
        layout=Layout("text_folder", origin, tuple(ignored), tuple(notes)),
        rejected=rejected,
        modality="text",
        groups=groups and groups.take(rows),
        unsampled=unsampled_copies(
            lambda: [equal_texts(texts)], splits, reasons == "", rows, lambda row: files[row].id
        ),
    )


def rewrite(copy: Path, reading: ReadOptions, edits: Mapping[str, Edit]) -> Mapping[str, str]:
    """Remove files, and move them to other folders; see `class_folders.edit_files`."""
    return edit_files(copy, _text_files(copy, []), edits)


def _text_files(root: Path, ignored: list[IgnoredPath]) -> list[ClassFile]:
    """The texts in class folders, by id. What else is there is put into `ignored`."""
    listed = [(folder / name, (folder / name).relative_to(root).parts) for folder, name in walk(root, ignored)]
    depths = {parts: len(parts) for path, parts in listed if _is_text(path)}
    in_split_folders = [depth > 2 for parts, depth in depths.items() if depth > 1 and split_of(parts[0]) is not None]
    has_splits = bool(in_split_folders) and 2 * sum(in_split_folders) > len(in_split_folders)
    files = []
    for path, parts in listed:
        id = as_text("/".join(parts))
        is_in_class = len(parts) > 1 + has_splits and (not has_splits or split_of(parts[0]) is not None)
        if is_hidden(parts[-1]):
            ignored.append(IgnoredPath(id, HIDDEN))
        elif not _is_text(path):
            ignored.append(IgnoredPath(id, f"not a text: {path.suffix or 'no extension'}"))
        elif not is_in_class:
            ignored.append(IgnoredPath(id, STRAY))
        elif not path.is_file():
            ignored.append(IgnoredPath(id, NO_FILE))
        else:
            split = split_of(parts[0]) if has_splits else None
            files.append(ClassFile(path, id, split, parts[: 1 + has_splits]))
    if has_splits:
        require_one_name_per_split(root, sorted({file.folders[0] for file in files}), "folders")
    ignored.extend(_empty_classes(root, {file.folders for file in files}, has_splits))
    return sorted(files, key=lambda file: file.id)


def _is_text(path: Path) -> bool:
    return path.suffix.lower() == ENDING and not is_hidden(path.name)


def _empty_classes(root: Path, with_texts: set[tuple[str, ...]], has_splits: bool) -> list[IgnoredPath]:
    tops = sorted({folders[0] for folders in with_texts}) if has_splits else ["."]
    return [
        IgnoredPath(as_text(entry.relative_to(root).as_posix()) + "/", EMPTY_CLASS)
        for top in tops
        for entry in sorted((root / top).iterdir())
        if entry.is_dir() and not is_hidden(entry.name) and entry.relative_to(root).parts not in with_texts
    ]


def _read_texts(
    files: Sequence[ClassFile], encoding: str | None, notes: list[str], track: Track
) -> tuple[NDArray[np.object_], NDArray[np.object_]]:
    """((n,) texts, (n,) why each can't be read, "" where it can)."""
    texts, reasons = np.full(len(files), "", object), np.full(len(files), "", object)
    guessed = []
    for i, file in enumerate(track(iter(files), "reading texts", len(files))):
        try:
            content = file.path.read_bytes()
            texts[i] = content.decode(encoding or "utf-8-sig")
        except UnicodeError as error:
            texts[i] = _western(content) if encoding is None else ""
            guessed += [file.id] if texts[i] else []
            reasons[i] = "" if texts[i] else f"not readable as text: {error}"
        except OSError as error:
            reasons[i] = f"not readable: {error.strerror}"
        if not texts[i].strip() and not reasons[i]:
            reasons[i] = EMPTY
    if guessed:
        notes.append(
            f"{len(guessed):,} files are no UTF-8, such as {guessed[0]}: read as {WESTERN}, a guess; --encoding names "
            "another"
        )
    return texts, reasons


def _western(content: bytes) -> str:
    """The text in the encoding that is guessed; "" where it is none."""
    try:
        return "" if b"\0" in content else content.decode(WESTERN)
    except UnicodeDecodeError:
        return ""
