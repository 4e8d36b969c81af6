"""Audit -> HTML. One summary value holds all that the page says, formatted; the templates only lay it out."""

import shlex
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from .audit import Audit
from .findings import Finding, Severity

SHOWN_PER_KIND = 100
"""Findings of one kind that the page shows; the rest is counted and stands in findings.jsonl."""
PICTURE_EDGE = 112
PICTURE_BYTES = 3 << 20
"""Longest edge of a picture, and what all pictures of a page may take together."""
COPIES_SHOWN = 4

TITLES = {
    "leakage": "Test samples with a copy in the training set",
    "mislabeled": "Labels more likely wrong than right",
    "unreadable": "Unreadable samples",
    "missing_class": "Classes missing from a split",
    "empty_class": "Empty class folders",
    "empty_split": "Empty split folders",
    "stray_files": "Images in no class folder",
    "dead_links": "Links to nothing",
    "hidden_files": "Hidden files",
}
CHECK_OF = {"leakage": "leakage", "mislabeled": "mislabeled"}
VERDICTS = {
    "PASS": "No finding weighs enough to hold this dataset back.",
    "FAIL": "Findings hold this dataset back.",
    "INCOMPLETE": "A check could not run, so nothing can be signed off.",
}


def shown_samples(findings: Iterable[Finding]) -> list[str]:
    """Ids of the samples whose pictures the page shows, in order, each once."""
    ids: dict[str, None] = {}
    for _, shown, _ in _groups(findings):
        for finding in shown:
            ids.update(dict.fromkeys(finding.sample_ids[: COPIES_SHOWN + 1]))
    return list(ids)


def render(audit: Audit) -> str:
    """The page, self-contained, with every string from the data escaped."""
    return page("report.html", summarize(audit))


def page(template: str, values: dict[str, Any]) -> str:
    """A template of the page's own look, filled in."""
    here = Path(__file__).parent
    folders = [here / "templates", here.parent / "templates"]  # in a wheel; in a checkout
    environment = Environment(
        loader=FileSystemLoader(folders),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template).render(values)


def summarize(audit: Audit) -> dict[str, Any]:
    """Everything on the page, as text and numbers ready to show."""
    dataset, learner = audit.dataset, audit.learner
    accuracy = learner["accuracy"]
    counts = dataset["counts"]
    severities = Counter(finding.severity for finding in audit.findings)
    return {
        "name": dataset["name"],
        "verdict": {
            "status": audit.verdict.status,
            "meaning": VERDICTS[audit.verdict.status],
            "reasons": audit.verdict.reasons,
            "severities": [(str(s), severities[s]) for s in sorted(Severity, reverse=True)],
        },
        "facts": [
            ("Dataset", dataset["path"]),
            ("Content", f"SHA-256 {dataset['fingerprint'][:16]}…"),
            ("Layout", f"{dataset['format']}; splits: {dataset['split_origin']}"),
            (
                "Learner",
                f"{learner['recipe']['learner']}, {learner['models']} models on {learner['distinct_subsets']} "
                f"random halves of {learner['training_rows_per_model']:,} training samples each",
            ),
            (
                "Accuracy",
                f"{accuracy['mean']:.1%} ± {accuracy['standard_deviation']:.1%} per model on the {accuracy['split']} "
                f"split, {accuracy['ensemble']:.1%} together",
            ),
            ("Versions", ", ".join(f"{name} {version}" for name, version in audit.reproduce["versions"].items())),
            ("Device", audit.reproduce["device"]),
            (
                "Cost",
                f"{sum(audit.cost.seconds.values()):.0f} seconds, at most {audit.cost.peak_megabytes:,.0f} MB in the "
                f"main process; {audit.cost.resumed_runs} models kept from an earlier run",
            ),
        ],
        "notes": dataset["notes"],
        "splits": list(counts),
        "classes": [(name, [counts[split][name] for split in counts]) for name in dataset["classes"]],
        "totals": [sum(counts[split].values()) for split in counts],
        "ignored": [(item["path"], item["reason"]) for item in dataset["ignored"][:20]],
        "ignored_total": len(dataset["ignored"]),
        "trust": _trust(audit),
        "checks": [
            {
                "name": check.name,
                "status": {"ran": "ran", "skipped": "skipped", "error": "could not run"}[check.status],
                "broken": check.status == "error",
                "coverage": f"{check.examined:,} of {check.total:,}",
                "findings": check.findings,
                "notes": [check.reason, *check.notes] if check.reason else check.notes,
            }
            for check in audit.checks
        ],
        "groups": [
            {
                "kind": kind,
                "title": TITLES.get(kind, kind.replace("_", " ").capitalize()),
                "total": total,
                "left_out": total - len(shown),
                "explanation": _explanation(audit, kind),
                "findings": [_card(audit, finding) for finding in shown],
            }
            for kind, shown, total in _groups(audit.findings)
        ],
        "pictures_left_out": len([id for id in shown_samples(audit.findings) if id not in audit.pictures]),
        "limits": audit.limits,
        "command": "dataaudit " + shlex.join(audit.reproduce["arguments"]),
    }


