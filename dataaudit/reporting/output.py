"""The output directory: made before the work, filled by every export after it."""

from pathlib import Path

from .. import plugins
from ..errors import InputError
from ..files import replacing
from ..result import Audit


def prepare(directory: Path) -> Path:
    """The directory, made if need be. Raises InputError if nothing can be written into it."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with replacing(directory / ".writable"):
            pass
        (directory / ".writable").unlink()
    except OSError as error:
        raise InputError(f"--output {directory}: results can't be written there: {error.strerror}") from error
    return directory


def export(audit: Audit, directory: Path) -> None:
    """Write every export."""
    for name in plugins.names("exports"):
        plugins.get("exports", name).write(audit, directory)
