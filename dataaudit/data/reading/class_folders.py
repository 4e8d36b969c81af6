"""Samples that are files in class folders, alone or inside split folders."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...dataset import Edit, Split, as_text
from .folders import free_path, require_inside


@dataclass(frozen=True)
class ClassFile:
    """One sample.

    id        its path in the dataset
    folders   the split's, where there are any, and the class's
    """

    path: Path
    id: str
    split: Split | None
    folders: tuple[str, ...]

    @property
    def label(self) -> str:
        """The name of the class's folder."""
        return as_text(self.folders[-1])


def edit_files(copy: Path, files: Sequence[ClassFile], edits: Mapping[str, Edit]) -> dict[str, str]:
    """Remove files, and move them to the folder of another class or split; a name that is taken gets a number.

    Returns the new ids of those that were moved.
    """
    by_id = {file.id: file for file in files}
    classes = {file.label: file.folders[-1] for file in files}
    splits = {file.split: file.folders[0] for file in files if file.split}
    renamed: dict[str, str] = {}
    for id, edit in sorted(edits.items(), key=lambda item: (not item[1].remove, item[0])):
        file = by_id[id]
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