def _groups(findings: Iterable[Finding]) -> list[tuple[str, Sequence[Finding], int]]:
    """(kind, findings shown, findings there are), in the order of the worst of each kind."""
    by_kind: dict[str, list[Finding]] = {}
    for finding in findings:
        by_kind.setdefault(finding.kind, []).append(finding)
    return [(kind, found[:SHOWN_PER_KIND], len(found)) for kind, found in by_kind.items()]


def _trust(audit: Audit) -> dict[str, Any] | None:
    if audit.trust is None:
        return None
    low, high = audit.trust["interval"]
    lds, ceiling = audit.trust["lds"], audit.trust["ceiling"]
    share = f", {lds / ceiling:.0%} of what the seeds' noise allows ({ceiling:.2f})" if ceiling else ""
    return {
        "words": f"LDS {lds:.2f} (95 % interval {low:.2f} to {high:.2f}){share}",
        "warning": "This can't be told from guessing: don't rely on the influences shown." if low <= 0 else "",
        "how": f"On {audit.trust['n_subsets']} held-out training subsets and {audit.trust['n_targets']:,} predictions: "
        "the rank correlation between how the scores say a prediction changes with the training data and how it did "
        "change (linear datamodeling score). 0 is guessing, 1 is perfect.",
        "bar": {
            "lds": _percent(lds),
            "low": _percent(low),
            "width": _percent(high) - _percent(low),
            "ceiling": _percent(ceiling) if ceiling else None,
        },
    }


def _percent(value: float) -> float:
    return round(100 * min(1.0, max(0.0, value)), 1)


def _explanation(audit: Audit, kind: str) -> list[tuple[str, str]]:
    sections = audit.explanations.get(CHECK_OF.get(kind, "integrity"), {})
    return [(title, body) for title, body in sections.items() if title != "summary"]


def _card(audit: Audit, finding: Finding) -> dict[str, Any]:
    described = {"leakage": _leak, "mislabeled": _label}.get(finding.kind)
    pictures, figures = described(finding) if described else ([], [])
    return {
        "id": finding.id,
        "severity": str(finding.severity),
        "message": finding.message,
        "verification": finding.verification.status,
        "figures": figures,
        "pictures": [{"id": id, "caption": caption, "uri": audit.pictures.get(id)} for id, caption in pictures],
    }


def _leak(finding: Finding) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    evidence = finding.evidence
    copies = evidence["copies"][:COPIES_SHOWN]
    pictures = [(evidence["test_id"], f"test, {evidence['test_label']}")]
    pictures += [
        (copy["train_id"], f"train, {copy['label']}" + (", mirrored" if copy["mirrored"] else "")) for copy in copies
    ]
    best = copies[0]
    figures = [
        ("Similarity once aligned", f"{best['similarity']:.3f}"),
        (
            "Influence on the prediction",
            f"{best['influence']:+.2f} ({best['influence_deviations']:+.0f} robust deviations)",
        ),
        ("Labels agree", "yes" if evidence["labels_agree"] else "no"),
        ("False-discovery rate", "exact copy" if best["exact"] else f"{evidence['q_value']:.1%}"),
    ]
    return pictures, figures


def _label(finding: Finding) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    evidence = finding.evidence
    views = "; ".join(
        f"{name} {view['label']:.0%} against {view['suggested']:.0%}" for name, view in evidence["views"].items()
    )
    figures = [
        ("Label", evidence["label"]),
        ("Suggested", evidence["suggested_label"]),
        ("Probability that it is wrong", f"{min(evidence['probability_wrong'], 0.99):.0%}"),
        ("Label against suggestion", views),
        ("Self-confidence (cleanlab)", f"{evidence['self_confidence']:.3f}"),
    ]
    if "self_influence" in evidence:
        figures.append(
            (
                "Influence on itself",
                f"{evidence['self_influence']:.2f}, larger than that of "
                f"{evidence['self_influence_percentile']:.0f} % of training samples",
            )
        )
        figures.append(("Mean influence on the predictions audited", f"{evidence['mean_influence']:+.4f}"))
    return [(finding.sample_ids[0], f"{evidence['split']}, {evidence['label']}")], figures
