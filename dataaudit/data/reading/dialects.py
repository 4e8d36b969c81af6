"""Dialects of tables in text files: which character parts fields, whether quotes quote, where the header is.

A quotation mark is a sign of CSV in one file and a letter in another. Records are counted in both ways: where they
disagree, and every line has the same number of fields if quotes are letters, they are.
"""

import csv
import itertools
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from ...errors import DatasetError
from . import headers
from .text_files import Encoding, encoding_of, ending, open_text, path_text

SEPARATORS = (",", ";", "\t", "|")
SEPARATOR_LINE = re.compile(r'"?sep=(.)"?\s*')
"""The first line of files that tell Excel their separator."""
SAMPLE = 300
"""Records that separator and header are told from."""


@dataclass(frozen=True)
class Dialect:
    """How the text of a table is read.

    separator   between fields; None for blanks, any number of them
    quoted      whether fields may be in quotes
    padded      whether a blank follows every separator, which belongs to no field
    preamble    lines before the first record
    header      whether the first record names the columns
    names       of the columns, unique
    records     records that are not blank, the header too
    notes       what was guessed, for the reader
    """

    encoding: Encoding
    separator: str | None
    quoted: bool = True
    padded: bool = False
    preamble: int = 0
    header: bool = True
    names: tuple[str, ...] = ()
    records: int = 0
    notes: tuple[str, ...] = ()

    def fields(self, lines: Iterable[str]) -> "Iterator[list[str]]":
        """The fields of each record, none for a blank line. Raises csv.Error for quotes that don't match."""
        if self.separator is None:
            return (line.split() for line in lines)
        return csv.reader(
            lines, delimiter=self.separator, quoting=csv.QUOTE_MINIMAL if self.quoted else csv.QUOTE_NONE,
            skipinitialspace=self.padded, strict=True,
        )  # fmt: skip


@dataclass(frozen=True)
class _Survey:
    """What a dialect makes of a file.

    records    that are not blank
    fault      where and why it doesn't fit, "" where it does
    multiline  whether a record spans lines
    in_quotes  whether the first record or, in most records, some column is in quotes
    """

    records: int
    fault: str
    multiline: bool = False
    in_quotes: bool = False


@contextmanager
def fields_of_any_length() -> Iterator[None]:
    """Lets the csv module read fields of more than 131,072 characters."""
    before = csv.field_size_limit(sys.maxsize)
    try:
        yield
    finally:
        csv.field_size_limit(before)


def dialect_of(path: Path, header: bool | None = None, encoding: str | None = None) -> Dialect:
    """The dialect in which every record of the file has as many fields as the first.

    header     whether the first record names the columns; None where its cells tell
    encoding   of the text; None where its bytes tell

    Raises DatasetError, naming the line, where there is no such dialect.
    """
    with fields_of_any_length():
        found = encoding_of(path, encoding)
        with open_text(path, found) as file:
            sample = list(itertools.islice(file, SAMPLE + 2))
        if "\0" in next((line for line in sample if line.strip()), ""):
            raise DatasetError(
                f"{path_text(path)}: expected UTF-8 text, found zero bytes; name the encoding with --encoding, such as "
                "utf-16-le, or save the file as UTF-8"
            )
        dialect, notes = _with_quoting(path, _separated(path, found, sample))
        return _with_names(path, dialect, header, [found.note, *notes])


def _separated(path: Path, encoding: Encoding, sample: Sequence[str]) -> Dialect:
    told = SEPARATOR_LINE.fullmatch(sample[0]) if sample else None
    if told:
        return Dialect(encoding, told[1], padded=_is_padded(sample[1:], told[1]), preamble=1)
    first = next((line for line in sample if line.strip()), "")
    if not first:
        raise DatasetError(f"{path_text(path)}: expected a header and rows, found an empty file")
    separator = "\t" if ending(path) == ".tsv" and "\t" in first else _separator(first, sample)
    return Dialect(encoding, separator, padded=separator is not None and _is_padded(sample, separator))


def _separator(first: str, sample: Sequence[str]) -> str | None:
    """The separator that is most frequent in the first line, of those that part all lines alike if there are some."""
    frequent = sorted((separator for separator in SEPARATORS if separator in first), key=first.count, reverse=True)
    alike: list[str | None] = [separator for separator in frequent if _parts_alike(sample, separator)]
    if not alike and len(first.split()) > 1:
        alike = [separator for separator in (" ", None) if _parts_alike(sample, separator)]
    return next(iter([*alike, *frequent, ","]))


def _parts_alike(sample: Sequence[str], separator: str | None) -> bool:
    """Whether all records of a sample have the same number of fields, two at least, with quotes or without."""
    for quoted in (True, False):
        counts = []
        try:
            for fields in Dialect(Encoding(), separator, quoted, padded=separator != " ").fields(sample):
                counts += [len(fields)] if fields else []
        except csv.Error as error:
            if "end of data" not in str(error):  # a sample may end within a record
                continue
        if len(counts) > 1 and len(set(counts)) == 1 and counts[0] > 1:
            return True
    return False


