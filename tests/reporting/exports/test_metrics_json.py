import json
from dataclasses import replace
from pathlib import Path

from dataaudit.reporting.exports import metrics_json

from ...fixtures_audits import audit_of, changes, found, wrong


def test_every_measured_number_is_there_and_no_other_value(tmp_path: Path) -> None:
    known, gone = wrong("a"), found("leakage", "gone")
    metrics_json.write(audit_of([known, found("leakage", "b")], changes=changes([known], [gone])), tmp_path)
    assert json.loads((tmp_path / "metrics.json").read_text(encoding="utf-8")) == {
        "exit_code": 1,
        "findings": 2,
        "severity": {"info": 0, "low": 0, "medium": 1, "high": 1, "critical": 0},
        "kind": {"constant_column": 0, "leakage": 1, "mislabeled": 1},
        "samples": {"train": 7, "test": 1},
        "unreadable": 2,
        "new": 1,
        "gone": 1,
        "trust": {"lds": 0.5, "low": 0.4, "high": 0.6},
        "performance": {"mean": 0.8, "ensemble": 0.85},
    }


def test_what_was_not_measured_is_left_out() -> None:
    audit = audit_of([], trust=None)
    metrics = metrics_json.metrics(replace(audit, learner={**audit.learner, "performance": None}))
    assert not {"new", "gone", "trust", "performance"} & set(metrics)
