"""dataaudit.toml in a dataset's folder: its table [layout] describes the folder where names and endings don't tell.

    [layout]
    format = "table"                       # the format to read it in
    label = "income"                       # the column of the targets
    split = "part"                         # the column that names each row's split
    text = ["title", "body"]               # columns that are texts
    drop = ["customer"]                    # columns that are no features
    group = "patient"                      # the column that says which samples belong together, or a pattern of paths
    files = { train = "a.csv", test = ["b.csv", "c.csv"] }

It is read before any format looks at the folder: it says which one to ask, and how, so it can't be one itself. It only
describes: nothing in it is run. Its other tables belong to others.
"""

import difflib
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...dataset import ReadOptions, Split
from ...errors import DatasetError
from .folders import LAYOUT_FILE, resolve_inside
from .splits import SPLIT_NAMES, require_one_name_per_split

KEYS = ("format", "label", "split", "text", "drop", "files", "group")


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
    group: str | None = None

    def reading(self, seed: int, label: str | None, max_rows: int, group: str | None = None) -> ReadOptions:
        """How to read the folder; a label and groups that the user names take precedence over the file's."""
        return ReadOptions(
            seed, label or self.label, max_rows, self.split, self.text, self.drop, self.files, group or self.group
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
        group=_optional_string(path, table, "group"),
    )


def _closest(key: str, candidates: Sequence[str]) -> list[str]:
    return difflib.get_close_matches(key, candidates, 1)


def _optional_string(path: Path, table: Mapping[str, Any], key: str) -> str | None:
    value = table.get(key)
    if value is not None and not isinstance(value, str):
        raise DatasetError(f"{path}: expected a word in quotes for {key!r}, found {value!r}")
    return value


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
