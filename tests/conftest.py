"""Fixtures that several tests share."""

from .fixtures import make_dataset, small_pool

__all__ = ["make_dataset", "small_pool"]
