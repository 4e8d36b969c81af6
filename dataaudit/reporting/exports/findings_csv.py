"""findings.csv: one row for every finding, for a spreadsheet.

A cell of text that a spreadsheet would take for a formula begins with an apostrophe, and no cell is longer than one
can be; findings.jsonl has every text as it is.
"""

import json
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from ...files import replacing
from ...findings import Finding, Remedy
from ...result import Audit
from ..sanitizing import CELL, cell

COLUMNS = ("id", "kind", "severity", "verification", "known", "samples", "sample_ids", "message", "score", "effect",
           "low", "high", "remedy", "fingerprint")  # fmt: skip


def write(audit: Audit, directory: Path) -> None:
    """Write findings.csv.

    known        "yes" if the baseline accepts the finding; empty without a baseline
    sample_ids   a JSON list of as many as a cell can hold, of all that are counted under `samples`
    effect       of training without the samples, with its 95 % interval; empty where nothing was retrained
    """
    rows = [_row(finding, audit) for finding in audit.findings]
    with replacing(directory / "findings.csv") as file:
        table = pd.DataFrame(rows, columns=list(COLUMNS))
        table.to_csv(file, index=False, float_format="%.6g", lineterminator="\r\n")


def _row(finding: Finding, audit: Audit) -> tuple[str | int | float | None, ...]:
    verification = finding.verification
    low, high = verification.interval or (None, None)
    known = "" if audit.changes is None else "yes" if finding.id in audit.changes.known else "no"
    remedy = _in_words(finding.remedies[0]) if finding.remedies else ""
    return (
        *map(cell, (finding.id, finding.kind, str(finding.severity), verification.status, known)),
        len(finding.sample_ids),
        _listed(finding.sample_ids),
        cell(finding.message),
        finding.score,
        verification.effect,
        low,
        high,
        cell(remedy),
        finding.fingerprint,
    )


def _in_words(remedy: Remedy) -> str:
    to = f" to {', '.join(remedy.to)}" if remedy.to else ""
    return f"{remedy.action}{to}: {len(remedy.sample_ids)} sample{'s' * (len(remedy.sample_ids) != 1)}"


def _listed(ids: Sequence[str]) -> str:
    """A JSON list; it begins with a bracket, so it is no formula."""
    kept: list[str] = []
    length = len("[]")
    for id in ids:
        length += len(json.dumps(id, ensure_ascii=False)) + len(", ")
        if length > CELL:
            break
        kept.append(id)
    return json.dumps(kept, ensure_ascii=False)
