"""What changed between two audits, or two versions of a dataset, matched by content."""

import json
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
from click.testing import CliRunner

from dataaudit.cli import cli
from dataaudit.errors import InputError
from dataaudit.result import SCHEMA_VERSION
from dataaudit.verdict.diff import audit_lines, compare_audits

from ..commands.auditing import photos


def document(marks: str, **changes: Any) -> dict[str, Any]:
    findings = [
        {"fingerprint": mark * 64, "id": f"leakage-{mark * 12}", "kind": "leakage", "severity": "high",
         "message": f"m{mark}"}
        for mark in marks
    ]  # fmt: skip
    return {
        "schema_version": SCHEMA_VERSION, "verdict": {"status": "FAIL" if marks else "PASS"}, "findings": findings,
        "dataset": {"fingerprint": "a" * 64, "sizes": {"train": 10, "test": 5}},
        "learner": {"recipe": {"learner": "image"}, "models": 8,
                    "performance": {"measure": "accuracy", "split": "test", "mean": 0.9}},
        "trust": {"lds": 0.5}, "checks": [{"name": "leakage", "status": "ran"}],
        "reproduce": {"versions": {"dataaudit": "1"}}, "kinds": {"leakage": "leakage"},
    } | changes  # fmt: skip


def run(*arguments: str) -> Any:
    return CliRunner().invoke(cli, ["diff", *arguments])


def test_findings_are_matched_by_content() -> None:
    change = compare_audits(document("12"), document("23"))
    assert [one["message"] for one in change.new] == ["m3"]
    assert [one["message"] for one in change.gone] == ["m1"]
    assert change.kept == 1
    assert change.figures == {}


def test_figures_that_differ_are_named() -> None:
    new = document("", trust=None, checks=[{"name": "leakage", "status": "error"}])
    lines = list(audit_lines(compare_audits(document("1"), new)))
    assert "verdict: FAIL -> PASS" in lines
    assert "trust (LDS): 0.5 -> none" in lines
    assert "check leakage: none -> error" in lines
    assert "leakage findings: 1 -> error" in lines
    assert "findings: 0 new, 0 gone, 0 in both" in lines
    assert "not looked for again, as their checks did not run: 1" in lines
    assert "leakage findings: 1 -> none" in list(audit_lines(compare_audits(document("1"), document(""))))


def test_audits_through_the_command(tmp_path: Path) -> None:
    for name, marks in (("a", "12"), ("b", "123")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "audit.json").write_text(json.dumps(document(marks)))
    a, b = str(tmp_path / "a"), str(tmp_path / "b" / "audit.json")
    assert run(a, a).exit_code == 0
    assert run(b, a).exit_code == 0  # what is gone is no reason to stop
    result = run(a, b)
    assert result.exit_code == 1
    assert "+ high     leakage-333333333333  m3" in result.output
    assert [one["message"] for one in json.loads(run(a, b, "--json").output)["new"]] == ["m3"]


def test_versions_of_an_image_folder(tmp_path: Path) -> None:
    old, new = photos(tmp_path / "old", train=6), tmp_path / "new"
    shutil.copytree(old, new)
    (new / "train/cat/0.png").rename(new / "train/dog/zero.png")
    (new / "train/cat/1.png").rename(new / "test/cat/one.png")
    (new / "train/cat/2.png").rename(new / "train/cat/two.png")
    (new / "train/cat/3.png").unlink()
    shutil.copy(new / "train/cat/4.png", new / "train/cat/four.png")
    result = run(str(old), str(new))
    assert result.exit_code == 1
    lines = set(result.output.splitlines())
    assert {
        "relabelled: train/cat/0.png (train, cat) -> train/dog/zero.png (train, dog)",
        "moved: train/cat/1.png (train, cat) -> test/cat/one.png (test, cat)",
        "renamed: train/cat/2.png (train, cat) -> train/cat/two.png (train, cat)",
        "removed: train/cat/3.png (train, cat)",
        "added: train/cat/four.png (train, cat)",
    } <= lines
    assert run(str(old), str(old)).output == "samples: no difference\n"
    assert run(str(old), str(old)).exit_code == 0


def test_rows_that_only_moved_up_are_told_from_those_that_changed(tmp_path: Path) -> None:
    frame = pd.DataFrame({"x": range(60), "z": [i * i for i in range(60)], "label": ["a", "b"] * 30})
    frame.to_csv(tmp_path / "old.csv", index=False)
    frame.drop(index=5).assign(label=lambda f: f["label"].where(f.index != 10, "b")).to_csv(
        tmp_path / "new.csv", index=False
    )
    changes = json.loads(run(str(tmp_path / "old.csv"), str(tmp_path / "new.csv"), "--json").output)["samples"]
    assert [change["old"][0] for change in changes if change["how"] == "removed"] == ["old.csv#5"]
    assert [change["old"][0] for change in changes if change["how"] == "relabelled"] == ["old.csv#10"]


def test_an_audit_and_a_dataset_are_not_compared(tmp_path: Path) -> None:
    (tmp_path / "audit.json").write_text(json.dumps(document("1")))
    result = run(str(tmp_path / "audit.json"), str(photos(tmp_path / "photos")))
    assert isinstance(result.exception, InputError)
    assert "is an audit" in str(result.exception)
