"""An audit in words, ready to show: the one value that the page, the terminal and audit.json share."""

import shlex
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..findings import Severity
from ..progress import duration
from ..result import Accepted, Audit, Check, Rule
from .conclusions import conclusions

STATUSES = ("confirmed", "consistent", "inconclusive", "refuted", "unverified")
MEANINGS = {
    "PASS": "This dataset meets the policy.",
    "FAIL": "This dataset does not meet the policy.",
    "INCOMPLETE": "Not everything was checked, so this dataset can't be signed off yet.",
}
TOO_GOOD = 0.99
"""Share of a guesser's errors that models surely avoid, from which the first page asks whether that can be."""
SEVERITIES = tuple(sorted(Severity, reverse=True))
"""The most severe first."""


@dataclass(frozen=True)
class RuleLine:
    """One rule of the policy; `mark` is "kept", "broken" or "open"."""

    check: str
    expects: str
    found: str
    mark: str


@dataclass(frozen=True)
class KindLine:
    """How many findings of a kind there are, in all and by severity, the most severe first; its worst severity."""

    kind: str
    title: str
    total: int
    severities: tuple[tuple[str, int], ...]
    worst: str


@dataclass(frozen=True)
class Trust:
    """The linear datamodeling score (LDS), as numbers for a chart and in words; `warning` is empty if there is none."""

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
    """How many planted faults a check found.

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

    basis     what the verdict is based on, a line each
    conclusions   what was found, what that means and what to do first, in sentences
    facts     (term, value) of what was audited
    cost      what the run took, which differs from run to run
    classes   (name, samples in each of the splits)
    target    how numeric targets are distributed, in words
    ignored   (path, reason)
    retraining   how many findings the retraining test confirmed, in words
    """

    name: str
    status: str
    meaning: str
    reasons: tuple[str, ...]
    basis: tuple[str, ...]
    conclusions: tuple[str, ...]
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
    retraining: str
    coverage: tuple[Coverage, ...]
    changes: Changed | None
    limits: tuple[str, ...]
    command: str

    def headline(self) -> dict[str, Any]:
        """The key "summary" of audit.json: nothing that differs from run to run."""
        return {
            "status": self.status,
            "meaning": self.meaning,
            "rests_on": list(self.basis),
            "conclusions": list(self.conclusions),
            "rules": [
                {"check": rule.check, "expects": rule.expects, "found": rule.found, "mark": rule.mark}
                for rule in self.rules
            ],
            "severities": dict(self.severities),
            "kinds": {line.kind: line.total for line in self.kinds},
            "trust": None if self.trust is None else self.trust.short,
            "retraining": self.retraining,
            "changes": None if self.changes is None else self.changes.words,
        }


def summarize(audit: Audit) -> Summary:
    """The summary of an audit."""
    dataset = audit.dataset
    severities = Counter(finding.severity for finding in audit.findings)
    trust, retraining = _trust(audit.trust), _retraining(audit)
    changes = _changes(audit)
    counts: Mapping[str, Mapping[str, int]] = dataset["counts"]
    return Summary(
        name=dataset["name"],
        status=audit.verdict.status,
        meaning=MEANINGS[audit.verdict.status],
        reasons=tuple(audit.verdict.reasons),
        basis=tuple(_basis(audit, trust, retraining, changes)),
        conclusions=tuple(conclusions(audit)),
        rules=tuple(map(_rule, audit.verdict.rules)),
        severities=tuple((str(severity), severities[severity]) for severity in SEVERITIES),
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
        retraining=retraining,
        coverage=tuple(map(_coverage, audit.checks)),
        changes=changes,
        limits=(*audit.limits, *audit.left_out),
        command="dataaudit " + shlex.join(audit.reproduce["arguments"]),
    )


def accepted_in_words(accepted: Accepted) -> str:
    """Who accepted a finding, why and until when."""
    until = f"until {accepted.expires}" if accepted.expires else "with no expiry date"
    return f"accepted by {accepted.by or 'an unnamed reviewer'} {until}" + (
        f": {accepted.reason}" if accepted.reason else ""
    )


def _cost(audit: Audit) -> str:
    seconds, resumed = sum(audit.cost.seconds.values()), audit.cost.resumed_runs
    words = f"{seconds:,.0f} seconds, at most {audit.cost.peak_megabytes:,.0f} MB in the main process"
    words += f"; {resumed} models reused from an earlier run" if resumed else ""
    saved = audit.cost.saved or 0.0
    words += f"; what the earlier audit had saved {duration(saved)}" if saved > 0 else ""
    return f"{words}. {within_budget(audit)}" if audit.left_out else words


