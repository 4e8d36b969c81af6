"""The gate: from checks, findings and a policy to a verdict."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ..findings import Finding
from ..result import Check, Rule, Verdict
from .policy import Policy

PASS, FINDINGS, USAGE, INCOMPLETE, INTERRUPTED = 0, 1, 2, 3, 130
"""Exit codes."""


def unfinished(verdict: Verdict) -> Verdict:
    """The verdict while findings are still being checked."""
    reasons = ("findings are still to be checked by retraining", *verdict.reasons)
    return replace(verdict, status="INCOMPLETE", reasons=reasons, exit_code=INCOMPLETE)


def judge(
    policy: Policy,
    checks: Sequence[Check],
    findings: Sequence[Finding],
    kinds: Mapping[str, tuple[str, str]],
    trust: Mapping[str, Any] | None = None,
    known: Collection[str] = (),
) -> Verdict:
    """INCOMPLETE if a rule could not be told, such as that of a check that could not run, else FAIL or PASS.

    kinds   (check, title) of every kind of finding
    trust   see `Audit.trust`
    known   ids of findings that a baseline accepts, which don't count
    """
    counted: dict[str, list[Finding]] = {check.name: [] for check in checks}
    for finding in findings:
        check = kinds.get(finding.kind, (finding.kind, ""))[0]
        if finding.severity >= policy.least(check) and finding.id not in known:
            counted.setdefault(check, []).append(finding)
    rules = [rule for check in checks for rule in _rules(policy, check, counted[check.name])]
    rules += _trusted(policy, trust)
    open_ = [f"{_about(rule)}{rule.found}" for rule in rules if rule.kept is None]
    broken = [f"{_about(rule)}{rule.found}; allowed: {rule.expects}" for rule in rules if rule.kept is False]
    if open_:
        return Verdict("INCOMPLETE", (*open_, *broken), INCOMPLETE, tuple(rules))
    if broken:
        return Verdict("FAIL", tuple(broken), FINDINGS, tuple(rules))
    every = f"no finding of severity {policy.fail_on} or above" + (
        ", and every limit of the policy is kept" if policy.limits or policy.min_trust_lds is not None else ""
    )
    return Verdict("PASS", (every + (f"; {len(known)} accepted before" if known else ""),), PASS, tuple(rules))


def _about(rule: Rule) -> str:
    return f"{rule.check}: " if rule.check else ""


def _rules(policy: Policy, check: Check, findings: Sequence[Finding]) -> Iterator[Rule]:
    """What the policy asks of one check, nothing of one that was skipped; `findings` are those that count."""
    limit, least = policy.limit(check.name), policy.least(check.name)
    of = f"of severity {least} or above"
    if check.status in ("error", "not run"):
        yield Rule(check.name, "it runs", _not_run(check), None)
        return
    if check.status == "skipped":
        return
    found = f"{len(findings):,} {'finding' if len(findings) == 1 else 'findings'}" if findings else "none"
    many = Counter(finding.kind for finding in findings)
    if len(many) > 1:
        found += f" ({', '.join(f'{count:,} {kind}' for kind, count in sorted(many.items()))})"
    if limit.max_findings is None and limit.max_fraction is None:
        yield Rule(check.name, f"none {of}", found, not findings)
    if limit.max_findings is not None:
        words = f"at most {limit.max_findings:,} {of}"
        yield Rule(check.name, words, found, len(findings) <= limit.max_findings)
    if limit.max_fraction is not None:
        changed = {id for finding in findings for id in _concerned(finding)}
        share = min(1.0, len(changed) / max(1, check.examined))
        words = f"findings {of} on at most {_percent(limit.max_fraction)} of the samples"
        told = f"{_percent(share)} ({len(changed):,} of {check.examined:,} samples)"
        # Findings about no single sample, such as those on columns, weigh nothing here unless nothing is allowed.
        yield Rule(check.name, words, told, share <= limit.max_fraction and not (findings and not limit.max_fraction))


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"


def _concerned(finding: Finding) -> tuple[str, ...]:
    """The samples that would have to change: of a leak the tested ones, not those that they copy."""
    return finding.remedies[0].sample_ids if finding.remedies else finding.sample_ids


def _not_run(check: Check) -> str:
    return f"{'was' if check.status == 'not run' else 'could'} not run: {check.reason}"


def _trusted(policy: Policy, trust: Mapping[str, Any] | None) -> Iterator[Rule]:
    least = policy.min_trust_lds
    if least is None:
        return
    expects = f"attribution quality (LDS) at least {least:.2f}"
    if trust is None:
        yield Rule("", expects, "the LDS could not be measured", None)
    else:
        yield Rule("", expects, f"LDS {trust['lds']:.2f}", bool(trust["lds"] >= least))
