"""Hugging Face datasets in a folder that save_to_disk wrote (dataset_info.json, state.json and *.arrow)."""

import hashlib
import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ...dataset import (
    NOT_A_SPLIT,
    UNUSED_COLUMNS,
    Dataset,
    Edit,
    IgnoredPath,
    Layout,
    ReadOptions,
    Track,
    UnreadableSample,
)
from ...errors import DatasetError
from ..reading.copies import equal_digests, unsampled_copies
from ..reading.folders import require_inside
from ..reading.groups import column_groups
from ..reading.label_columns import label_column
from ..reading.pictures import ImageFile, read_pictures
from ..reading.row_edits import RowFiles, describe_files, edit_rows
from ..reading.split_names import require_one_name_per_split, split_of
from ..reading.splits import resolve_splits, sample_rows
from ..reading.tables import Part, assembled
from ..reading.targets import read_targets, require_enough

EVIDENCE = 3
LAYOUT_KEYS = frozenset({"label", "task", "split", "text", "drop", "group"})
NO_IMAGE = "no image is stored in this row"


def matches(path: Path) -> bool:
    """A folder that save_to_disk wrote, of one split or of several."""
    return (path / "dataset_dict.json").is_file() or all(
        (path / name).is_file() for name in ("dataset_info.json", "state.json")
    )


def load(path: Path, reading: ReadOptions, track: Track) -> Dataset:
    """Read columns, or images where a column holds some. Ids are `train#17`, counted from 0; `rows#17` without splits.

    Raises DatasetError if the library is not there, or the folder can't be read.
    """
    tables, ignored = _load_tables(path)
    return dataset_of(path, tables, reading, track, ignored)


def dataset_of(
    path: Path, tables: Mapping[str, Any], reading: ReadOptions, track: Track, ignored: Sequence[IgnoredPath] = ()
) -> Dataset:
    """`load` for splits by name with the same features; their dataset is called `path`."""
    features = next(iter(tables.values())).features
    pictures = [name for name, feature in features.items() if type(feature).__name__ == "Image"]
    labels = [name for name, feature in features.items() if type(_inner(feature)).__name__ == "ClassLabel"]
    if len(pictures) > 1:
        raise DatasetError(f"{path}: expected one column of images, found {', '.join(pictures)}")
    if pictures:
        return _load_images(path, tables, pictures[0], labels, reading, ignored, track)
    binary = [name for name, feature in features.items() if type(feature).__name__ in ("Audio", "Video", "Pdf")]
    if binary:
        raise DatasetError(
            f"{path}: the column {binary[0]!r} is of {type(features[binary[0]]).__name__}, not supported"
        )
    parts = [Part(name, split_of(name), _frame(table, list(features))) for name, table in tables.items()]
    return assembled(path, parts, "splits", "hugging_face", reading, [], ignored, labels)


def _load_tables(path: Path) -> tuple[dict[str, Any], list[IgnoredPath]]:
    """The splits by name, mapped from disk, with the same features."""
    try:
        import datasets
    except ImportError as error:
        raise DatasetError(
            f"{path}: reading what save_to_disk wrote needs datasets; install it with: "
            "pip install 'dataaudit[huggingface]'"
        ) from error
    try:
        loaded = datasets.load_from_disk(str(path))
    except Exception as error:  # the library lets through what broken JSON and Arrow files lead it to
        raise DatasetError(f"{path}: not readable as a folder of save_to_disk: {error}") from error
    if isinstance(loaded, datasets.Dataset):
        return {"rows": loaded}, []
    tables = {name: table for name, table in loaded.items() if split_of(name) is not None}
    if not tables:
        raise DatasetError(f"{path}: expected splits called train, test, ...; found {', '.join(loaded) or 'none'}")
    require_one_name_per_split(path, list(tables), "splits")
    first, features = next((name, table.features) for name, table in tables.items())
    for name, table in tables.items():
        if table.features != features:
            raise DatasetError(f"{path}: expected the same features in {first} and {name}, found {table.features}")
    ignored = [IgnoredPath(name, NOT_A_SPLIT) for name in loaded if name not in tables]
    return tables, ignored


