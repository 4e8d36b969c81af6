"""Fixtures that several tests share."""

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as the command has it: spinning threads starve other processes

from .fixtures import make_dataset, small_pool

__all__ = ["make_dataset", "small_pool"]
