"""The gate through the command: policy, baseline and the exit code of every outcome, on one trained pool."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from dataaudit.cli import cli
from dataaudit.errors import InputError
from dataaudit.verdict.baseline import read_baseline, write_baseline

from .auditing import photos, picture

QUICK = ["--runs", "8", "--jobs", "1", "--verify", "0", "--learner", "linear", "--checks", "leakage,mislabeled"]


def dataaudit(*arguments: object) -> Result:
    return CliRunner().invoke(cli, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an audit of photos beside it, of which one test image is a copy of a training image."""
    root = photos(tmp_path_factory.mktemp("gating") / "photos", train=16, test=4)
    picture(root / "test/cat/copy.bmp", 3, bright=False, mode="RGB")
    assert dataaudit("run", root, "--output", root.with_name("audit"), *QUICK).exit_code == 1
    return root.with_name("audit")


@pytest.fixture
def here(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project folder with the photos and the finished audit; nothing is trained again."""
    for name in ("photos", "audit"):
        shutil.copytree(finished.with_name(name), tmp_path / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: object) -> Result:
    return dataaudit("run", "photos", "--output", "audit", *QUICK, *arguments)


def document() -> dict[str, Any]:
    whole: dict[str, Any] = json.loads(Path("audit/audit.json").read_text(encoding="utf-8"))
    return whole


@pytest.mark.parametrize(
    ("settings", "arguments", "code"),
    [
        ("", [], 1),
        ('fail_on = "critical"', [], 0),
        ('fail_on = "critical"', ["--fail-on", "high"], 1),
        ("leakage.max_fraction = 0.2", [], 0),
        ("leakage.max_fraction = 0.2", ["--set", "leakage.max_fraction=0.0"], 1),
        ("leakage.max_findings = 1\nmin_trust_lds = 0.5", [], 0),
        ("leakage.max_findings = 0\nmin_trust_lds = 0.5", [], 1),
    ],
)
def test_the_policy_decides_and_is_recorded(here: Path, settings: str, arguments: list[str], code: int) -> None:
    Path("dataaudit.toml").write_text(settings)
    assert run(*arguments).exit_code == code
    verdict = document()["verdict"]
    assert verdict["exit_code"] == code
    assert (code == 1) == any(rule["kept"] is False for rule in verdict["rules"])
    assert document()["reproduce"]["settings"] == (["dataaudit.toml"] if settings else [])
    again = dataaudit(*document()["reproduce"]["arguments"], "--output", "audit")
    assert again.exit_code == code


def test_options_come_from_the_file_of_the_project(here: Path) -> None:
    Path("pyproject.toml").write_text(
        '[tool.dataaudit]\nruns = 8\nverify = 0\nbrittle = 0\njobs = 1\nlearner = "linear"\n'
        'output = "audit"\nleakage.max_findings = 1\n'
    )
    assert dataaudit("run", "photos").exit_code == 0
    assert json.loads(Path("audit/cost.json").read_text())["resumed_runs"] == 8


@pytest.mark.parametrize("place", ["dataaudit.toml", "photos/dataaudit.toml", "pyproject.toml"])
def test_an_unknown_key_ends_before_anything_is_read(here: Path, place: str) -> None:
    text = "leakage.max_fractoin = 0.1\n"
    Path(place).write_text("[tool.dataaudit]\n" + text if place == "pyproject.toml" else text)
    before = Path("audit/audit.json").read_bytes()
    result = run()
    assert isinstance(result.exception, InputError)
    assert "did you mean 'max_fraction'" in str(result.exception)
    assert Path("audit/audit.json").read_bytes() == before


def test_accepted_findings_pass_and_new_ones_fail(here: Path) -> None:
    assert dataaudit("baseline", "audit", "--reason", "known", "--by", "us").exit_code == 0
    assert run("--baseline", "dataaudit-baseline.json").exit_code == 0
    changes = document()["changes"]
    assert set(changes["known"]) == {one["id"] for one in document()["findings"]}
    assert changes["expired"] == changes["gone"] == []
    assert "known" in Path("audit/report.html").read_text(encoding="utf-8")
    # The same pictures under other names are known again; another copy is new.
    Path("photos/test/cat/copy.bmp").rename("photos/test/cat/again.bmp")
    renamed = ["--output", "renamed", "--baseline", "dataaudit-baseline.json"]
    assert dataaudit("run", "photos", *QUICK, *renamed).exit_code == 0
    picture(Path("photos/test/cat/other.bmp"), 5, bright=False, mode="RGB")
    result = dataaudit("run", "photos", *QUICK, "--output", "more", "--baseline", "dataaudit-baseline.json")
    assert result.exit_code == 1
    assert "leakage: 1 finding; allowed" in result.output
    assert dataaudit("diff", "audit", "more").exit_code == 1


def test_an_audit_of_a_new_version_keeps_what_is_still_right_of_the_earlier_one(here: Path) -> None:
    assert dataaudit("baseline", "audit", "--reason", "known", "--by", "us").exit_code == 0
    assert run("--baseline", "dataaudit-baseline.json").exit_code == 0
    Path("photos").rename("second")
    picture(Path("second/test/dog/new.bmp"), 77, bright=True, mode="RGB")
    again = ["run", "second", *QUICK, "--output", "again"]
    result = dataaudit(*again, "--previous", "audit")
    assert result.exit_code == 0
    assert "models kept from an earlier run: 8 of 8" in result.output
    changes = json.loads(Path("again/audit.json").read_text(encoding="utf-8"))["changes"]
    assert {entry["by"] for entry in changes["known"].values()} == {"us"}
    assert changes["path"] == "audit"
    arguments = json.loads(Path("again/audit.json").read_text(encoding="utf-8"))["reproduce"]["arguments"]
    assert arguments[arguments.index("--previous") + 1] == "audit"
    for wrong, expected in (("again", "it is the output folder, too"), ("second", "expected the folder of an audit")):
        refused = dataaudit(*again, "--previous", wrong)
        assert isinstance(refused.exception, InputError)
        assert expected in str(refused.exception)


def test_after_its_last_day_a_finding_counts_again(here: Path) -> None:
    dataaudit("baseline", "audit", "--reason", "known", "--output", "b.json")
    known = read_baseline(Path("b.json"))
    lines = [one.__class__(**{**vars(one), "expires": "2020-01-01"}) for one in known]
    write_baseline(Path("b.json"), lines)
    assert run("--baseline", "b.json").exit_code == 1
    assert len(document()["changes"]["expired"]) == len(known)


@pytest.mark.parametrize(("text", "expected"), [(None, "no such file"), ("{}", "expected a baseline")])
def test_a_baseline_that_cannot_be_read_ends_before_training(here: Path, text: str | None, expected: str) -> None:
    if text is not None:
        Path("b.json").write_text(text)
    result = dataaudit("run", "photos", "--output", "new", *QUICK, "--baseline", "b.json")
    assert isinstance(result.exception, InputError)
    assert expected in str(result.exception)
    assert not Path("new/pool").exists()


def test_remedies_are_about_samples_labels_and_splits_that_are_there(here: Path) -> None:
    ids = {line.split(",")[0] for line in Path("audit/samples.csv").read_text().splitlines()}
    remedies = [remedy for one in document()["findings"] for remedy in one["remedies"]]
    assert {remedy["action"] for remedy in remedies} >= {"remove", "move"}
    for remedy in remedies:
        assert set(remedy["sample_ids"]) <= ids
        assert set(remedy["to"]) <= {"cat", "dog", "train", "test"}
