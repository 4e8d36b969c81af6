"""Image folders: optional split folders, then class folders, then images at any depth.

Split folders count as such only at the top level and only if all folders there are named like splits, so that a
class may be called `train`. Without them a stratified fifth of the images becomes the test split.
"""

import os
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn, TypeVar

import numpy as np
from joblib import Parallel, cpu_count, delayed
from numpy.typing import NDArray
from PIL import Image

from ..dataset import (
    EMPTY_CLASS,
    EMPTY_SPLIT,
    HIDDEN,
    NO_FILE,
    SPLITS,
    STRAY,
    Dataset,
    Ignored,
    Layout,
    Reading,
    Rejected,
    Split,
    Track,
    as_text,
    stratified_split,
)
from ..errors import DatasetError
from ..images import EXTENSIONS, GREY_MODES, decode, header, resized

SPLIT_NAMES: dict[str, Split] = {
    "train": "train", "training": "train",
    "val": "val", "valid": "val", "validation": "val", "dev": "val",
    "test": "test", "testing": "test", "eval": "test", "evaluation": "test",
}  # fmt: skip
EVIDENCE = 1
TEST_FRACTION = 0.2
SMALL, LARGE = 32, 64
"""Edge of the square that images of mixed sizes are brought to: small where most are at most 48 pixels, else large."""
Result = TypeVar("Result")


@dataclass(frozen=True)
class _File:
    path: Path
    id: str
    split: Split | None
    label: str


def matches(path: Path) -> bool:
    """A directory with at least one image in it."""
    return path.is_dir() and any(Path(name).suffix.lower() in EXTENSIONS for _, name in _walk(path, []))


def load(path: Path, reading: Reading, track: Track) -> Dataset:
    """Read an image folder.

    Raises DatasetError if there is no training image, only one class, images without a class folder, or two
    folders for one split.
    """
    ignored: list[Ignored] = []
    notes: list[str] = []
    files = _files(path, ignored)
    classes = sorted({file.label for file in files})
    if len(classes) < 2:
        raise DatasetError(_too_few_classes(path, classes))
    targets = [classes.index(file.label) for file in files]
    splits, origin = _splits(path, files, targets, reading.seed, notes)

    shape = _working_shape(files, notes, track)
    read = _read_all(files, shape, track)
    kept = [i for i, item in enumerate(read) if not isinstance(item, str)]
    pictures = [item for item in read if not isinstance(item, str)]
    rejected = tuple(
        Rejected(files[i].id, splits[i], files[i].label, item) for i, item in enumerate(read) if isinstance(item, str)
    )
    _require_enough(path, [splits[i] for i in kept], [targets[i] for i in kept], rejected)
    return Dataset(
        root=path,
        ids=tuple(files[i].id for i in kept),
        inputs=np.stack([pixels for pixels, _ in pictures]),
        targets=np.array([targets[i] for i in kept], np.int64),
        splits=np.array([splits[i] for i in kept]),
        class_names=tuple(classes),
        contents=tuple(digest for _, digest in pictures),
        sources=tuple(files[i].path for i in kept),
        layout=Layout("image_folder", origin, tuple(ignored), tuple(notes)),
        rejected=rejected,
    )


def _walk(root: Path, ignored: list[Ignored]) -> Iterator[tuple[Path, str]]:
    """(folder, file name) of every file below `root`, sorted; linked folders are followed, loops are not."""
    seen: set[str] = set()
    waiting = [root]  # links are followed after the folders themselves, which they must not displace
    for folder, folders, names in (found for start in waiting for found in os.walk(start, onerror=_refuse)):
        real = os.path.realpath(folder)
        here = Path(folder)
        if real in seen:
            ignored.append(Ignored(as_text(here.relative_to(root).as_posix()), "a link to a folder already read"))
            folders.clear()
            continue
        seen.add(real)
        hidden = [name for name in folders if _is_hidden(name)]
        ignored.extend(Ignored(as_text((here / name).relative_to(root).as_posix()) + "/", HIDDEN) for name in hidden)
        shown = sorted(set(folders) - set(hidden))
        waiting.extend(here / name for name in shown if (here / name).is_symlink())
        folders[:] = [name for name in shown if not (here / name).is_symlink()]
        for name in sorted(names):
            yield here, name


def _refuse(error: OSError) -> NoReturn:
    raise DatasetError(
        f"{error.filename}: expected a folder that can be listed, found: {error.strerror}; "
        "change its permissions or move it out of the dataset"
    ) from error


def _is_hidden(name: str) -> bool:
    return name.startswith((".", "__MACOSX")) or name in ("Thumbs.db", "desktop.ini")