def _inner(feature: Any) -> Any:
    """The feature of a list's elements, else the feature itself."""
    return feature[0] if isinstance(feature, list) else getattr(feature, "feature", feature)


def _frame(table: Any, names: list[str]) -> pd.DataFrame:
    """These columns as a frame; class numbers as the classes' names."""
    frame: pd.DataFrame = table.with_format(None).select_columns(names).to_pandas()
    for name in names:
        inner = _inner(table.features[name])
        if type(inner).__name__ == "ClassLabel":
            frame[name] = pd.Series([_class_name(value, inner.names) for value in frame[name]], dtype=object)
    return frame


def _class_name(value: Any, names: list[str]) -> Any:
    if isinstance(value, list | np.ndarray):
        return [names[int(index)] for index in value if index >= 0]
    return names[int(value)] if pd.notna(value) and value >= 0 else None  # -1 is how the library says "no label"


def _image_bytes(table: Any, row: int, column: str) -> bytes:
    """The bytes of a row's image. A row may name a file instead, which could be any file: that is not followed."""
    image_bytes: bytes = (table[row][column] or {}).get("bytes") or b""
    return image_bytes


def _load_images(
    path: Path,
    tables: Mapping[str, Any],
    column: str,
    labels: list[str],
    reading: ReadOptions,
    ignored: Sequence[IgnoredPath],
    track: Track,
) -> Dataset:
    import datasets

    notes: list[str] = []
    columns = [name for name in next(iter(tables.values())).features if name != column]
    label = label_column(columns, reading.label, str(path), labels)
    targets = read_targets(
        pd.concat([_frame(table, [label]) for table in tables.values()])[label], str(path), reading.task
    )
    notes.append(f"the target is the column {label!r}; {targets.note}")
    if len(columns) > 1:
        notes.append(f"{UNUSED_COLUMNS}: {', '.join(name for name in columns if name != label)}")
    origins = [(name, row) for name, table in tables.items() for row in range(len(table))]
    named_splits = [split_of(name) for name, _ in origins]
    stored = {name: table.cast_column(column, datasets.Image(decode=False)) for name, table in tables.items()}

    def digest(name: str, index: int) -> str | None:
        image_bytes = _image_bytes(stored[name], index, column)
        return hashlib.sha256(image_bytes).hexdigest() if image_bytes else None

    others = [name for name in columns if name != label]
    frame = pd.concat([_frame(table, others) for table in tables.values()], ignore_index=True)
    groups = column_groups(path, frame, reading.group, (), notes)
    copies = cache(lambda: [equal_digests(digest(*place) for place in origins)])
    splits, origin = resolve_splits(
        path, named_splits, targets.strata, "splits", "images", reading.seed, notes, copies, groups
    )
    rejected = []
    for row in np.flatnonzero(~targets.usable):
        name, index = origins[row]
        rejected.append(
            UnreadableSample(f"{name}#{index}", splits[row], "", str(targets.reasons[row]), digest(name, index) or "")
        )
    rows = sample_rows(splits, targets.strata, reading, "images", notes)
    with tempfile.TemporaryDirectory(prefix="dataaudit-") as folder:
        files = []
        for row in rows:
            name, index = origins[row]
            id = f"{name}#{index}"
            files.append(
                ImageFile(Path(folder) / id, id, splits[row], "", partial(_image_bytes, stored[name], index, column))
            )
        pictures = read_pictures(files, notes, track)
    rejected += [
        replace(sample, reason=f"{NO_IMAGE}, or it is broken: {sample.reason}") for sample in pictures.rejected
    ]
    kept = rows[pictures.positions]
    require_enough(path, targets.task, splits[kept], targets.values[kept], rejected, "images")
    return Dataset(
        root=path,
        ids=tuple(files[position].id for position in pictures.positions),
        inputs=pictures.pixels,
        targets=targets.values[kept],
        splits=splits[kept],
        class_names=targets.class_names,
        contents=pictures.contents,
        sources=(),
        layout=Layout("hugging_face", origin, tuple(ignored), tuple(notes)),
        rejected=tuple(rejected),
        task=targets.task,
        groups=groups and groups.take(kept),
        unsampled=unsampled_copies(copies, splits, targets.usable, rows, lambda row: "#".join(map(str, origins[row]))),
    )


