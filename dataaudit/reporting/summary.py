"""What an audit says, in words and ready to show: the one value that the page, the terminal and audit.json share."""

import shlex
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..findings import Severity
from ..result import Accepted, Audit, Check, Rule

STATUSES = ("confirmed", "inconclusive", "refuted", "unverified")
MEANINGS = {
    "PASS": "No finding weighs enough to hold this dataset back.",
    "FAIL": "Findings hold this dataset back.",
    "INCOMPLETE": "Not everything was checked, so nothing can be signed off.",
}
HEAVY = tuple(sorted(Severity, reverse=True))
"""Severities, the gravest first."""


@dataclass(frozen=True)
class RuleLine:
    """One rule of the policy; `mark` is "kept", "broken" or "open"."""

    check: str
    expects: str
    found: str
    mark: str


@dataclass(frozen=True)
class KindLine:
    """How many findings of a kind there are, in all and by severity, the gravest first; its worst severity."""

    kind: str
    title: str
    total: int
    severities: tuple[tuple[str, int], ...]
    worst: str


@dataclass(frozen=True)
class Trust:
    """The score of trust, as numbers for a chart and in words. `warning` is empty where there is none."""

    lds: float
    low: float
    high: float
    ceiling: float | None
    words: str
    short: str
    how: str
    warning: str


@dataclass(frozen=True)
class Planted:
    """What a check made of planted faults.

    sorts   (sort of fault, found, planted, the same in words)
    """

    check: str
    procedure: str
    sorts: tuple[tuple[str, int, int, str], ...]
    found: tuple[int, int]
    right: tuple[int, int]
    recall: str
    precision: str


@dataclass(frozen=True)
class Coverage:
    """How far a check got. `mark` is "kept" where it ran, "open" where it was skipped, else "broken"."""

    check: str
    status: str
    mark: str
    examined: str
    findings: int
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Changed:
    """Since the baseline: (message, who accepted it and until when) of each; `new` were never accepted."""

    path: str
    new: int
    words: str
    known: tuple[tuple[str, str], ...]
    expired: tuple[tuple[str, str], ...]
    gone: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Summary:
    """Everything but the findings themselves.

    rests     what the verdict rests on, a line each
    facts     (term, value) of what was audited
    cost      what the run took, which differs from run to run
    classes   (name, samples in each of the splits)
    target    of numbers as targets, in words
    ignored   (path, reason)
    proven    how many findings retraining bore out, in words
    """

    name: str
    status: str
    meaning: str
    reasons: tuple[str, ...]
    rests: tuple[str, ...]
    rules: tuple[RuleLine, ...]
    severities: tuple[tuple[str, int], ...]
    kinds: tuple[KindLine, ...]
    facts: tuple[tuple[str, str], ...]
    cost: str
    notes: tuple[str, ...]
    splits: tuple[str, ...]
    classes: tuple[tuple[str, tuple[str, ...]], ...]
    totals: tuple[str, ...]
    target: str
    ignored: tuple[tuple[str, str], ...]
    trust: Trust | None
    planted: tuple[Planted, ...]
    proven: str
    coverage: tuple[Coverage, ...]
    changes: Changed | None
    limits: tuple[str, ...]
    command: str

    def headline(self) -> dict[str, Any]:
        """The key "summary" of audit.json: nothing that differs from run to run."""
        return {
            "status": self.status,
            "meaning": self.meaning,
            "rests_on": list(self.rests),
            "rules": [{"check": r.check, "expects": r.expects, "found": r.found, "mark": r.mark} for r in self.rules],
            "severities": dict(self.severities),
            "kinds": {line.kind: line.total for line in self.kinds},
            "trust": None if self.trust is None else self.trust.short,
            "retraining": self.proven,
            "changes": None if self.changes is None else self.changes.words,
        }


