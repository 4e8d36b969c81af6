"""Marred numbers are found and borne out; clean ones are left alone, however heavy their tails."""

import json
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from sklearn.datasets import load_diabetes
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import cross_val_predict

from dataaudit.checks.detection import CheckContext
from dataaudit.checks.detectors import target_errors
from dataaudit.data.features.columns import encode
from dataaudit.dataset import Dataset, silent

from ...fixtures_tables import dataset_of, make


class PoolOf:
    """Stands in for a pool: a linear model, out of sample."""

    def __init__(self, dataset: Dataset) -> None:
        self.dataset, train = dataset, dataset.rows("train")
        features = encode(dataset.frame, train)
        model = RidgeCV(np.logspace(-2, 3, 6))
        self.predictions = model.fit(features[train], dataset.targets[train]).predict(features)
        self.predictions[train] = cross_val_predict(model, features[train], dataset.targets[train])


def context_of(dataset: Dataset) -> CheckContext:
    return CheckContext(dataset, PoolOf(dataset), None, 0, silent)  # type: ignore[arg-type]


@cache
def noisy(name: str, seed: int, n: int = 600) -> Dataset:
    rng = np.random.default_rng(seed)
    inputs = rng.normal(size=(n, 6))
    signal = 2 * inputs[:, 0] - inputs[:, 1] + 2 * np.maximum(inputs[:, 2], 0)
    if name == "prices":
        targets = np.exp(10 + 0.4 * signal + 0.3 * rng.normal(size=n))
    elif name == "counts":
        targets = rng.poisson(np.exp(1 + 0.3 * signal)).astype(float)
    elif name == "mostly zero":
        targets = np.where(rng.random(n) < 0.3, 0, np.exp(0.4 * signal + 0.3 * rng.normal(size=n)))
    else:
        noise = {
            "normal": rng.normal(size=n),
            "heavy tails": rng.standard_t(3, size=n),
            "heavier tails": rng.standard_t(2, size=n),
            "skewed": rng.lognormal(0, 1, n),
            "uneven": rng.normal(size=n) * np.exp(inputs[:, 3]),
        }[name]
        targets = 40 + 5 * signal + 2 * noise
    return dataset_of(pd.DataFrame(inputs), targets, n * 3 // 4, "table", "regression")


@cache
def clean_context(name: str, seed: int) -> CheckContext:
    return context_of(noisy(name, seed))


CLEAN = ["normal", "heavy tails", "heavier tails", "skewed", "uneven", "prices", "counts", "mostly zero"]


@pytest.mark.parametrize("name", CLEAN)
def test_clean_numbers_are_left_alone(name: str) -> None:
    detection = target_errors.detect(clean_context(name, 0))
    assert detection.findings == ()
    assert detection.examined == 600 or name == "mostly zero"


def test_clean_diabetes_is_left_alone() -> None:
    data = load_diabetes(as_frame=True)
    for seed in range(2):
        rows = np.random.default_rng(seed).permutation(442)
        frame = data.data.iloc[rows].reset_index(drop=True)
        dataset = dataset_of(frame, data.target.to_numpy()[rows], 350, "table", "regression")
        assert target_errors.detect(context_of(dataset)).findings == ()


@cache
def marred_context(name: str, seed: int) -> tuple[CheckContext, dict[str, NDArray[np.int64]]]:
    """And which rows of it are wrong."""
    dataset, rows = marred(noisy(name, seed), seed)
    return context_of(dataset), rows


def marred(dataset: Dataset, seed: int) -> tuple[Dataset, dict[str, NDArray[np.int64]]]:
    rng = np.random.default_rng(seed)
    rows = dict(zip(("tenfold", "tenth", "sign"), np.split(rng.permutation(len(dataset))[:24], 3), strict=True))
    targets = dataset.targets.copy()
    targets[rows["tenfold"]] *= 10
    targets[rows["tenth"]] /= 10
    targets[rows["sign"]] *= -1
    return replace(dataset, targets=targets), rows


@pytest.mark.parametrize(("name", "seed"), [("normal", 0), ("normal", 1), ("heavy tails", 0)])
def test_marred_numbers_are_found_in_every_split(name: str, seed: int) -> None:
    context, rows = marred_context(name, seed)
    dataset, detection = context.dataset, target_errors.detect(context)
    found = {dataset.ids.index(finding.sample_ids[0]) for finding in detection.findings}
    planted = set(np.concatenate(list(rows.values())).tolist())
    assert len(found - planted) <= 0.25 * len(found)
    assert len(found & set(rows["sign"].tolist())) >= 7
    assert len(found & set(rows["tenfold"].tolist())) >= 7
    assert len(found & planted) >= 20
    assert {finding.evidence["split"] for finding in detection.findings} == {"train", "test"}
    worst = np.argsort(detection.columns["target_quality"])[:15]
    assert np.isin(worst, list(planted)).mean() >= 0.8
    json.dumps([finding.evidence for finding in detection.findings], allow_nan=False)


def test_numbers_over_decades_are_judged_by_their_size() -> None:
    dataset, rows = marred(noisy("prices", 0, 1000), 0)
    detection = target_errors.detect(context_of(dataset))
    found = {dataset.ids.index(finding.sample_ids[0]) for finding in detection.findings}
    assert len(found & set(rows["sign"].tolist())) >= 7
    assert len(found & set(rows["tenfold"].tolist())) >= 5
    assert len(found - set(np.concatenate(list(rows.values())).tolist())) <= 0.25 * len(found)


def test_what_went_wrong_is_told() -> None:
    context, rows = marred_context("normal", 0)
    dataset, findings = context.dataset, target_errors.detect(context).findings
    slips = {dataset.ids.index(finding.sample_ids[0]): finding.evidence["like"] for finding in findings}
    assert sum(slips.get(row) == "a misplaced decimal point" for row in rows["tenfold"].tolist()) >= 7
    assert sum(slips.get(row) == "a wrong sign" for row in rows["sign"].tolist()) >= 7
    tenfold = next(finding for finding in findings if finding.sample_ids[0] == dataset.ids[rows["tenfold"][0]])
    assert tenfold.evidence["given"] / tenfold.evidence["suggested"] == pytest.approx(10, rel=0.5)
    assert tenfold.message.endswith("as if from a misplaced decimal point")
    assert float(tenfold.remedies[0].to[0]) == pytest.approx(tenfold.evidence["given"] / 10)
    assert {finding.remedies[0].action for finding in findings if not finding.evidence["like"]} == {"remove"}


def test_planted_errors_are_found_again_and_set_the_threshold() -> None:
    context = clean_context("normal", 0)
    planted_targets: list[NDArray[Any]] = []

    def retrained(labels: NDArray[Any]) -> PoolOf:
        planted_targets.append(labels)
        return PoolOf(replace(context.dataset, targets=labels))

    calibration = target_errors.calibrate(context, retrained)  # type: ignore[arg-type]
    assert calibration is not None
    assert (planted_targets[0] != context.dataset.targets).sum() == sum(calibration.planted.values()) == 22
    assert calibration.found["decimal point"] >= 5
    assert calibration.found["sign"] >= 6
    assert calibration.right >= 0.75 * calibration.reported
    assert calibration.threshold is not None
    assert target_errors.detect(replace(context, calibration=calibration)).findings == ()


class RetrainedAs:
    """Stands in for retraining: every model predicts these numbers, give or take a little."""

    times, among = 3, None

    def __init__(self, predicted: NDArray[np.float64], rows: NDArray[np.int64]) -> None:
        self.rows = rows
        self.predicted = predicted

    def outputs(self, removals: list[Any], times: range, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        noise = np.random.default_rng(0).normal(0, 0.01, (len(removals), len(times), len(rows)))
        return (self.predicted[rows] + noise)[..., None].astype(np.float32)


def test_models_without_the_suspects_confirm_or_refute() -> None:
    context, _ = marred_context("normal", 0)
    dataset = context.dataset
    detection = target_errors.detect(context)
    suggested = detection.columns["suggested_target"]
    borne_out = target_errors.verify(context, detection, RetrainedAs(suggested, dataset.rows("train")))  # type: ignore[arg-type]
    assert {finding.verification.status for finding in borne_out.findings} == {"consistent"}
    denied = target_errors.verify(context, detection, RetrainedAs(dataset.targets, dataset.rows("train")))  # type: ignore[arg-type]
    assert {finding.verification.status for finding in denied.findings} == {"refuted"}


def test_few_rows_and_equal_numbers_are_skipped() -> None:
    for dataset in (
        make("table", "regression", 20, 5),
        replace(make("table", "regression"), targets=np.ones(280)),
    ):
        detection = target_errors.detect(CheckContext(dataset, None, None, 0, silent))  # type: ignore[arg-type]
        assert detection.skipped
        assert (detection.findings, detection.examined) == ((), 0)