def rewrite(copy: Path, reading: ReadOptions, edits: Mapping[str, Edit]) -> Mapping[str, str]:
    """Save the splits that change anew, in the folders that they had."""
    tables, _ = _load_tables(copy)
    features = next(iter(tables.values())).features
    pictures = [name for name, feature in features.items() if type(feature).__name__ == "Image"]
    labels = [name for name, feature in features.items() if type(_inner(feature)).__name__ == "ClassLabel"]
    columns = [name for name in features if name not in pictures]
    parts = [Part(name, split_of(name), _frame(table, columns)) for name, table in tables.items()]
    paths = {name: copy / name if (copy / "dataset_dict.json").is_file() else copy for name in tables}
    for path in paths.values():
        require_inside(
            copy, path / "state.json", sorted({finding for edit in edits.values() for finding in edit.findings})
        )
    if pictures:
        frame = pd.concat([part.rows for part in parts], ignore_index=True)
        files = RowFiles(
            copy, parts, paths, frame, [label_column(columns, reading.label, str(copy), labels)], None,
            reading=reading,
        )  # fmt: skip
    else:
        files = describe_files(copy, parts, paths, reading, labels)
    edit_rows(files, {name: _SavedRows(table) for name, table in tables.items()}, edits)
    return {}


class _SavedRows:
    """The rows of a split, see `raw_rows.RawRows`; class numbers are spelt as the classes' names."""

    def __init__(self, table: Any) -> None:
        self.table = table
        self.edited: dict[str, dict[int, Any]] = {}

    def __len__(self) -> int:
        return len(self.table)

    def values(self, column: str) -> list[Any]:
        return list(_frame(self.table, [column])[column])

    def put(self, row: int, column: str, value: Any) -> None:
        inner = _inner(self.table.features[column])
        if type(inner).__name__ == "ClassLabel":
            value = [inner.str2int(name) for name in value] if isinstance(value, list) else inner.str2int(value)
        self.edited.setdefault(column, {})[row] = value

    def select(self, rows: Sequence[int]) -> Any:
        """These rows, with their edits."""
        import datasets
        import pyarrow

        selected = self.table.with_format("arrow").select(list(rows))
        stored: Any = selected[:]
        for column, changes in self.edited.items():
            column_index = stored.column_names.index(column)
            values = stored[column].to_pylist()
            values = [changes.get(row, value) for row, value in zip(rows, values, strict=True)]
            field = stored.schema.field(column_index)
            stored = stored.set_column(column_index, field, pyarrow.array(values, field.type))
        return datasets.Dataset(datasets.table.InMemoryTable(stored), info=self.table.info, split=self.table.split)

    def write(self, path: Path, rows: Sequence[int], incoming: Sequence[tuple["_SavedRows", Sequence[int]]]) -> None:
        import datasets

        merged = datasets.concatenate_datasets(
            [self.select(rows), *(other.select(other_rows) for other, other_rows in incoming)]
        )
        with tempfile.TemporaryDirectory(prefix=".dataaudit-", dir=path) as folder:
            new = Path(folder) / "saved"
            merged.save_to_disk(new)
            for data_file in json.loads((path / "state.json").read_text(encoding="utf-8"))["_data_files"]:
                (path / Path(data_file["filename"]).name).unlink(missing_ok=True)
            for file in new.iterdir():
                file.replace(path / file.name)
