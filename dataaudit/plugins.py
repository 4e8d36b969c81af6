"""Plugins: one file in a folder of `FOLDERS` is one plugin, named after its file.

Third parties add theirs through the entry-point group `dataaudit.<group>`; the built-in name wins.
"""

import difflib
from importlib import import_module
from importlib.metadata import entry_points
from pkgutil import iter_modules
from types import ModuleType
from typing import Any

from .errors import InputError

FOLDERS = {
    "formats": "data.formats",
    "learners": "training.learners",
    "backends": "attribution.backends",
    "detectors": "checks.detectors",
    "exports": "reporting.exports",
}
"""The package that holds each group's plugins."""


def _package(group: str) -> ModuleType:
    return import_module(f"{__package__}.{FOLDERS[group]}")


WORDS = {"detectors": "check"}
"""What users know a group's plugins by, where it is not the group's name."""


def names(group: str) -> list[str]:
    """The plugins of a group, sorted."""
    built_in = {module.name for module in iter_modules(_package(group).__path__)}
    return sorted(built_in | {point.name for point in entry_points(group=f"dataaudit.{group}")})


def get(group: str, name: str) -> Any:
    """The module (or the object a third party registered) called `name`.

    Raises InputError if there is none, listing those there are.
    """
    if any(module.name == name for module in iter_modules(_package(group).__path__)):
        return import_module(f"{_package(group).__name__}.{name}")
    for point in entry_points(group=f"dataaudit.{group}", name=name):
        return point.load()
    near = difflib.get_close_matches(name, names(group), 1)
    hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(names(group))}"
    raise InputError(f"there is no {WORDS.get(group, group[:-1])} called {name!r}; {hint}")
