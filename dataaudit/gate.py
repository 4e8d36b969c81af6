"""The gate: from checks and findings to a verdict."""

from collections import Counter
from collections.abc import Sequence

from .audit import Check, Verdict
from .findings import Finding, Severity

PASS, FINDINGS, USAGE, INCOMPLETE, INTERRUPTED = 0, 1, 2, 3, 130
"""Exit codes."""


def unfinished(verdict: Verdict) -> Verdict:
    """The verdict while findings are still being checked."""
    return Verdict("INCOMPLETE", ("findings are still to be checked by retraining", *verdict.reasons), INCOMPLETE)


def judge(checks: Sequence[Check], findings: Sequence[Finding], fail_on: Severity) -> Verdict:
    """INCOMPLETE if a check could not run, else FAIL if a finding weighs `fail_on` or more, else PASS."""
    weighty = Counter(finding.kind for finding in findings if finding.severity >= fail_on)
    broken = [check for check in checks if check.status in ("error", "not run")]
    counts = tuple(
        f"{count} {kind} finding{'s' if count > 1 else ''} of severity {fail_on} or above"
        for kind, count in sorted(weighty.items())
    )
    if broken:
        failures = tuple(
            f"the check {check.name!r} {'was' if check.status == 'not run' else 'could'} not run: {check.reason}"
            for check in broken
        )
        return Verdict("INCOMPLETE", failures + counts, INCOMPLETE)
    if weighty:
        return Verdict("FAIL", counts, FINDINGS)
    return Verdict("PASS", (f"no finding of severity {fail_on} or above",), PASS)
