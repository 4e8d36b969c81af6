"""Audit -> HTML. One summary value holds all that the page says, formatted; the templates only lay it out."""

import shlex
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from .audit import Audit
from .cards import card, differences, status
from .exhibits import Exhibit
from .findings import Finding, Severity
from .plots import ROOM, bars, scatter
from .proof import proportion_interval

SHOWN_PER_KIND = 100
"""Findings of one kind that the page shows; the rest is counted and stands in findings.jsonl."""
PICTURE_EDGE = 112
SIDE_BY_SIDE = 3
"""Rows of a table that a finding shows."""
EXHIBIT_BYTES = 3 << 20
"""Longest edge of a picture, and what all pictures, texts and values of samples may take together."""

STATUSES = ("confirmed", "inconclusive", "refuted", "unverified")
VERDICTS = {
    "PASS": "No finding weighs enough to hold this dataset back.",
    "FAIL": "Findings hold this dataset back.",
    "INCOMPLETE": "Not everything was checked, so nothing can be signed off.",
}


def shown_samples(findings: Iterable[Finding]) -> list[str]:
    """Ids of the samples whose pictures the page shows, in order, each once."""
    ids: dict[str, None] = {}
    for _, shown, _ in _groups(findings):
        for finding in shown:
            ids.update(dict.fromkeys(id for id, _ in card(finding)[0]))
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
                _trained(learner),
            ),
            *_performance(learner["performance"]),
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
        "totals": list(dataset["sizes"].values()),
        "target": _target(dataset["target_quartiles"]),
        "ignored": [(item["path"], item["reason"]) for item in dataset["ignored"][:20]],
        "ignored_total": len(dataset["ignored"]),
        "trust": _trust(audit),
        "planted": _planted(audit),
        "proven": _proven(audit),
        "checks": [
            {
                "name": check.name,
                "status": {"error": "could not run"}.get(check.status, check.status),
                "broken": check.status in ("error", "not run"),
                "coverage": f"{check.examined:,} of {check.total:,}",
                "findings": check.findings,
                "notes": [check.reason, *check.notes] if check.reason else check.notes,
            }
            for check in audit.checks
        ],
        "groups": [
            {
                "kind": kind,
                "title": audit.kinds[kind][1] if kind in audit.kinds else kind.replace("_", " ").capitalize(),
                "total": total,
                "left_out": total - len(shown),
                "explanation": _explanation(audit, kind),
                "findings": [_card(audit, finding) for finding in shown],
                "plots": _plots(audit, kind),
            }
            for kind, shown, total in _groups(audit.findings)
        ],
        **ROOM,
        "samples_left_out": len([id for id in shown_samples(audit.findings) if id not in audit.exhibits]),
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


def _planted(audit: Audit) -> list[dict[str, Any]]:
    """What every check made of planted faults: a line for each sort of fault."""
    rows = []
    for check in audit.checks:
        if check.calibration is None:
            continue
        planted, found = check.calibration["planted"], check.calibration["found"]
        reported, right = check.calibration["reported"], check.calibration["right"]
        rows.append(
            {
                "check": check.name,
                "procedure": check.calibration["procedure"],
                "sorts": [(sort, _share(found[sort], count)) for sort, count in planted.items()],
                "all": _share(sum(found.values()), sum(planted.values())),
                "precision": _share(right, reported) if reported else "nothing reported",
            }
        )
    return rows


def _share(part: int, whole: int) -> str:
    """With Wilson's 95 % interval (1927)."""
    low, high = proportion_interval(part, whole)
    return f"{part} of {whole} ({low:.0%} to {high:.0%})"


def _proven(audit: Audit) -> str:
    """How many findings retraining has borne out."""
    counts = Counter[str](finding.verification.status for finding in audit.findings)
    return ", ".join(f"{counts[status]} {status}" for status in STATUSES if counts[status])


def _plots(audit: Audit, kind: str) -> dict[str, Any] | None:
    """Of the check that makes this kind: predicted against actual falls, and the sizes of the supports."""
    check, _ = audit.kinds.get(kind, (kind, ""))
    figures = next((one.figures for one in audit.checks if one.name == check), {})
    if "counterfactual" not in figures or len(figures["counterfactual"]["predicted"]) < 2:
        return None
    changes, supports = figures["counterfactual"], figures["supports"]
    sizes = [one["size"] for one in supports if one["status"] == "confirmed"]
    edges = np.unique(np.geomspace(1, figures["most"], 5).round().astype(int))
    counts = [sum(low < size <= high for size in sizes) for low, high in zip([0, *edges], edges, strict=False)]
    labels = [f"≤ {edge}" for edge in edges] + [f"> {figures['most']}"]
    return {
        "counterfactual": {
            "name": "Drop of the lead",
            **scatter(np.array(changes["predicted"]), np.array(changes["actual"])),
        },
        "supports": bars(labels, [*counts, len(supports) - len(sizes)]),
    }


def _percent(value: float) -> float:
    return round(100 * min(1.0, max(0.0, value)), 1)


def _explanation(audit: Audit, kind: str) -> list[tuple[str, str]]:
    check, _ = audit.kinds.get(kind, (kind, ""))
    sections = audit.explanations.get(check, {})
    return [(title, body) for title, body in sections.items() if title != "summary"]


def _card(audit: Audit, finding: Finding) -> dict[str, Any]:
    pictures, figures = card(finding)
    shown = [(id, caption, audit.exhibits.get(id)) for id, caption in pictures]
    return {
        "id": finding.id,
        "severity": str(finding.severity),
        "message": finding.message,
        "verification": status(finding),
        "figures": figures,
        "pictures": [
            {"id": id, "caption": caption, "uri": one and one.picture, "text": one and one.text}
            for id, caption, one in shown
            if one is None or not one.values
        ],
        "rows": _side_by_side([(caption, one) for _, caption, one in shown if one is not None and one.values]),
        "differences": differences(finding),
    }


def _side_by_side(shown: list[tuple[str, Exhibit]]) -> dict[str, Any] | None:
    """Samples of a table as columns, its columns as rows, and whether the first two samples differ there."""
    if not shown:
        return None
    shown = shown[:SIDE_BY_SIDE]
    lines = list(zip(*(one.values for _, one in shown), strict=True))
    pair = len(shown) == 2
    if pair:
        lines.sort(key=lambda cells: len({value for _, value in cells}) == 1)  # what differs comes first
    return {
        "captions": [caption for caption, _ in shown],
        "lines": [
            {
                "column": cells[0][0],
                "values": [value for _, value in cells],
                "differs": pair and len({value for _, value in cells}) > 1,
            }
            for cells in lines
        ],
    }


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


def _performance(measured: Mapping[str, Any] | None) -> list[tuple[str, str]]:
    if measured is None:
        return []
    mean, deviation, together = (
        f"{measured[name]:.2f}" if measured["measure"] == "R²" else f"{measured[name]:.1%}"
        for name in ("mean", "standard_deviation", "ensemble")
    )
    words = f"{mean} ± {deviation} per model on the {measured['split']} split, {together} together"
    return [(measured["measure"][0].upper() + measured["measure"][1:], words)]


def _target(quartiles: Sequence[float] | None) -> str:
    if quartiles is None:
        return ""
    low, first, median, third, high = (f"{value:,.6g}" for value in quartiles)
    return f"numbers from {low} to {high} in training, half of them from {first} to {third}, median {median}"