def summarize(audit: Audit) -> Summary:
    """The summary of an audit."""
    dataset = audit.dataset
    severities = Counter(finding.severity for finding in audit.findings)
    trust, proven = _trust(audit.trust), _proven(audit)
    changes = _changes(audit)
    counts: Mapping[str, Mapping[str, int]] = dataset["counts"]
    return Summary(
        name=dataset["name"],
        status=audit.verdict.status,
        meaning=MEANINGS[audit.verdict.status],
        reasons=tuple(audit.verdict.reasons),
        rests=tuple(_rests(audit, trust, proven, changes)),
        rules=tuple(map(_rule, audit.verdict.rules)),
        severities=tuple((str(severity), severities[severity]) for severity in HEAVY),
        kinds=tuple(_kinds(audit)),
        facts=tuple(_facts(audit)),
        cost=_cost(audit),
        notes=tuple(dataset["notes"]),
        splits=tuple(counts),
        classes=tuple((name, tuple(f"{counts[s].get(name, 0):,}" for s in counts)) for name in dataset["classes"]),
        totals=tuple(f"{size:,}" for size in dataset["sizes"].values()),
        target=_target(dataset["target_quartiles"]),
        ignored=tuple((item["path"], item["reason"]) for item in dataset["ignored"]),
        trust=trust,
        planted=tuple(_planted(check) for check in audit.checks if check.calibration is not None),
        proven=proven,
        coverage=tuple(map(_coverage, audit.checks)),
        changes=changes,
        limits=tuple(audit.limits),
        command="dataaudit " + shlex.join(audit.reproduce["arguments"]),
    )


def title_of(audit: Audit, kind: str) -> str:
    """What the detector calls a kind of finding."""
    return audit.kinds[kind][1] if kind in audit.kinds else kind.replace("_", " ").capitalize()


def accepted_in_words(one: Accepted) -> str:
    """Who accepted a finding, why and until when."""
    until = f"until {one.expires}" if one.expires else "for good"
    return f"accepted by {one.by or 'nobody named'} {until}" + (f": {one.reason}" if one.reason else "")


def _cost(audit: Audit) -> str:
    seconds, kept = sum(audit.cost.seconds.values()), audit.cost.resumed_runs
    words = f"{seconds:,.0f} seconds, at most {audit.cost.peak_megabytes:,.0f} MB in the main process"
    return words + (f"; {kept} models kept from an earlier run" if kept else "")


def _rests(audit: Audit, trust: Trust | None, proven: str, changes: Changed | None) -> Iterator[str]:
    ran = sum(check.status == "ran" for check in audit.checks)
    rows = sum(audit.dataset["sizes"].values())
    yield f"{rows:,} samples; {ran} of {len(audit.checks)} checks ran"
    learner = audit.learner
    if learner["checkpoints"]:
        yield f"{len(learner['checkpoints'])} trained models of yours"
    if learner["models"]:
        yield f"{learner['models']} models trained on random halves of the training samples"
    yield f"Trust in the scores: {trust.short}" if trust else "Trust in the scores was not measured"
    if proven:
        yield f"Findings by retraining: {proven}"
    if changes:
        yield f"Since the baseline: {changes.words}"


def _rule(rule: Rule) -> RuleLine:
    mark = {True: "kept", False: "broken", None: "open"}[rule.kept]
    return RuleLine(rule.check, rule.expects, rule.found, mark)


def _kinds(audit: Audit) -> Iterator[KindLine]:
    """In the order of the worst of each kind."""
    found: dict[str, Counter[Severity]] = {}
    for finding in audit.findings:
        found.setdefault(finding.kind, Counter())[finding.severity] += 1
    for kind, counts in sorted(found.items(), key=lambda item: -max(item[1])):
        by_severity = tuple((str(severity), counts[severity]) for severity in HEAVY)
        yield KindLine(kind, title_of(audit, kind), counts.total(), by_severity, str(max(counts)))


def _facts(audit: Audit) -> Iterator[tuple[str, str]]:
    dataset, learner = audit.dataset, audit.learner
    sizes = ", ".join(f"{size:,} {split}" for split, size in dataset["sizes"].items())
    yield "Dataset", dataset["path"]
    yield "Content", f"SHA-256 {dataset['fingerprint']}"
    yield "Samples", sizes + (f", {dataset['unreadable']:,} unreadable" if dataset["unreadable"] else "")
    yield "Layout", f"{dataset['format']}; splits: {dataset['split_origin']}"
    yield "Learner", _trained(learner)
    yield from _performance(learner["performance"])
    yield "Seed", str(dataset["reading"]["seed"])
    yield "Versions", ", ".join(f"{name} {version}" for name, version in audit.reproduce["versions"].items())
    yield "Device", audit.reproduce["device"]


def _trained(learner: Mapping[str, Any]) -> str:
    words = str(learner["recipe"]["learner"])
    if learner["checkpoints"]:
        words += f", {len(learner['checkpoints'])} trained models of yours"
    if learner["models"]:
        words += (
            f", {learner['models']} models on {learner['distinct_subsets']} random halves of "
            f"{learner['training_rows_per_model']:,} training samples each"
        )
    if learner["gradients_of"]:
        words += f"; attributed by the gradients of models of {learner['gradients_of']!r} on the same halves"
    return words


