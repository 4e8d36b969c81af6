"""Finished audits made by hand, for tests of what is written of them."""

from collections import Counter
from dataclasses import replace
from datetime import date

from dataaudit.findings import Finding, Remedy, Severity, Verification, fingerprint
from dataaudit.result import Accepted, Audit, Changes, Check, Cost, Rule, Verdict

from . import fixtures_findings

HOSTILE = [
    '"><img src=x onerror=alert(1)>.png',
    "<script>alert(1)</script>",
    "![x](http://evil.example/x.png) [click](javascript:alert(1))",
    "@everyone see #1, org/repo#2 and www.evil.example or a@evil.example",
    "` `` ``` | \\| a | b |\n\n# heading\n\n<b>",
    "]]><failure/>&amp; &#0; \x00\x08\x1b[31m \ufffe",
    "=HYPERLINK(\"http://evil.example\";'x'!A1)",
    "{0} {{1}} {name} %s %(x)s",
    "right-to-left \u202e override\r\n::error::",
    "naïve 猫/ü#17 ?query=1&b#fragment",
    "`" * 5000,
    "|\\" * 5000,
]


def found(
    kind: str, *ids: str, severity: Severity = Severity.HIGH, message: str = "", remedies: tuple[Remedy, ...] = ()
) -> Finding:
    """A finding on these samples, which retraining confirmed."""
    verification = Verification("confirmed", "fall of the margin", 0.5, (0.25, 0.75), 0.01, 4)
    message = message or f"{kind}: {', '.join(ids)}"
    return Finding(kind, severity, ids, 0.5, message, fingerprint(kind, ids or [message]), {}, verification, remedies)


def wrong(id: str, label: str = "other") -> Finding:
    """A wrong label, and what it should be."""
    return found("mislabeled", id, severity=Severity.MEDIUM, remedies=(Remedy("relabel", (id,), (label,)),))


def accepted(finding: Finding, reason: str = "known", expires: str = "2099-01-31") -> Accepted:
    """The line of a baseline that accepts a finding."""
    return Accepted(finding.fingerprint, finding.id, finding.message, reason, "a reviewer", "2026-01-31", expires)


def changes(known: list[Finding], gone: list[Finding] | None = None, reason: str = "known") -> Changes:
    """Since a baseline that accepts these."""
    lines = {finding.id: accepted(finding, reason) for finding in known}
    past = str(date(2020, 1, 31))
    return Changes("baseline.json", lines, (), tuple(accepted(finding, reason, past) for finding in gone or ()))


def audit_of(findings: list[Finding], status: str = "FAIL", name: str = "photos", **other: object) -> Audit:
    """An audit of a folder of images with these findings, of the checks leakage, mislabeled and columns."""
    kinds = {
        "leakage": ("leakage", "Test samples with a copy"),
        "mislabeled": ("mislabeled", "Wrong labels"),
        "constant_column": ("columns", "Constant columns"),
    }
    found_by = Counter(kinds[finding.kind][0] for finding in findings if finding.kind in kinds)
    counts = {check: found_by[check] for check, _ in kinds.values()}
    rules = tuple(
        Rule(check, f"no finding of {check} of severity high", f"{count} found", not count)
        for check, count in counts.items()
    )
    code = {"PASS": 0, "FAIL": 1, "INCOMPLETE": 3}[status]
    audit = fixtures_findings.audit_of(findings, name)
    own = {
        "verdict": Verdict(status, (f"{len(findings)} findings in {name}",), code, rules),  # type: ignore[arg-type]
        "dataset": {**audit.dataset, "path": f"data/{name}", "unreadable": 2},
        "trust": {**(audit.trust or {}), "ceiling": None},
        "checks": tuple(Check(check, "ran", 5, 5, count) for check, count in counts.items()),
        "reproduce": {**audit.reproduce, "arguments": ["run", f"data/{name}"]},
        "cost": Cost({"pool": 1.0, "leakage": 2.5}, 100.0, 0),
        "explanations": {"leakage": {"summary": "Copies.", "What it finds": "Copies of test samples."}},
        "kinds": kinds,
    }
    return replace(audit, **own | other)  # type: ignore[arg-type]
