"""Croissant descriptions (croissant.json or metadata.json) of CSV or JSON-lines files that lie beside them."""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from ...dataset import UNUSED_COLUMNS, Dataset, Edit, ReadOptions, Track, silent
from ...errors import DatasetError
from ...files import rebuilding
from ..reading.folders import resolve_inside
from ..reading.row_edits import describe_files, edit_rows
from ..reading.row_files import READERS, read_rows
from ..reading.split_names import require_one_name_per_split, split_of
from ..reading.tables import Part, assembled, unread_beside

EVIDENCE = 3
LAYOUT_KEYS = frozenset({"label", "task", "split", "text", "drop", "group"})
NAMES = ("croissant.json", "metadata.json")
MOST_BYTES = 16 << 20
"""Of a description; a larger JSON file is none."""
SHA256 = re.compile(r"[0-9a-fA-F]{64}")
DESCRIBED = {"recordset", "distribution"}
LABEL_TYPES = ("cr:Label", "http://mlcommons.org/croissant/Label")


def matches(path: Path) -> bool:
    """A folder with a description of records or files that says it is of MLCommons' Croissant.

    A data card describes neither, and is none.
    """
    return _find_description(path) is not None


def _find_description(path: Path) -> tuple[Path, dict[str, Any]] | None:
    for file in (path / name for name in NAMES):
        try:
            if not file.is_file() or file.stat().st_size > MOST_BYTES:
                continue
            document = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            continue
        if isinstance(document, dict):
            declared = json.dumps(
                [document.get("@context"), document.get("conformsTo"), document.get("dct:conformsTo")]
            )
            if "mlcommons.org/croissant" in declared.lower() and DESCRIBED & _local_names(document):
                return file, document
    return None


def _local_names(document: Mapping[str, Any]) -> set[str]:
    """Its keys without prefixes, as in cr:recordSet, and in small letters."""
    return {key.rpartition(":")[2].rpartition("/")[2].lower() for key in document}


def load(path: Path, reading: ReadOptions, track: Track) -> Dataset:
    """Read the rows of the record sets whose fields are columns of files in the folder; nothing is downloaded.

    Several record sets must be named like splits. A field of the type cr:Label is the target where no name says so. Ids
    are `data.csv#17`.

    Raises DatasetError if no record set can be read, or its file is not there.
    """
    notes: list[str] = []
    read = _read_described(path, reading, notes, track)
    beside = unread_beside(path, [*read.files.values(), read.where])
    return assembled(path, read.parts, "record sets", "croissant", reading, notes, beside, read.labels)


def rewrite(copy: Path, reading: ReadOptions, edits: Mapping[str, Edit]) -> Mapping[str, str]:
    """Edit the files' rows; of the description only their checksums change."""
    read = _read_described(copy, reading, [], silent)
    fields = [field for field in read.fields if read.fields[0] != field]
    if fields or len(read.files) < len(read.parts):
        raise DatasetError(
            f"{read.where}: expected record sets of one file each, with the same names for the same columns; rows of "
            "others can't be changed: audit the files themselves, without the description"
        )
    files = describe_files(copy, read.parts, read.files, reading, read.labels, read.fields[0])
    before = {name: hashlib.sha256(file.read_bytes()).hexdigest() for name, file in read.files.items()}
    edit_rows(files, files.raw(), edits)
    changed = {
        file: new
        for name, file in read.files.items()
        if (new := hashlib.sha256(file.read_bytes()).hexdigest()) != before[name]
    }
    text = read.where.read_bytes()
    for entry in _as_list(read.description.get("distribution")):
        file, checksum = _local_file_or_none(copy, read.where, entry), str(entry.get("sha256"))
        if file in changed and SHA256.fullmatch(checksum):
            text = text.replace(checksum.encode(), changed[file].encode())
    with rebuilding(read.where) as temporary:
        temporary.write_bytes(text)
    return {}


@dataclass(frozen=True)
class _DescribedRows:
    """A description and the rows that it describes.

    files    by the names of parts
    fields   of each part, {field: column}
    labels   fields that are marked as labels
    """

    where: Path
    description: Mapping[str, Any]
    parts: list[Part]
    files: dict[str, Path]
    fields: list[dict[str, str]]
    labels: list[str]


