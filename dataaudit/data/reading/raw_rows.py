"""Files of rows as raw bytes: single rows are removed, changed and moved, and all others keep their bytes."""

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from ...errors import DatasetError
from ...files import rebuilding
from .row_files import fields_of_any_length, header_and_separator, path_text

SPACE = re.compile(r"[ \t\r\n]*")


class RawRows(Protocol):
    """The rows of one file, counted like those of `read_rows`."""

    def __len__(self) -> int: ...

    def values(self, column: str) -> list[Any]:
        """The column's value in each row, as the file spells it."""

    def put(self, row: int, column: str, value: Any) -> None:
        """Set the column's value in one row, to one out of `values` or like it."""

    def write(self, path: Path, rows: Sequence[int], incoming: Sequence[tuple[Any, Sequence[int]]]) -> None:
        """Write these rows, and after them rows of other files of the same kind, to `path`."""


class _TextRows:
    """A text file in pieces: its rows, and the text before and between them, which stays."""

    def __init__(self, path: Path, pieces: Iterator[tuple[str, bool]]) -> None:
        self.path = path
        self.pieces: list[str] = []
        self.row_positions: list[int] = []
        for piece, is_row in pieces:
            if is_row:
                self.row_positions.append(len(self.pieces))
            self.pieces.append(piece)

    def __len__(self) -> int:
        return len(self.row_positions)

    def rows(self) -> list[str]:
        return [self.pieces[position] for position in self.row_positions]

    def check(self, other: "_TextRows") -> None:
        """Raise DatasetError if the other file's rows can't stand in this one."""

    def write(self, path: Path, rows: Sequence[int], incoming: Sequence[tuple["_TextRows", Sequence[int]]]) -> None:
        dropped = set(self.row_positions) - {self.row_positions[row] for row in rows}
        output = [piece for position, piece in enumerate(self.pieces) if position not in dropped]
        for other, other_rows in incoming:
            self.check(other)
            for row in other_rows:
                output[-1] = self._with_line_end(output[-1])
                output.append(self._with_line_end(other.pieces[other.row_positions[row]]))
        with rebuilding(path) as new:
            new.write_bytes("".join(output).encode())

    def _with_line_end(self, piece: str) -> str:
        first = self.pieces[0]
        return piece if piece.endswith(("\n", "\r")) else piece + first[len(first.rstrip("\r\n")) :]


class DelimitedRows(_TextRows):
    """CSV and TSV."""

    def __init__(self, path: Path) -> None:
        with fields_of_any_length():
            self.header, self.separator = header_and_separator(path)
            super().__init__(path, self._records(path.read_bytes().decode()))

    def _records(self, text: str) -> Iterator[tuple[str, bool]]:
        consumed: list[str] = []

        def lines() -> Iterator[str]:
            for number, line in enumerate(io.StringIO(text, newline="")):
                consumed.append(line)
                yield line if number else line.removeprefix("\ufeff")

        has_header = False
        for fields in csv.reader(lines(), delimiter=self.separator, strict=True):
            yield "".join(consumed), has_header and bool(fields)
            has_header = has_header or bool(fields)
            consumed.clear()

    def values(self, column: str) -> list[Any]:
        index = self.header.index(column)
        with fields_of_any_length():
            return [row[index] for row in csv.reader(self.rows(), delimiter=self.separator, strict=True)]

    def put(self, row: int, column: str, value: Any) -> None:
        cell = re.compile(rf'"(?:[^"]|"")*"|[^{re.escape(self.separator)}\r\n]*')
        piece, start = self.pieces[self.row_positions[row]], 0
        for _ in range(self.header.index(column)):
            start = _match_end(cell, piece, start) + len(self.separator)
        end = _match_end(cell, piece, start)
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        if piece[start:end].startswith('"') or any(character in text for character in f'{self.separator}"\r\n'):
            text = '"' + text.replace('"', '""') + '"'
        self.pieces[self.row_positions[row]] = piece[:start] + text + piece[end:]

    def check(self, other: "_TextRows") -> None:
        if not isinstance(other, DelimitedRows) or (other.header, other.separator) != (self.header, self.separator):
            raise DatasetError(
                f"{path_text(other.path)}: rows can be moved to {path_text(self.path)} only if both have the same "
                "header and separator; give them the same, or remove the rows instead"
            )


