"""Columns that tell the label only together are named; honest strong pairs are left alone."""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from dataaudit.dataset import Dataset
from dataaudit.findings import Finding, Severity

from ...fixtures_tables import dataset_of
from ..columns.tables import leakage

N = 600
Generator = np.random.Generator
Bools = NDArray[np.bool_]


def xor(rng: Generator, told: Bools) -> tuple[Any, Any]:
    one = rng.integers(0, 2, N)
    return one, one ^ told


def words(rng: Generator, told: Bools) -> tuple[Any, Any]:
    one = rng.integers(0, 20, N)
    other = np.where(told, one, (one + rng.integers(1, 20, N)) % 20)
    return [f"town {at}" for at in one], [f"town {at}" for at in other]


def amounts(rng: Generator, told: Bools) -> tuple[Any, Any]:
    debit = rng.lognormal(5, 1, N)
    return debit, debit + np.where(told, 1, -1) * rng.lognormal(2, 1, N)


def days(rng: Generator, told: Bools) -> tuple[Any, Any]:
    due = pd.Timestamp("2023-01-01") + pd.to_timedelta(rng.integers(0, 500, N), "D")
    return due, due + pd.to_timedelta(rng.integers(1, 30, N) * np.where(told, 1, -1), "D")


PAIRS: list[Callable[[Generator, Bools], tuple[Any, Any]]] = [xor, words, amounts, days]


def planted(make: Callable[[Generator, Bools], tuple[Any, Any]], seed: int, wrong: float = 0.0) -> Dataset:
    """Four columns that say something of the label under much noise, and two that tell it together."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(rng.normal(size=(N, 4)), columns=list("wxyz"))
    targets = (frame["w"] + frame["x"] + rng.normal(0, 1.5, N) > 0).to_numpy()
    frame["one"], frame["other"] = make(rng, targets ^ (rng.random(N) < wrong))
    return dataset_of(frame, targets.astype(np.int64), 480, "table", names="ab")


def pairs(dataset: Dataset) -> list[Finding]:
    return [finding for finding in leakage(dataset).findings if finding.evidence.get("told_by") == "pair"]


@pytest.mark.parametrize("wrong", [0.0, 0.005])
@pytest.mark.parametrize("make", PAIRS)
def test_what_tells_the_label_together_is_found(make: Callable[..., Any], wrong: float) -> None:
    (finding,) = leakage(planted(make, 0, wrong)).findings
    assert (finding.kind, finding.severity) == ("label_leak", Severity.HIGH)
    assert finding.evidence["columns"] == ["one", "other"]
    assert "are both known before the label is?" in finding.message
    json.dumps(finding.evidence, allow_nan=False)


def test_a_number_that_is_the_product_of_two_columns_is_found() -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.uniform(1, 10, (N, 4)), columns=["price", "count", "age", "weight"])
    total = (frame["price"] * frame["count"]).to_numpy()
    (finding,) = pairs(dataset_of(frame, total, 480, "table", "regression"))
    assert finding.evidence["columns"] == ["price", "count"]


def test_columns_that_say_nothing_and_strong_ones_with_noise_have_none() -> None:
    for seed in range(5):
        rng = np.random.default_rng(seed)
        frame = pd.DataFrame(rng.normal(size=(N, 8))).assign(colour=rng.choice(list("abcd"), N))
        assert pairs(dataset_of(frame, rng.integers(0, 2, N), 480, "table", names="ab")) == []
        strong = (frame[0] - frame[1] + rng.normal(0, 0.2, N) > 0).to_numpy(np.int64)
        assert pairs(dataset_of(frame, strong, 480, "table", names="ab")) == []