def _performance(measured: Mapping[str, Any] | None) -> Iterator[tuple[str, str]]:
    if measured is not None:
        mean, deviation, together = (
            f"{measured[name]:.2f}" if measured["measure"] == "R²" else f"{measured[name]:.1%}"
            for name in ("mean", "standard_deviation", "ensemble")
        )
        words = f"{mean} ± {deviation} per model on the {measured['split']} split, {together} together"
        yield measured["measure"][0].upper() + measured["measure"][1:], words


def _target(quartiles: Sequence[float] | None) -> str:
    if quartiles is None:
        return ""
    low, first, median, third, high = (f"{value:,.6g}" for value in quartiles)
    return f"numbers from {low} to {high} in training, half of them from {first} to {third}, median {median}"


def _trust(measured: Mapping[str, Any] | None) -> Trust | None:
    if measured is None:
        return None
    low, high = measured["interval"]
    lds, ceiling = measured["lds"], measured["ceiling"]
    share = f", {lds / ceiling:.0%} of what the seeds' noise allows ({ceiling:.2f})" if ceiling else ""
    at_most = f", at most {ceiling:.2f}" if ceiling else ""
    return Trust(
        lds,
        low,
        high,
        ceiling,
        words=f"LDS {lds:.2f} (95 % interval {low:.2f} to {high:.2f}){share}",
        short=f"LDS {lds:.2f} (95 % {low:.2f} to {high:.2f}{at_most})",
        how=f"On {measured['n_subsets']} held-out training subsets and {measured['n_targets']:,} predictions: the rank "
        "correlation between how the scores say a prediction changes with the training data and how it did change "
        "(linear datamodeling score). 0 is guessing, 1 is perfect.",
        warning="This can't be told from guessing: don't rely on the influences shown; more --runs measure it better."
        if low <= 0
        else "",
    )


def _planted(check: Check) -> Planted:
    made: Mapping[str, Any] = check.calibration or {}
    planted, found = made["planted"], made["found"]
    all_found, all_planted = sum(found.values()), sum(planted.values())
    return Planted(
        check.name,
        made["procedure"],
        tuple((sort, found[sort], count, _share(found[sort], count)) for sort, count in planted.items()),
        (all_found, all_planted),
        (made["right"], made["reported"]),
        recall=_share(all_found, all_planted),
        precision=_share(made["right"], made["reported"]) if made["reported"] else "nothing reported",
    )


def _share(part: int, whole: int) -> str:
    """With Wilson's 95 % interval (1927)."""
    from ..checks.proof import proportion_interval  # imports scipy, which `--help` can do without

    low, high = proportion_interval(part, whole)
    return f"{part} of {whole} ({low:.0%} to {high:.0%})"


def _proven(audit: Audit) -> str:
    """How many findings retraining has borne out, and over how many seeds; empty where there are none."""
    counts = Counter[str](finding.verification.status for finding in audit.findings)
    seeds = max((finding.verification.seeds for finding in audit.findings), default=0)
    words = ", ".join(f"{counts[status]:,} {status}" for status in STATUSES if counts[status])
    return words + (f" ({seeds} training seeds)" if seeds else "")


def _coverage(check: Check) -> Coverage:
    status = {"error": "could not run"}.get(check.status, check.status)
    mark = {"ran": "kept", "skipped": "open"}.get(check.status, "broken")
    notes = (check.reason, *check.notes) if check.reason else check.notes
    return Coverage(check.name, status, mark, f"{check.examined:,} of {check.total:,}", check.findings, notes)


def _changes(audit: Audit) -> Changed | None:
    if audit.changes is None:
        return None
    known, expired, gone = (
        tuple((one.message, accepted_in_words(one)) for one in those)
        for those in (audit.changes.known.values(), audit.changes.expired, audit.changes.gone)
    )
    new = len(audit.findings) - len(known) - len(expired)
    parts = ((new, "new"), (len(known), "known"), (len(expired), "expired"), (len(gone), "gone"))
    words = ", ".join(f"{count:,} {word}" for count, word in parts)
    return Changed(audit.changes.path, new, words, known, expired, gone)


def in_all(severities: Iterable[tuple[str, int]]) -> str:
    """Those that there are, in words."""
    return ", ".join(f"{count:,} {severity}" for severity, count in severities if count) or "none"
