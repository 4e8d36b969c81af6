"""Rows of files as a dataset: the split of each row, the target column, and texts or columns as inputs."""

import functools
import itertools
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ...dataset import (
    HIDDEN,
    NESTED,
    SPLITS,
    UNREAD,
    Dataset,
    Doubt,
    IgnoredPath,
    Layout,
    ReadOptions,
    Split,
    Track,
    UnreadableSample,
)  # fmt: skip
from ...errors import DatasetError
from ..features.columns import informative_columns
from .copies import equal_rows, unsampled_copies
from .folders import COUNTED, LAYOUT_FILE, is_hidden, walk
from .frames import is_text, is_words, join_texts, row_digests, text_digests, typed
from .groups import column_groups
from .headers import positions, with_named_label
from .json_rows import numbers_as_words
from .label_columns import label_columns, target_values
from .rereading import Rereadings
from .row_files import READERS, read_rows
from .split_columns import split_column, unused_split_columns
from .split_names import note_of_names, parse_split, require_one_name_per_split, splits_of
from .splits import resolve_splits, sample_rows
from .targets import read_targets, require_enough
from .text_files import ending, path_text, unpacked_name

ROWS_ENDINGS = (*READERS, ".json", ".xls", ".xlsx", ".ods", ".feather", ".arrow", ".orc", ".avro", ".sqlite", ".pkl")
"""Endings of files that may hold rows, whether they can be read or not."""


@dataclass(frozen=True)
class Part:
    """The rows of one file or split.

    name    prefix of their ids, `name#row`
    split   None where a column names it, or nothing does
    rows    a column a field, as read
    """

    name: str
    split: Split | None
    rows: pd.DataFrame


def load_files(path: Path, candidates: Sequence[Path], format: str, reading: ReadOptions, track: Track) -> Dataset:
    """Read these files at `path`, or those that `reading` names: one file, or files named by split."""
    files = locate_files(path, candidates, reading)
    notes: list[str] = []
    parts = [
        Part(name, split, read_rows(file, reading, notes))
        for name, split, file in track(iter(files), "reading tables", len(files))
    ]
    reading = with_named_label(path, parts[0].rows, reading)
    if not reading.files:
        notes += note_of_names([_stem(file) for _, split, file in files if split])
    ignored = unread_beside(path, [file for _, _, file in files])
    return assembled(path, parts, "split files", format, reading, notes, ignored)


def locate_files(path: Path, candidates: Sequence[Path], reading: ReadOptions) -> list[tuple[str, Split | None, Path]]:
    """(prefix of ids, split, file) of the files that hold the rows, in the rows' order."""
    files = reading.files or _files_by_split(path, candidates)
    ordered = [(split, file) for split in (*SPLITS, None) for file in files.get(split, ())]
    names = [file.relative_to(path).as_posix() if path.is_dir() else file.name for _, file in ordered]
    return [(path_text(Path(name)), split, file) for name, (split, file) in zip(names, ordered, strict=True)]


def _files_by_split(path: Path, files: Sequence[Path]) -> Mapping[Split | None, Sequence[Path]]:
    stems = [_stem(file) for file in files]
    if len(files) == 1:
        name = parse_split(stems[0])
        return {name.split if name is not None and name.is_plain else None: files}
    splits = splits_of(stems)
    if None in splits:
        listed = ", ".join(path_text(Path(file.name)) for file in files[:8])
        raise DatasetError(
            f"{path}: expected one file, or files named by split such as train.csv and test.csv; found {listed}; "
            "name the file itself, or say in dataaudit.toml which file is which split"
        )
    require_one_name_per_split(path, stems, "files")
    return {split: [file for file, other in zip(files, splits, strict=True) if other == split] for split in splits}


def _stem(file: Path) -> str:
    return Path(unpacked_name(file)).stem


def unread_beside(path: Path, files: Collection[Path]) -> list[IgnoredPath]:
    """What lies beside the files that are read: files that may hold rows, and all others."""
    ignored = []
    for entry in sorted(path.iterdir()) if path.is_dir() else ():
        if entry in files or entry.name == LAYOUT_FILE:
            continue
        name = path_text(Path(entry.name)) + "/" * entry.is_dir()
        if is_hidden(entry.name):
            ignored.append(IgnoredPath(name, HIDDEN))
        else:
            ignored.append(IgnoredPath(name, UNREAD if _may_hold_rows(entry) else "no file of rows"))
    return ignored


def _may_hold_rows(entry: Path) -> bool:
    if entry.is_dir():
        return any(_may_hold_rows(folder / name) for folder, name in itertools.islice(walk(entry, []), COUNTED))
    return ending(entry) in ROWS_ENDINGS and ending(entry) != ".txt"