def within_budget(audit: Audit) -> str:
    """What a limit of time left out, and what would be needed for all; empty where nothing was left out."""
    whole = duration(audit.cost.seconds_of_all or 0)
    return "".join(f"{sentence} All of it takes about {whole}." for sentence in audit.left_out)


def _basis(audit: Audit, trust: Trust | None, retraining: str, changes: Changed | None) -> Iterator[str]:
    ran = sum(check.status == "ran" for check in audit.checks)
    rows = sum(audit.dataset["sizes"].values())
    yield f"{rows:,} samples; {ran} of {len(audit.checks)} checks ran"
    learner = audit.learner
    if learner["checkpoints"]:
        yield f"{len(learner['checkpoints'])} of your own trained models"
    if learner["models"]:
        yield f"{learner['models']} models trained on random halves of the training samples"
    if learner["performance"] and learner["performance"]["lowest_skill"] >= TOO_GOOD:
        yield _too_good(learner["performance"])
    if trust or learner["models"] or learner["checkpoints"]:
        yield f"Attribution quality: {trust.short}" if trust else "Attribution quality was not measured"
    else:
        yield "No models were trained: no check that was asked for needs any"
    if retraining:
        yield f"Retraining test: {retraining}"
    if changes:
        yield f"Since the baseline: {changes.words}"


def _rule(rule: Rule) -> RuleLine:
    mark = {True: "kept", False: "broken", None: "open"}[rule.kept]
    return RuleLine(rule.check, rule.expects, rule.found, mark)


def _kinds(audit: Audit) -> Iterator[KindLine]:
    """The kind with the most severe finding first."""
    counts_by_kind: dict[str, Counter[Severity]] = {}
    for finding in audit.findings:
        counts_by_kind.setdefault(finding.kind, Counter())[finding.severity] += 1
    for kind, counts in sorted(counts_by_kind.items(), key=lambda item: -max(item[1])):
        by_severity = tuple((str(severity), counts[severity]) for severity in SEVERITIES)
        yield KindLine(kind, audit.title(kind), counts.total(), by_severity, str(max(counts)))


def _facts(audit: Audit) -> Iterator[tuple[str, str]]:
    dataset, learner = audit.dataset, audit.learner
    sizes = ", ".join(f"{size:,} {split}" for split, size in dataset["sizes"].items())
    yield "Dataset", dataset["path"]
    yield "Fingerprint", f"SHA-256 {dataset['fingerprint']}"
    yield "Samples", sizes + (f", {dataset['unreadable']:,} unreadable" if dataset["unreadable"] else "")
    yield "Layout", f"{dataset['format']}; splits: {dataset['split_origin']}"
    yield "Learner", _trained(learner)
    yield from _performance(learner["performance"])
    yield "Seed", str(dataset["reading"]["seed"])
    yield "Versions", ", ".join(f"{name} {version}" for name, version in audit.reproduce["versions"].items())
    yield "Device", audit.reproduce["device"]


def _trained(learner: Mapping[str, Any]) -> str:
    if not learner["models"] and not learner["checkpoints"]:
        return "none: no check that was asked for needs models"
    recipe = learner["recipe"]
    of_net = (f":{name}={recipe[name]}" for name in ("features", "embedding") if isinstance(recipe.get(name), str))
    words = f"{recipe['learner']}{''.join(of_net)}"
    if learner["checkpoints"]:
        words += f", {len(learner['checkpoints'])} of your own trained models"
    if learner["models"]:
        words += (
            f", {learner['models']} models on {learner['distinct_subsets']} random halves of "
            f"{learner['training_rows_per_model']:,} training samples each; reliability of their held-out predictions "
            f"{learner['reliability']:.3f} (from {learner['reliable_from']} on no more are trained, unless --runs "
            "says so)"
        )
    if learner["gradients_of"]:
        words += f"; attributed by the gradients of {learner['gradients_of']!r} models trained on the same halves"
    return words


def _too_good(performance: Mapping[str, Any]) -> str:
    reached = f"{performance['measure']} {_in_measure(performance, 'ensemble')}"
    return (
        f"Too good to be true? Models predict held-out samples with {reached}: few real tasks are that easy; check "
        "whether the inputs hold the label, or what is known only after it"
    )


def _performance(performance: Mapping[str, Any] | None) -> Iterator[tuple[str, str]]:
    if performance is not None:
        measure: str = performance["measure"]
        mean, deviation, ensemble = (
            _in_measure(performance, name) for name in ("mean", "standard_deviation", "ensemble")
        )
        words = f"{mean} ± {deviation} per model on the {performance['split']} split, {ensemble} as an ensemble"
        yield measure[0].upper() + measure[1:], words


