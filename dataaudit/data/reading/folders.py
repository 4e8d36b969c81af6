"""Folders: their files, without following a loop of links and without leaving the folder."""

import itertools
import os
from collections import Counter
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import NoReturn

from ...dataset import HIDDEN, IgnoredPath, as_text
from ...errors import DatasetError

LAYOUT_FILE = "dataaudit.toml"
"""A file that describes a folder and is not part of its data."""
COUNTED = 100_000
"""Files that are counted at most to say what a folder holds."""


def walk(root: Path, ignored: list[IgnoredPath]) -> Iterator[tuple[Path, str]]:
    """(folder, file name) of every file below `root`, sorted; linked folders are followed, loops are not.

    Raises DatasetError for a folder that can't be listed.
    """
    visited: set[str] = set()
    pending = [root]  # links are followed after the folders themselves, which they must not displace
    for folder, folders, names in (entry for start in pending for entry in os.walk(start, onerror=_refuse)):
        real = os.path.realpath(folder)
        current = Path(folder)
        if real in visited:
            ignored.append(
                IgnoredPath(as_text(current.relative_to(root).as_posix()), "a link to a folder already read")
            )
            folders.clear()
            continue
        visited.add(real)
        hidden = [name for name in folders if is_hidden(name)]
        ignored.extend(
            IgnoredPath(as_text((current / name).relative_to(root).as_posix()) + "/", HIDDEN) for name in hidden
        )
        visible = sorted(set(folders) - set(hidden))
        pending.extend(current / name for name in visible if (current / name).is_symlink())
        folders[:] = [name for name in visible if not (current / name).is_symlink()]
        for name in sorted(names):
            if (current, name) != (root, LAYOUT_FILE):
                yield current, name


def _refuse(error: OSError) -> NoReturn:
    raise DatasetError(
        f"{error.filename}: expected a folder that can be listed, found: {error.strerror}; "
        "change its permissions or move it out of the dataset"
    ) from error


def is_hidden(name: str) -> bool:
    """Whether the file belongs to the system or a tool."""
    return name.startswith((".", "__MACOSX")) or name in ("Thumbs.db", "desktop.ini")


def files_at(path: Path, endings: Collection[str]) -> list[Path]:
    """The file itself, or the files at the top of a folder, with one of these endings, sorted. Never raises."""
    try:
        entries = sorted(path.iterdir()) if path.is_dir() else [path]
        return [
            entry
            for entry in entries
            if entry.suffix.lower() in endings and not is_hidden(entry.name) and entry.is_file()
        ]
    except OSError:
        return []


def resolve_inside(root: Path, name: str, where: str, folder: Path | None = None) -> Path:
    """The path of `name` relative to `folder`, by default `root`.

    Raises DatasetError, beginning with `where`, if it is not below `root`.
    """
    if "\0" in name or not name.strip():
        raise DatasetError(f"{where}: expected the name of a file, found {name!r}")
    start = (folder or root).relative_to(root).as_posix()
    parts = os.path.normpath(f"{start}/{name}".replace("\\", "/")).split("/")
    if Path(name).is_absolute() or parts[0] == "..":
        raise DatasetError(f"{where}: expected a file inside {root}, found {name!r}; nothing outside it is read")
    return root.joinpath(*parts)


def endings(path: Path) -> str:
    """What a path holds, in words: "3 .txt, 1 .zip"."""
    if not path.is_dir():
        return f"a file {path.suffix}" if path.suffix else "a file without an ending"
    counts: Counter[str] = Counter()
    for (_, name), _ in zip(walk(path, []), range(COUNTED), strict=False):
        counts[as_text(Path(name).suffix.lower()) or "without an ending"] += 1
    if not counts:
        return "an empty folder"
    return "files by ending: " + ", ".join(f"{count} {ending}" for ending, count in counts.most_common(8))


def require_inside(root: Path, path: Path, findings: Collection[str]) -> Path:
    """`path`, if changing the file there changes nothing outside `root`.

    Raises DatasetError for a path behind a link that leads outside.
    """
    if path != root and not path.parent.resolve().is_relative_to(root.resolve()):
        raise DatasetError(
            f"{', '.join(findings)}: {as_text(path.relative_to(root).as_posix())!r} lies behind a link that leads out "
            "of the dataset, where nothing is changed; put a copy of the linked folder in the place of the link"
        )
    return path


def free_path(path: Path) -> Path:
    """`path`, or the first of name-2, name-3, ... that does not exist yet."""
    names = (path.with_name(f"{path.stem}-{number}{path.suffix}") for number in itertools.count(2))
    return next(candidate for candidate in itertools.chain([path], names) if not os.path.lexists(candidate))
