"""Text files, packed or not: what they are called without their packing, and the encoding that they are in."""

import codecs
import gzip
import io
import re
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TextIO, cast

from ...dataset import as_text
from ...errors import DatasetError
from .folders import is_hidden

PACKED = (".gz", ".zip")
MARKS = (
    (codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF32_LE, "utf-32-le"), (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"),
)  # fmt: skip
"""Byte order marks and the codecs that they stand for, longer ones first."""
WESTERN = "cp1252"
"""The encoding of Windows for the languages of Western Europe."""
BEYOND, CROWDED = re.compile(r"[^\x00-\x7f]"), re.compile(r"[^\x00-\x7f]{3,}")
BLOCK = 1 << 20
PACKING_ERRORS = (EOFError, zlib.error, zipfile.BadZipFile, NotImplementedError, RuntimeError)


@dataclass(frozen=True)
class Encoding:
    """How bytes are text.

    mark   the bytes before the text, a byte order mark
    note   for the reader, where it was guessed or is not what was named; else ""
    """

    codec: str = "utf-8"
    mark: bytes = b""
    note: str = ""


def path_text(path: Path) -> str:
    """A path as valid Unicode text."""
    return as_text(str(path))


def unpacked_name(path: Path) -> str:
    """The name of what a packed file holds, as its own name tells it: train.csv for train.csv.gz."""
    is_packed = path.suffix.lower() in PACKED and Path(path.stem).suffix
    return path.stem if is_packed else path.name


def ending(path: Path) -> str:
    """The ending in small letters, without that of the packing: .csv for train.CSV.gz."""
    return Path(unpacked_name(path)).suffix.lower()


def is_packed(path: Path) -> bool:
    """Whether the file is packed, as its name tells."""
    return unpacked_name(path) != path.name


@contextmanager
def open_bytes(path: Path) -> Iterator[IO[bytes]]:
    """The bytes of a file, unpacked. Raises DatasetError where they can't be unpacked."""
    try:
        if not is_packed(path):
            with path.open("rb") as file:
                yield file
        elif path.suffix.lower() == ".gz":
            with gzip.open(path) as unpacked:
                yield cast(IO[bytes], unpacked)
        else:
            with zipfile.ZipFile(path) as archive, archive.open(zip_member(path, archive)) as file:
                yield file
    except (gzip.BadGzipFile, *PACKING_ERRORS) as error:
        raise DatasetError(
            f"{path_text(path)}: not readable as a {path.suffix.lower()} file: {error}; pack it again, or put it there "
            "unpacked"
        ) from error


def zip_member(path: Path, archive: zipfile.ZipFile) -> zipfile.ZipInfo:
    """The only file of an archive. Raises DatasetError where there are several."""
    members = [member for member in archive.infolist() if not member.is_dir() and not is_hidden(member.filename)]
    if len(members) != 1:
        raise DatasetError(
            f"{path_text(path)}: expected one file in the archive, found {len(members)}; unpack it and audit the folder"
        )
    return members[0]


def repacked(path: Path, content: bytes) -> bytes:
    """The bytes of a file like `path`, packed in the same way, that holds `content`."""
    if not is_packed(path):
        return content
    if path.suffix.lower() == ".gz":
        return gzip.compress(content, mtime=0)
    packed = io.BytesIO()
    with zipfile.ZipFile(path) as archive, zipfile.ZipFile(packed, "w") as new:
        new.writestr(zip_member(path, archive), content)
    return packed.getvalue()


@contextmanager
def open_text(path: Path, encoding: Encoding) -> Iterator[TextIO]:
    """The text of a file, unpacked and decoded, its line ends as they are."""
    with open_bytes(path) as file:
        file.read(len(encoding.mark))
        with io.TextIOWrapper(file, encoding.codec, newline="") as text:
            yield text


def encoding_of(path: Path, requested: str | None = None) -> Encoding:
    """The encoding of a text file: what its byte order mark says, else `requested`, else UTF-8 or, guessed, cp1252.

    The whole file is decoded once. Raises DatasetError, naming the line, for bytes that are no text in it.
    """
    with open_bytes(path) as file:
        head = file.read(4)
    mark, codec = next(((mark, codec) for mark, codec in MARKS if head.startswith(mark)), (b"", None))
    if codec is not None:
        is_other = requested is not None and not codec.startswith(codecs.lookup(requested).name.removesuffix("-sig"))
        note = f"{path.name} begins with the byte order mark of {codec}, and is read as such" if is_other else ""
        encoding = Encoding(codec, mark, note)
    else:
        encoding = Encoding(requested or "utf-8")
    place = _undecodable(path, encoding)
    if place is None:
        return encoding
    line, position, byte = place
    where = f"{path_text(path)}, line {line}"
    what = f"the byte 0x{byte:02x} at position {position} of the line"
    if requested is not None or codec is not None:
        raise DatasetError(
            f"{where}: expected {encoding.codec} text, found {what}; name another encoding with --encoding, or save "
            "the file as UTF-8"
        )
    if not _looks_western(path):
        raise DatasetError(
            f"{where}: expected UTF-8 text, found {what}; name the encoding with --encoding, such as cp1251, gb18030 "
            "or shift_jis, or save the file as UTF-8"
        )
    return Encoding(
        WESTERN, b"", f"{path.name} is no UTF-8 ({what[4:].replace('the line', f'line {line}')}): read as {WESTERN}, a "
        "guess; --encoding names another",
    )  # fmt: skip


def _undecodable(path: Path, encoding: Encoding) -> tuple[int, int, int] | None:
    """(line, position in the line, byte) of the first byte that is no text; None where all are."""
    decoder = codecs.getincrementaldecoder(encoding.codec)()
    line, line_start, position = 1, len(encoding.mark), len(encoding.mark)
    with open_bytes(path) as file:
        file.read(len(encoding.mark))
        while True:
            block = file.read(BLOCK)
            pending = decoder.getstate()[0] if block else b""
            try:
                decoder.decode(block, final=not block)
            except UnicodeError as error:
                start = getattr(error, "start", 0) - len(pending)
                before = block[: max(start, 0)]
                line += before.count(b"\n")
                if b"\n" in before:
                    line_start = position + before.rindex(b"\n") + 1
                broken = getattr(error, "object", b"\0")
                return line, position + start - line_start, broken[min(getattr(error, "start", 0), len(broken) - 1)]
            if not block:
                return None
            line += block.count(b"\n")
            if b"\n" in block:
                line_start = position + block.rindex(b"\n") + 1
            position += len(block)


def _looks_western(path: Path) -> bool:
    """Whether bytes that are no UTF-8 read as text of Western Europe, where letters beyond ASCII stand among others.

    UTF-8 with a few broken bytes does not.
    """
    broken = sequences = beyond = crowded = 0
    with open_bytes(path) as file:
        for line in file:
            if line.isascii():
                continue
            try:
                text = line.decode(WESTERN)
            except UnicodeDecodeError:
                return False
            if "\0" in text:
                return False
            as_utf8 = line.decode("utf-8", "replace")
            broken += as_utf8.count("\ufffd")
            sequences += len(BEYOND.findall(as_utf8)) - as_utf8.count("\ufffd")
            beyond += len(BEYOND.findall(text))
            crowded += sum(map(len, CROWDED.findall(text)))
    return sequences <= broken and crowded <= beyond / 2
