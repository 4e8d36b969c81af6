"""Tables with a column more, and the findings of the checks of columns."""

from collections.abc import Callable
from typing import Any

import numpy as np

from dataaudit.checks.detection import CheckContext, Detection
from dataaudit.checks.detectors import columns, target_leakage
from dataaudit.dataset import Dataset, Task, silent
from dataaudit.findings import Finding

from ...fixtures_tables import dataset_of


def structure(dataset: Dataset) -> Detection:
    return columns.detect(CheckContext(dataset, None, None, 0, silent))  # type: ignore[arg-type]


def leakage(dataset: Dataset) -> Detection:
    return target_leakage.detect(CheckContext(dataset, None, None, 0, silent))  # type: ignore[arg-type]


def both(dataset: Dataset) -> list[Finding]:
    return [*structure(dataset).findings, *leakage(dataset).findings]


def with_column(dataset: Dataset, values: object, name: str = "planted") -> Dataset:
    frame = dataset.frame.assign(**{name: values})
    names = "".join(dataset.class_names)
    return dataset_of(frame, dataset.targets, len(dataset.rows("train")), "table", dataset.task, names)


def known(load: Callable[..., Any], seed: int = 0, n_train: int | None = None) -> Dataset:
    """A table of scikit-learn's in random order; targets with more than ten values are numbers."""
    data = load(as_frame=True)
    rows = np.random.default_rng(seed).permutation(len(data.data))
    frame, targets = data.data.iloc[rows].reset_index(drop=True), data.target.to_numpy()[rows]
    task: Task = "regression" if len(np.unique(targets)) > 10 else "classification"
    return dataset_of(frame, targets, n_train or int(0.8 * len(frame)), "table", task, "0123456789")
