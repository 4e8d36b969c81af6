"""What an audit found, what that means for the figure that will be reported, and what to do first: in sentences."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..findings import Finding, Severity
from ..result import Audit

MOST_KINDS = 5
"""Kinds of findings that are named; the others are counted."""


def conclusions(audit: Audit) -> Iterator[str]:
    """The sentences, for one who reads no further."""
    yield _found(audit)
    yield from _accuracy(audit)
    yield from _first(audit)
    yield from _not_checked(audit)


def _open(audit: Audit) -> list[Finding]:
    """The findings that no baseline accepts."""
    known = {} if audit.changes is None else audit.changes.known
    return [finding for finding in audit.findings if finding.id not in known]


def _found(audit: Audit) -> str:
    findings = _open(audit)
    counts = Counter[str]()
    for finding in findings:
        if finding.severity >= Severity.MEDIUM:
            counts[finding.kind] += finding.evidence.get("count", 1)  # one may stand for many samples
    minor = sum(finding.severity < Severity.MEDIUM for finding in findings)
    named = [f"{_title(audit, kind)} ({count:,})" for kind, count in list(counts.items())[:MOST_KINDS]]
    if len(counts) > MOST_KINDS:
        named.append(f"{len(counts) - MOST_KINDS} other kinds")
    accepted = len(audit.findings) - len(findings)
    nothing = f"Nothing {'new ' * bool(accepted)}of medium severity or above was found"
    words = f"Reported: {', '.join(named)}" if named else nothing
    words += f"; {minor:,} minor finding{'s' * (minor > 1)}" if minor else ""
    return words + (f"; {accepted:,} accepted before." if accepted else ".")


def _accuracy(audit: Audit) -> Iterator[str]:
    """On the audited split, as it is and without what is wrong in it."""
    split = audit.dataset["target_split"]
    rows = [row for row in audit.samples if row.get("split") == split and row.get("predicted") is not None]
    if audit.dataset["task"] != "classification" or not rows:
        return
    leaked = {copy["test_id"] for one in audit.findings if one.kind == "leakage" for copy in one.evidence["copies"]}
    wrong = {finding.sample_ids[0] for finding in audit.findings if finding.kind == "mislabeled"}
    figures = [f"{_share_right(rows):.1%}"]
    for noun, about, left_out in (("sample", "with a copy in training", leaked), ("label", "that models doubt", wrong)):
        kept = [row for row in rows if row["id"] not in left_out]
        count = len(rows) - len(kept)
        if kept and count:
            figures.append(f"{_share_right(kept):.1%} without its {count:,} {noun}{'s' * (count > 1)} {about}")
    if len(figures) > 1:
        yield f"Accuracy measured on the {split} split: {', '.join(figures)}."


def _share_right(rows: Sequence[Mapping[str, Any]]) -> float:
    return sum(bool(row["predicted"] == row["label"]) for row in rows) / len(rows)


def _first(audit: Audit) -> Iterator[str]:
    """What to do about attribution where it alone breaks a rule, else what the check of the gravest kind says first."""
    broken = [rule.check for rule in audit.verdict.rules if rule.kept is False]
    if broken == [""]:
        yield "First, the attribution quality, which is below the policy's limit: try more --runs, or more data."
        return
    gravest = max(_open(audit), key=lambda finding: finding.severity, default=None)
    if gravest is not None and gravest.severity >= Severity.MEDIUM:
        check, _ = audit.kinds.get(gravest.kind, (gravest.kind, ""))
        advice = audit.explanations.get(check, {}).get("What to do", "").split(". ")[0].rstrip(".")
        if advice:
            yield f"First, {_title(audit, gravest.kind)}: {advice[0].lower()}{advice[1:]}."


def _not_checked(audit: Audit) -> Iterator[str]:
    open_ = [check.name for check in audit.checks if check.status in ("error", "not run", "not asked")]
    if open_:
        yield f"Not checked: {', '.join(open_)}."
    yield from audit.left_out


def _title(audit: Audit, kind: str) -> str:
    title = audit.title(kind)
    return title[0].lower() + title[1:]
