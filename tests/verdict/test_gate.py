"""From checks, findings and a policy to a verdict and an exit code."""

from dataclasses import replace

import pytest

from dataaudit.findings import Finding, Remedy, Severity
from dataaudit.result import Check
from dataaudit.verdict.gate import judge, unfinished
from dataaudit.verdict.policy import Limit, Policy

RAN = Check("leakage", "ran", 10, 10, 0)
BROKEN = Check("mislabeled", "error", 0, 10, 0, "ValueError: no")
NOT_RUN = Check("mislabeled", "not run", 0, 10, 0, "no models")
SKIPPED = Check("drift", "skipped", 0, 10, 0, "no second split")
KINDS = {"leakage": ("leakage", "Leakage"), "conflicting_labels": ("duplicates", "Conflicts"),
         "duplicate": ("duplicates", "Duplicates")}  # fmt: skip


def finding(severity: Severity, kind: str = "leakage", ids: tuple[str, ...] = ("a",), number: int = 0) -> Finding:
    return Finding(kind, severity, ids, 1.0, "m", f"{number:064x}")


@pytest.mark.parametrize(
    ("checks", "severities", "fail_on", "status", "code"),
    [
        ([RAN], [], Severity.HIGH, "PASS", 0),
        ([RAN, SKIPPED], [Severity.MEDIUM], Severity.HIGH, "PASS", 0),
        ([RAN], [Severity.MEDIUM], Severity.MEDIUM, "FAIL", 1),
        ([RAN], [Severity.CRITICAL], Severity.HIGH, "FAIL", 1),
        ([RAN, BROKEN], [], Severity.HIGH, "INCOMPLETE", 3),
        ([RAN, NOT_RUN], [], Severity.HIGH, "INCOMPLETE", 3),
        ([RAN, BROKEN], [Severity.HIGH], Severity.HIGH, "INCOMPLETE", 3),
    ],
)
def test_verdict(checks: list[Check], severities: list[Severity], fail_on: Severity, status: str, code: int) -> None:
    verdict = judge(Policy(fail_on), checks, [finding(severity) for severity in severities], KINDS)
    assert (verdict.status, verdict.exit_code) == (status, code)
    assert verdict.reasons
    assert [rule.check for rule in verdict.rules] == [check.name for check in checks if check is not SKIPPED]


def test_reasons_name_the_broken_check_and_count_the_findings() -> None:
    verdict = judge(Policy(), [RAN, BROKEN], [finding(Severity.HIGH)] * 3, KINDS)
    assert verdict.reasons == (
        "mislabeled: could not run: ValueError: no",
        "leakage: 3 findings; allowed: none of severity high or above",
    )
    assert [rule.kept for rule in verdict.rules] == [False, None]
    assert unfinished(verdict).rules == verdict.rules


@pytest.mark.parametrize(
    ("limit", "status"),
    [
        (Limit(), "PASS"),
        (Limit(fail_on=Severity.LOW), "FAIL"),
        (Limit(fail_on=Severity.MEDIUM), "PASS"),
        (Limit(max_findings=2), "PASS"),
        (Limit(max_findings=1), "FAIL"),
        (Limit(max_findings=1, fail_on=Severity.MEDIUM), "PASS"),
        (Limit(max_fraction=0.3), "PASS"),
        (Limit(max_fraction=0.29), "FAIL"),
        (Limit(max_fraction=0.3, max_findings=1), "FAIL"),
        (Limit(max_fraction=0.0), "FAIL"),
    ],
)
def test_a_limit_of_a_check_holds_in_place_of_the_severity(limit: Limit, status: str) -> None:
    """Two groups of duplicates in ten samples: five are named, three would have to go."""
    groups = [
        replace(finding(Severity.LOW, "duplicate", ("a", "b", "c"), 1), remedies=(Remedy("remove", ("b", "c")),)),
        replace(finding(Severity.LOW, "conflicting_labels", ("d", "e"), 2), remedies=(Remedy("remove", ("e",)),)),
    ]
    check = Check("duplicates", "ran", 10, 10, 2)
    verdict = judge(Policy(limits={"duplicates": limit}), [check, RAN], groups, KINDS)
    assert verdict.status == status


def test_a_limit_can_let_grave_findings_pass() -> None:
    """That is what the user said: up to a fifth of the tested samples may have a copy."""
    policy = Policy(limits={"leakage": Limit(max_fraction=0.2)})
    assert judge(policy, [RAN], [finding(Severity.HIGH)], KINDS).status == "PASS"
    assert judge(policy, [RAN], [finding(Severity.HIGH, ids=(id,)) for id in "abc"], KINDS).status == "FAIL"


def test_findings_about_no_sample_break_a_limit_of_no_sample_only() -> None:
    broad = finding(Severity.MEDIUM, ids=())
    assert judge(Policy(limits={"leakage": Limit(max_fraction=0.0)}), [RAN], [broad], KINDS).status == "FAIL"
    assert judge(Policy(limits={"leakage": Limit(max_fraction=0.1)}), [RAN], [broad], KINDS).status == "PASS"
    assert judge(Policy(limits={"leakage": Limit(max_findings=1)}), [RAN], [broad], KINDS).status == "PASS"


@pytest.mark.parametrize(("lds", "status", "code"), [(0.3, "PASS", 0), (0.29, "FAIL", 1), (None, "INCOMPLETE", 3)])
def test_too_little_trust_fails_and_unmeasured_trust_is_incomplete(lds: float | None, status: str, code: int) -> None:
    trust = None if lds is None else {"lds": lds}
    verdict = judge(Policy(min_trust_lds=0.3), [RAN], [], KINDS, trust)
    assert (verdict.status, verdict.exit_code) == (status, code)


def test_accepted_findings_do_not_count() -> None:
    old, new = finding(Severity.HIGH, number=1 << 250), finding(Severity.HIGH, number=2 << 250)
    assert judge(Policy(), [RAN], [old, new], KINDS, accepted=[old.id]).status == "FAIL"
    verdict = judge(Policy(), [RAN], [old, new], KINDS, accepted=[old.id, new.id])
    assert verdict.status == "PASS"
    assert "2 accepted before" in verdict.reasons[0]
