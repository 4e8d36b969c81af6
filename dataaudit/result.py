"""Audit: everything the outputs need, in one value. Report, exports and verdict are functions of it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import numpy as np

from .findings import Finding, Pair

SCHEMA_VERSION = 3


@dataclass(frozen=True)
class Check:
    """One detector's coverage. An "error", or one that was "not run", makes the verdict incomplete; one that was "not
    asked" for says nothing.

    calibration   its performance on planted faults, see `detection.Calibration`; None if none were planted
    figures       what the report may draw
    """

    name: str
    status: Literal["ran", "skipped", "not asked", "not run", "error"]
    examined: int
    total: int
    findings: int
    reason: str = ""
    notes: tuple[str, ...] = ()
    calibration: Mapping[str, Any] | None = None
    figures: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Rule:
    """One rule of the policy, and whether the audit satisfies it.

    check    the check it is about; empty for one about the whole audit
    expects  what the policy allows, in words
    found    what the audit found, in words
    kept     whether it is satisfied; None where it is undecided
    """

    check: str
    expects: str
    found: str
    kept: bool | None


@dataclass(frozen=True)
class Verdict:
    """The gate's verdict: the rules of the policy that are broken or undecided, in words, and all rules."""

    status: Literal["PASS", "FAIL", "INCOMPLETE"]
    reasons: tuple[str, ...]
    exit_code: int
    rules: tuple[Rule, ...] = ()


@dataclass(frozen=True)
class Accepted:
    """A finding that somebody has accepted: an entry of a baseline.

    expires   the last day on which it holds, as in 2027-01-31; empty if it does not expire
    """

    fingerprint: str
    id: str
    message: str
    reason: str
    by: str
    recorded: str
    expires: str

    @property
    def kind(self) -> str:
        """Of the finding, as its id has it."""
        return self.id.rpartition("-")[0]


@dataclass(frozen=True)
class Changes:
    """What changed since the baseline.

    path      the baseline's file
    known     by id of finding, what accepts it; it does not fail the verdict
    expired   those that were found again after their last day
    gone      those that were looked for and not found again
    """

    path: str
    known: Mapping[str, Accepted]
    expired: tuple[Accepted, ...]
    gone: tuple[Accepted, ...]


@dataclass(frozen=True)
class Exhibit:
    """What a report shows of a sample: one of a picture's data URI, a text, or (column, value) pairs."""

    picture: str = ""
    text: str = ""
    values: tuple[tuple[str, str], ...] = ()

    @property
    def size(self) -> int:
        """Its size in characters."""
        return len(self.picture) + len(self.text) + sum(len(name) + len(value) for name, value in self.values)


@dataclass(frozen=True)
class HeatMap:
    """Where a training image gets its influence on a target from.

    sample_id   the training image
    target_id   the sample whose prediction it moves
    uri         to be laid over the image: the stronger, the more of the influence comes from there
    words       what it shows, and how well it was confirmed
    """

    sample_id: str
    target_id: str
    uri: str
    words: str


@dataclass(frozen=True)
class Cost:
    """Time and memory of the run. Not in audit.json, which is the same however often a run was interrupted.

    seconds_of_all   about how long all that was asked for takes; None without a limit of time
    saved            seconds by what an earlier audit had; None without one
    """

    seconds: Mapping[str, float]
    peak_megabytes: float
    resumed_runs: int
    seconds_of_all: float | None = None
    saved: float | None = None


@dataclass(frozen=True)
class Audit:
    """One finished audit.

    samples     one mapping for every sample of the dataset, read or not
    exhibits    pictures, texts or values of the samples that the report shows
    kinds       (check, title) of every kind of finding
    changes     since the baseline; None without one
    heat_maps   by id of finding, for a few of them
    lines       by id of a sample that findings name, the line of its file on which it begins; of rows of text files
    left_out   what a limit of time left out, in a sentence if there is anything; with the limits in audit.json
    shows_samples   whether the report may show what is in the samples, beside their ids and labels
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
    changes: Changes | None = None
    heat_maps: Mapping[str, HeatMap] = field(default_factory=dict)
    lines: Mapping[str, int] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()
    shows_samples: bool = True

    def title(self, kind: str) -> str:
        """What the detector calls a kind of finding."""
        return self.kinds[kind][1] if kind in self.kinds else kind.replace("_", " ").capitalize()

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
                "changes": None if self.changes is None else asdict(self.changes),
                "findings": [finding_document(finding) for finding in self.findings],
                "kinds": {kind: check for kind, (check, _) in self.kinds.items()},
                "reproduce": self.reproduce,
                "limits": (*self.limits, *self.left_out),
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
        "remedies": [asdict(remedy) for remedy in finding.remedies],
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
