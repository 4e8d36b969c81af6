"""dataaudit.toml in a dataset's folder: its table [layout] describes the folder where names and endings don't tell.

    [layout]
    format = "table"                       # the format to read it in
    label = "income"                       # the column of the targets
    split = "part"                         # the column that names each row's split
    text = ["title", "body"]               # columns that are texts
    drop = ["customer"]                    # columns that are no features
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
from .folders import LAYOUT_FILE, inside
from .splits import SPLIT_NAMES, one_name_a_split

KEYS = ("format", "label", "split", "text", "drop", "files")


@dataclass(frozen=True)
class FolderLayout:
    """What the file says; `keys` are those that it holds."""

    keys: tuple[str, ...] = ()
    format: str | None = None
    label: str | None = None
    split: str | None = None
    text: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    files: Mapping[Split | None, tuple[Path, ...]] = field(default_factory=dict)

    def reading(self, seed: int, label: str | None, most: int) -> ReadOptions:
        """How to read the folder; a label that the user names goes before the file's."""
        return ReadOptions(seed, label or self.label, most, self.split, self.text, self.drop, self.files)


def read_layout(folder: Path) -> FolderLayout:
    """The layout that a folder describes; nothing where there is no such file.

    Raises DatasetError for a file that is no TOML, and for an unknown key, naming the nearest known one.
    """
    path = folder / LAYOUT_FILE
    if not folder.is_dir() or not path.is_file():
        return FolderLayout()
    try:
        whole = tomllib.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:  # TOML's and Unicode's errors are ValueErrors
        raise DatasetError(f"{path}: not readable as TOML: {error}") from error
    astray = [key for key in whole if key in KEYS or (key != "layout" and _near(key, ["layout"]))]
    if astray:
        raise DatasetError(f"{path}: expected the layout's keys below a line [layout], found {astray[0]!r} beside it")
    found = whole.get("layout", {})
    if not isinstance(found, dict):
        raise DatasetError(f"{path}: expected a table [layout], found {type(found).__name__}")
    for key in found:
        if key not in KEYS:
            near = _near(key, KEYS)
            raise DatasetError(
                f"{path}: [layout] has no key {key!r}{f', did you mean {near[0]!r}?' if near else ''}; it describes "
                f"the data and names no code to run; its keys are: {', '.join(KEYS)}"
            )
    return FolderLayout(
        keys=tuple(found),
        format=_word(path, found, "format"),
        label=_word(path, found, "label"),
        split=_word(path, found, "split"),
        text=_words(path, "text", found.get("text", [])),
        drop=_words(path, "drop", found.get("drop", [])),
        files=_files(folder, path, found.get("files", {})),
    )


def _near(key: str, known: Sequence[str]) -> list[str]:
    return difflib.get_close_matches(key, known, 1)


def _word(path: Path, found: Mapping[str, Any], key: str) -> str | None:
    value = found.get(key)
    if value is not None and not isinstance(value, str):
        raise DatasetError(f"{path}: expected a word in quotes for {key!r}, found {value!r}")
    return value


def _words(path: Path, key: str, value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,)
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise DatasetError(f"{path}: expected a list of words in quotes for {key!r}, found {value!r}")
    return tuple(value)


def _files(folder: Path, path: Path, found: Any) -> dict[Split | None, tuple[Path, ...]]:
    if not isinstance(found, dict):
        raise DatasetError(f'{path}: expected files = {{ train = "a.csv", test = "b.csv" }}, found {found!r}')
    for name in found:
        if name.lower() not in SPLIT_NAMES:
            raise DatasetError(f"{path}: expected names of splits in files ({', '.join(SPLIT_NAMES)}), found {name!r}")
    one_name_a_split(path, list(found), "keys")
    return {SPLIT_NAMES[name.lower()]: tuple(_each(folder, path, name, value)) for name, value in found.items()}


def _each(folder: Path, path: Path, name: str, value: Any) -> Iterator[Path]:
    for one in _words(path, f"files.{name}", value):
        file = inside(folder, one, f"{path}: files.{name}")
        if not file.is_file():
            raise DatasetError(f"{path}: files.{name} names {one!r}, but there is no such file in {folder}")
        yield file
