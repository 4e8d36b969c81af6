"""Writing files so that a reader never sees half of one."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TextIO


@contextmanager
def replacing(path: Path) -> Iterator[TextIO]:
    """A UTF-8 text file that replaces `path` when the block ends, and is removed if the block raises."""
    temporary = path.with_name(path.name + ".tmp")
    try:
        with temporary.open("w", encoding="utf-8", newline="") as file:
            yield file
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def rebuilding(path: Path) -> Iterator[Path]:
    """A temporary path that replaces `path` when the block ends; a link itself is replaced, not its target."""
    with TemporaryDirectory(prefix=".dataaudit-", dir=path.parent) as folder:
        new = Path(folder) / path.name
        yield new
        new.replace(path)
