"""Strange samples are found in any split, usual ones are left alone."""

import json
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from dataaudit.checks.detection import CheckContext, Detection
from dataaudit.checks.detectors import outliers
from dataaudit.dataset import Dataset, Modality, silent

from ...fixtures import MakeDataset
from ...fixtures_tables import make


def detect(dataset: Dataset) -> Detection:
    return outliers.detect(CheckContext(dataset, None, None, 0, silent))  # type: ignore[arg-type]


def plant(dataset: Dataset, rows: NDArray[np.int64], seed: int = 0) -> Dataset:
    rng = np.random.default_rng(seed)
    inputs, shape = dataset.inputs.copy(), dataset.inputs.shape[1:]
    for i, row in enumerate(rows):
        inputs[row] = [
            rng.integers(0, 256, shape),
            rng.integers(0, 2, shape) * 255,
            np.where(np.arange(shape[1])[:, None] % 2, 250, 5),
            255 - dataset.inputs[row],
        ][i % 4]
    return replace(dataset, inputs=inputs)


def test_blobs_are_left_alone(make_dataset: MakeDataset) -> None:
    found = [len(detect(make_dataset(150, 50, seed)).findings) for seed in range(20)]
    assert sum(count > 0 for count in found) <= 2
    assert max(found) <= 1


@pytest.mark.parametrize("seed", range(3))
def test_strange_images_are_found_in_every_split(make_dataset: MakeDataset, seed: int) -> None:
    rows = np.array([3, 50, 120, 199, 205, 211, 230, 239])
    dataset = plant(make_dataset(200, 40, seed), rows, seed)
    detection = detect(dataset)
    found = {finding.sample_ids[0] for finding in detection.findings}
    assert found >= {dataset.ids[row] for row in rows}
    assert len(found) <= len(rows) + 1
    assert set(np.argsort(-detection.columns["outlier_score"])[: len(rows)]) == set(rows)
    scores = [finding.score for finding in detection.findings]
    assert scores == sorted(scores, reverse=True)
    assert all(finding.evidence["q_value"] <= 0.05 for finding in detection.findings)
    json.dumps([finding.evidence for finding in detection.findings], allow_nan=False)


def test_the_nearest_sample_is_of_training_and_not_the_sample_itself(make_dataset: MakeDataset) -> None:
    dataset = plant(make_dataset(200, 40), np.array([3, 230]))
    training = set(dataset.ids[:200])
    for finding in detect(dataset).findings:
        assert finding.evidence["nearest_train_id"] in training - {finding.sample_ids[0]}


def test_a_rows_own_distance_is_not_counted_even_among_copies_of_it() -> None:
    points = np.zeros((40, 2), np.float32)
    points[:20] = np.arange(20)[:, None]
    distance, nearest, to_nearest = outliers._distances(points, np.arange(30))
    assert distance[5] == pytest.approx(np.sqrt(2) * np.mean([1, 1, 2, 2, 3, 3, 4, 4, 5, 5]))
    assert to_nearest[5] == pytest.approx(np.sqrt(2))
    assert distance[25] == to_nearest[25] == 0
    assert (nearest[:30] != np.arange(30))[:20].all()


def test_a_strange_sample_with_a_copy_in_training_resembles_that_one(make_dataset: MakeDataset) -> None:
    alone = plant(make_dataset(200, 40), np.array([3, 210]))
    inputs = alone.inputs.copy()
    inputs[230] = inputs[3]
    messages = {finding.sample_ids[0]: finding.message for finding in detect(replace(alone, inputs=inputs)).findings}
    assert f"resembles no training sample but {alone.ids[3]}: " in messages[alone.ids[230]]
    assert "resembles no training sample: " in messages[alone.ids[3]]
    assert "resembles no training sample: " in messages[alone.ids[210]]


def test_few_training_samples_are_too_few_to_judge(make_dataset: MakeDataset) -> None:
    detection = detect(make_dataset(20, 10))
    assert (detection.findings, detection.examined, detection.total) == ((), 0, 30)
    assert "20 training samples are too few" in detection.skipped


def test_images_that_are_all_alike_have_no_outliers(make_dataset: MakeDataset) -> None:
    dataset = make_dataset(80, 20)
    detection = detect(replace(dataset, inputs=np.full_like(dataset.inputs, 7)))
    assert detection.findings == ()
    assert np.isfinite(detection.columns["outlier_score"]).all()


def test_more_training_samples_than_are_compared_with_are_noted(
    make_dataset: MakeDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outliers, "REFERENCE", 60)
    detection = detect(make_dataset(120, 20))
    assert detection.notes == ("compared with 60 of the 120 training samples, drawn at random",)
    assert detection.examined == 140


@pytest.mark.parametrize("modality", ["table", "text", "array"])
def test_usual_rows_of_any_modality_are_left_alone(modality: Modality) -> None:
    found = [len(detect(make(modality, "classification", 200, 80, seed)).findings) for seed in range(8)]
    assert sum(found) <= 4


@pytest.mark.parametrize("modality", ["table", "text", "array"])
def test_strange_rows_of_any_modality_are_found(modality: Modality) -> None:
    dataset, rows = make(modality, "regression", 200, 80), np.array([3, 50, 205, 211])
    if modality == "table":
        inputs = dataset.frame.copy()
        inputs.loc[rows, ["x", "y", "z"]] = 30 * (1 + inputs.loc[rows, ["x", "y", "z"]])
    else:
        inputs = dataset.inputs.copy()
        inputs[rows] = ["zxqv wkjy qqzz vvkx"] * 4 if modality == "text" else 9 * (1 + inputs[rows])
    detection = detect(replace(dataset, inputs=inputs))
    found = {finding.sample_ids[0] for finding in detection.findings}
    assert found >= {dataset.ids[row] for row in rows}
    assert len(found) <= len(rows) + 1
    json.dumps([finding.evidence for finding in detection.findings], allow_nan=False)
