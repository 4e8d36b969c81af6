"""Useless, doubtful and doubled columns are named; honest ones are left alone."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn import datasets

from dataaudit.dataset import Dataset, Doubt, Task
from dataaudit.findings import Severity

from ...fixtures_tables import dataset_of, make
from ..columns.tables import both, known, structure, with_column

KNOWN = [datasets.load_iris, datasets.load_wine, datasets.load_breast_cancer, datasets.load_diabetes]


@pytest.mark.parametrize("load", KNOWN)
def test_real_tables_are_left_alone(load: object) -> None:
    assert structure(known(load)).findings == ()  # type: ignore[arg-type]


@pytest.mark.parametrize("task", ["classification", "regression", "multilabel"])
def test_honest_tables_are_left_alone(task: Task) -> None:
    for seed in range(3):
        dataset = make("table", task, seed=seed)
        assert both(dataset) == []
        assert structure(dataset).examined == 280


def by_itself(n: int) -> dict[str, tuple[object, str]]:
    rng = np.random.default_rng(0)
    return {
        "id": ([f"P{i:04d}" for i in rng.permutation(n)], "id_column"),
        "one value": (["x"] * n, "constant_column"),
        "no value": ([None] * n, "empty_column"),
        "few values": (np.where(rng.random(n) < 0.7, np.nan, rng.normal(size=n)), "sparse_column"),
        "a word": (np.where(np.arange(n) % 40, rng.integers(0, 9, n).astype(str), "n/k"), "mixed_column"),
        "zeros for none": (np.where(rng.random(n) < 0.05, 0, rng.normal(72, 12, n).clip(36).round()), "sentinel_value"),
        "nines for none": (np.where(rng.random(n) < 0.05, 999, rng.integers(0, 90, n)), "sentinel_value"),
        "an age of 455": (
            np.where(np.arange(n) == 7, 455, rng.normal(40, 12, n).clip(16, 90).round()),
            "extreme_value",
        ),
    }


@pytest.mark.parametrize("name", by_itself(1))
def test_columns_with_a_fault_are_named(name: str) -> None:
    dataset = make("table", "classification")
    values, kind = by_itself(len(dataset))[name]
    (finding,) = both(with_column(dataset, values))
    assert finding.kind == kind
    assert finding.severity <= Severity.MEDIUM
    assert "'planted'" in finding.message
    json.dumps(finding.evidence, allow_nan=False)


def test_many_empty_columns_are_one_finding() -> None:
    dataset = make("table", "classification")
    for place in range(9):
        dataset = with_column(dataset, [None] * len(dataset), f"empty {place}")
    (finding,) = structure(dataset).findings
    assert finding.message.startswith("9 columns without a value")
    assert finding.message.endswith("and 4 more")


def repeated(dataset: Dataset, ids: object) -> list[str]:
    found = structure(with_column(dataset, ids, "record_no")).findings
    return [finding.message for finding in found if finding.kind == "repeated_id"]


def test_an_identifier_that_comes_twice_is_named_with_its_rows() -> None:
    dataset, rng = make("table", "classification"), np.random.default_rng(0)
    ids = rng.choice(10**6, len(dataset), False)
    assert repeated(dataset, ids) == []
    ids[30], ids[250] = ids[12], ids[40]
    (message,) = repeated(dataset, ids)
    assert "2 identifiers come more than once" in message
    assert f"{ids[12]} in table.csv#12 and table.csv#30" in message
    assert "1 of them in more than one split" in message


def test_files_that_number_their_rows_anew_repeat_no_identifier() -> None:
    dataset = make("table", "classification")
    ids = np.concatenate([np.arange(200), np.arange(80)])
    assert repeated(dataset, ids) == []
    ids[3] = 4
    assert "1 identifier comes more than once" in repeated(dataset, ids)[0]


def test_identifiers_beside_texts_are_looked_at_too() -> None:
    texts = make("text", "classification")
    assert structure(texts).skipped
    ids = np.arange(len(texts)) + 500
    ids[9] = 501
    found = structure(replace(texts, beside=pd.DataFrame({"id": ids}))).findings
    assert {finding.kind for finding in found} == {"id_column", "repeated_id"}


def test_columns_that_say_the_same_are_named_together() -> None:
    dataset, rng = make("table", "classification"), np.random.default_rng(0)
    place = rng.integers(0, 6, len(dataset))
    dataset = with_column(dataset, np.array(list("pqrstu"))[place], "degree")
    dataset = with_column(dataset, place + 3, "years")
    dataset = with_column(dataset, dataset.frame["x"] * 1.8 + 32, "fahrenheit")
    dataset = with_column(dataset, dataset.frame["size"], "total")
    messages = sorted(finding.message for finding in structure(dataset).findings)
    assert [finding.kind for finding in structure(dataset).findings] == ["redundant_columns"] * 3
    assert messages[0].startswith("columns 'degree' and 'years' say the same: their values correspond one to one")
    assert messages[1].startswith("columns 'size' and 'total' hold the same values")
    assert messages[2].startswith("columns 'x' and 'fahrenheit' say the same")


def test_columns_that_agree_by_chance_or_nearly_are_left_alone() -> None:
    rng, n = np.random.default_rng(0), 280
    frame = pd.DataFrame({f"rare {place}": np.arange(n) == 9 * place for place in range(20)})
    frame["rare again"] = frame["rare 0"]
    frame["x"], frame["close"] = rng.normal(size=(2, n))
    frame["close"] = frame["x"] + 0.01 * frame["close"]
    assert structure(dataset_of(frame, rng.integers(0, 2, n), 200, "table", names="ab")).findings == ()


def test_a_column_that_could_be_read_in_two_ways_is_a_finding() -> None:
    dataset = make("table", "classification")
    doubtful = replace(dataset.layout, doubts=(Doubt("x", "is read as dates: month first, and could be day first"),))
    (finding,) = structure(replace(dataset, layout=doubtful)).findings
    assert finding.kind == "ambiguous_column"
    assert finding.message == "column 'x' is read as dates: month first, and could be day first"