def _read_described(path: Path, reading: ReadOptions, notes: list[str], track: Track) -> _DescribedRows:
    described = _find_description(path)
    if described is None:
        raise DatasetError(f"{path}: expected a Croissant description, {' or '.join(NAMES)}; found none")
    where, description = described
    try:
        sets = list(_record_sets(path, where, description))
    except (AttributeError, TypeError, KeyError) as error:
        raise DatasetError(f"{where}: expected Croissant's distribution and recordSet: {error!r}") from error
    if not sets:
        raise DatasetError(
            f"{where}: expected a recordSet whose fields are columns of a file in {path} "
            f"({', '.join(READERS)}), found none"
        )
    if len(sets) > 1:
        unknown = [name for name, _, _ in sets if split_of(name) is None]
        if unknown:
            raise DatasetError(
                f"{where}: expected one recordSet of rows, or sets named train, test, ...; found "
                f"{', '.join(name for name, _, _ in sets)}"
            )
        require_one_name_per_split(where, [name for name, _, _ in sets], "record sets")
    parts, labels, columns = [], [], []
    files: dict[str, Path] = {}
    for name, file, fields in track(iter(sets), "reading tables", len(sets)):
        rows = read_rows(file, reading, notes)
        missing = [column for column, _ in fields.values() if column not in rows]
        if missing:
            raise DatasetError(f"{where}: {name} names the column {missing[0]!r}, which {file.name} has not")
        frame = pd.DataFrame({field: rows[column] for field, (column, _) in fields.items()})
        if not_described := sorted(set(map(str, rows)) - {column for column, _ in fields.values()}):
            notes.append(f"{UNUSED_COLUMNS}, as no field describes them: {', '.join(not_described)}")
        parts.append(Part(file.relative_to(path).as_posix(), split_of(name), frame))
        files[parts[-1].name] = file
        columns.append({field: column for field, (column, _) in fields.items()})
        labels = [field for field, (_, is_label) in fields.items() if is_label]
    return _DescribedRows(where, description, parts, files, columns, labels)


def _record_sets(
    path: Path, where: Path, description: Mapping[str, Any]
) -> Iterator[tuple[str, Path, dict[str, tuple[str, bool]]]]:
    """(name, file, {field: (column, whether it is marked as a label)}) of the sets that take columns from one file."""
    objects = {_id(entry): entry for entry in _as_list(description.get("distribution"))}
    for record_set in _as_list(description.get("recordSet")):
        name = str(record_set.get("name") or _id(record_set)).split("/")[-1]
        fields: dict[str, tuple[str, bool]] = {}
        sources = set()
        for field in _as_list(record_set.get("field")):
            source = field.get("source") or {}
            column = (source.get("extract") or {}).get("column")
            if column is None:
                continue
            sources.add(_id(source.get("fileObject") or source.get("distribution") or {}))
            title = str(field.get("name") or _id(field)).split("/")[-1]
            fields[title] = str(column), any(kind in LABEL_TYPES for kind in _as_list(field.get("dataType")))
        if not fields:
            continue
        if len(sources) > 1:
            raise DatasetError(f"{where}: {name} joins several files, which is not supported; join them into one")
        source_id = sources.pop()
        if source_id not in objects:
            raise DatasetError(
                f"{where}: {name} takes its rows from {source_id!r}, which the description does not have"
            )
        yield name, _local_file(path, where, objects[source_id]), fields


def _local_file(path: Path, where: Path, described: Mapping[str, Any]) -> Path:
    address = str(described.get("contentUrl") or _id(described))
    if "://" in address and not address.startswith("file://"):
        address = address.split("?")[0].rsplit("/", 1)[-1]
    file = resolve_inside(path, address.removeprefix("file://"), f"{where}: contentUrl")
    if not file.is_file():
        raise DatasetError(
            f"{where}: {described.get('contentUrl')!r} should lie in {path} as {address!r}, found no such file; "
            "nothing is downloaded: put it there"
        )
    if file.suffix.lower() not in READERS:
        raise DatasetError(f"{where}: expected a file of rows ({', '.join(READERS)}), found {file.name!r}")
    return file


def _local_file_or_none(path: Path, where: Path, described: Mapping[str, Any]) -> Path | None:
    try:
        return _local_file(path, where, described)
    except DatasetError:
        return None


def _id(entry: Mapping[str, Any]) -> str:
    return str(entry.get("@id") or entry.get("name") or "")


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]
