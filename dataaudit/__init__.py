"""Audit a labelled dataset by asking what each training sample does to the model."""

from typing import TYPE_CHECKING, Any

__version__ = "0.2.0"

if TYPE_CHECKING:
    from .api import attribute
    from .attribution import Attribution

__all__ = ["Attribution", "__version__", "attribute"]


def __getattr__(name: str) -> Any:
    """Import the API when it is first asked for: it brings torch, which the command line's help can do without."""
    if name == "attribute":
        from .api import attribute

        return attribute
    if name == "Attribution":
        from .attribution import Attribution

        return Attribution
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
