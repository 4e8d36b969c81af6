"""Every detector runs on every kind of input and target, or says why not; none of them crashes."""

import json
from itertools import product
from typing import Any

import numpy as np
import pytest

from dataaudit import plugins
from dataaudit.checks.detection import CheckContext
from dataaudit.checks.labels.label_views import descriptors
from dataaudit.dataset import Dataset, Modality, Task, silent

from ...fixtures import KnownScores
from ...fixtures_tables import make, targets_of

WITHOUT_TRAINING = ["columns", "drift", "groups", "harmful", "image_quality", "imbalance", "integrity", "mislabeled",
                    "outliers", "target_errors", "target_leakage", "underperforming"]  # fmt: skip
MODALITIES: list[Modality] = ["image", "table", "text", "array"]
TASKS: list[Task] = ["classification", "regression", "multilabel"]


class PoolOf:
    """Stands in for a pool: what a linear model of the descriptors says."""

    def __init__(self, dataset: Dataset, runs: int) -> None:
        self.dataset, self.runs = dataset, runs
        train, features = dataset.rows("train"), descriptors(dataset)
        targets = dataset.targets if dataset.task != "classification" else np.eye(3)[dataset.targets]
        inputs = np.c_[features, np.ones(len(features))]
        weights = np.linalg.solve(inputs[train].T @ inputs[train] + 10 * np.eye(inputs.shape[1]),
                                  inputs[train].T @ targets[train].astype(float))  # fmt: skip
        scores = inputs @ weights
        if dataset.task == "classification":
            exponentials = np.exp(5 * scores)
            self.probabilities = exponentials / exponentials.sum(1, keepdims=True)
        elif dataset.task == "multilabel":
            self.probabilities = 1 / (1 + np.exp(-5 * (scores - 0.5)))
        self.predictions = {
            "classification": lambda: scores.argmax(1),
            "regression": lambda: scores,
            "multilabel": lambda: scores > 0.5,
        }[dataset.task]()

    def __len__(self) -> int:
        return self.runs


class Nothing(KnownScores):
    """Stands in for an attribution that says nothing."""

    def __init__(self, dataset: Dataset) -> None:
        super().__init__(np.zeros((len(dataset.rows("train")), len(dataset.rows("test"))), np.float32))


def context_of(dataset: Dataset) -> CheckContext:
    inputs: Any = PoolOf(dataset, 8), Nothing(dataset)
    return CheckContext(dataset, *inputs, 0, silent)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(("modality", "task"), list(product(MODALITIES, TASKS)))
def test_every_detector_takes_every_kind_of_data(modality: Modality, task: Task) -> None:
    dataset = make(modality, task, 120, 60)
    context = context_of(dataset)
    for name in WITHOUT_TRAINING:
        detector = plugins.get("detectors", name)
        if task not in getattr(detector, "TASKS", TASKS):
            continue
        detection = detector.detect(context)
        assert bool(detection.skipped) == (detection.examined == 0), name
        assert detection.total in (180, 120)
        assert all(len(values) == 180 for values in detection.columns.values())
        json.dumps([finding.evidence for finding in detection.findings], allow_nan=False)


@pytest.mark.parametrize("name", [n for n in WITHOUT_TRAINING if n not in ("columns", "integrity", "target_leakage")])
def test_a_pool_without_runs_is_asked_for_nothing(name: str) -> None:
    detector = plugins.get("detectors", name)
    if getattr(detector, "NEEDS", "data") == "data":
        for task in getattr(detector, "TASKS", TASKS):
            dataset = make("array", task, 120, 60)
            context = CheckContext(dataset, (), None, 0, silent)  # type: ignore[arg-type]
            assert detector.detect(context).findings == ()


def test_the_fixture_tells_its_targets() -> None:
    signal = np.eye(3) * 2
    np.testing.assert_array_equal(targets_of(signal, "classification"), [0, 1, 2])
    np.testing.assert_array_equal(targets_of(signal, "multilabel"), np.eye(3, dtype=bool))
    np.testing.assert_array_equal(targets_of(signal, "regression"), [16, 6, 12])
