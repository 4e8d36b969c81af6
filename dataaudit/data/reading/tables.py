"""Rows of files as a dataset: which split each is in, which column is the target, texts or columns as inputs."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ...dataset import SPLITS, Dataset, IgnoredPath, Layout, ReadOptions, Split, Track, UnreadableSample
from ...errors import DatasetError
from .folders import files_at
from .frames import is_text, is_words, joined, row_digests, text_digests, typed
from .row_files import read_rows, shown
from .splits import SPLIT_NAMES, sampled, settled, split_column
from .targets import label_column, read_targets, require_enough

PART = re.compile(r"(?P<name>[a-z]+)[-_.]?\d[\d\-_.of]*", re.IGNORECASE)
"""One of several files of a split, such as train-00000-of-00002."""


@dataclass(frozen=True)
class Part:
    """Rows that lie together.

    name    what their ids begin with, `name#row`
    split   None where a column says it, or nothing does
    rows    a column a field, as read
    """

    name: str
    split: Split | None
    rows: pd.DataFrame


def load_files(path: Path, endings: Sequence[str], format: str, reading: ReadOptions, track: Track) -> Dataset:
    """Read the files at `path` with one of these endings: one file, or files named by split."""
    given = located(path, endings, reading)
    parts = [
        Part(name, split, read_rows(file)) for name, split, file in track(iter(given), "reading tables", len(given))
    ]
    return assembled(path, parts, "split files", format, reading, [])


def located(path: Path, endings: Sequence[str], reading: ReadOptions) -> list[tuple[str, Split | None, Path]]:
    """(name that ids begin with, split, file) of the files that hold the rows, in the rows' order."""
    files = reading.files or _by_split(path, files_at(path, endings))
    given = [(split, file) for split in (*SPLITS, None) for file in files.get(split, ())]
    names = [file.relative_to(path).as_posix() if path.is_dir() else file.name for _, file in given]
    return [(shown(Path(name)), split, file) for name, (split, file) in zip(names, given, strict=True)]


def _by_split(path: Path, files: Sequence[Path]) -> Mapping[Split | None, Sequence[Path]]:
    named: dict[str, list[Path]] = {}
    for file in files:
        part = PART.fullmatch(file.stem)
        name = part["name"].lower() if part else file.stem.lower()
        named.setdefault(name, []).append(file)
    splits = {name: those for name, those in named.items() if name in SPLIT_NAMES}
    if len(files) == 1:
        return {SPLIT_NAMES[next(iter(splits))] if splits else None: files}
    listed = ", ".join(shown(Path(file.name)) for file in files[:8])
    others = [file for name, those in named.items() if name not in splits for file in those]
    if others:
        raise DatasetError(
            f"{path}: expected one file, or files named by split such as train.csv and test.csv; found {listed}; "
            "name the file itself, or say in dataaudit.toml which file is which split"
        )
    found: dict[Split | None, Sequence[Path]] = {}
    for name, those in splits.items():
        split = SPLIT_NAMES[name]
        whole = [file for file in those if not PART.fullmatch(file.stem)]
        if split in found or (whole and len(those) > 1):
            raise DatasetError(f"{path}: several files name the {split} split: {listed}; keep one")
        found[split] = those
    return found


def assembled(
    path: Path, parts: Sequence[Part], origin: str, format: str, reading: ReadOptions, notes: list[str],
    ignored: Sequence[IgnoredPath] = (), known_labels: Sequence[str] = (),
) -> Dataset:  # fmt: skip
    """Make a dataset of rows: find the target, the splits and the features, in that order.

    The modality is text if every feature is one: words that are mostly different, and long, or the only feature there
    is, or named as text in `reading`. Texts of several columns are joined by newlines.

    origin         what named the splits of the parts, such as "split files"
    known_labels   columns whose types mark them as labels

    Raises DatasetError if the parts' columns differ, or there is no target, no feature, no training row.
    """
    frame = together(path, parts)
    columns = list(frame.columns)
    label = label_column(columns, reading.label, str(path), known_labels)
    targets = read_targets(frame[label], str(path))
    notes.append(f"the target is the column {label!r}; {targets.note}")
    named, said_by, origin = named_splits(path, frame, parts, origin, reading, label)
    features = _features(path, frame, {label} | ({said_by} if said_by else set()), reading, notes)
    ids = [(part.name, row) for part in parts for row in range(len(part.rows))]
    splits, origin = settled(path, named, targets.strata, origin, "rows", reading.seed, notes)
    unusable = np.flatnonzero(~targets.usable)
    rejected = tuple(
        UnreadableSample(f"{ids[row][0]}#{ids[row][1]}", splits[row], "", str(targets.reasons[row]), content)
        for row, content in zip(unusable, text_digests(joined(frame[list(features)].iloc[unusable])), strict=True)
    )
    rows = sampled(splits, targets.strata, reading, "rows", notes)
    require_enough(path, targets.task, splits[rows], targets.values[rows], rejected, "rows")
    inputs, contents = _inputs(path, {name: frame[name].iloc[rows] for name in features}, reading, notes)
    return Dataset(
        root=path,
        ids=tuple(f"{name}#{row}" for name, row in (ids[at] for at in rows)),
        inputs=inputs,
        targets=targets.values[rows],
        splits=splits[rows],
        class_names=targets.class_names,
        contents=contents,
        sources=(),
        layout=Layout(format, origin, tuple(ignored), tuple(notes)),
        rejected=rejected,
        modality="table" if isinstance(inputs, pd.DataFrame) else "text",
        task=targets.task,
    )


