"""The GitHub action: its script for every way an audit can end, and that no input is ever read as code."""

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from dataaudit.reporting.exports import markdown, sarif

from .fixtures_audits import audit_of, changes, found, wrong

ROOT = Path(__file__).parents[1]
ACTION: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
STEPS: list[dict[str, Any]] = ACTION["runs"]["steps"]
STUB = """#!{python}
import json, os, pathlib, shutil, sys
here = pathlib.Path(__file__).parent
(here / "arguments.json").write_text(json.dumps(sys.argv[1:]))
output = pathlib.Path(sys.argv[sys.argv.index("--output") + 1])
if (here / "results").is_dir():
    shutil.copytree(here / "results", output, dirs_exist_ok=True)
sys.exit(int(os.environ["STUB_CODE"]))
"""


@dataclass(frozen=True)
class Job:
    """What the step of the audit left for those after it."""

    code: int
    outputs: dict[str, str]
    summary: str
    log: str


def told(text: str) -> dict[str, str]:
    """The outputs of a step, read as the runner reads them."""
    outputs = {}
    lines = iter(text.splitlines())
    for line in lines:
        name, mark = line.split("<<")
        value = list(iter(lines.__next__, mark))
        outputs[name] = "\n".join(value)
    return outputs


def run(directory: Path, **variables: str) -> Job:
    """The step `audit`, as a runner would run it in this folder."""
    output, summary = directory / "outputs.txt", directory / "summary.txt"
    (directory / "temp").mkdir(exist_ok=True)
    path = os.pathsep.join([str(directory / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]])
    own = {"PATH": path, "GITHUB_OUTPUT": str(output), "GITHUB_STEP_SUMMARY": str(summary),
           "RUNNER_TEMP": str(directory / "temp"), "ACTION": str(ROOT)}  # fmt: skip
    (step,) = [step for step in STEPS if step.get("id") == "audit"]
    inputs = {name: variables.get(name, "") for name in step["env"] if name != "ACTION"}
    done = subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", step["run"]],
        cwd=directory, env=os.environ | own | inputs | variables, capture_output=True, text=True, check=False,
    )  # fmt: skip
    outputs = told(output.read_text(encoding="utf-8")) if output.exists() else {}
    return Job(done.returncode, outputs, summary.read_text(encoding="utf-8") if summary.exists() else "", done.stderr)


@pytest.fixture
def stub(tmp_path: Path) -> Path:
    """A folder with a command `dataaudit` of no effort, which copies `bin/results` to its output."""
    (tmp_path / "bin").mkdir()
    command = tmp_path / "bin/dataaudit"
    command.write_text(STUB.format(python=sys.executable), encoding="utf-8")
    command.chmod(0o755)
    return tmp_path


def results(directory: Path, status: str) -> None:
    known, gone = wrong("known"), wrong("gone")
    audit = audit_of([found("leakage", "new"), known], status, changes=changes([known], [gone]))
    (directory / "bin/results").mkdir()
    (directory / "bin/results/report.html").write_text("a report", encoding="utf-8")
    for export in (sarif, markdown):
        export.write(audit, directory / "bin/results")


@pytest.mark.parametrize(("verdict", "code"), [("PASS", 0), ("FAIL", 1), ("INCOMPLETE", 3)])
def test_every_verdict_is_told_and_its_results_are_kept(stub: Path, verdict: str, code: int) -> None:
    results(stub, verdict)
    job = run(stub, DATASET="data", OUTPUT="out", STUB_CODE=str(code))
    assert job.code == 0
    assert job.outputs == {
        "verdict": verdict,
        "exit-code": str(code),
        "report": "out/report.html",
        "alerts": str(stub / "temp/dataaudit.sarif"),
    }
    assert verdict in job.summary
    (alerts,) = json.loads(Path(job.outputs["alerts"]).read_text(encoding="utf-8"))["runs"]
    assert [result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for result in alerts["results"]] == [
        "data/photos/new"
    ]


