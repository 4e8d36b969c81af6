"""Killed in the middle, run again: the same audit as if nothing had happened."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ..fixtures import blobs


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    inputs, targets = blobs(120, 0)
    for i, (pixels, target) in enumerate(zip(inputs, targets, strict=True)):
        path = tmp_path / "photos" / ("train" if i < 90 else "test") / f"class {target}" / f"{i:03d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.kron(pixels[0], np.ones((2, 2), np.uint8))).save(path)
    return tmp_path / "photos"


def command(photos: Path, output: Path) -> list[str]:
    return [
        sys.executable,
        "-m",
        "dataaudit",
        "run",
        str(photos),
        "--output",
        str(output),
        "--runs",
        "8",
        "--jobs",
        "1",
        "--verify",
        "3",
        "--brittle",
        "1",
    ]


def test_a_killed_run_goes_on_and_its_audit_is_that_of_an_unbroken_one(photos: Path, tmp_path: Path) -> None:
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    first = subprocess.run(command(photos, whole), capture_output=True, check=False)
    process = subprocess.Popen(command(photos, cut), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while len(list((cut / "pool").glob("run-*.pt"))) < 2:
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.002)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert not (cut / "audit.json").exists()
    second = subprocess.run(command(photos, cut), capture_output=True, check=False)
    assert second.returncode == first.returncode, second.stderr.decode()
    assert 0 < json.loads((cut / "cost.json").read_text())["resumed_runs"] < 8
    for name in ("audit.json", "findings.jsonl", "samples.csv", "pairs.csv"):
        assert (cut / name).read_bytes() == (whole / name).read_bytes(), name


def test_an_audit_that_is_killed_while_its_claims_are_proven_has_left_an_incomplete_one(
    photos: Path, tmp_path: Path
) -> None:
    process = subprocess.Popen(command(photos, tmp_path / "out"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not list((tmp_path / "out" / "retrained").glob("*.pt")):
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.002)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    verdict = json.loads((tmp_path / "out" / "audit.json").read_text(encoding="utf-8"))["verdict"]
    assert verdict["status"] == "INCOMPLETE"
    assert verdict["reasons"][0] == "findings are still to be checked by retraining"
    assert "INCOMPLETE" in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")


def test_a_changed_dataset_is_refused_before_training(photos: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    subprocess.run(command(photos, output), capture_output=True, check=False)
    audit = (output / "audit.json").read_bytes()
    next((photos / "train" / "class 0").iterdir()).unlink()
    again = subprocess.run(command(photos, output), capture_output=True, check=False)
    assert again.returncode == 2
    assert b"holds models that no longer match: data was" in again.stderr
    assert (output / "audit.json").read_bytes() == audit
