"""Audit: everything the outputs need, in one value. Report, exports and verdict are functions of it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import numpy as np

from .exhibits import Exhibit
from .findings import Finding, Pair

SCHEMA_VERSION = 2


@dataclass(frozen=True)
class Check:
    """One detector's coverage. An "error", or one that was "not run", makes the verdict incomplete.

    calibration   what it made of planted faults, see `detection.Calibration`; None if none were planted
    figures       what the report may draw
    """

    name: str
    status: Literal["ran", "skipped", "not run", "error"]
    examined: int
    total: int
    findings: int
    reason: str = ""
    notes: tuple[str, ...] = ()
    calibration: Mapping[str, Any] | None = None
    figures: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Verdict:
    """The gate's word, and what it rests on."""

    status: Literal["PASS", "FAIL", "INCOMPLETE"]
    reasons: tuple[str, ...]
    exit_code: int


@dataclass(frozen=True)
class Cost:
    """What the run took. Kept out of audit.json, which is the same however often a run was cut off and resumed."""

    seconds: Mapping[str, float]
    peak_megabytes: float
    resumed_runs: int


@dataclass(frozen=True)
class Audit:
    """One finished audit.

    samples     one mapping for every sample of the dataset, read or not
    exhibits    pictures, texts or values of the samples that the report shows
    kinds       (check, title) of every kind of finding
    """

    verdict: Verdict
    dataset: Mapping[str, Any]
    learner: Mapping[str, Any]
    trust: Mapping[str, Any] | None
    checks: tuple[Check, ...]
    findings: tuple[Finding, ...]
    reproduce: Mapping[str, Any]
    limits: tuple[str, ...]
    cost: Cost
    samples: tuple[Mapping[str, Any], ...] = ()
    pairs: tuple[Pair, ...] = ()
    exhibits: Mapping[str, Exhibit] = field(default_factory=dict)
    explanations: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    kinds: Mapping[str, tuple[str, str]] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """The content of audit.json (see exports/audit.schema.json)."""
        document: dict[str, Any] = plain(
            {
                "schema_version": SCHEMA_VERSION,
                "verdict": asdict(self.verdict),
                "dataset": self.dataset,
                "learner": self.learner,
                "trust": self.trust,
                "checks": [asdict(check) for check in self.checks],
                "findings": [finding_document(finding) for finding in self.findings],
                "reproduce": self.reproduce,
                "limits": self.limits,
            }
        )
        return document


def finding_document(finding: Finding) -> dict[str, Any]:
    """One finding as plain data: a line of findings.jsonl."""
    return {
        "id": finding.id,
        "kind": finding.kind,
        "severity": str(finding.severity),
        "sample_ids": list(finding.sample_ids),
        "score": finding.score,
        "message": finding.message,
        "fingerprint": finding.fingerprint,
        "evidence": finding.evidence,
        "verification": asdict(finding.verification),
    }


def plain(value: Any) -> Any:
    """Values that JSON can hold: arrays and tuples become lists, numbers that are not finite become null."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, float):
        return value if np.isfinite(value) else None
    return value
