"""Files of rows as raw bytes: single rows are removed, changed and moved, and all others keep their bytes."""

import itertools
import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

from ...dataset import ReadOptions
from ...errors import DatasetError
from ...files import rebuilding
from .dialects import dialect_of, fields_of_any_length
from .text_files import Encoding, encoding_of, ending, open_text, path_text, repacked

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

    def __init__(self, path: Path, encoding: Encoding) -> None:
        self.path, self.encoding = path, encoding
        self.pieces: list[str] = []
        self.row_positions: list[int] = []
        with open_text(path, encoding) as file:
            for piece, is_row in self._split(file):
                if is_row:
                    self.row_positions.append(len(self.pieces))
                self.pieces.append(piece)

    def _split(self, lines: Iterator[str]) -> Iterator[tuple[str, bool]]:
        """(piece, whether it is a row) of all of the text, in order."""
        raise NotImplementedError

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
                output[-1:] = map(self._with_line_end, output[-1:])
                output.append(self._with_line_end(other.pieces[other.row_positions[row]]))
        try:
            content = self.encoding.mark + "".join(output).encode(self.encoding.codec)
        except UnicodeEncodeError as error:
            raise DatasetError(
                f"{path_text(self.path)}: its encoding {self.encoding.codec} can't hold {error.object[error.start]!r}; "
                "save the file as UTF-8, or decide otherwise"
            ) from error
        with rebuilding(path) as new:
            new.write_bytes(repacked(self.path, content))

    def _with_line_end(self, piece: str) -> str:
        first = self.pieces[0]
        return piece if piece.endswith(("\n", "\r")) else piece + first[len(first.rstrip("\r\n")) :]


class DelimitedRows(_TextRows):
    """Tables in text, in their own dialect."""

    def __init__(self, path: Path, reading: ReadOptions) -> None:
        with fields_of_any_length():
            self.dialect = dialect_of(path, reading.header, reading.encoding)
            super().__init__(path, self.dialect.encoding)

    def _split(self, lines: Iterator[str]) -> Iterator[tuple[str, bool]]:
        yield from ((line, False) for line in itertools.islice(lines, self.dialect.preamble))
        consumed: list[str] = []

        def kept() -> Iterator[str]:
            for line in lines:
                consumed.append(line)
                yield line

        in_rows = not self.dialect.header
        for fields in self.dialect.fields(kept()):
            yield "".join(consumed), in_rows and bool(fields)
            in_rows = in_rows or bool(fields)
            consumed.clear()

    def values(self, column: str) -> list[Any]:
        index = self.dialect.names.index(column)
        with fields_of_any_length():
            return [row[index] for row in self.dialect.fields(self.rows())]

    def put(self, row: int, column: str, value: Any) -> None:
        piece = self.pieces[self.row_positions[row]]
        start, end = self._cell(piece, self.dialect.names.index(column))
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        separator = self.dialect.separator
        needs_quotes = any(character in text for character in f'{separator or " "}"\r\n')
        if self.dialect.quoted and separator is not None:
            if piece[start:end].startswith('"') or needs_quotes:
                text = '"' + text.replace('"', '""') + '"'
        elif any(character in text for character in f"{separator or ' '}\r\n") or not text:
            raise DatasetError(
                f"{path_text(self.path)}: a file without quotes around fields can't hold the value {text!r}; choose "
                "another remedy, or save the file as CSV"
            )
        self.pieces[self.row_positions[row]] = piece[:start] + text + piece[end:]

    def _cell(self, piece: str, index: int) -> tuple[int, int]:
        """(start, end) of a cell in the text of its row, its quotes included."""
        separator = self.dialect.separator
        if separator is None:
            return list(re.finditer(r"\S+", piece))[index].span()
        plain = rf"[^{re.escape(separator)}\r\n]*"
        cell = re.compile(rf'"(?:[^"]|"")*"|{plain}' if self.dialect.quoted else plain)
        blanks = re.compile(" *" if self.dialect.padded else "")
        start = _match_end(blanks, piece, 0)
        for _ in range(index):
            start = _match_end(blanks, piece, _match_end(cell, piece, start) + 1)
        return start, _match_end(cell, piece, start)

    def check(self, other: "_TextRows") -> None:
        if not isinstance(other, DelimitedRows) or other._form() != self._form():
            raise DatasetError(
                f"{path_text(other.path)}: rows can be moved to {path_text(self.path)} only if both have the same "
                "header, separator and quotes; give them the same, or remove the rows instead"
            )

    def _form(self) -> tuple[Any, ...]:
        dialect = self.dialect
        return dialect.names, dialect.header, dialect.separator, dialect.quoted, dialect.padded


class JsonLinesRows(_TextRows):
    """JSON lines."""

    def __init__(self, path: Path, reading: ReadOptions) -> None:
        super().__init__(path, encoding_of(path, reading.encoding))

    def _split(self, lines: Iterator[str]) -> Iterator[tuple[str, bool]]:
        return ((line, bool(line.strip())) for line in lines)

    def values(self, column: str) -> list[Any]:
        return [json.loads(row).get(column) for row in self.rows()]

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

    def __init__(self, path: Path, reading: ReadOptions) -> None:
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


def raw_rows_of(path: Path, reading: ReadOptions) -> RawRows:
    """The raw rows of a file that `read_rows` reads with the same options."""
    if ending(path) == ".parquet":
        return ParquetRows(path, reading)
    return JsonLinesRows(path, reading) if ending(path) in (".jsonl", ".ndjson") else DelimitedRows(path, reading)