@pytest.mark.parametrize("code", [2, 3, 130])
def test_an_audit_without_results_does_not_pass_for_an_earlier_one(stub: Path, code: int) -> None:
    results(stub, "PASS")
    run(stub, DATASET="data", OUTPUT="out", STUB_CODE="0")
    (stub / "bin/results").rename(stub / "kept")
    for name in ("outputs.txt", "summary.txt"):
        (stub / name).unlink()
    job = run(stub, DATASET="data", OUTPUT="out", STUB_CODE=str(code))
    assert job.code == 0
    assert job.outputs == {"verdict": "INCOMPLETE" if code == 3 else "ERROR", "exit-code": str(code)}
    assert f"exit code {code}" in job.summary


HOSTILE = ["$(touch pwned)", "`touch pwned`", "; touch pwned", '"; touch pwned; "', "--help", "a\nverdict=PASS", "* ?"]


@pytest.mark.parametrize("value", HOSTILE)
def test_inputs_are_arguments_and_nothing_else(stub: Path, value: str) -> None:
    results(stub, "FAIL")
    named = value.replace("/", "_")
    job = run(stub, DATASET=value, OUTPUT=named, FAIL_ON=value, BASELINE=value, OPTIONS=value, STUB_CODE="1")
    assert not list(stub.rglob("pwned"))
    arguments = json.loads((stub / "bin/arguments.json").read_text(encoding="utf-8"))
    assert arguments == [
        "run", "--output", named, *value.split(), "--fail-on", value, "--baseline", value, "--", value,
    ]  # fmt: skip
    assert job.outputs["verdict"] == "FAIL"
    assert job.outputs["report"] == f"{named}/report.html"


def rows(path: Path, count: int, seed: int) -> None:
    """A table of two classes, whose sixth row has no label."""
    values = np.random.default_rng(seed).normal(size=(count, 4))
    lines = [",".join([*(f"{value:.6f}" for value in row), "up" if row[0] > 0 else "down"]) for row in values]
    lines[5] = lines[5].rpartition(",")[0] + ","
    path.write_text("\n".join(["a,b,c,d,label", *lines, ""]), encoding="utf-8")


def test_the_command_itself_fits(tmp_path: Path) -> None:
    (tmp_path / "table").mkdir()
    rows(tmp_path / "table/train.csv", 80, seed=0)
    rows(tmp_path / "table/test.csv", 40, seed=1)
    options = "--learner linear --runs 8\n--jobs 1  --verify 0"
    job = run(tmp_path, DATASET="table", OUTPUT="out", OPTIONS=options, FAIL_ON="critical", OMP_NUM_THREADS="1")
    assert (job.outputs["verdict"], job.outputs["exit-code"]) == ("PASS", "0"), job.log
    assert "## ✓ PASS: `table`" in job.summary
    (alerts,) = json.loads(Path(job.outputs["alerts"]).read_text(encoding="utf-8"))["runs"]
    places = [result["locations"][0]["physicalLocation"] for result in alerts["results"]]
    sixth_row = {"artifactLocation": {"uri": "table/train.csv", "uriBaseId": "%SRCROOT%"}, "region": {"startLine": 7}}
    assert sixth_row in places
    wrong_usage = run(tmp_path, DATASET="table", OUTPUT="table/out")
    assert (wrong_usage.outputs["verdict"], wrong_usage.outputs["exit-code"]) == ("ERROR", "2")


@pytest.mark.parametrize(("told", "code"), [("0", 0), ("1", 1), ("3", 3), ("", 3)])
def test_the_last_step_ends_as_the_audit_did(told: str, code: int) -> None:
    done = subprocess.run(["bash", "-e", "-c", STEPS[-1]["run"]], env=os.environ | {"CODE": told}, check=False)
    assert done.returncode == code
    assert STEPS[-1]["if"] == "always()"


def test_the_manifest_keeps_inputs_out_of_scripts_and_names_only_what_there_is() -> None:
    for step in STEPS:
        assert "${{" not in step.get("run", "")
        assert bool(step.get("shell")) == ("run" in step)
        assert re.fullmatch(r"[\w/-]+@v\d+", step["uses"]) if "uses" in step else True
    text = (ROOT / "action.yml").read_text(encoding="utf-8")
    assert set(re.findall(r"inputs\.([\w-]+)", text)) == set(ACTION["inputs"])
    assert set(re.findall(r"steps\.audit\.outputs\.([\w-]+)", text)) == {"verdict", "exit-code", "report", "alerts"}
    assert {"verdict", "exit-code", "report"} == set(ACTION["outputs"])