def _is_padded(sample: Sequence[str], separator: str) -> bool:
    """Whether a blank follows every separator outside quotes."""
    unpadded = re.compile(f"{re.escape(separator)}[^ ]")
    lines = [re.sub(r'"[^"]*"', "", line).rstrip("\r\n") for line in sample if separator in line]
    return separator != " " and bool(lines) and not any(map(unpadded.search, lines))


def _with_quoting(path: Path, dialect: Dialect) -> tuple[Dialect, list[str]]:
    quoted = _survey(path, dialect)
    if not quoted.fault and not quoted.multiline:
        return replace(dialect, records=quoted.records), []
    literal = _survey(path, replace(dialect, quoted=False))
    if not literal.fault and not literal.in_quotes:
        return replace(dialect, quoted=False, records=literal.records), [
            f"{path.name} has quotation marks that don't come in pairs around fields: they are read as letters, and "
            "every line as a row"
        ]
    if quoted.fault:
        also = f"; with quotation marks as letters, {literal.fault}" if literal.fault not in ("", quoted.fault) else ""
        raise DatasetError(f"{path_text(path)}, {quoted.fault}{also}")
    return replace(dialect, records=quoted.records), []


def _survey(path: Path, dialect: Dialect) -> _Survey:
    """Read the whole file in a dialect, up to the first record that does not fit."""
    expected = records = 0
    in_quotes: list[int] = []
    header_in_quotes = False
    line = dialect.preamble
    with open_text(path, dialect.encoding) as file:
        lines, multiline = NumberedLines(file), False
        list(itertools.islice(lines, dialect.preamble))
        try:
            for fields in dialect.fields(lines):
                start, line = line + 1, lines.number
                multiline |= line > start
                if not fields:
                    continue
                records += 1
                expected = expected or len(fields)
                if len(fields) != expected:
                    return _Survey(records, _misfit(start, expected, len(fields), dialect))
                if not dialect.quoted:
                    marks = [len(field) > 1 and field[0] == field[-1] == '"' for field in fields]
                    header_in_quotes = header_in_quotes or (records == 1 and all(marks))
                    in_quotes = [count + mark for count, mark in zip(in_quotes or [0] * expected, marks, strict=True)]
        except csv.Error as error:
            return _Survey(
                records, f"line {line + 1}: not readable as CSV: {error}; write a quotation mark that is text twice, "
                "in a field in quotes"
            )  # fmt: skip
    return _Survey(records, "", multiline, header_in_quotes or any(2 * count > records for count in in_quotes))


class NumberedLines:
    """Lines that are counted as they are read."""

    def __init__(self, lines: Iterable[str]) -> None:
        self.lines, self.number = iter(lines), 0

    def __iter__(self) -> "NumberedLines":
        return self

    def __next__(self) -> str:
        line = next(self.lines)
        self.number += 1
        return line


def _misfit(line: int, expected: int, count: int, dialect: Dialect) -> str:
    between = "blanks" if dialect.separator is None else repr(dialect.separator)
    return (
        f"line {line}: expected {expected} fields as in the first row, found {count}, parted by {between}; mend the "
        f"line, or quote fields that hold {between}"
    )


def _head(path: Path, dialect: Dialect, count: int) -> list[list[str]]:
    with open_text(path, dialect.encoding) as file:
        for _ in range(dialect.preamble):
            file.readline()
        return list(itertools.islice((fields for fields in dialect.fields(file) if fields), count))


def _with_names(path: Path, dialect: Dialect, header: bool | None, notes: Sequence[str]) -> Dialect:
    head = _head(path, dialect, SAMPLE)
    first, rows = (head[0] if head else []), head[1:]
    if not any(cell.strip() for cell in first):
        raise DatasetError(f"{path_text(path)}: expected a header and rows, found an empty file")
    more = []
    has_header = not headers.names_missing(first, rows) if header is None else header
    if not has_header:
        names = headers.positions(len(first))
        if header is None:
            more.append(
                f"{path.name} has no header: its first row, {', '.join(first[:8])}, is like the rows below, and is "
                f"data; the columns are called {names[0]} to {names[-1]}; --header says that it names the columns"
            )
    else:
        names, repeated = headers.column_names(first)
        if repeated:
            more.append(
                f"{path.name} names several columns {' and several '.join(map(repr, repeated))}: the later ones are "
                f"called {repeated[0]}.1 and so on here"
            )
        if header is None and headers.has_numbers(first):
            more.append(
                f"the first row of {path.name} is read as the header though it holds numbers, {', '.join(first[:8])}; "
                "--no-header says that it is data"
            )
    return replace(dialect, header=has_header, names=tuple(names), notes=tuple(filter(None, (*notes, *more))))
