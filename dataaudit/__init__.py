"""Audit a labelled dataset by asking what each training sample does to the model."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.4.0"

if TYPE_CHECKING:
    from .api import attribute
    from .attribution import Attribution
    from .perturbations import perturbation
    from .problem import Runs

__all__ = ["Attribution", "Runs", "__version__", "attribute", "perturbation"]

HOMES = {"Attribution": "attribution", "Runs": "problem", "attribute": "api", "perturbation": "perturbations"}


def __getattr__(name: str) -> Any:
    """Import the API when it is first asked for: it brings torch, which the command line's help can do without."""
    if name in HOMES:
        return getattr(import_module(f".{HOMES[name]}", __package__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
