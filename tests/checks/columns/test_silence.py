"""Honest columns of every shape are left alone: heavy tails, zeros that are counted, ages, grades."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from ...fixtures_tables import dataset_of
from .tables import structure

N = 400
Generator = np.random.Generator
HONEST: dict[str, Callable[[Generator], NDArray[np.float64]]] = {
    "measured": lambda rng: rng.normal(120, 28, N),
    "money": lambda rng: np.exp(rng.normal(5, 1, N)).round(2),
    "skewed money": lambda rng: np.exp(rng.normal(5, 2.5, N)),
    "a power law": lambda rng: (1 / rng.random(N)).round(3),
    "heavy on both sides": lambda rng: rng.standard_cauchy(N),
    "waiting times": lambda rng: rng.exponential(3, N),
    "visits": lambda rng: rng.poisson(3, N),
    "visits of some": lambda rng: np.where(rng.random(N) < 0.5, 0, rng.poisson(4, N)),
    "gains of a few": lambda rng: np.where(rng.random(N) < 0.9, 0, np.exp(rng.normal(7, 1, N)).round()),
    "cigarettes": lambda rng: np.where(rng.random(N) < 0.5, 0, rng.normal(15, 6, N).clip(1, 60).round()),
    "counts": lambda rng: rng.negative_binomial(1, 0.1, N),
    "ages": lambda rng: rng.normal(40, 12, N).clip(16, 90).round(),
    "grades": lambda rng: rng.integers(1, 6, N),
    "years": lambda rng: rng.integers(1990, 2021, N),
    "cylinders": lambda rng: rng.choice([3, 4, 5, 6, 8], N, p=[0.01, 0.5, 0.02, 0.2, 0.27]),
    "siblings": lambda rng: rng.choice([0, 1, 2, 3, 4, 5, 8], N, p=[0.65, 0.22, 0.04, 0.03, 0.03, 0.02, 0.01]),
    "messages of those who subscribe": lambda rng: np.where(rng.random(N) < 0.73, 0, rng.normal(29, 7, N).round()),
    "changes": lambda rng: rng.normal(0, 3, N).round(),
}


@pytest.mark.parametrize("name", HONEST)
def test_honest_columns_have_neither_sentinels_nor_extremes(name: str) -> None:
    for seed in range(10):
        rng = np.random.default_rng(seed)
        frame = pd.DataFrame({"other": rng.normal(size=N), name: HONEST[name](rng)})
        assert structure(dataset_of(frame, rng.integers(0, 2, N), 320, "table", names="ab")).findings == ()


FAULTS: dict[str, tuple[Callable[[Generator], NDArray[np.float64]], float, int, str]] = {
    "glucose of 0": (lambda rng: rng.normal(120, 28, N).clip(50, 240).round(), 0, 8, "sentinel_value"),
    "age of 999": (HONEST["ages"], 999, 5, "sentinel_value"),
    "answer 9 of 4": (lambda rng: rng.integers(1, 5, N).astype(float), 9, 12, "sentinel_value"),
    "weight of -1": (lambda rng: rng.normal(200, 40, N).round(), -1, 10, "sentinel_value"),
    "age of 455": (HONEST["ages"], 455, 1, "extreme_value"),
    "height of 1.13 among 0.1": (lambda rng: rng.normal(0.14, 0.04, N).clip(0.01, 0.25), 1.13, 2, "extreme_value"),
    "a year of 20": (HONEST["years"], 20, 1, "extreme_value"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_faults_among_honest_numbers_are_found(name: str) -> None:
    values, fault, count, kind = FAULTS[name]
    found = 0
    for seed in range(10):
        rng = np.random.default_rng(seed)
        numbers = values(rng).astype(np.float64)
        rows = rng.permutation(N)[:count]
        numbers[rows] = fault
        frame = pd.DataFrame({"other": rng.normal(size=N), name: numbers})
        findings = structure(dataset_of(frame, rng.integers(0, 2, N), 320, "table", names="ab")).findings
        assert {finding.kind for finding in findings} <= {kind}
        found += len(findings)
        if findings and kind == "extreme_value":
            assert set(findings[0].sample_ids) == {f"table.csv#{row}" for row in rows}
    assert found >= 9
