"""The examples of pipelines do what they say on a finished audit."""

import json
import subprocess
from importlib import import_module
from pathlib import Path

import click
import pytest
import yaml

from dataaudit import cli
from dataaudit.reporting.exports import metrics_json

from .fixtures_audits import audit_of, found

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


def test_the_hook_of_pre_commit_is_valid_and_too_slow_for_every_commit() -> None:
    manifest = ROOT / ".pre-commit-hooks.yaml"
    (hook,) = yaml.safe_load(manifest.read_text(encoding="utf-8"))
    assert hook["entry"] == "dataaudit run"
    assert hook["pass_filenames"] is False
    assert hook["stages"] == ["pre-push", "manual"]
    clientlib = pytest.importorskip("pre_commit.clientlib")
    assert clientlib.load_manifest(str(manifest))[0]["id"] == "dataaudit"
