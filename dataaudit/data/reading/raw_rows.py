"""Files of rows as the bytes that they are: single rows are cut, changed and moved, and no other one changes."""

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from ...errors import DatasetError
from ...files import rebuilding
from .row_files import fields_of_any_length, header_and_separator, shown

SPACE = re.compile(r"[ \t\r\n]*")


class RawRows(Protocol):
    """The rows of one file, counted like those of `read_rows`."""

    def __len__(self) -> int: ...

    def values(self, column: str) -> list[Any]:
        """What each row holds there, as the file spells it."""

    def put(self, row: int, column: str, value: Any) -> None:
        """Let a row hold something else there, out of `values` or like it."""

    def write(self, path: Path, rows: Sequence[int], more: Sequence[tuple[Any, Sequence[int]]]) -> None:
        """Write these rows, and after them rows of other files of the same kind, to `path`."""


class _Lines:
    """A text file in pieces: its rows, and what lies before and between them, which stays."""

    def __init__(self, path: Path, pieces: Iterator[tuple[str, bool]]) -> None:
        self.path = path
        self.pieces: list[str] = []
        self.places: list[int] = []
        for piece, is_row in pieces:
            if is_row:
                self.places.append(len(self.pieces))
            self.pieces.append(piece)

    def __len__(self) -> int:
        return len(self.places)

    def rows(self) -> list[str]:
        return [self.pieces[place] for place in self.places]

    def check(self, other: "_Lines") -> None:
        """Raise DatasetError if the other file's rows can't stand in this one."""

    def write(self, path: Path, rows: Sequence[int], more: Sequence[tuple["_Lines", Sequence[int]]]) -> None:
        gone = set(self.places) - {self.places[row] for row in rows}
        kept = [piece for place, piece in enumerate(self.pieces) if place not in gone]
        for other, theirs in more:
            self.check(other)
            for row in theirs:
                kept[-1] = self._ended(kept[-1])
                kept.append(self._ended(other.pieces[other.places[row]]))
        with rebuilding(path) as new:
            new.write_bytes("".join(kept).encode())

    def _ended(self, piece: str) -> str:
        first = self.pieces[0]
        return piece if piece.endswith(("\n", "\r")) else piece + first[len(first.rstrip("\r\n")) :]


class DelimitedRows(_Lines):
    """CSV and TSV."""

    def __init__(self, path: Path) -> None:
        with fields_of_any_length():
            self.header, self.separator = header_and_separator(path)
            super().__init__(path, self._records(path.read_bytes().decode()))

    def _records(self, text: str) -> Iterator[tuple[str, bool]]:
        taken: list[str] = []

        def lines() -> Iterator[str]:
            for number, line in enumerate(io.StringIO(text, newline="")):
                taken.append(line)
                yield line if number else line.removeprefix("\ufeff")

        has_header = False
        for fields in csv.reader(lines(), delimiter=self.separator, strict=True):
            yield "".join(taken), has_header and bool(fields)
            has_header = has_header or bool(fields)
            taken.clear()

    def values(self, column: str) -> list[Any]:
        place = self.header.index(column)
        with fields_of_any_length():
            return [row[place] for row in csv.reader(self.rows(), delimiter=self.separator, strict=True)]

    def put(self, row: int, column: str, value: Any) -> None:
        cell = re.compile(rf'"(?:[^"]|"")*"|[^{re.escape(self.separator)}\r\n]*')
        piece, start = self.pieces[self.places[row]], 0
        for _ in range(self.header.index(column)):
            start = _end(cell, piece, start) + len(self.separator)
        end = _end(cell, piece, start)
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        if piece[start:end].startswith('"') or any(one in text for one in f'{self.separator}"\r\n'):
            text = '"' + text.replace('"', '""') + '"'
        self.pieces[self.places[row]] = piece[:start] + text + piece[end:]

    def check(self, other: "_Lines") -> None:
        if not isinstance(other, DelimitedRows) or (other.header, other.separator) != (self.header, self.separator):
            raise DatasetError(
                f"{shown(other.path)}: rows can be moved to {shown(self.path)} only if both have the same header and "
                "separator; give them the same, or remove the rows instead"
            )