def _files(root: Path, ignored: list[Ignored]) -> list[_File]:
    folders = sorted(entry.name for entry in root.iterdir() if entry.is_dir() and not _is_hidden(entry.name))
    has_splits = bool(folders) and all(name.lower() in SPLIT_NAMES for name in folders)
    if has_splits:
        for split in SPLITS:
            same = [name for name in folders if SPLIT_NAMES[name.lower()] == split]
            if len(same) > 1:
                raise DatasetError(f"{root}: the folders {' and '.join(same)} both name the {split} split; merge them")
    files, filled = [], set()
    for folder, name in _walk(root, ignored):
        path = folder / name
        parts = path.relative_to(root).parts
        id = as_text("/".join(parts))
        if _is_hidden(name):
            ignored.append(Ignored(id, HIDDEN))
        elif path.suffix.lower() not in EXTENSIONS:
            ignored.append(Ignored(id, f"not an image: {path.suffix or 'no extension'}"))
        elif len(parts) < 2 + has_splits:
            ignored.append(Ignored(id, STRAY))
        elif not path.is_file():
            ignored.append(Ignored(id, NO_FILE))
        else:
            filled.add(parts[: 1 + has_splits])
            named = SPLIT_NAMES[parts[0].lower()] if has_splits else None
            files.append(_File(path, id, named, as_text(parts[has_splits])))
    if not files:
        raise DatasetError(
            f"{root}: expected {'split folders with ' if has_splits else ''}class folders with images "
            f"({', '.join(sorted(EXTENSIONS))}), found none; images without a class folder: "
            f"{sum(item.reason == STRAY for item in ignored)}"
        )
    tops = [Path(name) for name in folders] if has_splits else [Path()]
    for top in tops:
        if has_splits and not any(key[0] == top.name for key in filled):
            ignored.append(Ignored(as_text(top.name) + "/", EMPTY_SPLIT))
        for entry in sorted((root / top).iterdir()):
            key = (*top.parts, entry.name)
            if entry.is_dir() and not _is_hidden(entry.name) and key not in filled:
                ignored.append(Ignored(as_text("/".join(key)) + "/", EMPTY_CLASS))
    files.sort(key=lambda file: file.id)
    return files


def _too_few_classes(root: Path, classes: list[str]) -> str:
    inside = root / classes[0]
    hint = ""
    if inside.is_dir():
        deeper = sorted(as_text(entry.name) for entry in os.scandir(inside) if entry.is_dir())
        if deeper:
            hint = f"; it holds the folders {', '.join(deeper[:6])}: did you mean to audit {inside}?"
    return f"{root}: expected at least two class folders, found one, {classes[0]!r}{hint}"


def _splits(root: Path, files: list[_File], targets: list[int], seed: int, notes: list[str]) -> tuple[list[Split], str]:
    present = Counter(file.split for file in files if file.split)
    if present and not present["train"]:
        found = ", ".join(sorted(present))
        raise DatasetError(f"{root}: expected a training split (train/ or training/), found only {found}")
    if len(present) > 1:
        if not present["test"]:
            notes.append("no test split: the validation split is audited in its place")
        return [file.split or "train" for file in files], "split folders"
    test = stratified_split(targets, TEST_FRACTION, seed)
    why = "only a training folder" if present else "no split folders"
    notes.append(f"{why}: {test.sum()} of {len(files)} images were set aside for testing")
    return ["test" if marked else "train" for marked in test], f"made here: stratified fifth for testing, seed {seed}"


def _working_shape(files: list[_File], notes: list[str], track: Track) -> tuple[int, int, int]:
    """(channels, height, width) for all images: their own size if they share one, at most 48 pixels; else a square."""
    heads = [head for head in _in_threads(header, files, track, "reading image sizes") if head is not None]
    sizes = Counter(size for size, _ in heads)
    modes = Counter(mode for _, mode in heads)
    channels = 1 if all(mode in GREY_MODES for mode in modes) else 3
    edge = SMALL if np.median([min(size) for size in sizes.elements()] or [0]) <= 48 else LARGE
    width, height = next(iter(sizes)) if len(sizes) == 1 and max(next(iter(sizes))) <= 48 else (edge, edge)
    common = ", ".join(f"{w}x{h} ({count})" for (w, h), count in sizes.most_common(3))
    found = f"{len(sizes)} image sizes, most common" if len(sizes) > 1 else "one image size,"
    notes.append(f"{found} {common}; modes {', '.join(sorted(modes))}")
    notes.append(f"the learner sees {width}x{height} {'grey' if channels == 1 else 'RGB'} pixels")
    return channels, height, width


def _read_all(
    files: list[_File], shape: tuple[int, int, int], track: Track
) -> list[tuple[NDArray[np.uint8], str] | str]:
    """(pixels, content digest) of every image, or why it can't be read."""

    def read(path: Path) -> tuple[NDArray[np.uint8], str] | str:
        try:
            decoded = decode(path)
        except DatasetError as error:
            return str(error)
        return resized(decoded, *shape), decoded.digest

    return _in_threads(read, files, track, "reading images")


def _in_threads(read: Callable[[Path], Result], files: list[_File], track: Track, label: str) -> list[Result]:
    """Read every file; in threads, since Pillow decodes outside the interpreter's lock."""
    work = Parallel(cpu_count(), prefer="threads", return_as="generator")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # decode() refuses such images
        return list(track(work(delayed(read)(file.path) for file in files), label, len(files)))


def _require_enough(root: Path, splits: list[Split], targets: list[int], rejected: tuple[Rejected, ...]) -> None:
    because = f"; {len(rejected)} unreadable, the first: {rejected[0].id}: {rejected[0].reason}" if rejected else ""
    in_train = {target for split, target in zip(splits, targets, strict=True) if split == "train"}
    if len(in_train) < 2:
        raise DatasetError(
            f"{root}: expected readable training images of at least two classes, found {len(in_train)}{because}"
        )
    if all(split == "train" for split in splits):
        raise DatasetError(
            f"{root}: no readable image outside the training split, so nothing to audit against{because}"
        )
