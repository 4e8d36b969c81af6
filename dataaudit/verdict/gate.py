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
    accepted: Collection[str] = (),
) -> Verdict:
    """INCOMPLETE if a rule can't be decided, such as that of a check that could not run, else FAIL or PASS.

    kinds      (check, title) of every kind of finding
    trust      see `Audit.trust`
    accepted   ids of findings that a baseline accepts, which don't count
    """
    counted: dict[str, list[Finding]] = {check.name: [] for check in checks}
    for finding in findings:
        check = kinds.get(finding.kind, (finding.kind, ""))[0]
        if finding.severity >= policy.least(check) and finding.id not in accepted:
            counted.setdefault(check, []).append(finding)
    rules = [rule for check in checks for rule in _rules(policy, check, counted[check.name])]
    rules += _trust_rules(policy, trust)
    undecided = [f"{_prefix(rule)}{rule.found}" for rule in rules if rule.kept is None]
    broken = [f"{_prefix(rule)}{rule.found}; allowed: {rule.expects}" for rule in rules if rule.kept is False]
    if undecided:
        return Verdict("INCOMPLETE", (*undecided, *broken), INCOMPLETE, tuple(rules))
    if broken:
        return Verdict("FAIL", tuple(broken), FINDINGS, tuple(rules))
    left_out = [check.name for check in checks if check.status == "not asked"]
    message = f"no finding of severity {policy.fail_on} or above"
    if policy.limits or policy.min_trust_lds is not None:
        message += f", and every limit of the policy{' on checks that were asked for' * bool(left_out)} is kept"
    if left_out:
        message += f"; {len(left_out)} of {len(checks)} checks not asked for: {', '.join(left_out)}"
    return Verdict("PASS", (message + (f"; {len(accepted)} accepted before" if accepted else ""),), PASS, tuple(rules))


def _prefix(rule: Rule) -> str:
    return f"{rule.check}: " if rule.check else ""


def _rules(policy: Policy, check: Check, findings: Sequence[Finding]) -> Iterator[Rule]:
    """The policy's rules for one check, none for one skipped or not asked for; `findings` are those that count."""
    limit, minimum = policy.limit(check.name), policy.least(check.name)
    severity = f"of severity {minimum} or above"
    if check.status in ("error", "not run"):
        yield Rule(check.name, "it runs", _not_run(check), None)
        return
    if check.status in ("skipped", "not asked"):
        return
    found = f"{len(findings):,} {'finding' if len(findings) == 1 else 'findings'}" if findings else "none"
    by_kind = Counter(finding.kind for finding in findings)
    if len(by_kind) > 1:
        found += f" ({', '.join(f'{count:,} {kind}' for kind, count in sorted(by_kind.items()))})"
    if limit.max_findings is None and limit.max_fraction is None:
        yield Rule(check.name, f"none {severity}", found, not findings)
    if limit.max_findings is not None:
        expects = f"at most {limit.max_findings:,} {severity}"
        yield Rule(check.name, expects, found, len(findings) <= limit.max_findings)
    if limit.max_fraction is not None:
        affected = {id for finding in findings for id in _affected_samples(finding)}
        share = min(1.0, len(affected) / max(1, check.examined))
        expects = f"findings {severity} on at most {_percent(limit.max_fraction)} of the samples"
        found_share = f"{_percent(share)} ({len(affected):,} of {check.examined:,} samples)"
        # Findings without samples, such as those on columns, don't count here unless the maximum is zero.
        kept = share <= limit.max_fraction and not (findings and not limit.max_fraction)
        yield Rule(check.name, expects, found_share, kept)


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"


def _affected_samples(finding: Finding) -> tuple[str, ...]:
    """The samples that would have to change: of a leak the test samples, not the training samples that they copy."""
    return finding.remedies[0].sample_ids if finding.remedies else finding.sample_ids


def _not_run(check: Check) -> str:
    return f"{'was' if check.status == 'not run' else 'could'} not run: {check.reason}"


def _trust_rules(policy: Policy, trust: Mapping[str, Any] | None) -> Iterator[Rule]:
    minimum = policy.min_trust_lds
    if minimum is None:
        return
    expects = f"attribution quality (LDS) at least {minimum:.2f}"
    if trust is None:
        yield Rule("", expects, "the LDS could not be measured", None)
    else:
        yield Rule("", expects, f"LDS {trust['lds']:.2f}", bool(trust["lds"] >= minimum))
