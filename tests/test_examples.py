"""The examples of pipelines do what they say on a finished audit."""

import json
import re
import subprocess
import sys
from contextlib import nullcontext
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click
import pytest
import yaml

import dataaudit
from dataaudit import cli
from dataaudit.errors import InputError
from dataaudit.findings import Remedy
from dataaudit.reporting.exports import metrics_json
from dataaudit.verdict.decisions import read_decisions

from . import fake_fiftyone
from .cleaning.deciding import remedy
from .commands.auditing import photos
from .fixtures_audits import audit_of, found
from .labelling.exporting import finding

ROOT = Path(__file__).parents[1]
DVC = ROOT / "examples/dvc"


def options_of(command: str) -> set[str]:
    found = cli.cli.commands["run"]
    assert isinstance(found, click.Command)
    return {option for parameter in found.params for option in parameter.opts} & set(command.split())


def test_the_stage_of_dvc_names_options_and_outputs_that_there_are(tmp_path: Path) -> None:
    stages = yaml.safe_load((DVC / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    command = stages["audit"]["cmd"]
    assert {word for word in command.split() if word.startswith("--")} == options_of(command)
    parameters = yaml.safe_load((DVC / "params.yaml").read_text(encoding="utf-8"))["audit"]
    assert all(f"${{audit.{name}}}" in command for name in parameters)
    (metrics,) = stages["audit"]["metrics"]
    assert stages["gate"]["deps"] == list(metrics) == ["audit/metrics.json"]


@pytest.mark.parametrize(("status", "code"), [("PASS", 0), ("FAIL", 1), ("INCOMPLETE", 1)])
def test_the_gate_of_dvc_opens_only_for_a_pass(status: str, code: int, tmp_path: Path) -> None:
    (tmp_path / "audit").mkdir()
    metrics_json.write(audit_of([found("leakage", "a")], status), tmp_path / "audit")
    command = yaml.safe_load((DVC / "dvc.yaml").read_text(encoding="utf-8"))["stages"]["gate"]["cmd"]
    assert subprocess.run(["sh", "-c", command], cwd=tmp_path, check=False).returncode == code


def test_an_audit_becomes_a_run_in_mlflow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mlflow = pytest.importorskip("mlflow")
    monkeypatch.syspath_prepend(ROOT)
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")  # what mlflow-skinny can write without a database
    example = import_module("examples.mlflow_logging")
    name = "=photos <b>"
    audit = audit_of([found("leakage", "a")], name=name)
    for file in example.ARTIFACTS:
        (tmp_path / file).write_text("as written", encoding="utf-8")
    (tmp_path / "audit.json").write_text(json.dumps(audit.document()), encoding="utf-8")
    metrics_json.write(audit, tmp_path)
    mlflow.set_tracking_uri((tmp_path / "runs").as_uri())
    run = mlflow.get_run(example.log_audit(tmp_path))
    assert run.data.metrics["severity/high"] == 1
    assert run.data.metrics["kind/leakage"] == 1
    assert run.data.metrics["trust/lds"] == 0.5
    assert run.data.params["dataset"] == f"data/{name}"
    assert run.data.tags["verdict"] == "FAIL"
    assert {path.name for path in (tmp_path / "runs").rglob("audit/*")} == set(example.ARTIFACTS)


def test_tags_of_fiftyone_become_decisions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fiftyone", fake_fiftyone)
    monkeypatch.syspath_prepend(ROOT)
    example = import_module("examples.fiftyone_review")
    root = photos(tmp_path / "photos")
    dataaudit.audit(root, checks="integrity", output=tmp_path / "audit")
    document = json.loads((tmp_path / "audit" / "audit.json").read_text())
    cats = [f"train/cat/{number}.png" for number in range(4)]
    mend = [[remedy("relabel", id, to="dog"), remedy("remove", id)] for id in cats]
    pair = remedy("remove", cats[0])
    document["findings"] = [
        *(finding(f"mislabeled-{place}", id, remedies=mend[place]) for place, id in enumerate(cats)),
        finding("duplicate-4", *cats[:2], remedies=[pair]),
    ]
    (tmp_path / "audit" / "audit.json").write_text(json.dumps(document))
    dataset = example.show(tmp_path / "audit")
    assert example.show(tmp_path / "audit") is dataset
    labels = {Path(one.filepath).name: one.findings.classifications for one in dataset if "/train/cat/" in one.filepath}
    assert [(label.label, label.suggested) for label in labels["0.png"]] == [("mislabeled", "dog"), ("duplicate", None)]
    for number, tags in enumerate((["dog"], ["cat"], ["remove"])):
        labels[f"{number}.png"][0].tags += tags
    labels["1.png"][1].tags.append("accept")
    example.write_decisions(tmp_path / "audit", tmp_path / "decisions.json")
    made = [(one.finding, one.decision, one.remedy) for one in read_decisions(tmp_path / "decisions.json").decisions]
    assert made == [
        ("mislabeled-0", "accept", Remedy("relabel", (cats[0],), ("dog",))),
        ("mislabeled-1", "reject", None),
        ("mislabeled-2", "accept", Remedy("remove", (cats[2],))),
        ("duplicate-4", "accept", Remedy("remove", (cats[0],))),
    ]
    labels["0.png"][1].tags.append("reject")
    with pytest.raises(InputError, match=r"duplicate-4 is tagged accept and reject; keep one of them"):
        example.write_decisions(tmp_path / "audit", tmp_path / "decisions.json")


@pytest.mark.parametrize("name", ["wandb", "mlflow"])
def test_a_few_lines_log_the_numbers_and_the_report(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The lines of the guide, with a tracker that only keeps what it is given."""
    logged: list[Any] = []
    run = SimpleNamespace(log=logged.append)
    tracker = SimpleNamespace(
        init=lambda **_: nullcontext(run), Html=str, start_run=lambda **_: nullcontext(run),
        log_metrics=logged.append, log_artifact=lambda path: logged.append({"report": path}),
    )  # fmt: skip
    monkeypatch.setitem(sys.modules, name, tracker)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos-audit").mkdir()
    metrics_json.write(audit_of([found("leakage", "a")]), tmp_path / "photos-audit")
    guide = (ROOT / "docs/guides/labelling-tools.md").read_text(encoding="utf-8")
    (lines,) = [body for body in re.findall(r"```python\n(.*?)```", guide, re.DOTALL) if name in body]
    assert len(lines.strip().splitlines()) <= 5
    exec(lines, {})
    numbers, report = logged
    assert numbers["kind/leakage"] == numbers["findings"] == 1
    assert numbers["trust/lds"] == 0.5
    assert all(isinstance(float(value), float) for value in numbers.values())
    assert report == {"report": "photos-audit/report.html"}


def test_the_hook_of_pre_commit_is_valid_and_too_slow_for_every_commit() -> None:
    manifest = ROOT / ".pre-commit-hooks.yaml"
    (hook,) = yaml.safe_load(manifest.read_text(encoding="utf-8"))
    assert hook["entry"] == "dataaudit run"
    assert hook["pass_filenames"] is False
    assert hook["stages"] == ["pre-push", "manual"]
    clientlib = pytest.importorskip("pre_commit.clientlib")
    assert clientlib.load_manifest(str(manifest))[0]["id"] == "dataaudit"
