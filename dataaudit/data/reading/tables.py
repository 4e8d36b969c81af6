"""Rows of files as a dataset: the split of each row, the target column, and texts or columns as inputs."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ...dataset import SPLITS, Dataset, Doubt, IgnoredPath, Layout, ReadOptions, Split, Track, UnreadableSample
from ...errors import DatasetError
from ..features.columns import informative_columns
from .folders import files_at
from .frames import is_text, is_words, join_texts, row_digests, text_digests, typed
from .rereading import Rereadings
from .row_files import path_text, read_rows
from .splits import SPLIT_NAMES, resolve_splits, sample_rows, split_column
from .targets import label_column, read_targets, require_enough

PART = re.compile(r"(?P<name>[a-z]+)[-_.]?\d[\d\-_.of]*", re.IGNORECASE)
"""One of several files of a split, such as train-00000-of-00002."""


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


def load_files(path: Path, endings: Sequence[str], format: str, reading: ReadOptions, track: Track) -> Dataset:
    """Read the files at `path` with one of these endings: one file, or files named by split."""
    files = locate_files(path, endings, reading)
    parts = [
        Part(name, split, read_rows(file)) for name, split, file in track(iter(files), "reading tables", len(files))
    ]
    return assembled(path, parts, "split files", format, reading, [])


def locate_files(path: Path, endings: Sequence[str], reading: ReadOptions) -> list[tuple[str, Split | None, Path]]:
    """(prefix of ids, split, file) of the files that hold the rows, in the rows' order."""
    files = reading.files or _files_by_split(path, files_at(path, endings))
    ordered = [(split, file) for split in (*SPLITS, None) for file in files.get(split, ())]
    names = [file.relative_to(path).as_posix() if path.is_dir() else file.name for _, file in ordered]
    return [(path_text(Path(name)), split, file) for name, (split, file) in zip(names, ordered, strict=True)]


def _files_by_split(path: Path, files: Sequence[Path]) -> Mapping[Split | None, Sequence[Path]]:
    by_name: dict[str, list[Path]] = {}
    for file in files:
        part = PART.fullmatch(file.stem)
        name = part["name"].lower() if part else file.stem.lower()
        by_name.setdefault(name, []).append(file)
    splits = {name: members for name, members in by_name.items() if name in SPLIT_NAMES}
    if len(files) == 1:
        return {SPLIT_NAMES[next(iter(splits))] if splits else None: files}
    listed = ", ".join(path_text(Path(file.name)) for file in files[:8])
    unassigned = [file for name, members in by_name.items() if name not in splits for file in members]
    if unassigned:
        raise DatasetError(
            f"{path}: expected one file, or files named by split such as train.csv and test.csv; found {listed}; "
            "name the file itself, or say in dataaudit.toml which file is which split"
        )
    by_split: dict[Split | None, Sequence[Path]] = {}
    for name, members in splits.items():
        split = SPLIT_NAMES[name]
        unnumbered = [file for file in members if not PART.fullmatch(file.stem)]
        if split in by_split or (unnumbered and len(members) > 1):
            raise DatasetError(f"{path}: several files name the {split} split: {listed}; keep one")
        by_split[split] = members
    return by_split


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
    frame = concatenate_parts(path, parts)
    columns = list(frame.columns)
    label = label_column(columns, reading.label, str(path), known_labels)
    targets = read_targets(frame[label], str(path))
    notes.append(f"the target is the column {label!r}; {targets.note}")
    named_splits, split_name, origin = row_splits(path, frame, parts, origin, reading, label)
    features = _feature_names(path, frame, {label} | ({split_name} if split_name else set()), reading, notes)
    ids = [(part.name, row) for part in parts for row in range(len(part.rows))]
    splits, origin = resolve_splits(path, named_splits, targets.strata, origin, "rows", reading.seed, notes)
    unusable = np.flatnonzero(~targets.usable)
    rejected = tuple(
        UnreadableSample(f"{ids[row][0]}#{ids[row][1]}", splits[row], "", str(targets.reasons[row]), content)
        for row, content in zip(unusable, text_digests(join_texts(frame[list(features)].iloc[unusable])), strict=True)
    )
    rows = sample_rows(splits, targets.strata, reading, "rows", notes)
    require_enough(path, targets.task, splits[rows], targets.values[rows], rejected, "rows")
    usable_columns = {name: frame[name].iloc[rows] for name in features}
    inputs = _inputs(path, usable_columns, np.flatnonzero(splits[rows] == "train"), reading, notes)
    return Dataset(
        root=path,
        ids=tuple(f"{name}#{row}" for name, row in (ids[i] for i in rows)),
        inputs=inputs.values,
        targets=targets.values[rows],
        splits=splits[rows],
        class_names=targets.class_names,
        contents=inputs.contents,
        sources=(),
        layout=Layout(format, origin, tuple(ignored), tuple(notes), inputs.doubts),
        rejected=rejected,
        modality="table" if isinstance(inputs.values, pd.DataFrame) else "text",
        task=targets.task,
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
                + f". If {part.name} has no labels, move it out of the dataset"
            )
    if len(parts) == 1:
        return first.rows
    # A column that is empty in one part must not decide what type it has in all.
    frames = [part.rows.astype({name: object for name in part.rows if part.rows[name].isna().all()}) for part in parts]
    return pd.concat([frame[list(first.rows.columns)] for frame in frames], ignore_index=True)


def row_splits(
    path: Path, frame: pd.DataFrame, parts: Sequence[Part], origin: str, reading: ReadOptions, label: str
) -> tuple[list[Split | None], str | None, str]:
    """(split of every row, split column even where the parts override it, what named the splits)."""
    by_part: list[Split | None] = [part.split for part in parts for _ in range(len(part.rows))]
    column = split_column(path, frame, reading.split, {label})
    if column is None:
        return by_part, None, origin
    if len(set(by_part)) > 1:  # the parts have their splits already
        return by_part, column.name, origin
    return list(column.splits), column.name, f"split column {column.name!r}"


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
class _Inputs:
    """What is predicted from: a frame or texts (n,), their digests, and what stands beside texts and is no feature."""

    values: NDArray[np.object_] | pd.DataFrame
    contents: tuple[str, ...]
    doubts: tuple[Doubt, ...]
    beside: pd.DataFrame | None = None


def _inputs(
    path: Path, columns: Mapping[str, "pd.Series[Any]"], train: NDArray[np.int64], reading: ReadOptions,
    notes: list[str],
) -> _Inputs:  # fmt: skip
    rereadings = Rereadings()
    typed_columns = {name: typed(column.reset_index(drop=True), rereadings) for name, column in columns.items()}
    notes += rereadings.notes
    doubts = tuple(rereadings.doubts)
    nested = [name for name, column in typed_columns.items() if column is None]
    if nested:
        notes.append(f"left out, lists or records: {', '.join(nested)}")
    usable = {name: column for name, column in typed_columns.items() if column is not None}
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
            notes.append(f"columns of text: {', '.join(texts)}")
        return _Inputs(frame, row_digests(frame[informative or list(usable)]), doubts)
    notes.append(f"the text is the column {texts[0]!r}" if len(texts) == 1 else f"texts joined: {', '.join(texts)}")
    beside = [name for name in usable if name not in texts]
    if beside:
        notes.append(f"ids, constant and empty columns beside the text are no features: {', '.join(beside)}")
    joined_texts = join_texts(frame[texts])
    return _Inputs(joined_texts, text_digests(joined_texts), doubts, frame[beside] if beside else None)
