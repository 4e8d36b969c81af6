"""From checks and findings to a verdict and an exit code."""

import pytest

from dataaudit.audit import Check
from dataaudit.findings import Finding, Severity
from dataaudit.gate import judge

RAN = Check("leakage", "ran", 10, 10, 0)
BROKEN = Check("mislabeled", "error", 0, 10, 0, "ValueError: no")
SKIPPED = Check("drift", "skipped", 0, 10, 0, "no second split")


def finding(severity: Severity) -> Finding:
    return Finding("leakage", severity, ("a",), 1.0, "m", "0" * 64)


@pytest.mark.parametrize(
    ("checks", "severities", "fail_on", "status", "code"),
    [
        ([RAN], [], Severity.HIGH, "PASS", 0),
        ([RAN, SKIPPED], [Severity.MEDIUM], Severity.HIGH, "PASS", 0),
        ([RAN], [Severity.MEDIUM], Severity.MEDIUM, "FAIL", 1),
        ([RAN], [Severity.CRITICAL], Severity.HIGH, "FAIL", 1),
        ([RAN, BROKEN], [], Severity.HIGH, "INCOMPLETE", 3),
        ([RAN, BROKEN], [Severity.HIGH], Severity.HIGH, "INCOMPLETE", 3),
    ],
)
def test_verdict(checks: list[Check], severities: list[Severity], fail_on: Severity, status: str, code: int) -> None:
    verdict = judge(checks, [finding(severity) for severity in severities], fail_on)
    assert (verdict.status, verdict.exit_code) == (status, code)
    assert verdict.reasons


def test_reasons_name_the_broken_check_and_count_the_findings() -> None:
    verdict = judge([RAN, BROKEN], [finding(Severity.HIGH)] * 3, Severity.HIGH)
    assert verdict.reasons == (
        "the check 'mislabeled' could not run: ValueError: no",
        "3 leakage findings of severity high or above",
    )
