"""Edits of rows in the files that hold them."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from ...dataset import Edit, ReadOptions
from ...errors import DatasetError
from .folders import own_place
from .raw_rows import KINDS, RawRows
from .row_files import read_rows
from .spelling import spelt
from .splits import SPLIT_NAMES
from .tables import Part, located, named_splits, together
from .targets import label_column, read_targets


@dataclass(frozen=True)
class RowFiles:
    """Files of rows, and what their columns are.

    parts     as they were read, under the names that ids begin with
    paths     by name, where each part lies
    columns   the file's own name of a column, where it has another in `parts`
    split     the column that names splits; None where the parts do, or nothing does
    """

    root: Path
    parts: Sequence[Part]
    paths: Mapping[str, Path]
    frame: pd.DataFrame
    label: str
    split: str | None
    columns: Mapping[str, str] = field(default_factory=dict)

    def column(self, name: str) -> str:
        """What a column is called in the files."""
        return self.columns.get(name, name)

    def raw(self) -> dict[str, RawRows]:
        """The files' own rows. Raises DatasetError for one whose rows can't be told apart safely."""
        found: dict[str, RawRows] = {name: KINDS[path.suffix.lower()](path) for name, path in self.paths.items()}
        for part in self.parts:
            if len(found[part.name]) != len(part.rows):
                raise DatasetError(
                    f"{self.paths[part.name]}: expected {len(part.rows)} rows, found {len(found[part.name])} records; "
                    "save the file again with a plain line end behind each row"
                )
        return found


def files_of(
    root: Path,
    parts: Sequence[Part],
    paths: Mapping[str, Path],
    reading: ReadOptions,
    known_labels: Sequence[str] = (),
    columns: Mapping[str, str] | None = None,
) -> RowFiles:
    """What the columns of these parts are, told as `tables.assembled` tells it."""
    frame = together(root, parts)
    label = label_column(list(frame.columns), reading.label, str(root), known_labels)
    said_by = named_splits(root, frame, parts, "", reading, label)[1]
    by_parts = len({part.split for part in parts}) > 1
    return RowFiles(root, parts, paths, frame, label, None if by_parts else said_by, columns or {})


def rewrite_files(path: Path, endings: Sequence[str], reading: ReadOptions, edits: Mapping[str, Edit]) -> None:
    """Edit the files that `tables.load_files` reads."""
    given = located(path, endings, reading)
    parts = [Part(name, split, read_rows(file)) for name, split, file in given]
    files = files_of(path, parts, {name: file for name, _, file in given}, reading)
    edit_rows(files, files.raw(), edits)


def edit_rows(
    files: RowFiles, raw: Mapping[str, RawRows], edits: Mapping[str, Edit], cells: Mapping[str, Mapping[str, str]] = {}
) -> None:
    """Make the edits by `name#row`, and write the files that they change.

    cells   words to put into other columns of rows

    Raises DatasetError for an edit that the files can't take, naming the findings.
    """
    ids = [f"{part.name}#{row}" for part in files.parts for row in range(len(part.rows))]
    place = {id: at for at, id in enumerate(ids)}
    speller = _Speller(files, raw)
    spelt_splits = _spelt_splits(files)
    leaving: dict[str, set[int]] = defaultdict(set)
    coming: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    changed = set()
    for id in sorted(edits, key=place.__getitem__):
        edit, (name, row) = edits[id], _name_and_row(id)
        changed.add(name)
        own_place(files.root, files.paths[name], edit.findings)
        if edit.label is not None:
            raw[name].put(row, files.column(files.label), speller.value(name, edit.label, edit.findings))
        for column, value in cells.get(id, {}).items():
            raw[name].put(row, files.column(column), value)
        if edit.split is not None and files.split is not None:
            raw[name].put(row, files.column(files.split), spelt_splits[edit.split])
        elif edit.split is not None:
            target = next(part.name for part in files.parts if part.split == edit.split)
            changed.add(target)
            own_place(files.root, files.paths[target], edit.findings)
            _require_same_kind(files, raw, name, target, edit)
            coming[target][name].append(row)
            leaving[name].add(row)
        if edit.remove:
            leaving[name].add(row)
    for name in sorted(changed):
        more = [(raw[other], rows) for other, rows in coming[name].items()]
        kept = [row for row in range(len(raw[name])) if row not in leaving[name]]
        raw[name].write(files.paths[name], kept, more)


def _name_and_row(id: str) -> tuple[str, int]:
    name, _, row = id.rpartition("#")
    return name, int(row)


def _spelt_splits(files: RowFiles) -> dict[str, Any]:
    """How the column of splits spells each of them first."""
    found: dict[str, Any] = {}
    for word in () if files.split is None else files.frame[files.split].unique():
        found.setdefault(SPLIT_NAMES[str(word).strip().lower()], word)
    return found


class _Speller:
    """Spells labels as the files do."""

    def __init__(self, files: RowFiles, raw: Mapping[str, RawRows]) -> None:
        self.raw = raw
        self.targets = read_targets(files.frame[files.label], str(files.root))
        self.labels = {name: one.values(files.column(files.label)) for name, one in raw.items()}
        sizes = [len(part.rows) for part in files.parts]
        self.starts = {part.name: sum(sizes[:at]) for at, part in enumerate(files.parts)}
        self.stored: dict[str, dict[int, Any]] = {}
        self.known: dict[tuple[str, tuple[str, ...]], Any] = {}

    def value(self, name: str, label: tuple[str, ...], findings: Sequence[str]) -> Any:
        """What a row of this file is to hold. Raises DatasetError where no file of its kind has such a label."""
        if name not in self.stored:
            self.stored[name] = self._stored(name)
        try:
            if (name, label) not in self.known:
                self.known[name, label] = spelt(label, self.targets, self.stored[name])
        except StopIteration as error:
            raise DatasetError(
                f"{', '.join(findings)}: no file of this kind says how it spells the label {', '.join(label)!r}; save "
                "all splits as files of one kind"
            ) from error
        return self.known[name, label]

    def _stored(self, name: str) -> dict[int, Any]:
        """What files of the same kind hold as targets, by place among all rows, those of the file itself first."""
        same = [other for other in self.raw if other != name and type(self.raw[other]) is type(self.raw[name])]
        return {self.starts[one] + row: value for one in (name, *same) for row, value in enumerate(self.labels[one])}


def _require_same_kind(files: RowFiles, raw: Mapping[str, RawRows], name: str, target: str, edit: Edit) -> None:
    if type(raw[name]) is not type(raw[target]):
        raise DatasetError(
            f"{', '.join(edit.findings)}: rows can't be moved from {name} to {target}, a file of another kind; remove "
            "them instead, or save both as files of one kind"
        )
