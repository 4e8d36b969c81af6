"""Rare classes are named, even ones are not."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from dataaudit.checks.detection import CheckContext, Detection
from dataaudit.checks.detectors import imbalance
from dataaudit.dataset import Dataset, silent
from dataaudit.findings import Severity

from ...fixtures import MakeDataset
from ...fixtures_tables import make


class PoolOf:
    """Stands in for a pool: right on all rows but those given."""

    def __init__(self, dataset: Dataset, wrong: NDArray[np.bool_]) -> None:
        self.predictions = dataset.targets.copy()
        if dataset.task == "multilabel":
            self.predictions[wrong] = False
        else:
            self.predictions[wrong] = (self.predictions[wrong] + 1) % len(dataset.class_names)

    def __len__(self) -> int:
        return 8


def detect(dataset: Dataset, wrong: NDArray[np.bool_] | None = None) -> Detection:
    pool = PoolOf(dataset, np.zeros(len(dataset), bool) if wrong is None else wrong)
    return imbalance.detect(CheckContext(dataset, pool, None, 0, silent))  # type: ignore[arg-type]


def with_rare(dataset: Dataset, target: int, kept: int) -> Dataset:
    """The class keeps so many training rows, the other rows of it go to the next class."""
    targets = dataset.targets.copy()
    mine = np.flatnonzero((targets == target) & (dataset.splits == "train"))
    targets[mine[kept:]] = (target + 1) % len(dataset.class_names)
    return replace(dataset, targets=targets)


def test_even_classes_are_left_alone(make_dataset: MakeDataset) -> None:
    for seed in range(20):
        assert detect(make_dataset(60, 20, seed)).findings == ()


def test_a_rare_class_is_named_with_its_counts_and_weighs_more_if_it_is_not_learnt(make_dataset: MakeDataset) -> None:
    dataset = with_rare(make_dataset(300, 60), 1, 8)
    (finding,) = detect(dataset).findings
    assert finding.severity == Severity.LOW
    assert finding.evidence["class"] == "b"
    assert finding.evidence["train_samples"] == 8
    assert finding.evidence["recall"] == 1
    assert finding.sample_ids == ()
    (worse,) = detect(dataset, dataset.targets == 1).findings
    assert worse.severity == Severity.MEDIUM
    assert (worse.evidence["recall"], worse.evidence["recall_of_others"]) == (0, 1)
    assert worse.fingerprint == finding.fingerprint


@pytest.mark.parametrize(("kept", "found"), [(10, False), (9, True)])
def test_the_bar_is_a_tenth_of_an_equal_share(make_dataset: MakeDataset, kept: int, found: bool) -> None:
    assert bool(detect(with_rare(make_dataset(300, 60), 2, kept)).findings) == found


def test_a_class_missing_from_training_is_not_this_detectors_business(make_dataset: MakeDataset) -> None:
    assert detect(with_rare(make_dataset(300, 60), 0, 0)).findings == ()


def test_the_rarest_class_comes_first(make_dataset: MakeDataset) -> None:
    dataset = with_rare(with_rare(make_dataset(600, 60), 0, 4), 1, 9)
    assert [finding.evidence["class"] for finding in detect(dataset).findings] == ["a", "b"]


def test_without_a_pool_classes_are_counted_all_the_same(make_dataset: MakeDataset) -> None:
    dataset = with_rare(make_dataset(300, 60), 1, 8)
    (finding,) = imbalance.detect(CheckContext(dataset, (), None, 0, silent)).findings  # type: ignore[arg-type]
    assert finding.severity == Severity.LOW
    assert "recall" not in finding.evidence
    assert finding.message == "class 'b' has 8 of 300 training samples (2.67%)"


def test_labels_of_sets_are_counted_one_by_one() -> None:
    dataset = make("table", "multilabel", 300, 60)
    assert detect(dataset).findings == ()
    targets = dataset.targets.copy()
    targets[np.flatnonzero(targets[:, 1])[5:], 1] = False
    dataset = replace(dataset, targets=targets)
    (finding,) = detect(dataset).findings
    assert (finding.evidence["class"], finding.evidence["train_samples"]) == ("b", 5)
    (worse,) = detect(dataset, targets[:, 1]).findings
    assert (worse.severity, worse.evidence["recall"]) == (Severity.MEDIUM, 0)
