"""Columns that tell the label too well are named; honest ones are left alone, however well they predict."""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from sklearn import datasets

from dataaudit.dataset import Dataset, Task
from dataaudit.findings import Severity

from ...fixtures_tables import dataset_of, make
from ..columns.tables import known, leakage, with_column

KNOWN = [datasets.load_iris, datasets.load_wine, datasets.load_breast_cancer, datasets.load_diabetes]


@pytest.mark.parametrize("load", KNOWN)
def test_real_tables_are_left_alone(load: Callable[..., Any]) -> None:
    assert leakage(known(load)).findings == ()


@pytest.mark.parametrize("seed", range(10))
def test_the_width_of_a_petal_is_no_leak_in_any_sample_of_flowers(seed: int) -> None:
    assert leakage(known(datasets.load_iris, seed, 120)).findings == ()


def test_easy_data_are_not_leaks() -> None:
    points, targets = datasets.make_blobs(400, 4, centers=3, cluster_std=0.05, random_state=0)
    assert leakage(dataset_of(pd.DataFrame(points), targets, 300, "table")).findings == ()


@pytest.mark.parametrize("load", KNOWN)
def test_what_is_made_from_the_label_is_found_even_twice(load: Callable[..., Any]) -> None:
    dataset = known(load)
    number = dataset.targets * 2.2 + np.random.default_rng(0).normal(0, 0.01, len(dataset))
    leaky = with_column(with_column(dataset, number), [f"code {target}" for target in dataset.targets], "code")
    findings = leakage(leaky).findings
    # Of 142 wines the other columns mistake two or three, which is too few to set a measurement apart.
    expected = {"code"} if load is datasets.load_wine else {"planted", "code"}
    assert {finding.evidence["column"] for finding in findings} == expected
    assert {finding.kind for finding in findings} == {"label_leak"}
    assert {finding.severity for finding in findings} == {Severity.HIGH}
    json.dumps([finding.evidence for finding in findings], allow_nan=False)


def loans(seed: int, n: int = 400) -> Dataset:
    """Two classes that depend on two columns, under much noise."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(rng.normal(size=(n, 3)), columns=["age", "hours", "gain"])
    score = frame["age"] + frame["gain"] + rng.normal(0, 1.5, n)
    return dataset_of(frame, (score > score.median()).astype(np.int64), int(0.8 * n), "table", names="ab")


def mostly(dataset: Dataset, seed: int, share: float = 0.97) -> NDArray[np.bool_]:
    """The second class, wrong in a few rows."""
    agrees = np.random.default_rng(seed + 100).random(len(dataset)) < share
    return np.asarray((dataset.targets == 1) == agrees)


FORMS: dict[str, Callable[[Dataset, NDArray[np.bool_]], Any]] = {
    "value": lambda _, tells: np.where(tells, "late", "in time"),
    "gap": lambda _, tells: np.where(tells, "2023-05-01", None),
    "commonest value": lambda _, tells: np.where(tells, np.random.default_rng(0).lognormal(5, 1, len(tells)), 0),
}


@pytest.mark.parametrize("form", FORMS)
def test_what_agrees_with_the_label_in_97_of_100_rows_is_found(form: str) -> None:
    dataset = loans(3)
    (finding,) = leakage(with_column(dataset, FORMS[form](dataset, mostly(dataset, 3)))).findings
    assert (finding.kind, finding.severity) == ("label_leak", Severity.HIGH)
    assert finding.evidence["lowest_skill"] < finding.evidence["skill"]
    assert finding.evidence["told_by"] in (form, "value")


def test_several_such_columns_do_not_hide_each_other() -> None:
    dataset = loans(0)
    for seed, (form, values) in enumerate(FORMS.items()):
        dataset = with_column(dataset, values(dataset, mostly(dataset, seed)), form)
    assert sorted(finding.evidence["column"] for finding in leakage(dataset).findings) == sorted(FORMS)


def test_a_good_column_among_weak_ones_is_no_leak() -> None:
    for seed in range(3):
        dataset = loans(seed)
        good = with_column(dataset, np.where(mostly(dataset, seed, 0.85), "yes", "no"))
        assert leakage(good).findings == ()


def test_a_good_column_is_no_leak_where_the_others_do_as_well() -> None:
    dataset = make("table", "classification")
    frame = dataset.frame.assign(total=dataset.frame["x"] + dataset.frame["y"])
    targets = (frame["total"] > 0).astype(np.int64).to_numpy()
    assert leakage(dataset_of(frame, targets, 200, "table", names="ab")).findings == ()


def test_a_column_that_gives_one_label_of_several_away_is_found() -> None:
    dataset = make("table", "multilabel")
    (finding,) = leakage(with_column(dataset, np.where(dataset.targets[:, 1], 5, 9))).findings
    assert "for each label 'b'" in finding.message


def test_an_identifier_in_the_order_of_labels_is_grave_and_another_is_not() -> None:
    dataset = make("table", "classification")
    order = np.empty(len(dataset), int)
    order[np.argsort(dataset.targets, kind="stable")] = np.arange(len(dataset))
    (finding,) = leakage(with_column(dataset, order)).findings
    assert (finding.kind, finding.severity) == ("label_leak", Severity.HIGH)
    assert "its order tells the label" in finding.message
    assert leakage(with_column(dataset, np.random.default_rng(0).permutation(len(dataset)))).findings == ()


def test_an_identifier_that_counts_the_rows_of_a_sorted_file_says_no_more_than_that() -> None:
    flowers = datasets.load_iris(as_frame=True)
    rows = np.random.default_rng(0).permutation(150)
    split = np.r_[np.sort(rows[:120]), rows[120:]]  # training rows in the file's order, which is the labels'
    dataset = dataset_of(
        flowers.data.iloc[split].reset_index(drop=True), flowers.target.to_numpy()[split], 120, "table"
    )
    (finding,) = leakage(with_column(dataset, split + 1, "Id")).findings
    assert (finding.kind, finding.severity) == ("label_leak", Severity.MEDIUM)
    assert "rows are sorted by the label and counted" in finding.message


def gone(dataset: Dataset, rows: NDArray[np.bool_]) -> Dataset:
    rng = np.random.default_rng(0)
    return with_column(dataset, np.where(rows, np.nan, rng.normal(size=len(dataset))))


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_gaps_that_come_with_a_split_or_a_label_are_found_and_others_not(task: Task) -> None:
    dataset, rng = make("table", task), np.random.default_rng(1)
    often = rng.random(len(dataset)) < 0.6
    assert leakage(gone(dataset, rng.random(len(dataset)) < 0.3)).findings == ()
    (split,) = leakage(gone(dataset, often & (dataset.splits == "test"))).findings
    assert split.kind == "telling_gaps"
    assert "0.0% of train" in split.message
    (label,) = leakage(gone(dataset, often & (dataset.targets > np.median(dataset.targets)))).findings
    assert label.kind == "telling_gaps"
    assert label.evidence["correlation"] >= 0.3


def test_few_rows_are_no_crash_and_other_modalities_are_skipped() -> None:
    small = leakage(make("table", "classification", 20, 5))
    assert small.findings == ()
    assert "too few" in small.notes[-1]
    assert leakage(make("array", "classification")).skipped
