"""Edits of rows in the files that hold them."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from ...dataset import Edit, ReadOptions
from ...errors import DatasetError
from .folders import require_inside
from .headers import with_named_label
from .label_columns import label_columns, target_values
from .raw_rows import RawRows, raw_rows_of
from .row_files import read_rows
from .spelling import spell_label, spell_mark
from .split_columns import split_column
from .tables import Part, concatenate_parts, locate_files, row_splits
from .targets import read_targets


@dataclass(frozen=True)
class RowFiles:
    """Files of rows, and the roles of their columns.

    parts     as they were read, under the names that ids begin with
    paths     each part's file, by the part's name
    labels    the column of the targets, or those of zeros and ones for each label of a set
    columns   the file's own name of a column, where it has another in `parts`
    split     the column that names splits; None where the parts do, or nothing does
    """

    root: Path
    parts: Sequence[Part]
    paths: Mapping[str, Path]
    frame: pd.DataFrame
    labels: Sequence[str]
    split: str | None
    columns: Mapping[str, str] = field(default_factory=dict)
    reading: ReadOptions = field(default_factory=ReadOptions)

    def column(self, name: str) -> str:
        """A column's name in the files."""
        return self.columns.get(name, name)

    def raw(self) -> dict[str, RawRows]:
        """The raw rows of each file. Raises DatasetError for one whose rows can't be told apart safely."""
        raw_rows = {name: raw_rows_of(path, self.reading) for name, path in self.paths.items()}
        for part in self.parts:
            if len(raw_rows[part.name]) != len(part.rows):
                raise DatasetError(
                    f"{self.paths[part.name]}: expected {len(part.rows)} rows, found {len(raw_rows[part.name])} "
                    "records; save the file again with a plain line end behind each row"
                )
        return raw_rows


def describe_files(
    root: Path,
    parts: Sequence[Part],
    paths: Mapping[str, Path],
    reading: ReadOptions,
    known_labels: Sequence[str] = (),
    columns: Mapping[str, str] | None = None,
) -> RowFiles:
    """The roles of the parts' columns, determined as in `tables.assembled`."""
    frame = concatenate_parts(root, parts)
    labels = label_columns(frame, reading.label, str(root), known_labels)
    split_name = row_splits(root, frame, parts, "", reading, labels)[1]
    by_parts = len({part.split for part in parts}) > 1
    return RowFiles(root, parts, paths, frame, labels, None if by_parts else split_name, columns or {}, reading)


def rewrite_files(path: Path, candidates: Sequence[Path], reading: ReadOptions, edits: Mapping[str, Edit]) -> None:
    """Edit the files that `tables.load_files` reads."""
    located = locate_files(path, candidates, reading)
    parts = [Part(name, split, read_rows(file, reading)) for name, split, file in located]
    reading = with_named_label(path, parts[0].rows, reading)
    files = describe_files(path, parts, {name: file for name, _, file in located}, reading)
    edit_rows(files, files.raw(), edits)


def edit_rows(
    files: RowFiles, raw: Mapping[str, RawRows], edits: Mapping[str, Edit], cells: Mapping[str, Mapping[str, str]] = {}
) -> None:
    """Make the edits by `name#row`, and write the files that they change.

    cells   words to put into other columns of rows

    Raises DatasetError for an edit that the files can't take, naming the findings.
    """
    ids = [f"{part.name}#{row}" for part in files.parts for row in range(len(part.rows))]
    position = {id: i for i, id in enumerate(ids)}
    speller = _Speller(files, raw)
    split_spellings = _split_spellings(files, raw)
    removed: dict[str, set[int]] = defaultdict(set)
    moved_in: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    changed = set()
    for id in sorted(edits, key=position.__getitem__):
        edit, (name, row) = edits[id], _name_and_row(id)
        changed.add(name)
        require_inside(files.root, files.paths[name], edit.findings)
        if edit.label is not None:
            for column, value in speller.cells(name, edit.label, edit.findings).items():
                raw[name].put(row, column, value)
        for column, value in cells.get(id, {}).items():
            raw[name].put(row, files.column(column), value)
        if edit.split is not None and files.split is not None:
            raw[name].put(row, files.column(files.split), split_spellings[edit.split])
        elif edit.split is not None:
            target = next(part.name for part in files.parts if part.split == edit.split)
            changed.add(target)
            require_inside(files.root, files.paths[target], edit.findings)
            _require_same_kind(files, raw, name, target, edit)
            moved_in[target][name].append(row)
            removed[name].add(row)
        if edit.remove:
            removed[name].add(row)
    for name in sorted(changed):
        incoming = [(raw[source], rows) for source, rows in moved_in[name].items()]
        kept_rows = [row for row in range(len(raw[name])) if row not in removed[name]]
        raw[name].write(files.paths[name], kept_rows, incoming)


