"""junit.xml is read by others, whatever the data holds, and is never greener than the verdict."""

from dataclasses import replace
from pathlib import Path

import pytest
from junitparser import Error, Failure, JUnitXml, Skipped, TestCase, TestSuite

from dataaudit.findings import Severity
from dataaudit.reporting.exports import junit
from dataaudit.result import Audit, Rule

from ...fixtures_audits import HOSTILE, audit_of, changes, found, wrong


def suites(audit: Audit, directory: Path) -> dict[str, list[TestCase]]:
    """The cases of every suite, as another library reads them, once its counts are known to be right."""
    junit.write(audit, directory)
    read = JUnitXml.fromfile(str(directory / "junit.xml"))
    counts = read.tests, read.failures, read.errors, read.skipped
    every: dict[str, list[TestCase]] = {}
    for suite in read:
        assert isinstance(suite, TestSuite)
        every[suite.name] = list(suite)
    read.update_statistics()
    assert counts == (read.tests, read.failures, read.errors, read.skipped)
    return every


def test_every_rule_is_a_case_in_the_suite_of_its_check(tmp_path: Path) -> None:
    leak = found("leakage", "a", message="a has a copy")
    every = suites(audit_of([leak]), tmp_path)
    assert list(every) == ["leakage", "mislabeled", "columns", "audit"]
    ran, rule = every["leakage"]
    assert ran.name == "the check ran"
    assert ran.is_passed
    assert (rule.classname, rule.name) == ("dataaudit.leakage", "no finding of leakage of severity high")
    (failure,) = rule.result
    assert isinstance(failure, Failure)
    assert failure.message == "1 found"
    assert failure.text == "high: a has a copy"
    assert all(case.is_passed for case in every["columns"])
    assert isinstance(every["audit"][-1].result[0], Failure)


def test_rules_about_the_whole_audit_have_a_suite_of_their_own(tmp_path: Path) -> None:
    audit = audit_of([], "PASS")
    whole = Rule("", "trust of at least 0.2", "0.1", False)
    audit = replace(audit, verdict=replace(audit.verdict, rules=(whole, Rule("gone", "x", "y", True))))
    assert [(case.name, case.is_passed) for case in suites(audit, tmp_path)["audit"]] == [
        ("trust of at least 0.2", False), ("x", True), ("verdict", True),
    ]  # fmt: skip


def test_what_could_not_run_is_an_error_and_what_was_skipped_is_skipped(tmp_path: Path) -> None:
    audit = audit_of([], "INCOMPLETE")
    checks = [replace(audit.checks[0], status="error", reason="out of memory"),
              replace(audit.checks[1], status="not run", reason="no training allowed"),
              replace(audit.checks[2], status="skipped", reason="not a table")]  # fmt: skip
    rules = (Rule("leakage", "no leak", "not known", None),)
    audit = replace(audit, checks=tuple(checks), verdict=replace(audit.verdict, rules=rules))
    every = suites(audit, tmp_path)
    results = {name: [result for case in cases for result in case.result] for name, cases in every.items()}
    assert [(type(one), one.message) for one in results["leakage"]] == [(Error, "out of memory"), (Error, "not known")]
    assert [(type(one), one.message) for one in results["mislabeled"]] == [(Error, "no training allowed")]
    assert [(type(one), one.message) for one in results["columns"]] == [(Skipped, "not a table")]
    assert [type(one) for one in results["audit"]] == [Error]


@pytest.mark.parametrize(("status", "passed"), [("PASS", True), ("FAIL", False), ("INCOMPLETE", False)])
def test_it_is_as_green_as_the_verdict_even_without_rules(status: str, passed: bool, tmp_path: Path) -> None:
    audit = audit_of([], status)
    every = suites(replace(audit, verdict=replace(audit.verdict, rules=())), tmp_path)
    assert all(case.is_passed for cases in every.values() for case in cases) is passed


def test_the_most_severe_findings_are_shown_first_and_the_accepted_not(tmp_path: Path) -> None:
    many = [found("leakage", f"{number}", severity=Severity.LOW) for number in range(junit.SHOWN + 5)]
    grave, known = found("leakage", "grave"), found("leakage", "known", severity=Severity.CRITICAL)
    audit = audit_of([*many, known, grave, wrong("w")], changes=changes([known]))
    (failure,) = suites(audit, tmp_path)["leakage"][1].result
    lines = failure.text.splitlines()
    assert lines[0] == "high: leakage: grave"
    assert lines[-1] == "and 6 more, see findings.jsonl"
    assert len(lines) == junit.SHOWN + 1
    assert not any("known" in line or "mislabeled" in line for line in lines)


@pytest.mark.parametrize("string", HOSTILE, ids=lambda string: ascii(string)[:20])
def test_strings_from_the_data_are_text(string: str, tmp_path: Path) -> None:
    audit = audit_of([found("leakage", string, message=string)])
    rules = (Rule("leakage", string, string, False),)
    broken = replace(audit.checks[1], status="error", reason=string)
    audit = replace(audit, checks=(audit.checks[0], broken), verdict=replace(audit.verdict, rules=rules))
    every = suites(audit, tmp_path)
    assert list(every) == ["leakage", "mislabeled", "audit"]
    (failure,) = every["leakage"][1].result
    assert failure.message[:9] == every["leakage"][1].name[:9]
    assert len(failure.message) <= junit.LINE
    if string.isprintable() and len(string) < junit.LINE:
        assert failure.message == string
        assert failure.text == f"high: {string}"
