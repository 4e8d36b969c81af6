"""Telling and useless columns are named; honest ones are left alone, however well they predict."""

import json
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from sklearn import datasets

from dataaudit.checks.detection import CheckContext, Detection
from dataaudit.checks.detectors import columns
from dataaudit.dataset import Dataset, Task, silent
from dataaudit.findings import Severity

from ...fixtures_tables import dataset_of, make

KNOWN = [datasets.load_iris, datasets.load_wine, datasets.load_breast_cancer, datasets.load_diabetes]


def detect(dataset: Dataset) -> Detection:
    return columns.detect(CheckContext(dataset, None, None, 0, silent))  # type: ignore[arg-type]


def known(load: Callable[..., object], seed: int = 0) -> Dataset:
    data = load(as_frame=True)
    rows = np.random.default_rng(seed).permutation(len(data.data))  # type: ignore[attr-defined]
    frame = data.data.iloc[rows].reset_index(drop=True)  # type: ignore[attr-defined]
    targets = data.target.to_numpy()[rows]  # type: ignore[attr-defined]
    task: Task = "regression" if load is datasets.load_diabetes else "classification"
    return dataset_of(frame, targets, int(0.8 * len(frame)), "table", task)


def with_column(dataset: Dataset, values: object, name: str = "planted") -> Dataset:
    frame = dataset.frame.assign(**{name: values})
    return dataset_of(frame, dataset.targets, len(dataset.rows("train")), "table", dataset.task)


@pytest.mark.parametrize("load", KNOWN)
def test_real_tables_are_left_alone(load: Callable[..., object]) -> None:
    for seed in range(3):
        assert detect(known(load, seed)).findings == ()


@pytest.mark.parametrize("task", ["classification", "regression", "multilabel"])
def test_honest_tables_are_left_alone(task: Task) -> None:
    for seed in range(5):
        detection = detect(make("table", task, seed=seed))
        assert detection.findings == ()
        assert detection.examined == 280


def test_easy_data_are_not_leaks() -> None:
    points, targets = datasets.make_blobs(400, 4, centers=3, cluster_std=0.05, random_state=0)
    assert detect(dataset_of(pd.DataFrame(points), targets, 300, "table")).findings == ()


@pytest.mark.parametrize("load", KNOWN)
def test_what_is_made_from_the_label_is_found_even_twice(load: Callable[..., object]) -> None:
    dataset = known(load)
    number = dataset.targets * 2.2 + np.random.default_rng(0).normal(0, 0.01, len(dataset))
    leaky = with_column(with_column(dataset, number), [f"code {target}" for target in dataset.targets], "code")
    findings = detect(leaky).findings
    names = {finding.evidence["column"] for finding in findings}
    assert names == {"planted", "code"}
    assert {finding.kind for finding in findings} == {"label_leak"}
    assert {finding.severity for finding in findings} == {Severity.HIGH}
    json.dumps([finding.evidence for finding in findings], allow_nan=False)


def test_a_column_that_gives_one_label_of_several_away_is_found() -> None:
    dataset = make("table", "multilabel")
    (finding,) = detect(with_column(dataset, np.where(dataset.targets[:, 1], 5, 9))).findings
    assert "for each label 'b'" in finding.message


def by_itself(n: int) -> dict[str, tuple[object, str]]:
    rng = np.random.default_rng(0)
    return {
        "id": ([f"P{i:04d}" for i in rng.permutation(n)], "id_column"),
        "one value": (["x"] * n, "constant_column"),
        "no value": ([None] * n, "empty_column"),
        "few values": (np.where(rng.random(n) < 0.7, np.nan, rng.normal(size=n)), "sparse_column"),
        "a word": (np.where(np.arange(n) % 40, rng.integers(0, 9, n).astype(str), "n/k"), "mixed_column"),
    }


@pytest.mark.parametrize("name", by_itself(1))
def test_columns_that_say_nothing_are_named(name: str) -> None:
    dataset = make("table", "classification")
    values, kind = by_itself(len(dataset))[name]
    (finding,) = detect(with_column(dataset, values)).findings
    assert (finding.kind, finding.severity) == (kind, Severity.LOW)
    assert "'planted'" in finding.message


def test_many_empty_columns_are_one_finding() -> None:
    dataset = make("table", "classification")
    for place in range(9):
        dataset = with_column(dataset, [None] * len(dataset), f"empty {place}")
    (finding,) = detect(dataset).findings
    assert finding.message.startswith("9 columns without a value")
    assert finding.message.endswith("and 4 more")


def test_an_identifier_in_the_order_of_labels_weighs_more() -> None:
    dataset = make("table", "classification")
    order = np.empty(len(dataset), int)
    order[np.argsort(dataset.targets, kind="stable")] = np.arange(len(dataset))
    (finding,) = detect(with_column(dataset, order)).findings
    assert (finding.kind, finding.severity) == ("id_column", Severity.MEDIUM)


def gone(dataset: Dataset, rows: NDArray[np.bool_]) -> Dataset:
    rng = np.random.default_rng(0)
    return with_column(dataset, np.where(rows, np.nan, rng.normal(size=len(dataset))))


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_gaps_that_come_with_a_split_or_a_label_are_found_and_others_not(task: Task) -> None:
    dataset, rng = make("table", task), np.random.default_rng(1)
    often = rng.random(len(dataset)) < 0.6
    assert detect(gone(dataset, rng.random(len(dataset)) < 0.3)).findings == ()
    (split,) = detect(gone(dataset, often & (dataset.splits == "test"))).findings
    assert split.kind == "telling_gaps"
    assert "0.0% of train" in split.message
    (label,) = detect(gone(dataset, often & (dataset.targets > np.median(dataset.targets)))).findings
    assert label.kind == "telling_gaps"
    assert label.evidence["correlation"] >= 0.3


def test_few_rows_are_no_crash_and_other_modalities_are_skipped() -> None:
    small = detect(make("table", "classification", 20, 5))
    assert small.findings == ()
    assert "too few" in small.notes[-1]
    assert detect(make("array", "classification")).skipped