def assembled(
    path: Path, parts: Sequence[Part], origin: str, format: str, reading: ReadOptions, notes: list[str],
    ignored: Sequence[IgnoredPath] = (), known_labels: Sequence[str] = (),
) -> Dataset:  # fmt: skip
    """Make a dataset of rows: find the target, the splits and the features, in that order.

    The modality is text if every feature is a text: mostly different words that are long or the only feature, or a
    column named as text in `reading`; ids, constant and empty columns are none. Texts of several columns are joined by
    newlines. Rows are equal if they are so without these columns.

    origin         what named the splits of the parts, such as "split files"
    known_labels   columns whose types mark them as labels

    Raises DatasetError if the parts' columns differ, or there is no target, no feature, no training row.
    """
    frame = numbers_as_words(concatenate_parts(path, parts), notes)
    labels = label_columns(frame, reading.label, str(path), known_labels)
    targets = read_targets(target_values(frame, labels, str(path)), str(path), reading.task)
    by_name = "" if reading.label or known_labels else ", by its name (--label names another)"
    notes.append(f"the target is the column {' and '.join(map(repr, labels))}{by_name}; {targets.note}")
    named_splits, split_name, origin = row_splits(path, frame, parts, origin, reading, labels)
    used = {*labels} | ({split_name} if split_name else set())
    notes += [
        f"the column {name!r} names splits and is read as a feature; dataaudit.toml can say [layout] split = {name!r}"
        for name in unused_split_columns(frame, used)
    ]
    groups = column_groups(path, frame, reading.group, used, notes)
    features = _feature_names(path, frame, used | ({groups.name} if groups else set()), reading, notes)
    of_all_rows = functools.cache(lambda: _Typed.of(frame, features))
    copies = functools.cache(lambda: equal_rows(of_all_rows().columns))
    ids = [(part.name, row) for part in parts for row in range(len(part.rows))]
    splits, origin = resolve_splits(
        path, named_splits, targets.strata, origin, "rows", reading.seed, notes,
        lambda: copies().ties, groups,
    )  # fmt: skip
    unusable = np.flatnonzero(~targets.usable)
    rejected = tuple(
        UnreadableSample(f"{ids[row][0]}#{ids[row][1]}", splits[row], "", str(targets.reasons[row]), content)
        for row, content in zip(unusable, text_digests(join_texts(frame[list(features)].iloc[unusable])), strict=True)
    )
    rows = sample_rows(splits, targets.strata, reading, "rows", notes)
    require_enough(path, targets.task, splits[rows], targets.values[rows], rejected, "rows")
    unsampled = unsampled_copies(
        lambda: copies().whole, splits, targets.usable, rows, lambda row: f"{ids[row][0]}#{ids[row][1]}"
    )
    nested: list[IgnoredPath] = []
    columns = of_all_rows() if len(rows) == len(frame) else _Typed.of(frame.iloc[rows], features)
    inputs = _inputs(path, columns, np.flatnonzero(splits[rows] == "train"), reading, notes, nested)
    return Dataset(
        root=path,
        ids=tuple(f"{name}#{row}" for name, row in (ids[i] for i in rows)),
        inputs=inputs.values,
        targets=targets.values[rows],
        splits=splits[rows],
        class_names=targets.class_names,
        contents=inputs.contents,
        sources=(),
        layout=Layout(format, origin, (*ignored, *nested), tuple(notes), inputs.doubts),
        rejected=rejected,
        modality="table" if isinstance(inputs.values, pd.DataFrame) else "text",
        task=targets.task,
        groups=groups and groups.take(rows),
        unsampled=unsampled,
        texts=inputs.texts,
        beside=inputs.beside,
    )


def concatenate_parts(path: Path, parts: Sequence[Part]) -> pd.DataFrame:
    """All rows, one part after another. Raises DatasetError if the parts' columns differ."""
    first = parts[0]
    for part in parts[1:]:
        missing = [name for name in first.rows.columns if name not in part.rows.columns]
        extra = [name for name in part.rows.columns if name not in first.rows.columns]
        if missing or extra:
            raise DatasetError(
                f"{path}: expected the same columns in {first.name} and {part.name}; "
                + "; ".join(
                    f"only in {name}: {', '.join(map(repr, names))}"
                    for name, names in ((first.name, missing), (part.name, extra))
                    if names
                )
                + f". If {part.name} has no labels, move it out of the dataset{_header_hint((first, part))}"
            )
    if len(parts) == 1:
        return first.rows
    # A column that is empty in one part must not decide what type it has in all.
    frames = [part.rows.astype({name: object for name in part.rows if part.rows[name].isna().all()}) for part in parts]
    return pd.concat([frame[list(first.rows.columns)] for frame in frames], ignore_index=True)


