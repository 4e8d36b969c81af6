"""report.html: one self-contained page for the reviewer."""

from pathlib import Path

from ..audit import Audit
from ..files import replacing
from ..report import render


def write(audit: Audit, directory: Path) -> None:
    """Write report.html."""
    with replacing(directory / "report.html") as file:
        file.write(render(audit))
