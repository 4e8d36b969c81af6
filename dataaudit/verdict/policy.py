"""Policy: what an audit may find and still pass."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from ..findings import Agreement, Finding, Severity

OF_COPIES = {"leakage": "leakage", "duplicates": "duplicate"}
"""By check, the kind of findings whose severity may depend on how copies agree: not that of conflicting labels."""


@dataclass(frozen=True)
class Limit:
    """The limits of one check.

    fail_on        the least severity that counts; by default the policy's own, or low where there is a maximum
    max_fraction   the share of the samples examined that findings may be about, 0 to 1: those that would have to change
    max_findings   the number of findings
    severity       of leaks and duplicates, by how the closest of them agree; where it doesn't say, the check's own
    """

    fail_on: Severity | None = None
    max_fraction: float | None = None
    max_findings: int | None = None
    severity: Mapping[Agreement, Severity] = field(default_factory=dict)


@dataclass(frozen=True)
class Policy:
    """The rules that the gate applies.

    fail_on         the least severity that fails the verdict, for checks without a limit of their own
    min_trust_lds   the least linear datamodeling score that the run's own influences must reach
    limits          by check
    """

    fail_on: Severity = Severity.HIGH
    min_trust_lds: float | None = None
    limits: Mapping[str, Limit] = field(default_factory=dict)

    def limit(self, check: str) -> Limit:
        """The limits of a check."""
        return self.limits.get(check, Limit())

    def graded(self, check: str, finding: Finding) -> Finding:
        """A check's finding with the severity that the policy gives it."""
        if OF_COPIES.get(check) != finding.kind:
            return finding
        severities = self.limit(check).severity
        return replace(finding, severity=severities.get(finding.evidence["agreement"], finding.severity))

    def least(self, check: str) -> Severity:
        """The least severity of a check's findings that counts."""
        limit = self.limit(check)
        if limit.fail_on is not None:
            return limit.fail_on
        return self.fail_on if limit.max_fraction is None and limit.max_findings is None else Severity.LOW