def _header_hint(parts: Sequence[Part]) -> str:
    """What to type where some of the parts were read as having no header."""
    headerless = [part.name for part in parts if list(part.rows.columns) == positions(part.rows.shape[1])]
    if not headerless:
        return ""
    return f"; {headerless[0]} seems to have no header: --no-header or --header reads all files alike"


def row_splits(
    path: Path, frame: pd.DataFrame, parts: Sequence[Part], origin: str, reading: ReadOptions, labels: Sequence[str]
) -> tuple[list[Split | None], str | None, str]:
    """(split of every row, split column even where the parts override it, what named the splits)."""
    by_part: list[Split | None] = [part.split for part in parts for _ in range(len(part.rows))]
    column = split_column(path, frame, reading.split, labels)
    if column is None:
        return by_part, None, origin
    if len(set(by_part)) > 1:  # the parts have their splits already
        return by_part, column.name, origin
    return list(column.splits), column.name, column.origin


def _feature_names(
    path: Path, frame: pd.DataFrame, used: set[str], reading: ReadOptions, notes: list[str]
) -> list[str]:
    for name in (*reading.drop, *reading.text):
        if name not in frame.columns or name in used:
            raise DatasetError(f"{path}: dataaudit.toml names the column {name!r}, which is no feature there")
    if reading.drop:
        notes.append(f"left out as dataaudit.toml says: {', '.join(reading.drop)}")
    features = [name for name in frame.columns if name not in used and name not in reading.drop]
    if not features:
        raise DatasetError(f"{path}: expected a column to predict from beside {', '.join(sorted(used))}, found none")
    return features


@dataclass(frozen=True)
class _Typed:
    """Columns in the types that say what they hold, see `frames.typed`, and what they were read as."""

    columns: Mapping[str, "pd.Series[Any] | None"]
    rereadings: Rereadings

    @classmethod
    def of(cls, frame: pd.DataFrame, names: Sequence[str]) -> "_Typed":
        rereadings = Rereadings()
        return cls({name: typed(frame[name].reset_index(drop=True), rereadings) for name in names}, rereadings)


@dataclass(frozen=True)
class _Inputs:
    """What is predicted from: a frame or texts (n,), and their digests.

    texts    columns of the frame that are texts
    beside   what stands beside texts and is no feature
    """

    values: NDArray[np.object_] | pd.DataFrame
    contents: tuple[str, ...]
    doubts: tuple[Doubt, ...]
    texts: tuple[str, ...] = ()
    beside: pd.DataFrame | None = None


def _inputs(
    path: Path, columns: _Typed, train: NDArray[np.int64], reading: ReadOptions, notes: list[str],
    ignored: list[IgnoredPath],
) -> _Inputs:  # fmt: skip
    notes += columns.rereadings.notes
    doubts = tuple(columns.rereadings.doubts)
    nested = [name for name, column in columns.columns.items() if column is None]
    if nested:
        notes.append(f"left out, lists or records: {', '.join(nested)}")
        ignored.extend(IgnoredPath(name, NESTED) for name in nested)
    usable = {name: column for name, column in columns.columns.items() if column is not None}
    if not usable:
        raise DatasetError(
            f"{path}: expected columns of numbers or words, found only lists or records: {', '.join(nested)}"
        )
    texts = [
        name
        for name, column in usable.items()
        if name in reading.text or is_text(column) or (len(usable) == 1 and is_words(column))
    ]
    # A dict of series that share an index: no value is copied into blocks twice.
    frame = pd.DataFrame(usable)
    informative = [str(frame.columns[place]) for place in informative_columns(frame, train)]
    if not texts or not {*informative} <= {*texts}:
        if texts:
            notes.append(f"columns of text: {', '.join(texts)}; a model sees their words beside the other columns")
        # What is named as text is one, even if it looks like an id.
        compared = [name for name in usable if name in informative or name in texts]
        return _Inputs(frame, row_digests(frame[compared or list(usable)]), doubts, tuple(texts))
    notes.append(f"the text is the column {texts[0]!r}" if len(texts) == 1 else f"texts joined: {', '.join(texts)}")
    beside = [name for name in usable if name not in texts]
    if beside:
        notes.append(f"ids, constant and empty columns beside the text are no features: {', '.join(beside)}")
    joined_texts = join_texts(frame[texts])
    return _Inputs(joined_texts, text_digests(joined_texts), doubts, beside=frame[beside] if beside else None)
