"""Groups that models fail on are found, errors spread evenly are not."""

import json
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from dataaudit.checks.detection import CheckContext, Detection
from dataaudit.checks.detectors import underperforming
from dataaudit.dataset import Dataset, Task, silent

from ...fixtures import MakeDataset
from ...fixtures_tables import make


class PoolOf:
    """Stands in for a pool: right on all rows but those given."""

    def __init__(self, dataset: Dataset, wrong: NDArray[np.bool_]) -> None:
        if dataset.task == "multilabel":
            self.predictions = dataset.targets ^ wrong[:, None]
        elif dataset.task == "regression":
            noise = np.random.default_rng(99).normal(size=len(dataset))
            self.predictions = dataset.targets + np.where(wrong, 5, 0.1) * noise
        else:
            self.predictions = (dataset.targets + wrong) % len(dataset.class_names)
        self.probabilities = self.predictions
        if dataset.task == "classification":
            self.probabilities = np.eye(len(dataset.class_names))[self.predictions]


def detect(dataset: Dataset, wrong: NDArray[np.bool_]) -> Detection:
    return underperforming.detect(CheckContext(dataset, PoolOf(dataset, wrong), None, 0, silent))  # type: ignore[arg-type]


@pytest.mark.parametrize("share", [0.0, 0.1, 0.4, 1.0])
def test_errors_at_random_make_no_group(make_dataset: MakeDataset, share: float) -> None:
    for seed in range(4):
        dataset = make_dataset(200, 60, seed)
        assert detect(dataset, np.random.default_rng(seed).random(260) < share).findings == ()


def test_a_class_that_is_hard_is_a_group_and_its_clusters_are_not_named_again(make_dataset: MakeDataset) -> None:
    dataset, rng = make_dataset(200, 60), np.random.default_rng(0)
    wrong = rng.random(260) < np.where(dataset.targets == 1, 0.5, 0.05)
    (finding,) = detect(dataset, wrong).findings
    assert finding.evidence["group"] == "class 'b'"
    assert finding.evidence["samples"] == (dataset.targets == 1).sum()
    assert finding.evidence["wrong"] == (wrong & (dataset.targets == 1)).sum()
    rows = [dataset.ids.index(id) for id in finding.sample_ids]
    assert wrong[rows].all()
    assert (dataset.targets[rows] == 1).all()


def striped(dataset: Dataset, rows: NDArray[np.int64]) -> Dataset:
    inputs = dataset.inputs.copy()
    inputs[rows, :, ::2] = 255
    return replace(dataset, inputs=inputs)


@pytest.mark.parametrize("seed", range(3))
def test_look_alikes_across_classes_that_models_fail_on_are_found(make_dataset: MakeDataset, seed: int) -> None:
    dataset, rng = make_dataset(300, 100, seed), np.random.default_rng(seed)
    rows = rng.permutation(400)[:60]
    dataset = striped(dataset, rows)
    wrong = rng.random(400) < 0.05
    wrong[rows] = rng.random(60) < 0.6
    findings = detect(dataset, wrong).findings
    failed = {dataset.ids[row] for row in rows if wrong[row]}
    named = {id for finding in findings for id in finding.sample_ids}
    assert findings
    assert len(named & failed) >= 0.9 * len(failed)
    assert len(named - failed) <= 3
    json.dumps([finding.evidence for finding in findings], allow_nan=False)


def test_at_most_fifty_samples_are_shown_and_the_others_counted(make_dataset: MakeDataset) -> None:
    dataset = make_dataset(300, 100)
    (finding,) = detect(dataset, dataset.targets == 0).findings
    assert len(finding.sample_ids) == finding.evidence["shown"] == 50
    assert finding.evidence["wrong"] == (dataset.targets == 0).sum() > 50


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_few_alike_or_lonely_samples_are_no_crash(make_dataset: MakeDataset) -> None:
    dataset = make_dataset(15, 5)
    assert detect(dataset, np.arange(20) < 10).findings == ()
    dataset = make_dataset(80, 20)
    blank = replace(dataset, inputs=np.full_like(dataset.inputs, 9))
    assert detect(blank, np.arange(100) % 2 == 0).findings == ()
    targets = np.zeros(100, np.int64)
    targets[5] = 2
    assert detect(replace(dataset, targets=targets), np.arange(100) == 5).findings == ()


@pytest.mark.parametrize("task", ["classification", "regression", "multilabel"])
def test_a_kind_of_row_that_models_fail_on_is_found_whatever_the_targets(task: Task) -> None:
    for seed in range(3):
        dataset, rng = make("table", task, 400, 200, seed), np.random.default_rng(seed)
        assert detect(dataset, rng.random(600) < 0.1).findings == ()
        frame, hard = dataset.frame.copy(), rng.permutation(600)[:80]
        frame.loc[hard, ["x", "y", "z"]] = [4.0, 4.0, 4.0]
        wrong = rng.random(600) < 0.1
        wrong[hard] = rng.random(80) < 0.8
        changed = replace(dataset, inputs=frame)
        found = [finding for finding in detect(changed, wrong).findings if "cluster" in finding.message]
        rows = {changed.ids.index(id) for finding in found for id in finding.sample_ids}
        assert len(rows & set(hard.tolist())) >= 0.8 * len(rows) > 0


def test_a_label_that_is_not_found_is_a_group() -> None:
    dataset = make("table", "multilabel", 400, 200)
    pool = PoolOf(dataset, np.zeros(600, bool))
    pool.predictions[:300, 2] = False
    context = CheckContext(dataset, pool, None, 0, silent)  # type: ignore[arg-type]
    assert "class 'c'" in {finding.evidence["group"] for finding in underperforming.detect(context).findings}


def test_models_that_name_the_most_frequent_class_whatever_they_see_fail_on_no_group(make_dataset: MakeDataset) -> None:
    dataset = make_dataset(200, 60)
    assert not detect(dataset, np.zeros(260, bool)).skipped
    pool = PoolOf(dataset, np.zeros(260, bool))
    pool.predictions = np.zeros(260, np.int64)
    pool.probabilities = np.tile([0.5, 0.3, 0.2], (260, 1)) + np.random.default_rng(0).normal(0, 0.01, (260, 3))
    detection = underperforming.detect(CheckContext(dataset, pool, None, 0, silent))  # type: ignore[arg-type]
    assert detection.findings == ()
    assert detection.skipped.startswith("no signal")