def together(path: Path, parts: Sequence[Part]) -> pd.DataFrame:
    """All rows, one part after another. Raises DatasetError if the parts' columns differ."""
    first = parts[0]
    for part in parts[1:]:
        missing = [name for name in first.rows.columns if name not in part.rows.columns]
        more = [name for name in part.rows.columns if name not in first.rows.columns]
        if missing or more:
            raise DatasetError(
                f"{path}: expected the same columns in {first.name} and {part.name}; "
                + "; ".join(
                    f"only in {name}: {', '.join(map(repr, names))}"
                    for name, names in ((first.name, missing), (part.name, more))
                    if names
                )
                + f". If {part.name} has no labels, move it out of the dataset"
            )
    if len(parts) == 1:
        return first.rows
    # A column that is empty in one part must not decide what type it has in all.
    frames = [part.rows.astype({name: object for name in part.rows if part.rows[name].isna().all()}) for part in parts]
    return pd.concat([frame[list(first.rows.columns)] for frame in frames], ignore_index=True)


def named_splits(
    path: Path, frame: pd.DataFrame, parts: Sequence[Part], origin: str, reading: ReadOptions, label: str
) -> tuple[list[Split | None], str | None, str]:
    """(split of every row, column that says it or would, what named it)."""
    by_part: list[Split | None] = [part.split for part in parts for _ in range(len(part.rows))]
    column = split_column(path, frame, reading.split, {label})
    if column is None:
        return by_part, None, origin
    if len(set(by_part)) > 1:  # the parts have their splits already
        return by_part, column.name, origin
    return list(column.splits), column.name, f"split column {column.name!r}"


def _features(path: Path, frame: pd.DataFrame, used: set[str], reading: ReadOptions, notes: list[str]) -> list[str]:
    for name in (*reading.drop, *reading.text):
        if name not in frame.columns or name in used:
            raise DatasetError(f"{path}: dataaudit.toml names the column {name!r}, which is no feature there")
    if reading.drop:
        notes.append(f"left out as dataaudit.toml says: {', '.join(reading.drop)}")
    features = [name for name in frame.columns if name not in used and name not in reading.drop]
    if not features:
        raise DatasetError(f"{path}: expected a column to predict from beside {', '.join(sorted(used))}, found none")
    return features


def _inputs(
    path: Path, columns: Mapping[str, "pd.Series[Any]"], reading: ReadOptions, notes: list[str]
) -> tuple[NDArray[np.object_] | pd.DataFrame, tuple[str, ...]]:
    found = {name: typed(column.reset_index(drop=True)) for name, column in columns.items()}
    nested = [name for name, column in found.items() if column is None]
    if nested:
        notes.append(f"left out, lists or records: {', '.join(nested)}")
    kept = {name: column for name, column in found.items() if column is not None}
    if not kept:
        raise DatasetError(
            f"{path}: expected columns of numbers or words, found only lists or records: {', '.join(nested)}"
        )
    texts = [
        name
        for name, column in kept.items()
        if name in reading.text or is_text(column) or (len(kept) == 1 and is_words(column))
    ]
    # Made of a dict of series that share an index, so no value is copied into blocks twice.
    frame = pd.DataFrame(kept)
    if len(texts) < len(kept):
        if texts:
            notes.append(f"columns of text: {', '.join(texts)}")
        return frame, row_digests(frame)
    notes.append(f"the text is the column {texts[0]!r}" if len(texts) == 1 else f"texts joined: {', '.join(texts)}")
    joint = joined(frame)
    return joint, text_digests(joint)
