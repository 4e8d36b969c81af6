"""report.html: one self-contained page for the reviewer."""

from pathlib import Path

from ...files import replacing
from ...result import Audit
from ..page import render


def write(audit: Audit, directory: Path) -> None:
    """Write report.html."""
    with replacing(directory / "report.html") as file:
        file.write(render(audit))
