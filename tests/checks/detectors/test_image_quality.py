"""Images that show too little are found by kind; datasets that are dark by nature are left alone."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from dataaudit.checks.detection import CheckContext, Detection
from dataaudit.checks.detectors import image_quality
from dataaudit.dataset import Dataset, silent
from dataaudit.findings import Severity

from ...fixtures import MakeDataset

Pixels = NDArray[np.uint8]
ROWS = np.array([3, 60, 131, 199, 203, 222, 239])


def detect(dataset: Dataset) -> Detection:
    return image_quality.detect(CheckContext(dataset, None, None, 0, silent))  # type: ignore[arg-type]


def smooth(images: Pixels) -> Pixels:
    rows = np.linspace(30, 220, images.shape[2])[:, None] + np.linspace(0, 30, images.shape[3])
    return np.broadcast_to(rows, images.shape).astype(np.uint8)


FAULTS: dict[str, Callable[[Pixels], Pixels]] = {
    "blank": lambda x: np.full_like(x, 90),
    "dark": lambda x: (x * 0.12).astype(np.uint8),
    "bright": lambda x: (225 + x * 0.1).astype(np.uint8),
    "low_contrast": lambda x: (110 + x * 0.05).astype(np.uint8),
    "blurred": smooth,
}


def with_faults(dataset: Dataset, rows: NDArray[np.int64], fault: Callable[[Pixels], Pixels]) -> Dataset:
    inputs = dataset.inputs.copy()
    inputs[rows] = fault(inputs[rows])
    return replace(dataset, inputs=inputs)


@pytest.mark.parametrize("change", [lambda x: x, lambda x: x // 4, lambda x: 255 - x // 20, lambda x: 100 + x // 20])
def test_images_alike_in_their_ways_are_left_alone(
    make_dataset: MakeDataset, change: Callable[[Pixels], Pixels]
) -> None:
    for seed in range(5):
        dataset = make_dataset(100, 30, seed, edge=16)
        detection = detect(replace(dataset, inputs=change(dataset.inputs).astype(np.uint8)))
        assert detection.findings == ()
        assert detection.examined == detection.total == 130


@pytest.mark.parametrize("kind", FAULTS)
def test_each_fault_is_found_under_its_name_alone(make_dataset: MakeDataset, kind: str) -> None:
    dataset = with_faults(make_dataset(200, 40, edge=16), ROWS, FAULTS[kind])
    findings = detect(dataset).findings
    assert {(finding.kind, finding.sample_ids[0]) for finding in findings} == {(kind, dataset.ids[row]) for row in ROWS}
    assert {finding.severity for finding in findings} == {Severity.MEDIUM if kind == "blank" else Severity.LOW}
    assert all(kind == "blank" or finding.evidence["q_value"] <= 0.05 for finding in findings)
    json.dumps([finding.evidence for finding in findings], allow_nan=False)


def test_a_class_of_night_images_is_no_fault_but_one_in_a_class_of_day_is(make_dataset: MakeDataset) -> None:
    dataset = make_dataset(600, 60, edge=16)
    targets = np.where(np.arange(660) % 15 == 0, 2, dataset.targets % 2)
    night = replace(with_faults(dataset, np.flatnonzero(targets == 2), FAULTS["dark"]), targets=targets)
    assert detect(night).findings == ()
    targets = targets.copy()
    targets[30] = 0
    assert {finding.sample_ids for finding in detect(replace(night, targets=targets)).findings} == {(night.ids[30],)}


def test_a_colour_image_without_variation_in_any_channel_is_blank(make_dataset: MakeDataset) -> None:
    dataset = make_dataset(60, 20, edge=16)
    inputs = np.repeat(dataset.inputs, 3, 1)
    inputs[4] = np.array([200, 40, 90])[:, None, None]
    inputs[5, 1:] = 40  # one channel still varies
    (finding,) = detect(replace(dataset, inputs=inputs)).findings
    assert (finding.kind, finding.sample_ids) == ("blank", (dataset.ids[4],))


def written(dataset: Dataset, sizes: dict[int, tuple[int, int]]) -> Dataset:
    """Every image as a file of 40 x 30 pixels, or of the size given for its row."""
    for row, source in enumerate(dataset.sources):
        Image.new("L", sizes.get(row, (40 + row % 3, 30))).save(source)
    return dataset


def test_files_of_odd_size_or_shape_are_found(make_dataset: MakeDataset) -> None:
    odd = {7: (400, 300), 40: (8, 6), 99: (120, 30), 110: (40, 100)}
    dataset = written(make_dataset(100, 20), {**odd, 8: (60, 45), 50: (35, 35)})
    detection = detect(dataset)
    assert {(finding.kind, finding.sample_ids[0]) for finding in detection.findings} == {
        ("odd_size", dataset.ids[row]) for row in odd
    }
    assert detection.columns["width"][7] == 400
    assert detection.notes == ()
    assert "400 x 300" in next(finding.message for finding in detection.findings if finding.sample_ids[0] == "0007.png")


def test_files_that_are_gone_are_counted_and_no_crash(make_dataset: MakeDataset) -> None:
    dataset = written(make_dataset(60, 20), {7: (400, 300)})
    Path(dataset.sources[3]).unlink()
    detection = detect(dataset)
    assert len(detection.findings) == 1
    assert detection.notes == ("the size of 1 files could not be read",)
    assert np.isnan(detection.columns["width"][3])


def test_other_modalities_are_skipped(make_dataset: MakeDataset) -> None:
    detection = detect(replace(make_dataset(), modality="text"))
    assert (detection.findings, detection.examined) == ((), 0)
    assert "text" in detection.skipped


@pytest.mark.parametrize("edge", [1, 2, 8])
def test_tiny_and_uniform_images_are_no_crash(make_dataset: MakeDataset, edge: int) -> None:
    dataset = make_dataset(15, 5)
    assert detect(replace(dataset, inputs=dataset.inputs[:, :, 2 : 2 + edge, 2 : 2 + edge])).examined == 20
    blank = detect(replace(dataset, inputs=np.full((20, 1, edge, edge), 9, np.uint8)))
    assert {finding.kind for finding in blank.findings} == {"blank"}
