"""Writing files so that a reader never sees half of one."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TextIO


@contextmanager
def replacing(path: Path) -> Iterator[TextIO]:
    """A UTF-8 text file that takes the place of `path` when the block ends, and vanishes if it raises."""
    temporary = path.with_name(path.name + ".tmp")
    try:
        with temporary.open("w", encoding="utf-8", newline="") as file:
            yield file
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def rebuilding(path: Path) -> Iterator[Path]:
    """Where to write what takes the place of `path` when the block ends: of a link, not of what it leads to."""
    with TemporaryDirectory(prefix=".dataaudit-", dir=path.parent) as folder:
        new = Path(folder) / path.name
        yield new
        new.replace(path)
