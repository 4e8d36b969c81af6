"""metrics.json: the audit in numbers only, for DVC, MLflow and whatever else compares runs."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

from ...files import replacing
from ...findings import Severity
from ...result import Audit, plain


def write(audit: Audit, directory: Path) -> None:
    """Write metrics.json."""
    with replacing(directory / "metrics.json") as file:
        json.dump(metrics(audit), file, indent=2, allow_nan=False)
        file.write("\n")


def metrics(audit: Audit) -> dict[str, Any]:
    """Numbers by name; what was not measured is left out.

    exit_code     of the command, see `gate`
    severity      findings by severity, accepted ones too
    kind          findings by kind, of every kind that is looked for
    new, gone     since the baseline
    trust         the linear datamodeling score and its 95 % interval
    performance   of the models trained, on the split that is audited
    """
    severities = Counter(str(finding.severity) for finding in audit.findings)
    kinds = Counter(finding.kind for finding in audit.findings)
    found: dict[str, Any] = {
        "exit_code": audit.verdict.exit_code,
        "findings": len(audit.findings),
        "severity": {str(severity): severities[str(severity)] for severity in Severity},
        "kind": {kind: kinds[kind] for kind in sorted({*audit.kinds, *kinds})},
        "samples": dict(audit.dataset["sizes"]),
        "unreadable": audit.dataset["unreadable"],
    }
    if audit.changes is not None:
        found |= {"new": len(audit.findings) - len(audit.changes.known), "gone": len(audit.changes.gone)}
    if audit.trust is not None:
        low, high = audit.trust["interval"]
        found["trust"] = {"lds": audit.trust["lds"], "low": low, "high": high, "ceiling": audit.trust["ceiling"]}
    if (measured := audit.learner["performance"]) is not None:
        found["performance"] = {"mean": measured["mean"], "ensemble": measured["ensemble"]}
    return _known(plain(found))


def _known(numbers: dict[str, Any]) -> dict[str, Any]:
    """Without what is null, at any depth."""
    return {
        name: _known(value) if isinstance(value, dict) else value
        for name, value in numbers.items()
        if value is not None
    }
