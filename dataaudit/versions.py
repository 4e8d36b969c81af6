"""Versions of this package and of what computes its results, read without importing any of it."""

import platform
from importlib.metadata import version

VERSION = version("dataaudit")


def versions() -> dict[str, str]:
    """By name: this package, Python, torch and numpy."""
    return {
        "dataaudit": VERSION,
        "python": platform.python_version(),
        "torch": version("torch"),
        "numpy": version("numpy"),
    }
