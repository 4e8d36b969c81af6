"""Spellings of one class are one finding, letters and other words are none."""

from pathlib import Path

import pandas as pd
import pytest

from dataaudit.checks.detection import CheckContext, Detection
from dataaudit.checks.detectors import label_spelling
from dataaudit.config import AuditConfig
from dataaudit.data.loading import load
from dataaudit.dataset import silent
from dataaudit.findings import Severity

from ...data.formats.image_folders import pictures


def detect(path: Path) -> Detection:
    dataset = load(AuditConfig(path), silent)
    return label_spelling.detect(CheckContext(dataset, None, None, 0, silent))  # type: ignore[arg-type]


def write(root: Path, train: list[str], test: list[str]) -> Path:
    for name, labels in (("train", train), ("test", test)):
        pd.DataFrame({"x": range(len(labels)), "label": labels}).to_csv(root / f"{name}.csv", index=False)
    return root


def test_case_blanks_and_a_dot_are_one_finding_to_the_most_frequent_spelling(tmp_path: Path) -> None:
    (finding,) = detect(
        write(tmp_path, ["paid"] * 8 + ["Paid", "paid ", "open"], ["PAID", "paid.", "open", "open"])
    ).findings
    assert (finding.kind, finding.severity) == ("label_spelling", Severity.MEDIUM)
    assert finding.message.startswith("the class 'paid' (8 samples) is also spelt ")
    assert finding.evidence["spellings"] == {"paid": 8, "PAID": 1, "Paid": 1, "paid ": 1, "paid.": 1}
    (remedy,) = finding.remedies
    assert (remedy.action, remedy.to) == ("relabel", ("paid",))
    assert set(remedy.sample_ids) == {"train.csv#8", "train.csv#9", "test.csv#0", "test.csv#1"}


def test_another_spelling_in_the_test_split_is_one_finding_a_class(tmp_path: Path) -> None:
    findings = detect(write(tmp_path, ["<=50K"] * 6 + [">50K"] * 4, ["<=50K."] * 3 + [">50K."] * 2)).findings
    assert [finding.evidence["class"] for finding in findings] == ["<=50K", ">50K"]
    assert findings[0].evidence["counts"] == {"train": {"<=50K": 6, "<=50K.": 0}, "test": {"<=50K": 0, "<=50K.": 3}}


@pytest.mark.parametrize("labels", [["a", "b", "ab", "a b"], ["a", "A", "b", "B"], ["1", "10", "1e1", "-1"]])
def test_other_names_and_frequent_letters_are_left_alone(tmp_path: Path, labels: list[str]) -> None:
    assert detect(write(tmp_path, [f"{label}" for label in labels * 4], labels * 2)).findings == ()


def test_a_rare_letter_is_a_spelling(tmp_path: Path) -> None:
    (finding,) = detect(write(tmp_path, ["y"] * 20 + ["Y", *"n" * 20], ["y", "n"])).findings
    assert finding.evidence["spellings"] == {"y": 21, "Y": 1}


def test_folders_are_spelt_in_two_ways_too(tmp_path: Path) -> None:
    for number, name in enumerate(("train/cat", "train/dog", "train/Dog", "test/cat", "test/dog")):
        pictures(tmp_path / name, 1 if name == "train/Dog" else 3, 10 * number)
    (finding,) = detect(tmp_path).findings
    assert finding.sample_ids == ("train/Dog/20.png",)
