"""Audit a labelled dataset by measuring what each training sample does to the model."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .versions import VERSION as __version__

if TYPE_CHECKING:
    from .api import attribute, audit
    from .attribution.attribution import Attribution
    from .attribution.perturbations import perturbation
    from .attribution.problem import Runs
    from .verdict.reviewed import review

__all__ = ["Attribution", "Runs", "__version__", "attribute", "audit", "perturbation", "review"]

HOMES = {
    "Attribution": "attribution.attribution",
    "Runs": "attribution.problem",
    "attribute": "api",
    "audit": "api",
    "perturbation": "attribution.perturbations",
    "review": "verdict.reviewed",
}


def __getattr__(name: str) -> Any:
    """Import the API when it is first asked for: it brings torch, which the command line's help can do without."""
    if name in HOMES:
        return getattr(import_module(f".{HOMES[name]}", __package__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