class JsonLinesRows(_TextRows):
    """JSON lines."""

    def __init__(self, path: Path) -> None:
        with path.open("rb") as file:
            super().__init__(
                path, ((line, bool(line.removeprefix("\ufeff").strip())) for line in map(bytes.decode, file))
            )

    def values(self, column: str) -> list[Any]:
        return [json.loads(row.removeprefix("\ufeff")).get(column) for row in self.rows()]

    def put(self, row: int, column: str, value: Any) -> None:
        piece = self.pieces[self.row_positions[row]]
        start, end = _value_span(piece, column, path_text(self.path))
        self.pieces[self.row_positions[row]] = piece[:start] + json.dumps(value) + piece[end:]


def _match_end(pattern: re.Pattern[str], text: str, start: int) -> int:
    match = pattern.match(text, start)
    return match.end() if match else start


def _value_span(line: str, key: str, where: str) -> tuple[int, int]:
    """(start, end) of a key's value in a JSON object; of a repeated key the last, as JSON readers take it."""
    decoder, position, span = json.JSONDecoder(), line.index("{") + 1, None
    while True:
        position = _match_end(SPACE, line, position)
        if line[position] == "}":
            break
        name, position = decoder.raw_decode(line, position)
        position = _match_end(SPACE, line, _match_end(SPACE, line, position) + 1)
        _, end = decoder.raw_decode(line, position)
        if name == key:
            span = position, end
        position = _match_end(SPACE, line, end)
        position += line[position] == ","
    if span is None:
        raise DatasetError(f"{where}: expected the key {key!r} in each row that is to change, found {line[:80]!r}")
    return span


class ParquetRows:
    """Parquet; the columns keep their types, and all take the codec of the first."""

    def __init__(self, path: Path) -> None:
        from pyarrow import parquet

        self.path = path
        self.table: Any = parquet.read_table(path)
        groups = parquet.ParquetFile(path).metadata
        self.codec = groups.row_group(0).column(0).compression if groups.num_row_groups else "SNAPPY"

    def __len__(self) -> int:
        return int(self.table.num_rows)

    def values(self, column: str) -> list[Any]:
        values: list[Any] = self.table[column].to_pylist()
        return values

    def put(self, row: int, column: str, value: Any) -> None:
        import pyarrow

        index = self.table.column_names.index(column)
        field = self.table.schema.field(index)
        try:
            new = pyarrow.array([value], field.type)
        except pyarrow.ArrowException as error:
            raise DatasetError(
                f"{path_text(self.path)}: the column {column!r} is of the type {field.type}, which can't hold "
                f"{value!r}; choose another remedy, or give the column another type"
            ) from error
        values = self.table[column].combine_chunks()
        self.table = self.table.set_column(
            index, field, pyarrow.chunked_array([values.slice(0, row), new, values.slice(row + 1)], field.type)
        )

    def write(self, path: Path, rows: Sequence[int], incoming: Sequence[tuple[Any, Sequence[int]]]) -> None:
        import pyarrow
        from pyarrow import parquet

        table = self.table.take(list(rows))
        try:
            moved = [
                other.table.take(list(other_rows)).select(table.column_names).cast(table.schema)
                for other, other_rows in incoming
            ]
        except (pyarrow.ArrowException, ValueError) as error:
            raise DatasetError(f"{path_text(path)}: can't take in rows of a file with other types: {error}") from error
        with rebuilding(path) as new:
            parquet.write_table(pyarrow.concat_tables([table, *moved]), new, compression=self.codec)


KINDS: Mapping[str, type[DelimitedRows] | type[JsonLinesRows] | type[ParquetRows]] = {
    ".csv": DelimitedRows, ".tsv": DelimitedRows, ".jsonl": JsonLinesRows, ".ndjson": JsonLinesRows,
    ".parquet": ParquetRows,
}  # fmt: skip
