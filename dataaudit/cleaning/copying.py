"""A complete copy of a dataset to make changes in, so that the dataset itself stays as it is."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from ..dataset import Track, as_text


def copy_dataset(source: Path, target: Path, track: Track) -> tuple[str, ...]:
    """Copy a file, or a folder with everything in it, byte for byte; notes on what could not be copied so.

    A link to a file inside the folder becomes that file, one to a folder inside it stays a link to the copy's own
    folder. A link that leads outside stays a link, to the same place: nothing outside the folder is copied.
    """
    if not source.is_dir():
        shutil.copy2(source, target)
        return ()
    source = source.resolve()
    target.mkdir()
    notes: list[str] = []
    entries = [
        entry for folder in _folders(source) for entry in sorted(os.scandir(folder), key=lambda entry: entry.name)
    ]
    for entry in track(iter(entries), "copying", len(entries)):
        path = Path(entry.path)
        destination = target / path.relative_to(source)
        if entry.is_symlink():
            notes.extend(_copy_link(source, path, target, destination))
        elif entry.is_dir():
            destination.mkdir()
        elif entry.is_file():
            shutil.copy2(path, destination)
        else:
            notes.append(f"left out, since it is no regular file: {_relative(source, path)}")
    return tuple(notes)


def _folders(source: Path) -> Iterator[str]:
    """All folders, outer ones first; links to folders are not entered."""

    def refuse(error: OSError) -> None:
        raise error

    for folder, _, _ in os.walk(source, onerror=refuse):
        yield folder


def _copy_link(source: Path, link: Path, target: Path, destination: Path) -> Iterator[str]:
    resolved = Path(os.path.realpath(link))
    if not resolved.is_relative_to(source):
        destination.symlink_to(link.parent / link.readlink())
        yield f"stays a link, since it leads outside: {_relative(source, link)}"
    elif resolved.is_file():
        shutil.copy2(resolved, destination)
    elif resolved.is_dir():
        destination.symlink_to(os.path.relpath(target / resolved.relative_to(source), destination.parent))
    else:
        yield f"left out, a link to nothing: {_relative(source, link)}"


def _relative(source: Path, path: Path) -> str:
    return as_text(path.relative_to(source).as_posix())
