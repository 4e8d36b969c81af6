"""What could not be read is reported, once where there is much of it."""

from dataclasses import replace

import pytest

from dataaudit.checks.detection import CheckContext
from dataaudit.checks.detectors import integrity
from dataaudit.dataset import NESTED, NOT_A_SPLIT, STRAY, UNREAD, IgnoredPath, UnreadableSample, silent
from dataaudit.findings import Finding, Severity

from ...fixtures_tables import make


def findings(*rejected: UnreadableSample) -> tuple[Finding, ...]:
    dataset = replace(make("table", "classification"), rejected=rejected)
    detection = integrity.detect(CheckContext(dataset, None, None, 0, silent))  # type: ignore[arg-type]
    assert detection.examined == detection.total == 280 + len(rejected)
    return detection.findings


def rows(count: int, reason: str = "no label", split: str = "train") -> list[UnreadableSample]:
    return [UnreadableSample(f"{split}.csv#{i}", split, "", reason) for i in range(count)]  # type: ignore[arg-type]


def test_whole_data_have_no_findings() -> None:
    assert findings() == ()


def test_a_few_rows_are_a_finding_each() -> None:
    found = findings(*rows(3))
    assert [finding.message for finding in found] == [f"train.csv#{i} (train) is left out: no label" for i in range(3)]
    assert len({finding.fingerprint for finding in found}) == 3
    assert {finding.severity for finding in found} == {Severity.MEDIUM}


@pytest.mark.parametrize("count", [21, 500])
def test_many_rows_are_one_finding_for_each_reason_and_split(count: int) -> None:
    found = findings(*rows(count), *rows(count, "not a number"), *rows(count, split="test"), *rows(2, "too long"))
    assert len(found) == 5
    assert f"{count} samples of train are left out, no label: such as train.csv#0" in {
        finding.message for finding in found
    }
    assert {len(finding.sample_ids) for finding in found} == {1, integrity.MANY}
    assert {len(finding.remedies[0].sample_ids) for finding in found} == {1, count}


def test_a_class_without_a_row_is_missing() -> None:
    dataset = make("table", "classification")
    named = replace(dataset, class_names=(*dataset.class_names, "d"))
    found = integrity.detect(CheckContext(named, None, None, 0, silent)).findings  # type: ignore[arg-type]
    assert [finding.message for finding in found] == [
        f"class 'd' has no sample in the {split} split or any other" for split in ("train", "test")
    ]


def test_a_row_is_known_again_by_what_it_holds_not_by_where_it_stands() -> None:
    def marks(*contents: str) -> list[str]:
        return [
            finding.fingerprint
            for finding in findings(
                *(
                    UnreadableSample(f"train.csv#{place}", "train", "", "no label", content)
                    for place, content in enumerate(contents)
                )
            )
        ]

    assert marks("a", "b") == marks("b", "a")[::-1]
    assert not set(marks("a")) & set(marks("b"))
    many = [f"{number}" for number in range(8)]
    assert marks(*many) == marks(*many[::-1])
    assert marks(*many) != marks(*many[:-1], "other")


def test_empty_texts_are_one_finding_with_all_ids() -> None:
    dataset = make("text", "classification")
    inputs = dataset.inputs.copy()
    inputs[[0, 5, 250]] = ["", " \n", "\t"]
    context = CheckContext(replace(dataset, inputs=inputs), None, None, 0, silent)  # type: ignore[arg-type]
    (finding,) = integrity.detect(context).findings
    assert (finding.kind, finding.severity) == ("empty_text", Severity.MEDIUM)
    assert finding.sample_ids == finding.remedies[0].sample_ids == ("table.csv#0", "table.csv#5", "table.csv#250")
    assert finding.message == "3 texts are empty, 2 in train, 1 in test: such as table.csv#0"


@pytest.mark.parametrize(
    ("reason", "count", "kind", "severity"),
    [
        (UNREAD, 1, "unread_files", Severity.MEDIUM),
        (NESTED, 1, "unread_columns", Severity.MEDIUM),
        (NOT_A_SPLIT, 1, "unread_splits", Severity.MEDIUM),
        (STRAY, 1, "stray_files", Severity.LOW),
        (STRAY, 9, "stray_files", Severity.MEDIUM),
        ("no file of rows", 9, "left_out", Severity.MEDIUM),
        ("no file of rows", 2, None, None),
    ],
)
def test_what_is_left_out_is_a_finding_and_a_few_files_beside_are_none(
    reason: str, count: int, kind: str | None, severity: Severity | None
) -> None:
    dataset = make("table", "classification")
    ignored = tuple(IgnoredPath(f"file {number}", reason) for number in range(count))
    layout = replace(dataset.layout, ignored=ignored)
    context = CheckContext(replace(dataset, layout=layout), None, None, 0, silent)  # type: ignore[arg-type]
    findings = integrity.detect(context).findings
    assert [(finding.kind, finding.severity) for finding in findings] == ([(kind, severity)] if kind else [])
    assert all(finding.message.startswith(f"{count} ") and "file 0" in finding.message for finding in findings)
