"""Fixtures that several tests share."""

import os

# Threads that wait for each other over small matrices take ten times as long as one, and spin meanwhile.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from .fixtures import make_dataset, small_pool

__all__ = ["make_dataset", "small_pool"]
