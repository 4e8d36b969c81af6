"""Fixtures that several tests share."""

import os

# Threads that wait for each other over small matrices take ten times as long as one, and spin meanwhile.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import pytest

from .fixtures import linear_pool, make_dataset, small_pool, tree_pool
from .fixtures_browser import browser

__all__ = ["browser", "linear_pool", "make_dataset", "small_pool", "tree_pool"]

LONG = [
    "comparison/test_command.py", "training/test_cluster.py", "test_notebook.py", "commands/test_audit_outputs.py",
    "commands/test_hostile_names.py", "test_docs.py", "test_architecture.py", "test_action.py",
    "checks/detectors/test_mislabeled.py",
    "checks/detectors/test_target_errors.py", "comparison/test_compare.py", "commands/test_resume.py",
    "commands/test_cli.py", "checks/detectors/test_leakage.py", "commands/test_gating.py", "test_other_data.py",
    "training/models/test_learner_spec.py", "comparison/test_null.py", "attribution/backends/test_influence.py",
    "test_hostile_data.py", "evaluation/test_evaluate.py", "reporting/browser/", "reporting/test_plots.py",
    "attribution/backends/", "reporting/test_page.py", "checks/detectors/",
]  # fmt: skip
"""Files that take seconds, longest first: begun early, they leave no worker waiting for another at the end."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    def place(item: pytest.Item) -> int:
        return next((at for at, name in enumerate(LONG) if f"tests/{name}" in item.path.as_posix()), len(LONG))

    items.sort(key=place)