def _name_and_row(id: str) -> tuple[str, int]:
    name, _, row = id.rpartition("#")
    return name, int(row)


def _split_spellings(files: RowFiles, raw: Mapping[str, RawRows]) -> dict[str, Any]:
    """The first value of each split in the split column, as the files spell it."""
    if files.split is None:
        return {}
    column = split_column(files.root, files.frame, files.split, ())
    values = [value for part in files.parts for value in raw[part.name].values(files.column(files.split))]
    spellings: dict[str, Any] = {}
    for split, value in zip(column.splits if column else (), values, strict=True):
        spellings.setdefault(split, value)
    return spellings


class _Speller:
    """Spells labels as the files do."""

    def __init__(self, files: RowFiles, raw: Mapping[str, RawRows]) -> None:
        self.raw = raw
        self.label_columns = {name: files.column(name) for name in files.labels}
        values = target_values(files.frame, files.labels, str(files.root))
        self.targets = read_targets(values, str(files.root), files.reading.task)
        self.labels = {name: rows.values(self.label_columns[files.labels[0]]) for name, rows in raw.items()}
        sizes = [len(part.rows) for part in files.parts]
        self.starts = {part.name: sum(sizes[:i]) for i, part in enumerate(files.parts)}
        self.stored: dict[str, dict[int, Any]] = {}
        self.spellings: dict[tuple[str, tuple[str, ...]], Any] = {}

    def cells(self, name: str, label: tuple[str, ...], findings: Sequence[str]) -> dict[str, Any]:
        """The cells of a row with this label, by column of this file."""
        if len(self.label_columns) == 1:
            return dict.fromkeys(self.label_columns.values(), self.value(name, label, findings))
        return {
            column: spell_mark(label_name in label, self.raw[name].values(column))
            for label_name, column in self.label_columns.items()
        }

    def value(self, name: str, label: tuple[str, ...], findings: Sequence[str]) -> Any:
        """The label as this file spells it. Raises DatasetError where no file of its kind has such a label."""
        if name not in self.stored:
            self.stored[name] = self._stored_targets(name)
        try:
            if (name, label) not in self.spellings:
                self.spellings[name, label] = spell_label(label, self.targets, self.stored[name])
        except StopIteration as error:
            raise DatasetError(
                f"{', '.join(findings)}: no file of this kind says how it spells the label {', '.join(label)!r}; save "
                "all splits as files of one kind"
            ) from error
        return self.spellings[name, label]

    def _stored_targets(self, name: str) -> dict[int, Any]:
        """The stored targets of files of the same kind, by position among all rows, those of the file itself first."""
        same_kind = [other for other in self.raw if other != name and type(self.raw[other]) is type(self.raw[name])]
        return {
            self.starts[rows] + row: value for rows in (name, *same_kind) for row, value in enumerate(self.labels[rows])
        }


def _require_same_kind(files: RowFiles, raw: Mapping[str, RawRows], name: str, target: str, edit: Edit) -> None:
    if type(raw[name]) is not type(raw[target]):
        raise DatasetError(
            f"{', '.join(edit.findings)}: rows can't be moved from {name} to {target}, a file of another kind; remove "
            "them instead, or save both as files of one kind"
        )
