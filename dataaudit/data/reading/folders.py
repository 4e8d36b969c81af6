"""Folders: what lies in them, without following a loop of links and without leaving them."""

import itertools
import os
from collections import Counter
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import NoReturn

from ...dataset import HIDDEN, IgnoredPath, as_text
from ...errors import DatasetError

LAYOUT_FILE = "dataaudit.toml"
"""Describes a folder and is no part of its data."""
COUNTED = 100_000
"""Files that are looked at, at most, to say what a folder holds."""


def walk(root: Path, ignored: list[IgnoredPath]) -> Iterator[tuple[Path, str]]:
    """(folder, file name) of every file below `root`, sorted; linked folders are followed, loops are not.

    Raises DatasetError for a folder that can't be listed.
    """
    seen: set[str] = set()
    waiting = [root]  # links are followed after the folders themselves, which they must not displace
    for folder, folders, names in (found for start in waiting for found in os.walk(start, onerror=_refuse)):
        real = os.path.realpath(folder)
        here = Path(folder)
        if real in seen:
            ignored.append(IgnoredPath(as_text(here.relative_to(root).as_posix()), "a link to a folder already read"))
            folders.clear()
            continue
        seen.add(real)
        hidden = [name for name in folders if is_hidden(name)]
        ignored.extend(
            IgnoredPath(as_text((here / name).relative_to(root).as_posix()) + "/", HIDDEN) for name in hidden
        )
        shown = sorted(set(folders) - set(hidden))
        waiting.extend(here / name for name in shown if (here / name).is_symlink())
        folders[:] = [name for name in shown if not (here / name).is_symlink()]
        for name in sorted(names):
            if (here, name) != (root, LAYOUT_FILE):
                yield here, name


def _refuse(error: OSError) -> NoReturn:
    raise DatasetError(
        f"{error.filename}: expected a folder that can be listed, found: {error.strerror}; "
        "change its permissions or move it out of the dataset"
    ) from error


def is_hidden(name: str) -> bool:
    """Whether a system or a tool put it there for itself."""
    return name.startswith((".", "__MACOSX")) or name in ("Thumbs.db", "desktop.ini")


def files_at(path: Path, endings: Collection[str]) -> list[Path]:
    """The file itself, or the files at the top of a folder, with one of these endings, sorted. Never raises."""
    try:
        found = sorted(path.iterdir()) if path.is_dir() else [path]
        return [one for one in found if one.suffix.lower() in endings and not is_hidden(one.name) and one.is_file()]
    except OSError:
        return []


def inside(root: Path, name: str, where: str, folder: Path | None = None) -> Path:
    """The path that `name` stands for, relative to `folder`, which is `root` if not given.

    Raises DatasetError, beginning with `where`, if that is not below `root`.
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


def own_place(root: Path, path: Path, findings: Collection[str]) -> Path:
    """`path`, once it is sure that changing what lies there changes nothing outside `root`.

    Raises DatasetError for a path behind a link that leads outside.
    """
    if path != root and not path.parent.resolve().is_relative_to(root.resolve()):
        raise DatasetError(
            f"{', '.join(findings)}: {as_text(path.relative_to(root).as_posix())!r} lies behind a link that leads out "
            "of the dataset, where nothing is changed; put a copy of the linked folder in the place of the link"
        )
    return path


def free_place(path: Path) -> Path:
    """`path`, or the first of name-2, name-3, ... where nothing lies yet."""
    names = (path.with_name(f"{path.stem}-{number}{path.suffix}") for number in itertools.count(2))
    return next(one for one in itertools.chain([path], names) if not os.path.lexists(one))