class JsonLinesRows(_Lines):
    """JSON lines."""

    def __init__(self, path: Path) -> None:
        with path.open("rb") as file:
            super().__init__(
                path, ((line, bool(line.removeprefix("\ufeff").strip())) for line in map(bytes.decode, file))
            )

    def values(self, column: str) -> list[Any]:
        return [json.loads(row.removeprefix("\ufeff")).get(column) for row in self.rows()]

    def put(self, row: int, column: str, value: Any) -> None:
        piece = self.pieces[self.places[row]]
        start, end = _value(piece, column, shown(self.path))
        self.pieces[self.places[row]] = piece[:start] + json.dumps(value) + piece[end:]


def _end(pattern: re.Pattern[str], text: str, start: int) -> int:
    found = pattern.match(text, start)
    return found.end() if found else start


def _value(line: str, key: str, where: str) -> tuple[int, int]:
    """Where the value of a key lies in a JSON object; the last one of several, as readers take it."""
    decoder, at, found = json.JSONDecoder(), line.index("{") + 1, None
    while True:
        at = _end(SPACE, line, at)
        if line[at] == "}":
            break
        name, at = decoder.raw_decode(line, at)
        at = _end(SPACE, line, _end(SPACE, line, at) + 1)
        _, end = decoder.raw_decode(line, at)
        if name == key:
            found = at, end
        at = _end(SPACE, line, end)
        at += line[at] == ","
    if found is None:
        raise DatasetError(f"{where}: expected the key {key!r} in each row that is to change, found {line[:80]!r}")
    return found


class ParquetRows:
    """Parquet; the types of columns stay, and the codec of the first."""

    def __init__(self, path: Path) -> None:
        from pyarrow import parquet

        self.path = path
        self.table: Any = parquet.read_table(path)
        groups = parquet.ParquetFile(path).metadata
        self.codec = groups.row_group(0).column(0).compression if groups.num_row_groups else "SNAPPY"

    def __len__(self) -> int:
        return int(self.table.num_rows)

    def values(self, column: str) -> list[Any]:
        found: list[Any] = self.table[column].to_pylist()
        return found

    def put(self, row: int, column: str, value: Any) -> None:
        import pyarrow

        place = self.table.column_names.index(column)
        field = self.table.schema.field(place)
        try:
            new = pyarrow.array([value], field.type)
        except pyarrow.ArrowException as error:
            raise DatasetError(
                f"{shown(self.path)}: the column {column!r} is of the type {field.type}, which can't hold {value!r}; "
                "choose another remedy, or give the column another type"
            ) from error
        values = self.table[column].combine_chunks()
        self.table = self.table.set_column(
            place, field, pyarrow.chunked_array([values.slice(0, row), new, values.slice(row + 1)], field.type)
        )

    def write(self, path: Path, rows: Sequence[int], more: Sequence[tuple[Any, Sequence[int]]]) -> None:
        import pyarrow
        from pyarrow import parquet

        own = self.table.take(list(rows))
        try:
            others = [one.table.take(list(theirs)).select(own.column_names).cast(own.schema) for one, theirs in more]
        except (pyarrow.ArrowException, ValueError) as error:
            raise DatasetError(f"{shown(path)}: can't take in rows of a file with other types: {error}") from error
        with rebuilding(path) as new:
            parquet.write_table(pyarrow.concat_tables([own, *others]), new, compression=self.codec)


KINDS: Mapping[str, type[DelimitedRows] | type[JsonLinesRows] | type[ParquetRows]] = {
    ".csv": DelimitedRows, ".tsv": DelimitedRows, ".jsonl": JsonLinesRows, ".ndjson": JsonLinesRows,
    ".parquet": ParquetRows,
}  # fmt: skip
