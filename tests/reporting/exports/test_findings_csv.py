"""findings.csv comes back whole and holds nothing that a spreadsheet would run."""

import csv
import json
from pathlib import Path

import pytest

from dataaudit.reporting.exports import findings_csv
from dataaudit.reporting.sanitizing import visible
from dataaudit.result import Audit

from ...fixtures_audits import HOSTILE, audit_of, changes, found, wrong


def rows(audit: Audit, directory: Path) -> list[dict[str, str]]:
    findings_csv.write(audit, directory)
    with (directory / "findings.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_one_row_a_finding(tmp_path: Path) -> None:
    known, leak = wrong("train/1.png", "dog"), found("leakage", "a b", "c;d,e")
    label, copy = rows(audit_of([known, leak], changes=changes([known])), tmp_path)
    assert label == {
        "id": known.id, "kind": "mislabeled", "severity": "medium", "verification": "confirmed", "known": "yes",
        "samples": "1", "sample_ids": '["train/1.png"]', "message": "mislabeled: train/1.png", "score": "0.5",
        "effect": "0.5", "low": "0.25", "high": "0.75", "remedy": "relabel to dog: 1 sample",
        "fingerprint": known.fingerprint,
    }  # fmt: skip
    assert json.loads(copy["sample_ids"]) == ["a b", "c;d,e"]
    assert (copy["known"], copy["remedy"]) == ("no", "")
    assert rows(audit_of([leak]), tmp_path)[0]["known"] == ""
    assert rows(audit_of([]), tmp_path) == []


FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "  =1", "＝1", "\u00a0=1"]


@pytest.mark.parametrize("string", HOSTILE + FORMULAS, ids=lambda string: ascii(string)[:20])
def test_no_cell_of_text_is_a_formula(string: str, tmp_path: Path) -> None:
    finding = found(string, string, string, message=string)
    (row,) = rows(audit_of([finding]), tmp_path)
    texts = [row[name] for name in ("id", "kind", "message", "remedy", "sample_ids")]
    assert not [text for text in texts if text.strip().startswith(tuple("=+-@\t\r\n＝＋－＠"))]
    assert json.loads(row["sample_ids"]) == [string, string]
    assert string in FORMULAS or row["message"][:3].lstrip("'")[:2] == visible(string)[:2]


def test_no_cell_is_longer_than_a_spreadsheet_can_hold(tmp_path: Path) -> None:
    (row,) = rows(audit_of([found("leakage", *(f"{number:05}" * 50 for number in range(500)))]), tmp_path)
    assert row["samples"] == "500"
    assert 30_000 < len(row["sample_ids"]) <= findings_csv.CELL
    assert len(json.loads(row["sample_ids"])) < 500
    assert len(row["message"]) == findings_csv.CELL
