"""Killed in the middle, run again: the same audit as if nothing had happened."""

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from dataaudit.cli import cli
from dataaudit.errors import StaleError

from ..fixtures import blobs


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    inputs, targets = blobs(120, 0)
    root = tmp_path_factory.mktemp("resume") / "photos"
    for i, (pixels, target) in enumerate(zip(inputs, targets, strict=True)):
        path = root / ("train" if i < 90 else "test") / f"class {target}" / f"{i:03d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.kron(pixels[0], np.ones((2, 2), np.uint8))).save(path)
    return root


def arguments(photos: Path, output: Path) -> list[str]:
    quick = ["--runs", "8", "--jobs", "1", "--verify", "3", "--brittle", "1", "--learner", "linear"]
    quick += ["--checks", "leakage,mislabeled,brittle"]
    return ["run", str(photos), "--output", str(output), *quick]


def ended(photos: Path, output: Path) -> Result:
    """The command in this process, to its end."""
    return CliRunner().invoke(cli, arguments(photos, output))


KILLED = """if True:
    import fnmatch, os, signal, sys
    pattern, left = sys.argv.pop(1), [int(sys.argv.pop(1))]

    def hook(event, arguments):
        if event == "os.rename" and fnmatch.fnmatch(os.fsdecode(arguments[1]), pattern):
            left[0] -= 1
            if left[0] < 0:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)
    from dataaudit.cli import main
    main()
"""


def killed(photos: Path, output: Path, files: str, count: int) -> None:
    """The command in a process of its own, killed before there is one more than so many of these files."""
    command = [sys.executable, "-c", KILLED, f"*/{files}", str(count), *arguments(photos, output)]
    done = subprocess.run(command, capture_output=True, check=False, timeout=300)
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    assert len(list(output.glob(files))) == count


@pytest.fixture(scope="module")
def whole(photos: Path) -> Path:
    """The folder of an audit that nothing has broken."""
    output = photos.with_name("whole")
    assert ended(photos, output).exit_code == code_of(output)
    return output


def code_of(output: Path) -> int:
    return int(json.loads((output / "audit.json").read_text(encoding="utf-8"))["verdict"]["exit_code"])


def test_a_killed_run_goes_on_and_its_audit_is_that_of_an_unbroken_one(
    photos: Path, whole: Path, tmp_path: Path
) -> None:
    cut = tmp_path / "cut"
    killed(photos, cut, "pool/run-*.pt", 2)
    assert code_of(cut) == 3  # checks that need no model are written before training
    second = ended(photos, cut)
    assert second.exit_code == code_of(whole), second.output
    assert 0 < json.loads((cut / "cost.json").read_text())["resumed_runs"] < 8
    for name in ("audit.json", "findings.jsonl", "samples.csv", "pairs.csv"):
        assert (cut / name).read_bytes() == (whole / name).read_bytes(), name


def test_an_audit_that_is_killed_while_its_claims_are_proven_has_left_an_incomplete_one(
    photos: Path, whole: Path, tmp_path: Path
) -> None:
    shutil.copytree(whole / "pool", tmp_path / "out" / "pool")
    killed(photos, tmp_path / "out", "retrained/*.pt", 1)
    verdict = json.loads((tmp_path / "out" / "audit.json").read_text(encoding="utf-8"))["verdict"]
    assert verdict["status"] == "INCOMPLETE"
    assert verdict["reasons"][0] == "findings are still to be checked by retraining"
    assert "INCOMPLETE" in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")


def test_a_changed_dataset_is_refused_before_training(photos: Path, whole: Path, tmp_path: Path) -> None:
    changed, output = shutil.copytree(photos, tmp_path / "photos"), shutil.copytree(whole, tmp_path / "out")
    next((changed / "train" / "class 0").iterdir()).unlink()
    again = ended(changed, output)
    assert isinstance(again.exception, StaleError)
    assert "holds models that no longer match: data was" in str(again.exception)
    assert (output / "audit.json").read_bytes() == (whole / "audit.json").read_bytes()
