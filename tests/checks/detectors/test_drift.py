"""Splits that differ are told apart, splits drawn alike are not."""

import json
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from dataaudit.checks.detection import CheckContext, Detection
from dataaudit.checks.detectors import drift
from dataaudit.dataset import Dataset, Modality, Task, silent

from ...fixtures import MakeDataset
from ...fixtures_tables import make

Pixels = NDArray[np.uint8]
CHANGES: dict[str, Callable[[Pixels], Pixels]] = {
    "brighter": lambda x: np.clip(x * 1.3, 0, 255).astype(np.uint8),
    "moved": lambda x: np.roll(x, 1, 3),
    "mirrored": lambda x: x[..., ::-1],
    "smoothed": lambda x: ((x.astype(int) + np.roll(x, 1, 3) + np.roll(x, 1, 2)) // 3).astype(np.uint8),
}


def detect(dataset: Dataset) -> Detection:
    return drift.detect(CheckContext(dataset, None, None, 0, silent))  # type: ignore[arg-type]


def changed(dataset: Dataset, rows: NDArray[np.int64], change: Callable[[Pixels], Pixels]) -> Dataset:
    inputs = dataset.inputs.copy()
    inputs[rows] = change(inputs[rows])
    return replace(dataset, inputs=inputs)


def test_splits_drawn_alike_are_left_alone(make_dataset: MakeDataset) -> None:
    assert sum(len(detect(make_dataset(160, 80, seed)).findings) for seed in range(15)) <= 1


@pytest.mark.parametrize("name", CHANGES)
def test_a_changed_test_split_is_found_and_not_its_even_classes(make_dataset: MakeDataset, name: str) -> None:
    dataset = make_dataset(400, 200)
    detection = detect(changed(dataset, dataset.rows("test"), CHANGES[name]))
    (finding,) = detection.findings
    assert finding.evidence["what"] == "content"
    assert finding.evidence["auc"] >= 0.6
    splits = [dataset.splits[dataset.ids.index(id)] for id in finding.sample_ids]
    assert splits == ["test"] * drift.SHOWN + ["train"] * drift.SHOWN
    json.dumps(finding.evidence, allow_nan=False)


def test_the_samples_shown_are_those_that_differ(make_dataset: MakeDataset) -> None:
    dataset = make_dataset(400, 200)
    rows = dataset.rows("test")[::2]
    (finding,) = detect(changed(dataset, rows, CHANGES["moved"])).findings
    shown = [dataset.ids.index(id) for id in finding.sample_ids[: drift.SHOWN]]
    assert np.isin(shown, rows).sum() >= 0.9 * drift.SHOWN


def with_few(dataset: Dataset, target: int, split: str) -> Dataset:
    """Four in five of a class's rows in a split become the next class in label and picture."""
    inputs, targets = dataset.inputs.copy(), dataset.targets.copy()
    mine = np.flatnonzero((targets == target) & (dataset.splits == split))
    other = np.flatnonzero((targets == target + 1) & (dataset.splits == split))
    for i, row in enumerate(mine[: len(mine) * 4 // 5]):
        inputs[row], targets[row] = inputs[other[i % len(other)]], target + 1
    return replace(dataset, inputs=inputs, targets=targets)


def test_differing_class_shares_are_found_and_are_not_content(make_dataset: MakeDataset) -> None:
    (finding,) = detect(with_few(make_dataset(400, 200), 0, "test")).findings
    assert finding.evidence["what"] == "class shares"
    assert finding.evidence["total_variation"] > 0.15
    assert "'a'" in finding.message or "'b'" in finding.message


def test_validation_is_compared_too(make_dataset: MakeDataset) -> None:
    dataset = make_dataset(400, 300)
    splits = dataset.splits.astype("U5")
    splits[400:550] = "val"
    dataset = replace(dataset, splits=splits)
    (finding,) = detect(changed(dataset, dataset.rows("val"), CHANGES["mirrored"])).findings
    assert finding.evidence["splits"] == ["train", "val"]


def test_what_was_compared_is_said(make_dataset: MakeDataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drift, "BUDGET", 50)
    detection = detect(make_dataset(200, 100))
    assert (detection.examined, detection.total) == (100, 300)
    assert detection.notes == ("content compared on 50 of 100 test samples and as many of the 200 training samples",)


def test_class_shares_drawn_alike_differ_as_often_as_the_test_says(make_dataset: MakeDataset) -> None:
    dataset = make_dataset(200, 60)
    p_values = []
    for seed in range(100):
        rng = np.random.default_rng(seed)
        shuffled = replace(dataset, targets=rng.permutation(dataset.targets))
        p_values.append(drift._class_shares(shuffled, "test", rng)[0])
    assert np.mean(np.array(p_values) <= 0.05) <= 0.12
    assert 0.35 <= np.median(p_values) <= 0.65


def test_one_split_is_skipped_and_small_or_uniform_ones_are_no_crash(make_dataset: MakeDataset) -> None:
    alone = detect(make_dataset(60, 0))
    assert (alone.findings, alone.examined) == ((), 0)
    assert alone.skipped
    small = detect(make_dataset(15, 5))
    assert small.findings == ()
    assert "too few" in small.notes[0]
    dataset = make_dataset(160, 80)
    assert detect(replace(dataset, inputs=np.full_like(dataset.inputs, 9))).findings == ()
    one_class = replace(dataset, targets=np.where(dataset.splits == "test", 0, dataset.targets))
    assert [finding.evidence["what"] for finding in detect(one_class).findings] == ["class shares"]


@pytest.mark.parametrize("task", ["classification", "regression", "multilabel"])
@pytest.mark.parametrize("modality", ["table", "text", "array"])
def test_other_inputs_and_targets_drawn_alike_are_left_alone(modality: Modality, task: Task) -> None:
    assert sum(len(detect(make(modality, task, 240, 120, seed)).findings) for seed in range(6)) <= 1


def test_columns_that_differ_are_named() -> None:
    dataset = make("table", "classification", 240, 120)
    frame, test = dataset.frame.copy(), dataset.splits == "test"
    frame["when"] = pd.Timestamp("2020-01-01") + pd.to_timedelta(np.random.default_rng(0).integers(0, 300, 360), "D")
    assert detect(replace(dataset, inputs=frame.copy())).findings == ()
    frame.loc[test, "colour"] = "red"
    frame.loc[test, "size"] *= 4
    frame.loc[test, "when"] += pd.Timedelta(400, "D")
    findings = detect(replace(dataset, inputs=frame)).findings
    messages = {
        finding.evidence["column"]: finding.message for finding in findings if finding.evidence["what"] == "column"
    }
    assert set(messages) == {"colour", "size", "when"}
    assert "'red' in " in messages["colour"]
    assert "2021" in messages["when"]
    assert any(finding.evidence["what"] == "content" for finding in findings)
    json.dumps([finding.evidence for finding in findings], allow_nan=False)


def test_words_that_differ_are_named() -> None:
    dataset = make("text", "classification", 240, 120)
    texts = dataset.inputs.copy()
    texts[dataset.rows("test")] = [f"{text} sincerely" for text in texts[dataset.rows("test")]]
    (finding,) = detect(replace(dataset, inputs=texts)).findings
    assert finding.evidence["words"]["sincerely"] == pytest.approx({"train": 0, "test": 1})
    assert "'sincerely' (0% of train, 100% of test)" in finding.message


def test_numbers_and_labels_that_differ_are_found() -> None:
    dataset = make("array", "regression", 240, 120)
    moved = replace(dataset, targets=dataset.targets + 4 * (dataset.splits == "test"))
    assert "targets" in {finding.evidence["what"] for finding in detect(moved).findings}
    dataset = make("array", "multilabel", 240, 120)
    targets = dataset.targets.copy()
    targets[dataset.rows("test")[:80], 2] = True
    labels = [
        finding.evidence["label"]
        for finding in detect(replace(dataset, targets=targets)).findings
        if "label" in finding.evidence
    ]
    assert labels == ["c"]