def _in_measure(performance: Mapping[str, Any], name: str) -> str:
    value: float = performance[name]
    return f"{value:.2f}" if performance["measure"] == "R²" else f"{value:.1%}"


def _target(quartiles: Sequence[float] | None) -> str:
    if quartiles is None:
        return ""
    low, first, median, third, high = (f"{value:,.6g}" for value in quartiles)
    return f"numbers from {low} to {high} in training, interquartile range {first} to {third}, median {median}"


def _trust(trust: Mapping[str, Any] | None) -> Trust | None:
    if trust is None:
        return None
    low, high = trust["interval"]
    lds, ceiling = trust["lds"], trust["ceiling"]
    share_of_ceiling = ""
    if ceiling:  # an estimate, too: the score of a small dataset can exceed it
        share_of_ceiling = f", {lds / ceiling:.0%} of the noise ceiling ({ceiling:.2f})"
        if lds >= ceiling:
            share_of_ceiling = f", at the noise ceiling ({ceiling:.2f}), which is estimated as well"
    noise_ceiling = f", noise ceiling {ceiling:.2f}" if ceiling else ""
    return Trust(
        lds,
        low,
        high,
        ceiling,
        words=f"LDS {lds:.2f} (95 % confidence interval {low:.2f} to {high:.2f}){share_of_ceiling}",
        short=f"LDS {lds:.2f} (95 % CI {low:.2f} to {high:.2f}{noise_ceiling})",
        how="The linear datamodeling score (LDS) is the rank correlation between the model outputs that the scores "
        "predict for held-out training subsets and the outputs after training on those subsets. It was measured "
        f"on {trust['n_subsets']} subsets and {trust['n_targets']:,} predictions. 0 is chance, 1 is perfect; the noise "
        "ceiling is the highest score that the noise between training seeds allows.",
        warning="This is not significantly better than chance: don't rely on the influences shown. More --runs "
        "measure it more precisely."
        if low <= 0
        else "",
    )


def _planted(check: Check) -> Planted:
    calibration: Mapping[str, Any] = check.calibration or {}
    planted, found = calibration["planted"], calibration["found"]
    all_found, all_planted = sum(found.values()), sum(planted.values())
    return Planted(
        check.name,
        calibration["procedure"],
        tuple((sort, found[sort], count, _share(found[sort], count)) for sort, count in planted.items()),
        (all_found, all_planted),
        (calibration["right"], calibration["reported"]),
        recall=_share(all_found, all_planted),
        precision=_share(calibration["right"], calibration["reported"])
        if calibration["reported"]
        else "nothing reported",
    )


def _share(part: int, whole: int) -> str:
    """With Wilson's 95 % interval (1927)."""
    from ..checks.proof import proportion_interval  # imports scipy, which `--help` can do without

    low, high = proportion_interval(part, whole)
    return f"{part} of {whole} ({low:.0%} to {high:.0%})"


def _retraining(audit: Audit) -> str:
    """How many findings have each status after the retraining test, and its seeds; empty without findings."""
    counts = Counter[str](finding.verification.status for finding in audit.findings)
    seeds = max((finding.verification.seeds for finding in audit.findings), default=0)
    if set(counts) == {"unverified"}:
        return f"none made, {counts.total():,} unverified"
    words = ", ".join(f"{counts[status]:,} {status}" for status in STATUSES if counts[status])
    if seeds and audit.learner.get("seedless"):
        return f"{words} (the learner's models are the same for every training seed)"
    return words + (f" ({seeds} training seeds)" if seeds else "")


def _coverage(check: Check) -> Coverage:
    status = {"error": "could not run"}.get(check.status, check.status)
    mark = {"ran": "kept", "skipped": "open", "not asked": "open"}.get(check.status, "broken")
    notes = (check.reason, *check.notes) if check.reason else check.notes
    return Coverage(check.name, status, mark, f"{check.examined:,} of {check.total:,}", check.findings, notes)


def _changes(audit: Audit) -> Changed | None:
    if audit.changes is None:
        return None
    known, expired, gone = (
        tuple((accepted.message, accepted_in_words(accepted)) for accepted in group)
        for group in (audit.changes.known.values(), audit.changes.expired, audit.changes.gone)
    )
    new = len(audit.findings) - len(known) - len(expired)
    parts = ((new, "new"), (len(known), "known"), (len(expired), "expired"), (len(gone), "gone"))
    words = ", ".join(f"{count:,} {word}" for count, word in parts)
    return Changed(audit.changes.path, new, words, known, expired, gone)


def counts_in_words(severities: Iterable[tuple[str, int]]) -> str:
    """The severities that occur, with their counts."""
    return ", ".join(f"{count:,} {severity}" for severity, count in severities if count) or "none"
