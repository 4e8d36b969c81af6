"""dataaudit.toml in a dataset's folder: its table [layout] describes the folder where names and endings don't tell.

    [layout]
    format = "table"                       # the format to read it in
    label = "income"                       # the column of the targets
    task = "classification"                # what they are: or "regression", "multilabel"
    split = "part"                         # the column that names each row's split
    text = ["title", "body"]               # columns that are texts
    drop = ["customer"]                    # columns that are no features
    group = "patient"                      # the column that says which samples belong together, or a pattern of paths
    files = { train = "a.csv", test = ["b.csv", "c.csv"] }
    header = false                         # whether the first row of a table names its columns
    encoding = "cp1252"                    # of text

It is read before any format looks at the folder: it says which one to ask, and how, so it can't be one itself. It only
describes: nothing in it is run. Its other tables belong to others.
"""

import difflib
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ...dataset import TASKS, ReadOptions, Split, Task, is_encoding
from ...errors import DatasetError
from .folders import LAYOUT_FILE, resolve_inside
from .split_names import SPLIT_NAMES, require_one_name_per_split

KEYS = ("format", "label", "task", "split", "text", "drop", "files", "header", "encoding", "group")


@dataclass(frozen=True)
class FolderLayout:
    """The content of the file; `keys` are those that it has."""

    keys: tuple[str, ...] = ()
    format: str | None = None
    label: str | None = None
    split: str | None = None
    text: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    files: Mapping[Split | None, tuple[Path, ...]] = field(default_factory=dict)
    header: bool | None = None
    encoding: str | None = None
    task: Task | None = None
    group: str | None = None

    def reading(self, named: ReadOptions) -> ReadOptions:
        """How to read the folder; what the user names takes precedence over the file."""
        return replace(
            named,
            label=named.label or self.label,
            task=named.task or self.task,
            header=self.header if named.header is None else named.header,
            encoding=named.encoding or self.encoding,
            group=named.group or self.group,
            split=self.split,
            text=self.text,
            drop=self.drop,
            files=self.files,
        )


def read_layout(folder: Path) -> FolderLayout:
    """The layout that a folder describes; nothing where there is no such file.

    Raises DatasetError for a file that is no TOML, and for an unknown key, naming the nearest known one.
    """
    path = folder / LAYOUT_FILE
    if not folder.is_dir() or not path.is_file():
        return FolderLayout()
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:  # TOML's and Unicode's errors are ValueErrors
        raise DatasetError(f"{path}: not readable as TOML: {error}") from error
    misplaced = [key for key in document if key in KEYS or (key != "layout" and _closest(key, ["layout"]))]
    if misplaced:
        raise DatasetError(
            f"{path}: expected the layout's keys below a line [layout], found {misplaced[0]!r} beside it"
        )
    table = document.get("layout", {})
    if not isinstance(table, dict):
        raise DatasetError(f"{path}: expected a table [layout], found {type(table).__name__}")
    for key in table:
        if key not in KEYS:
            near = _closest(key, KEYS)
            raise DatasetError(
                f"{path}: [layout] has no key {key!r}{f', did you mean {near[0]!r}?' if near else ''}; it describes "
                f"the data and names no code to run; its keys are: {', '.join(KEYS)}"
            )
    return FolderLayout(
        keys=tuple(table),
        format=_optional_string(path, table, "format"),
        label=_optional_string(path, table, "label"),
        split=_optional_string(path, table, "split"),
        text=_strings(path, "text", table.get("text", [])),
        drop=_strings(path, "drop", table.get("drop", [])),
        files=_files(folder, path, table.get("files", {})),
        header=_optional_truth(path, table, "header"),
        encoding=_optional_encoding(path, table, "encoding"),
        task=_task(path, table.get("task")),
        group=_optional_string(path, table, "group"),
    )


def _closest(key: str, candidates: Sequence[str]) -> list[str]:
    return difflib.get_close_matches(key, candidates, 1)


def _optional_string(path: Path, table: Mapping[str, Any], key: str) -> str | None:
    value = table.get(key)
    if value is not None and not isinstance(value, str):
        raise DatasetError(f"{path}: expected a word in quotes for {key!r}, found {value!r}")
    return value


def _optional_truth(path: Path, table: Mapping[str, Any], key: str) -> bool | None:
    value = table.get(key)
    if value is not None and not isinstance(value, bool):
        raise DatasetError(f"{path}: expected true or false for {key!r}, found {value!r}")
    return value


def _optional_encoding(path: Path, table: Mapping[str, Any], key: str) -> str | None:
    name = _optional_string(path, table, key)
    if name is not None and not is_encoding(name):
        raise DatasetError(f"{path}: expected an encoding such as utf-8 or cp1252 for {key!r}, found {name!r}")
    return name


def _task(path: Path, value: Any) -> Task | None:
    if value is not None and value not in TASKS:
        raise DatasetError(f"{path}: expected task = one of {', '.join(TASKS)}, found {value!r}")
    task: Task | None = value
    return task


def _strings(path: Path, key: str, value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,)
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise DatasetError(f"{path}: expected a list of words in quotes for {key!r}, found {value!r}")
    return tuple(value)


def _files(folder: Path, path: Path, table: Any) -> dict[Split | None, tuple[Path, ...]]:
    if not isinstance(table, dict):
        raise DatasetError(f'{path}: expected files = {{ train = "a.csv", test = "b.csv" }}, found {table!r}')
    for name in table:
        if name.lower() not in SPLIT_NAMES:
            raise DatasetError(f"{path}: expected names of splits in files ({', '.join(SPLIT_NAMES)}), found {name!r}")
    require_one_name_per_split(path, list(table), "keys")
    return {
        SPLIT_NAMES[name.lower()]: tuple(_existing_files(folder, path, name, value)) for name, value in table.items()
    }


def _existing_files(folder: Path, path: Path, name: str, value: Any) -> Iterator[Path]:
    for file_name in _strings(path, f"files.{name}", value):
        file = resolve_inside(folder, file_name, f"{path}: files.{name}")
        if not file.is_file():
            raise DatasetError(f"{path}: files.{name} names {file_name!r}, but there is no such file in {folder}")
        yield file
