"""`dataaudit compare`: two learners, two finished runs, and what it refuses."""

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from dataaudit.cli import cli
from dataaudit.comparison.pools import contender
from dataaudit.config import AuditConfig
from dataaudit.data.loading import load
from dataaudit.dataset import silent
from dataaudit.errors import InputError
from dataaudit.result import SCHEMA_VERSION
from dataaudit.training.models.learner_spec import learner_of
from dataaudit.training.pool import train_pool

from . import plants


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    dataset, _ = plants.texts(90, 50)
    folder = tmp_path / "texts"
    folder.mkdir()
    for split in ("train", "test"):
        rows = [{"text": dataset.inputs[row], "label": dataset.label(row)} for row in dataset.rows(split)]  # type: ignore[arg-type]
        (folder / f"{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def asked(*words: str | Path) -> Result:
    return CliRunner().invoke(cli, ["compare", *map(str, words), "--runs", "16", "--jobs", "1"])


def finished(texts: Path, spec: str, runs: int = 16) -> Path:
    """What `run` leaves behind of a run, as far as `compare` looks at it."""
    folder = texts.with_name(f"run-{spec.replace(':', '-')}")
    dataset = load(AuditConfig(texts), silent)
    train_pool(dataset, learner_of(spec, "text"), folder / "pool", runs, 0, silent)
    document = {
        "schema_version": SCHEMA_VERSION,
        "dataset": {
            "fingerprint": dataset.fingerprint,
            "path": str(texts),
            "reading": {"seed": 0, "label": None, "rows": 100_000},
        },
        "reproduce": {"arguments": ["run", str(texts), "--seed", "0", "--runs", str(runs), "--learner", spec]},
    }
    (folder / "audit.json").write_text(json.dumps(document))
    return folder


def test_two_learners_are_compared_and_a_difference_is_no_failure(texts: Path) -> None:
    result = asked(texts, "--a", "text:C=0.1", "--b", "text", "--transform", f"insert:{plants.CUE}")
    assert result.exit_code == 0, result.output
    assert f"insert:{plants.CUE}: the probability of a moves by" in result.output
    output = texts.with_name("texts-comparison")
    data = json.loads((output / "comparison.json").read_text())
    assert (data["a"]["recipe"]["C"], data["b"]["recipe"]["C"]) == (0.1, 10.0)
    assert "<!doctype html>" in (output / "comparison.html").read_text()
    assert sorted(path.name for path in output.iterdir() if path.is_dir()) == ["a", "a-again", "b", "b-again"]


def test_two_finished_runs_are_compared_by_their_pools_and_left_as_they_were(texts: Path) -> None:
    one, other = finished(texts, "text:C=0.1"), finished(texts, "text:C=5")
    before = {path: path.stat().st_mtime_ns for run in (one, other) for path in run.rglob("*")}
    result = asked(texts, "--a", one, "--b", other, "--output", texts.with_name("out"))
    assert result.exit_code == 0, result.output
    assert {path: path.stat().st_mtime_ns for run in (one, other) for path in run.rglob("*")} == before
    assert sorted(path.name for path in texts.with_name("out").iterdir() if path.is_dir()) == ["a-again", "b-again"]
    data = json.loads((texts.with_name("out") / "comparison.json").read_text())
    assert (data["a"]["recipe"]["C"], data["b"]["recipe"]["C"]) == (0.1, 5.0)
    assert f"A's first pool is that of the finished run {one}: 16 models of its own seed, 0" in result.output
    refused = asked(texts, "--a", one, "--b", other, "--output", other)
    assert f"--output {other}: a finished run is there" in str(refused.exception)


def test_runs_of_other_data_unfinished_or_too_small_ones_are_refused(texts: Path, tmp_path: Path) -> None:
    run = finished(texts, "text")
    dataset = load(AuditConfig(texts), silent)
    shutil.move(run / "pool" / "run-00003.pt", tmp_path / "aside.pt")
    with pytest.raises(InputError, match="1 of its 16 models are not there; finish the run first"):
        contender(str(run), dataset, "a")
    document = json.loads((run / "audit.json").read_text())
    document["dataset"]["fingerprint"] = "f" * 64
    (run / "audit.json").write_text(json.dumps(document))
    with pytest.raises(InputError, match=r"the run was on other data, f{12}….*--seed 0 --rows 100000"):
        contender(str(run), dataset, "a")
    with pytest.raises(InputError, match="the run has 8 models; expected at least 16"):
        contender(str(finished(texts, "text:C=1", 8)), dataset, "a")
    with pytest.raises(InputError, match=r"found no audit\.json"):
        contender(str(texts), dataset, "a")


def test_what_cannot_be_compared_is_said_before_anything_is_trained(
    texts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("estimators.py").write_text(
        "from sklearn.ensemble import RandomForestClassifier as forest\n"
        "from sklearn.neighbors import KNeighborsClassifier as neighbours\n"
    )
    for words, message in (
        (
            ("--a", "estimators:neighbours", "--b", "text"),
            "expected a learner whose models are torch modules, or trees",
        ),
        (("--a", "estimators:forest", "--b", "text"), "expected two learners that are attributed by the same method"),
        (("--a", "text", "--b", "text", "--alpha", "0.001"), "expected from 0.01 on"),
        (("--a", "text", "--b", "text", "--components", "0"), "expected one or more"),
        (("--a", "text:D=1", "--b", "text"), "--a text: there is no option 'D'"),
        (("--a", "text", "--b", "nowhere:learner"), "--b nowhere:learner: importing 'nowhere' failed"),
        (
            ("--a", "text", "--b", "text", "--transform", "patch:top=0"),
            "patch is for images; for texts there is insert, remove",
        ),
    ):
        result = asked(texts, *words)
        assert isinstance(result.exception, InputError)
        assert message in str(result.exception)
    Path("empty").mkdir()
    result = CliRunner().invoke(cli, ["compare", "empty", "--a", "text", "--b", "text", "--runs", "8"])
    assert "--runs 8: expected at least 16" in str(result.exception)
    assert not texts.with_name("texts-comparison").exists()


def test_a_recipe_goes_before_a_folder_of_its_name(
    texts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("text").mkdir()
    assert contender("text", load(AuditConfig(texts), silent), "a").run is None
